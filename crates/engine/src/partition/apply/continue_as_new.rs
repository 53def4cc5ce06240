//! An orchestration goes on as a new execution: same instance, empty history.
//!
//! Not here: the rest of the turn's actions, done before. What waits in the inbox stays where it
//! is; the new start and what the worker carries over go before it.

use crate::event::{CompleteOrchestration, EventKind, HistoryEvent};
use crate::mutants;
use crate::partition::apply::entities::asking;
use crate::partition::apply::lifecycle;
use crate::partition::state::State;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::Instance;
use crate::partition::state::sweeps::SweepRow;
use crate::partition::state::values::Value;
use crate::rows::Loaded;

pub(super) fn apply(
    state: &mut State,
    mut instance: Instance,
    complete: CompleteOrchestration,
) -> Loaded<()> {
    if mutants::active(mutants::EVENT_DROPPED_ON_CONTINUE_AS_NEW) {
        state.take_inbox(&mut instance, u32::MAX)?;
    }
    asking::release_section(state, &mut instance)?;
    leave_old_execution(state, &instance);
    let task = state.next_task();
    let execution = task.execution(&instance.row.execution);
    state.begin_execution(&mut instance, execution);
    if complete.new_version.is_some() {
        instance.row.version = complete.new_version;
    }
    if !complete.tags.is_empty() {
        instance.row.tags = complete.tags;
    }
    state.set_value(&mut instance, Value::Input, complete.result.clone())?;
    let started = lifecycle::execution_started(state, &instance, complete.result);
    let mut first = vec![(Addressee::Execution, started)];
    let carried = complete.carryover_events.into_iter().filter(is_carried);
    first.extend(carried.map(|event| (Addressee::Instance, event)));
    state.push_inbox_front(&mut instance, &first)?;
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(())
}

/// Beginnings are never carried over: a second one would restart the worker's code.
fn is_carried(event: &HistoryEvent) -> bool {
    !matches!(event.kind, None | Some(EventKind::ExecutionStarted(_) | EventKind::OrchestratorStarted(_)))
}

fn leave_old_execution(state: &mut State, instance: &Instance) {
    let row = &instance.row;
    let has_history = row.history.is_some_and(|history| history.chunks() > 0);
    if has_history || row.open_activities > 0 || row.open_timers > 0 || row.children > 0 {
        let sweep = SweepRow { execution: row.number, history: true, ..SweepRow::default() };
        state.leave_to_sweep(instance, sweep);
    }
}

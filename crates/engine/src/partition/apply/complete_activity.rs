//! A worker answers an activity.
//!
//! Not here: leases. The first outcome of a task that is still open counts, whichever epoch it ran
//! under, as long as the lineage is ours; any later one changes nothing.

use crate::event::{EventKind, TaskCompleted, TaskFailed};
use crate::mutants;
use crate::partition::apply::event;
use crate::partition::command::CompleteActivity;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::Instance;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &CompleteActivity) -> Loaded<Reply> {
    let stale = Ok(Reply::Refused(Refusal::StaleWorkItem));
    if command.epoch.lineage != state.meta.lineage {
        return stale;
    }
    let task = command.activity.task();
    let instance = state.instance_named(&command.activity.instance)?;
    let current =
        instance.filter(|instance| !instance.is_ended() && instance.row.execution == command.execution);
    let Some(mut instance) = current else {
        return if state.close_detached_activity(task)? { Ok(Reply::Done) } else { stale };
    };
    match state.activity(&instance, task)? {
        Some(row) => {
            state.close_activity(&mut instance, task, &row)?;
            record(state, &mut instance, row.task, command)?;
            Ok(Reply::Done)
        }
        None if mutants::active(mutants::ACTIVITY_RESULT_RECORDED_TWICE) => {
            record(state, &mut instance, command.task, command)?;
            Ok(Reply::Done)
        }
        None if state.close_detached_activity(task)? => Ok(Reply::Done),
        // Tokens are signed, so the task existed; if this execution made it, it was answered.
        None if task.by > instance.begun() && task.by < state.id => Ok(Reply::Unchanged),
        None => stale,
    }
}

fn record(state: &mut State, instance: &mut Instance, task: i32, command: &CompleteActivity) -> Loaded<()> {
    let kind = match command.failure.clone() {
        Some(mut failure) => {
            failure.truncate();
            EventKind::TaskFailed(TaskFailed { task_scheduled_id: task, failure_details: Some(failure) })
        }
        None => EventKind::TaskCompleted(TaskCompleted {
            task_scheduled_id: task,
            result: command.result.clone(),
        }),
    };
    let outcome = event(state.at, kind);
    state.push_inbox(instance, Addressee::Execution, &outcome)?;
    state.store(instance)?;
    state.offer_turn(instance);
    Ok(())
}

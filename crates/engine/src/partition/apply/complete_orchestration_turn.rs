//! A worker answers a turn: what it consumed, what it asks for.
//!
//! Not here: what each action does (`actions`), continuing as new (`continue_as_new`). The answer
//! counts only if epoch, execution and turn are exact. One entry takes the consumed events, the
//! confirmation events and all effects of the actions, or nothing.

use crate::event::{CompleteOrchestration, EventKind, FailureDetails, OrchestratorStarted};
use crate::mutants;
use crate::partition::apply::actions::{self, Outcome};
use crate::partition::apply::lifecycle::{self, End};
use crate::partition::apply::{continue_as_new, event, terminate};
use crate::partition::command::CompleteOrchestrationTurn;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::partition::state::history::Addition;
use crate::partition::state::instances::{AnsweredTurn, Instance};
use crate::partition::state::status::{Ending, Status, StatusName};
use crate::partition::state::values::Value;
use crate::rows::Loaded;
use crate::time::Timestamp;

pub(super) fn apply(state: &mut State, command: &CompleteOrchestrationTurn) -> Loaded<Reply> {
    let Some(mut instance) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Refused(Refusal::StaleWorkItem));
    };
    let answered = AnsweredTurn::of(command);
    if instance.row.answered.as_ref() == Some(&answered) {
        return Ok(Reply::Unchanged);
    }
    if !is_current(state, &instance, command) {
        return Ok(Reply::Refused(Refusal::StaleWorkItem));
    }
    let was_pending = instance.status().shown() == StatusName::Pending;
    let consumed = consume(state, &mut instance, command)?;
    instance.row.answered = Some(answered);
    if was_pending {
        state.changed(&instance);
    }
    let mut addition = consumed;
    let outcome = actions::perform_all(state, &mut instance, &command.actions, &mut addition)?;
    conclude(state, instance, addition, outcome)?;
    Ok(Reply::Done)
}

fn is_current(state: &State, instance: &Instance, command: &CompleteOrchestrationTurn) -> bool {
    let epoch = command.epoch;
    let ours =
        epoch.lineage == state.meta.lineage && epoch.lease == state.meta.lease && epoch.term == state.id.term;
    (ours || mutants::active(mutants::TOKEN_WITHOUT_EPOCH))
        && !instance.is_ended()
        && command.execution == instance.row.execution
        && command.turn == instance.row.turn
        && command.delivered <= instance.row.inbox.map_or(0, |inbox| inbox.length())
}

/// Takes what the worker took, and records that the turn was.
fn consume(
    state: &mut State,
    instance: &mut Instance,
    command: &CompleteOrchestrationTurn,
) -> Loaded<Addition> {
    // The worker counts `OrchestratorStarted` as its first event; the inbox does not hold it.
    let processed = command.events_processed.map(|count| u32::try_from(count.saturating_sub(1)).unwrap_or(0));
    let consumed = processed.unwrap_or(command.delivered).min(command.delivered);
    let started_at = Timestamp::from(command.started_at);
    let started = EventKind::OrchestratorStarted(OrchestratorStarted {});
    let mut addition = Addition::default();
    let mut started = event(started_at, started);
    started.timestamp = Some(command.started_at);
    addition.push(&started);
    for event in state.take_inbox(instance, consumed)? {
        addition.push_bytes(event);
    }
    instance.become_running();
    let row = &mut instance.row;
    row.turn += 1;
    row.started_at = Some(row.started_at.map_or(started_at, |last| started_at.max(last.into())).into());
    if command.trace.is_some() {
        row.span.clone_from(&command.trace);
    }
    if command.custom_status.is_some() {
        state.set_value(instance, Value::CustomStatus, command.custom_status.clone())?;
    }
    Ok(addition)
}

fn conclude(state: &mut State, mut instance: Instance, addition: Addition, outcome: Outcome) -> Loaded<()> {
    let terminating = match instance.status() {
        Status::Terminating(terminating) => Some(terminating.recursive),
        Status::Pending(_)
        | Status::Running(_)
        | Status::Suspended(_)
        | Status::Stuck(_)
        | Status::Completed(_)
        | Status::Failed(_)
        | Status::Terminated(_) => None,
    };
    match (outcome, terminating) {
        (Outcome::Waits, _) => {
            state.append_history(&mut instance, addition)?;
            state.store(&mut instance)?;
            state.offer_turn(&instance);
            Ok(())
        }
        // A termination that was asked for is not undone by a turn that had not seen it.
        (Outcome::ContinuesAsNew(_), Some(_)) => {
            state.append_history(&mut instance, addition)?;
            terminate::finish(state, &mut instance).map(|_| ())
        }
        (Outcome::ContinuesAsNew(complete), None) => continue_as_new::apply(state, instance, *complete),
        (Outcome::Ends(ending, complete), _) => {
            state.append_history(&mut instance, addition)?;
            let recursive = ending == Ending::Terminated && terminating.unwrap_or(false);
            lifecycle::end(state, &mut instance, ended(ending, *complete, recursive))
        }
    }
}

fn ended(ending: Ending, complete: CompleteOrchestration, recursive: bool) -> End {
    let failure = match ending {
        Ending::Failed => complete
            .failure_details
            .or_else(|| complete.details.map(|details| FailureDetails::new("OrchestrationFailed", details))),
        Ending::Completed | Ending::Terminated => complete.failure_details,
    };
    End { ending, output: complete.result, failure, recursive }
}

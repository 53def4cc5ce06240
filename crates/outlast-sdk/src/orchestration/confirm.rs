//! Compares what the code wants with what history says it wanted.
//!
//! History confirms each action by an event with the action's number. If they differ in kind or name the
//! code is not the code that made this history, and the first difference is what its author must see.
//! Inputs and times are not compared: they may change with the code as long as the steps do not.

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;

use super::turn::Turn;
use crate::failure::{Failure, NON_DETERMINISM};

/// What kind of step it is, and its name if the kind has one.
type Step<'a> = (&'static str, &'a str);

/// Takes the confirmed action off the list of those the server does not know yet.
///
/// Events that confirm nothing are not for here and pass.
pub(super) fn confirm(turn: &mut Turn, id: i32, event: &Event) -> Result<(), Failure> {
    let Some(wanted) = step_of_event(event) else { return Ok(()) };
    let Some(action) = turn.pending.remove(&id) else {
        return Err(difference(id, wanted, "the code made no such step"));
    };
    let made = step_of_action(&action);
    if made == wanted {
        return Ok(());
    }
    Err(difference(id, wanted, &format!("the code made {}", describe(made))))
}

/// The code came to its end in a turn after which history goes on.
pub(super) fn ended_early(next: Option<&pb::HistoryEvent>) -> Failure {
    let step = next.and_then(|next| Some((next.event_id, step_of_event(next.event_type.as_ref()?)?)));
    let next = step.map_or_else(
        || "goes on".to_owned(),
        |(id, step)| format!("goes on with step {id}, {}", describe(step)),
    );
    let message = format!("history {next}, the code came to its end before");
    Failure::new(NON_DETERMINISM, message + ADVICE)
}

const ADVICE: &str = "; the code of a running orchestration must not change its steps";

fn difference(id: i32, wanted: Step<'_>, made: &str) -> Failure {
    let message = format!("at step {id} history has {}, {made}{ADVICE}", describe(wanted));
    Failure::new(NON_DETERMINISM, message)
}

fn describe((kind, name): Step<'_>) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("{kind} '{name}'") }
}

fn step_of_event(event: &Event) -> Option<Step<'_>> {
    match event {
        Event::TaskScheduled(task) => Some(("activity", &task.name)),
        Event::SubOrchestrationInstanceCreated(child) => Some(("sub-orchestration", &child.name)),
        Event::TimerCreated(_) => Some(("timer", "")),
        Event::EventSent(sent) => Some(("event to another instance", &sent.name)),
        Event::EntityOperationCalled(call) => Some(("entity call", &call.operation)),
        Event::EntityOperationSignaled(signal) => Some(("entity signal", &signal.operation)),
        Event::EntityLockRequested(_) => Some(("entity lock", "")),
        Event::EntityUnlockSent(_) => Some(("entity unlock", "")),
        _ => None,
    }
}

fn step_of_action(action: &Action) -> Step<'_> {
    match action {
        Action::ScheduleTask(task) => ("activity", &task.name),
        Action::CreateSubOrchestration(child) => ("sub-orchestration", &child.name),
        Action::CreateTimer(_) => ("timer", ""),
        Action::SendEvent(sent) => ("event to another instance", &sent.name),
        Action::CompleteOrchestration(_) => ("end", ""),
        Action::TerminateOrchestration(_) => ("termination of another instance", ""),
        Action::SendEntityMessage(_) => ("entity message", ""),
        Action::RewindOrchestration(_) => ("rewind", ""),
    }
}

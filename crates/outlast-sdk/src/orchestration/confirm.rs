//! Compares what the code wants with what history says it wanted.
//!
//! History confirms each action by an event with the action's number. If they differ in kind or name the
//! code is not the code that made this history, and the first difference is what its author must see.
//! Inputs and times are not compared: they may change with the code as long as the steps do not.

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;
use pb::send_entity_message_action::EntityMessageType as Message;

use super::turn::Turn;
use crate::failure::{Failure, NON_DETERMINISM};

/// What kind of event confirms a step, and the name of the step if it has one.
type Step<'a> = (&'static str, &'a str);

/// Takes the confirmed action off the list of those the server does not know yet.
///
/// Events that confirm nothing are not for here and pass.
pub(super) fn confirm(turn: &mut Turn, id: i32, event: &Event) -> Result<(), Failure> {
    if step_of_event(event).is_none() {
        return Ok(());
    }
    let action = turn.pending.remove(&id);
    let place = match &action {
        Some(_) => turn.place(id).map(|place| format!(" at {place}")),
        None => turn.last_place().map(|place| format!(", its last one is at {place}")),
    };
    compare(action.as_ref(), id, event, &place.unwrap_or_default())
}

/// Whether what the code asked for is what the event confirms; where in the code that is, for people.
pub(crate) fn compare(asked: Option<&Action>, id: i32, event: &Event, place: &str) -> Result<(), Failure> {
    let Some(wanted) = step_of_event(event) else { return Ok(()) };
    let Some(asked) = asked.map(step_of_action) else {
        return Err(difference(id, wanted, &format!("the code asked for no such step{place}")));
    };
    if asked == wanted {
        return Ok(());
    }
    Err(difference(id, wanted, &format!("the code asked for {}{place}", asked_for(asked))))
}

/// The code came to its end in a turn after which history goes on.
pub(super) fn ended_early(next: Option<&pb::HistoryEvent>) -> Failure {
    let step = next.and_then(|next| Some((next.event_id, step_of_event(next.event_type.as_ref()?)?)));
    let next = step.map_or_else(
        || "goes on".to_owned(),
        |(id, step)| format!("goes on with {} at step {id}", describe(step)),
    );
    Failure::new(NON_DETERMINISM, format!("history {next}, the code came to its end before{ADVICE}"))
}

const ADVICE: &str = "; the code of a running orchestration must not change its steps (see Context::patched)";

fn difference(id: i32, wanted: Step<'_>, asked: &str) -> Failure {
    Failure::new(NON_DETERMINISM, format!("history has {} at step {id}, {asked}{ADVICE}", describe(wanted)))
}

fn describe((kind, name): Step<'_>) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("{kind} '{name}'") }
}

/// The words of somebody who wrote the code, not of somebody who reads history.
fn asked_for((kind, name): Step<'_>) -> String {
    let what = match kind {
        "TaskScheduled" => "activity",
        "SubOrchestrationInstanceCreated" => "sub-orchestration",
        "TimerCreated" => return "a timer".to_owned(),
        "EventSent" => "event",
        "EntityOperationCalled" => "a call of the entity operation",
        "EntityOperationSignaled" => "a signal for the entity operation",
        "EntityLockRequested" => return "a lock".to_owned(),
        "EntityUnlockSent" => return "the end of a lock".to_owned(),
        other => other,
    };
    format!("{what} '{name}'")
}

fn step_of_event(event: &Event) -> Option<Step<'_>> {
    match event {
        Event::TaskScheduled(task) => Some(("TaskScheduled", &task.name)),
        Event::SubOrchestrationInstanceCreated(child) => {
            Some(("SubOrchestrationInstanceCreated", &child.name))
        }
        Event::TimerCreated(_) => Some(("TimerCreated", "")),
        Event::EventSent(sent) => Some(("EventSent", &sent.name)),
        Event::EntityOperationCalled(call) => Some(("EntityOperationCalled", &call.operation)),
        Event::EntityOperationSignaled(signal) => Some(("EntityOperationSignaled", &signal.operation)),
        Event::EntityLockRequested(_) => Some(("EntityLockRequested", "")),
        Event::EntityUnlockSent(_) => Some(("EntityUnlockSent", "")),
        _ => None,
    }
}

fn step_of_action(action: &Action) -> Step<'_> {
    match action {
        Action::ScheduleTask(task) => ("TaskScheduled", &task.name),
        Action::CreateSubOrchestration(child) => ("SubOrchestrationInstanceCreated", &child.name),
        Action::CreateTimer(_) => ("TimerCreated", ""),
        Action::SendEvent(sent) => ("EventSent", &sent.name),
        Action::CompleteOrchestration(_) => ("ExecutionCompleted", ""),
        Action::TerminateOrchestration(_) => ("ExecutionTerminated", ""),
        Action::SendEntityMessage(message) => match &message.entity_message_type {
            Some(Message::EntityOperationCalled(call)) => ("EntityOperationCalled", &call.operation),
            Some(Message::EntityOperationSignaled(signal)) => ("EntityOperationSignaled", &signal.operation),
            Some(Message::EntityLockRequested(_)) => ("EntityLockRequested", ""),
            Some(Message::EntityUnlockSent(_)) => ("EntityUnlockSent", ""),
            None => ("an entity message", ""),
        },
        Action::RewindOrchestration(_) => ("ExecutionRewound", ""),
    }
}

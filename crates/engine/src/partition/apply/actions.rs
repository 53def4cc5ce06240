//! What an orchestration asks for, one action after the other, each with its confirmation event.
//!
//! Not here: ending and continuing as new, which come after all actions of the list. Actions beside
//! an ending count too: what they send is sent, what they schedule runs, and nobody hears of it.

use crate::event::{
    Action, ActionKind, CompleteOrchestration, CreateSubOrchestration, CreateTimer, EventKind, EventRaised,
    EventSent, FailureDetails, ScheduleTask, SendEvent, SubOrchestrationInstanceCreated,
    SubOrchestrationInstanceFailed, TaskScheduled, TerminateOrchestration, TimerCreated,
};
use crate::id::{EntityId, InstanceId};
use crate::limits;
use crate::partition::apply::entities::asking;
use crate::partition::apply::{confirmation, event};
use crate::partition::command::{self, MessageBody, Moment, Parent, StartChild, TerminateInstance};
use crate::partition::state::State;
use crate::partition::state::activities::Listener;
use crate::partition::state::children::ChildRow;
use crate::partition::state::history::Addition;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::Instance;
use crate::partition::state::status::Ending;
use crate::rows::Loaded;

const NOT_SUPPORTED: &str = "NotSupported";
const LIMIT_EXCEEDED: &str = "LimitExceeded";
const INVALID_CHILD: &str = "InvalidSubOrchestration";

/// What a turn's list of actions comes to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The orchestration waits for what it asked for.
    Waits,
    /// It goes on as a new execution.
    ContinuesAsNew(Box<CompleteOrchestration>),
    /// It ends.
    Ends(Ending, Box<CompleteOrchestration>),
}

/// Does what the list asks for. A list that cannot be done wholly is not done at all: the
/// orchestration fails in words.
pub(super) fn perform_all(
    state: &mut State,
    instance: &mut Instance,
    actions: &[Action],
    addition: &mut Addition,
) -> Loaded<Outcome> {
    let refusal = refusal(actions).or_else(|| asking::refusal(instance, actions));
    if let Some(failure) = refusal {
        let complete =
            CompleteOrchestration { failure_details: Some(failure), ..CompleteOrchestration::default() };
        return Ok(Outcome::Ends(Ending::Failed, Box::new(complete)));
    }
    let outcome = outcome(actions);
    let listener = match &outcome {
        Outcome::Waits => Listener::Execution,
        Outcome::ContinuesAsNew(_) | Outcome::Ends(..) => Listener::Nobody,
    };
    for action in actions {
        let Some(kind) = &action.kind else { continue };
        perform(state, instance, &mut Step { id: action.id, listener, addition }, kind)?;
    }
    Ok(outcome)
}

/// Why the list cannot be done, if so.
fn refusal(actions: &[Action]) -> Option<FailureDetails> {
    if actions.len() > limits::TURN_ACTIONS_MAX {
        let message =
            format!("the turn asks for {} actions, more than {}", actions.len(), limits::TURN_ACTIONS_MAX);
        return Some(FailureDetails::new(LIMIT_EXCEEDED, message));
    }
    let what = actions.iter().find_map(|action| match &action.kind {
        None => Some("an action of a kind this server does not know".to_owned()),
        Some(ActionKind::RewindOrchestration(_)) => {
            Some("a rewind: this server does not rewind orchestrations yet".to_owned())
        }
        Some(ActionKind::SendEvent(send)) if EntityId::is_meant(target(send)) => Some(format!(
            "an event for the entity {}: the legacy form of entity messages is not supported; use a \
                 worker that sends entity messages (for .NET the azuremanaged package)",
            target(send)
        )),
        Some(ActionKind::CompleteOrchestration(complete)) if ending(complete).is_none() => {
            Some(format!("an end with status {}", complete.orchestration_status))
        }
        Some(
            ActionKind::ScheduleTask(_)
            | ActionKind::CreateSubOrchestration(_)
            | ActionKind::CreateTimer(_)
            | ActionKind::SendEvent(_)
            | ActionKind::CompleteOrchestration(_)
            | ActionKind::SendEntityMessage(_)
            | ActionKind::TerminateOrchestration(_),
        ) => None,
    });
    what.map(|what| FailureDetails::new(NOT_SUPPORTED, format!("the orchestration asked for {what}")))
}

const CONTINUED_AS_NEW: i32 = 2;

/// `Some(None)` for continue-as-new; `None` for a status that ends nothing.
fn ending(complete: &CompleteOrchestration) -> Option<Option<Ending>> {
    match complete.orchestration_status {
        1 => Some(Some(Ending::Completed)),
        CONTINUED_AS_NEW => Some(None),
        3 => Some(Some(Ending::Failed)),
        5 => Some(Some(Ending::Terminated)),
        _ => None,
    }
}

/// The first ending of the list wins.
fn outcome(actions: &[Action]) -> Outcome {
    for action in actions {
        if let Some(ActionKind::CompleteOrchestration(complete)) = &action.kind {
            match ending(complete) {
                Some(Some(ending)) => return Outcome::Ends(ending, Box::new(complete.clone())),
                Some(None) => return Outcome::ContinuesAsNew(Box::new(complete.clone())),
                None => {}
            }
        }
    }
    Outcome::Waits
}

/// What one action works with.
struct Step<'a> {
    id: i32,
    listener: Listener,
    addition: &'a mut Addition,
}

fn perform(state: &mut State, instance: &mut Instance, step: &mut Step, kind: &ActionKind) -> Loaded<()> {
    match kind {
        ActionKind::ScheduleTask(action) => {
            schedule_task(state, instance, step, action);
            Ok(())
        }
        ActionKind::CreateSubOrchestration(action) => create_child(state, instance, step, action),
        ActionKind::CreateTimer(action) => {
            create_timer(state, instance, step, action);
            Ok(())
        }
        ActionKind::SendEvent(action) => send_event(state, step, action),
        ActionKind::TerminateOrchestration(action) => terminate(state, action),
        ActionKind::SendEntityMessage(action) => {
            let Some(message) = &action.kind else { return Ok(()) };
            let confirmed = asking::perform(state, instance, step.listener, message)?;
            step.addition.push(&confirmation(state.at, step.id, confirmed));
            Ok(())
        }
        ActionKind::CompleteOrchestration(_) | ActionKind::RewindOrchestration(_) => Ok(()),
    }
}

fn schedule_task(state: &mut State, instance: &mut Instance, step: &mut Step, action: &ScheduleTask) {
    let scheduled = TaskScheduled {
        name: action.name.clone(),
        version: action.version.clone(),
        input: action.input.clone(),
        parent_trace_context: action.parent_trace_context.clone(),
        tags: action.tags.clone(),
    };
    step.addition.push(&confirmation(state.at, step.id, EventKind::TaskScheduled(scheduled)));
    state.open_activity(instance, step.listener, step.id, action.clone());
}

fn create_timer(state: &mut State, instance: &mut Instance, step: &mut Step, action: &CreateTimer) {
    if step.listener == Listener::Nobody {
        return;
    }
    let due = action.fire_at.unwrap_or_else(|| Moment::from(state.at));
    let created = TimerCreated { fire_at: Some(due) };
    step.addition.push(&confirmation(state.at, step.id, EventKind::TimerCreated(created)));
    state.arm_timer(instance, due, Some(step.id));
}

fn target(action: &SendEvent) -> &str {
    action.instance.as_ref().map_or("", |instance| &instance.instance_id)
}

fn send_event(state: &mut State, step: &mut Step, action: &SendEvent) -> Loaded<()> {
    let target = target(action);
    let sent =
        EventSent { instance_id: target.to_owned(), name: action.name.clone(), input: action.data.clone() };
    step.addition.push(&confirmation(state.at, step.id, EventKind::EventSent(sent)));
    let Ok(id) = InstanceId::parse(target) else { return Ok(()) };
    let raised = EventRaised { name: action.name.clone(), input: action.data.clone() };
    let raised = event(state.at, EventKind::EventRaised(raised));
    let message = command::SendEvent { instance: target.to_owned(), event: raised };
    state.send(&id, MessageBody::SendEvent(message))
}

fn terminate(state: &mut State, action: &TerminateOrchestration) -> Loaded<()> {
    let Ok(id) = InstanceId::parse(&action.instance_id) else { return Ok(()) };
    let message = TerminateInstance {
        instance: action.instance_id.clone(),
        parent: None,
        output: action.reason.clone(),
        recursive: action.recurse,
    };
    state.send(&id, MessageBody::TerminateInstance(message))
}

fn create_child(
    state: &mut State,
    instance: &mut Instance,
    step: &mut Step,
    action: &CreateSubOrchestration,
) -> Loaded<()> {
    let child = if action.instance_id.is_empty() {
        format!("{}:{:04x}", instance.row.execution, step.id)
    } else {
        action.instance_id.clone()
    };
    let created = SubOrchestrationInstanceCreated {
        instance_id: child.clone(),
        name: action.name.clone(),
        version: action.version.clone(),
        input: action.input.clone(),
        parent_trace_context: action.parent_trace_context.clone(),
        tags: action.tags.clone(),
    };
    let created = EventKind::SubOrchestrationInstanceCreated(created);
    step.addition.push(&confirmation(state.at, step.id, created));
    let problem = match InstanceId::parse(&child) {
        Ok(_) if EntityId::is_meant(&child) => "ids of the form @name@key belong to entities".to_owned(),
        Ok(id) => return start_child(state, instance, (step.id, id), action),
        Err(problem) => problem.to_string(),
    };
    let message = format!("the sub-orchestration {} cannot be created: {problem}", child.escape_debug());
    let failure_details = Some(FailureDetails::new(INVALID_CHILD, message));
    let failed = SubOrchestrationInstanceFailed { task_scheduled_id: step.id, failure_details };
    let failed = event(state.at, EventKind::SubOrchestrationInstanceFailed(failed));
    state.push_inbox(instance, Addressee::Execution, &failed)
}

fn start_child(
    state: &mut State,
    instance: &mut Instance,
    (task_id, child): (i32, InstanceId),
    action: &CreateSubOrchestration,
) -> Loaded<()> {
    let task = state.next_task();
    let parent = Parent {
        instance: instance.id.as_str().to_owned(),
        execution: instance.row.execution.clone(),
        name: instance.row.name.clone(),
        version: instance.row.version.clone(),
        task: task_id,
        term: task.by.term,
        index: task.by.index,
        ordinal: task.ordinal,
    };
    let row = ChildRow { child: child.as_str().to_owned(), parent: parent.clone(), open: true };
    state.open_child(instance, task, &row);
    let message = StartChild {
        execution: task.execution(&instance.row.execution),
        parent,
        instance: row.child,
        name: action.name.clone(),
        version: action.version.clone(),
        input: action.input.clone(),
        tags: action.tags.clone(),
        trace: action.parent_trace_context.clone(),
    };
    state.send(&child, MessageBody::StartChild(message))
}

//! What an orchestration may ask for in a turn.
//!
//! Two kinds of "no". What no SDK sends is an unusable answer: the turn is handed out again, and the
//! reason ends up at the instance. What an orchestration's code can cause (values that are too large,
//! names that are none, things this version does not have) fails the orchestration: doing the turn
//! again would not change it.

use engine::event::{Action, ActionKind, CompleteOrchestration, EntityMessage, FailureDetails};
use engine::id::{EntityId, InstanceId};
use engine::limits::{
    NAME_BYTES_MAX, NOTE_BYTES_MAX, TAGS_MAX, TURN_ACTIONS_MAX, TURN_BYTES_MAX, VALUE_BYTES_MAX,
};
use outlast_proto::durable_task::OrchestrationStatus;
use prost::Message;

use super::wire::TurnAnswer;

/// The error type of a failure for size.
const TOO_LARGE: &str = "PayloadTooLarge";
/// The error type of a failure for a name, an id or a count.
const INVALID: &str = "InvalidAction";
/// The error type of a failure for something that comes later.
const NOT_SUPPORTED: &str = "NotSupported";
/// Id of the action that fails an orchestration in place of its own.
const ACTION_OURS: i32 = -1;

/// The answer as it may go into the log, or why it is none.
pub(in crate::ingress::grpc) fn check(mut answer: TurnAnswer, bytes: usize) -> Result<TurnAnswer, String> {
    let mut failure = check_whole(&answer, bytes).err();
    for action in &mut answer.actions {
        if failure.is_some() {
            break;
        }
        failure = check_action(action)?;
    }
    if let Some(failure) = failure {
        answer.actions = vec![failed(failure)];
        answer.custom_status = answer.custom_status.filter(|status| status.len() <= NOTE_BYTES_MAX);
    }
    Ok(answer)
}

fn check_whole(answer: &TurnAnswer, bytes: usize) -> Verdict {
    let actions = answer.actions.len();
    if bytes > TURN_BYTES_MAX || actions > TURN_ACTIONS_MAX {
        return Err(too_large(format!(
            "the turn's answer has {bytes} bytes and {actions} actions; a turn has at most {TURN_BYTES_MAX} \
             bytes and {TURN_ACTIONS_MAX} actions"
        )));
    }
    note("the custom status", answer.custom_status.as_deref())
}

/// A failure for size.
pub(in crate::ingress::grpc) fn too_large(message: String) -> FailureDetails {
    FailureDetails { is_non_retriable: true, ..FailureDetails::new(TOO_LARGE, message) }
}

/// Cuts a failure to what is kept: causes to their depth, then texts until it is no larger than a note.
pub(in crate::ingress::grpc) fn fit(failure: &mut FailureDetails) {
    failure.truncate();
    if failure.encoded_len() <= NOTE_BYTES_MAX {
        return;
    }
    failure.inner_failure = None;
    failure.properties.clear();
    let texts =
        [Some(&mut failure.error_type), Some(&mut failure.error_message), failure.stack_trace.as_mut()];
    for text in texts.into_iter().flatten() {
        cut(text, NOTE_BYTES_MAX / 4);
    }
}

fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
}

fn failed(failure: FailureDetails) -> Action {
    let completion = CompleteOrchestration {
        orchestration_status: OrchestrationStatus::Failed as i32,
        failure_details: Some(failure),
        ..CompleteOrchestration::default()
    };
    Action { id: ACTION_OURS, kind: Some(ActionKind::CompleteOrchestration(completion)) }
}

type Verdict = Result<(), FailureDetails>;

/// `Err`: unusable. `Some`: the orchestration fails with this.
fn check_action(action: &mut Action) -> Result<Option<FailureDetails>, String> {
    let Some(kind) = &mut action.kind else {
        return Err(format!("action {} is of a kind that this version does not know", action.id));
    };
    let verdict = match kind {
        ActionKind::ScheduleTask(task) => name("an activity's name", &task.name)
            .and_then(|()| version(task.version.as_deref()))
            .and_then(|()| value("an activity's input", task.input.as_deref()))
            .and_then(|()| tags(task.tags.len())),
        ActionKind::CreateSubOrchestration(child) => name("a sub-orchestration's name", &child.name)
            .and_then(|()| version(child.version.as_deref()))
            .and_then(|()| value("a sub-orchestration's input", child.input.as_deref()))
            .and_then(|()| tags(child.tags.len()))
            .and_then(|()| if child.instance_id.is_empty() { Ok(()) } else { instance(&child.instance_id) }),
        ActionKind::CreateTimer(timer) if timer.fire_at.is_none() => {
            return Err(format!("timer {} has no time", action.id));
        }
        ActionKind::CreateTimer(_) => Ok(()),
        ActionKind::SendEvent(event) => {
            let Some(target) = &event.instance else {
                return Err(format!("event {} has no target", action.id));
            };
            instance(&target.instance_id)
                .and_then(|()| name("an event's name", &event.name))
                .and_then(|()| value("an event's data", event.data.as_deref()))
        }
        ActionKind::CompleteOrchestration(completion) => return check_completion(completion),
        ActionKind::TerminateOrchestration(terminate) => instance(&terminate.instance_id)
            .and_then(|()| value("the reason of a termination", terminate.reason.as_deref())),
        ActionKind::SendEntityMessage(message) => entity_message(message.kind.as_ref()),
        ActionKind::RewindOrchestration(_) => {
            Err(not_supported("rewind arrives with a later version of Outlast".to_owned()))
        }
    };
    Ok(verdict.err())
}

/// Targets are the engine's to judge: a call of what is no entity fails, and its author goes on.
fn entity_message(message: Option<&EntityMessage>) -> Verdict {
    match message {
        Some(EntityMessage::EntityOperationSignaled(signal)) => {
            name("an operation's name", &signal.operation)
                .and_then(|()| short("a request id", &signal.request_id))
                .and_then(|()| value("an operation's input", signal.input.as_deref()))
        }
        Some(EntityMessage::EntityOperationCalled(call)) => name("an operation's name", &call.operation)
            .and_then(|()| short("a request id", &call.request_id))
            .and_then(|()| value("an operation's input", call.input.as_deref())),
        Some(EntityMessage::EntityLockRequested(lock)) => {
            short("the id of a critical section", &lock.critical_section_id)
        }
        Some(EntityMessage::EntityUnlockSent(unlock)) => {
            short("the id of a critical section", &unlock.critical_section_id)
        }
        None => Ok(()),
    }
}

fn short(what: &str, text: &str) -> Verdict {
    if text.len() > NAME_BYTES_MAX {
        return Err(invalid(format!("{what} has at most {NAME_BYTES_MAX} bytes, not {}", text.len())));
    }
    Ok(())
}

fn check_completion(completion: &mut CompleteOrchestration) -> Result<Option<FailureDetails>, String> {
    use OrchestrationStatus as Status;
    match Status::try_from(completion.orchestration_status) {
        Ok(Status::Completed | Status::Failed | Status::Terminated | Status::ContinuedAsNew) => {}
        Ok(Status::Running | Status::Canceled | Status::Pending | Status::Suspended) | Err(_) => {
            return Err(format!("status {} ends no orchestration", completion.orchestration_status));
        }
    }
    if let Some(failure) = &mut completion.failure_details {
        fit(failure);
    }
    let verdict = value("the orchestration's result", completion.result.as_deref())
        .and_then(|()| note("the orchestration's details", completion.details.as_deref()))
        .and_then(|()| version(completion.new_version.as_deref()))
        .and_then(|()| tags(completion.tags.len()));
    Ok(verdict.err())
}

fn not_supported(message: String) -> FailureDetails {
    FailureDetails { is_non_retriable: true, ..FailureDetails::new(NOT_SUPPORTED, message) }
}

fn invalid(message: String) -> FailureDetails {
    FailureDetails { is_non_retriable: true, ..FailureDetails::new(INVALID, message) }
}

fn name(what: &str, text: &str) -> Verdict {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err(invalid(format!("{what} has 1 to {NAME_BYTES_MAX} bytes, not {}", text.len())));
    }
    Ok(())
}

fn version(text: Option<&str>) -> Verdict {
    match text {
        Some(text) if text.len() > NAME_BYTES_MAX => {
            Err(invalid(format!("a version has at most {NAME_BYTES_MAX} bytes, not {}", text.len())))
        }
        Some(_) | None => Ok(()),
    }
}

/// What users fill, as large as values may be.
pub(super) fn value(what: &str, text: Option<&str>) -> Verdict {
    bounded(what, text, VALUE_BYTES_MAX)
}

/// What is shown with every instance.
fn note(what: &str, text: Option<&str>) -> Verdict {
    bounded(what, text, NOTE_BYTES_MAX)
}

fn bounded(what: &str, text: Option<&str>, max: usize) -> Verdict {
    match text {
        Some(text) if text.len() > max => {
            Err(too_large(format!("{what} has {} bytes, more than the {max} it may have", text.len())))
        }
        Some(_) | None => Ok(()),
    }
}

fn tags(count: usize) -> Verdict {
    if count > TAGS_MAX { Err(invalid(format!("{count} tags, more than {TAGS_MAX}"))) } else { Ok(()) }
}

fn instance(id: &str) -> Verdict {
    if EntityId::is_meant(id) {
        let message = format!(
            "{id:?} is an entity, not an orchestration; entities take entity messages, which of the .NET \
             packages azuremanaged sends"
        );
        return Err(not_supported(message));
    }
    InstanceId::parse(id).map(drop).map_err(|error| invalid(format!("{error}, but this is {id:?}")))
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;

//! Workers' answers to entity batches, and batches given back.
//!
//! What an operation's code can cause (values that are too large, names that are none) fails its
//! operations: doing the batch again would not change it. Not here: whether an answer counts, and
//! which operation a result belongs to, which the partition knows.

use std::collections::BTreeMap;

use engine::event::{EntityOperationSignaled, EventKind, FailureDetails, HistoryEvent};
use engine::id::{EntityId, InstanceId};
use engine::limits::{NAME_BYTES_MAX, TURN_ACTIONS_MAX, TURN_BYTES_MAX};
use engine::partition::command::{
    Command, CompleteEntityBatch, EntityOperation, OperationAction, OperationActionKind, OperationResult,
    StartDetached,
};
use outlast_proto::durable_task as proto;
use prost::Message;
use proto::operation_action::OperationActionType;
use proto::operation_result::ResultType;
use tonic::Status;

use super::answers::{abandon as give_back, answer_with, give_up, token};
use super::turn;
use crate::dispatch::Task;
use crate::ingress::grpc::call::Call;
use crate::ingress::grpc::{check, convert, status};
use crate::node::Hub;
use crate::observe::codes;

/// A batch's outcome.
pub(in crate::ingress::grpc) async fn complete(
    call: Call,
    answer: proto::EntityBatchResult,
) -> Result<proto::CompleteTaskResponse, Status> {
    settle(&*call.hub().await?, answer).await?;
    Ok(proto::CompleteTaskResponse {})
}

/// Brings a batch's outcome to its partition; returns once it is durable.
pub(super) async fn settle(hub: &Hub, answer: proto::EntityBatchResult) -> Result<(), Status> {
    let token = token(hub, &answer.completion_token)?;
    let Task::Batch { turn: number, delivered } = token.task else {
        let told = "the completion token is not an entity batch's";
        return Err(status::invalid(&codes::TOKEN_INVALID, told));
    };
    let count = u32::try_from(answer.results.len()).unwrap_or(u32::MAX);
    if count > delivered {
        return Err(give_up(hub, &token, &format!("{count} results for {delivered} operations")));
    }
    if count == 0 || answer.requires_state || answer.failure_details.is_some() {
        // Nothing was done: another worker may do better, or this one later.
        if let Some(failure) = &answer.failure_details {
            let why = &failure.error_message;
            tracing::warn!(code = "OL-3008", hub = hub.name(), entity = %token.instance, why, "a worker could not run an entity's batch");
        }
        hub.abandoned(&token);
        return Ok(());
    }
    let command = CompleteEntityBatch {
        entity: token.instance.as_str().to_owned(),
        execution: token.execution.clone(),
        epoch: token.token_epoch(),
        turn: number,
        delivered,
        ..kept(answer)
    };
    answer_with(hub, &token, Command::CompleteEntityBatch(command)).await
}

/// Takes a batch back.
pub(in crate::ingress::grpc) async fn abandon(
    call: Call,
    request: proto::AbandonEntityTaskRequest,
) -> Result<proto::AbandonEntityTaskResponse, Status> {
    give_back(&call, &request.completion_token).await?;
    Ok(proto::AbandonEntityTaskResponse {})
}

/// What of the answer is kept: all of it, or the failure of all its operations.
fn kept(answer: proto::EntityBatchResult) -> CompleteEntityBatch {
    let (bytes, count) = (answer.encoded_len(), answer.results.len());
    match actions(&answer, bytes) {
        Ok(actions) => CompleteEntityBatch {
            results: answer.results.into_iter().map(result).collect(),
            state: answer.entity_state,
            actions,
            ..CompleteEntityBatch::default()
        },
        Err(failure) => CompleteEntityBatch {
            results: vec![OperationResult { output: None, failure: Some(failure) }; count],
            keeps_state: true,
            ..CompleteEntityBatch::default()
        },
    }
}

/// What the operations asked for, or why the answer cannot be kept.
fn actions(answer: &proto::EntityBatchResult, bytes: usize) -> Result<Vec<OperationAction>, FailureDetails> {
    if bytes > TURN_BYTES_MAX || answer.actions.len() > TURN_ACTIONS_MAX {
        let count = answer.actions.len();
        return Err(turn::too_large(format!(
            "the batch's answer has {bytes} bytes and {count} actions, more than {TURN_BYTES_MAX} bytes or \
             {TURN_ACTIONS_MAX} actions"
        )));
    }
    turn::value("the entity's state", answer.entity_state.as_deref())?;
    answer.actions.iter().map(action).collect()
}

fn action(action: &proto::OperationAction) -> Result<OperationAction, FailureDetails> {
    let kind = match &action.operation_action_type {
        None => return Err(invalid("an action of a kind that this version does not know".to_owned())),
        Some(OperationActionType::SendSignal(signal)) => OperationActionKind::Signal(send_signal(signal)?),
        Some(OperationActionType::StartNewOrchestration(start)) => {
            OperationActionKind::Start(Box::new(start_detached(start)?))
        }
    };
    Ok(OperationAction { kind: Some(kind) })
}

fn send_signal(signal: &proto::SendSignalAction) -> Result<EntityOperation, FailureDetails> {
    let entity = EntityId::parse(&signal.instance_id).map_err(|problem| invalid(problem.to_string()))?;
    name("an operation's name", &signal.name)?;
    turn::value("an operation's input", signal.input.as_deref())?;
    let signaled = EntityOperationSignaled {
        request_id: String::new(),
        operation: signal.name.clone(),
        scheduled_time: signal.scheduled_time.map(|time| check::time(time).into()),
        input: signal.input.clone(),
        target_instance_id: Some(entity.as_str().to_owned()),
    };
    let kind = Some(EventKind::EntityOperationSignaled(signaled));
    let event = Box::new(HistoryEvent { event_id: -1, timestamp: None, kind });
    Ok(EntityOperation { entity: entity.as_str().to_owned(), event })
}

fn start_detached(start: &proto::StartNewOrchestrationAction) -> Result<StartDetached, FailureDetails> {
    if !start.instance_id.is_empty() {
        InstanceId::parse(&start.instance_id).map_err(|problem| invalid(problem.to_string()))?;
    }
    if EntityId::is_meant(&start.instance_id) {
        return Err(invalid(format!("{:?} is an entity's id, not an orchestration's", start.instance_id)));
    }
    name("an orchestration's name", &start.name)?;
    turn::value("an orchestration's input", start.input.as_deref())?;
    if start.version.as_ref().is_some_and(|version| version.len() > NAME_BYTES_MAX) {
        return Err(invalid(format!("a version has at most {NAME_BYTES_MAX} bytes")));
    }
    Ok(StartDetached {
        instance: start.instance_id.clone(),
        execution: String::new(),
        name: start.name.clone(),
        version: start.version.clone(),
        input: start.input.clone(),
        scheduled_start: check::scheduled_start(start.scheduled_time),
        trace: start.parent_trace_context.clone().map(convert::trace),
        tags: BTreeMap::new(),
    })
}

/// A result that cannot be kept is a failure of its operation; what the operation changed stays.
fn result(result: proto::OperationResult) -> OperationResult {
    match result.result_type {
        Some(ResultType::Success(success)) => {
            match turn::value("an operation's result", success.result.as_deref()) {
                Ok(()) => OperationResult { output: success.result, failure: None },
                Err(failure) => OperationResult { output: None, failure: Some(failure) },
            }
        }
        Some(ResultType::Failure(failure)) => {
            let details = failure.failure_details.unwrap_or_default();
            let mut failure = FailureDetails::decode(details.encode_to_vec().as_slice())
                .expect("both sides have the same field numbers");
            turn::fit(&mut failure);
            OperationResult { output: None, failure: Some(failure) }
        }
        None => OperationResult {
            output: None,
            failure: Some(invalid("the worker's result is neither a success nor a failure".to_owned())),
        },
    }
}

fn invalid(message: String) -> FailureDetails {
    FailureDetails { is_non_retriable: true, ..FailureDetails::new("InvalidAction", message) }
}

fn name(what: &str, text: &str) -> Result<(), FailureDetails> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err(invalid(format!("{what} has 1 to {NAME_BYTES_MAX} bytes, not {}", text.len())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::limits::VALUE_BYTES_MAX;

    fn success(result: &str) -> proto::OperationResult {
        let result = Some(result.to_owned());
        let success = proto::OperationResultSuccess { result, ..proto::OperationResultSuccess::default() };
        proto::OperationResult { result_type: Some(ResultType::Success(success)) }
    }

    fn answer(state: usize, actions: Vec<OperationActionType>) -> proto::EntityBatchResult {
        let action = |kind| proto::OperationAction { id: 1, operation_action_type: Some(kind) };
        proto::EntityBatchResult {
            results: vec![success("1"), success("2")],
            entity_state: Some("x".repeat(state)),
            actions: actions.into_iter().map(action).collect(),
            ..proto::EntityBatchResult::default()
        }
    }

    fn failures(command: &CompleteEntityBatch) -> Vec<&str> {
        let failures = command.results.iter().filter_map(|result| result.failure.as_ref());
        failures.map(|failure| failure.error_type.as_str()).collect()
    }

    #[test]
    fn a_state_that_is_too_large_fails_the_operations_and_stays_as_it_was() {
        let largest = kept(answer(VALUE_BYTES_MAX, Vec::new()));
        assert!(failures(&largest).is_empty() && !largest.keeps_state);
        let larger = kept(answer(VALUE_BYTES_MAX + 1, Vec::new()));
        assert_eq!(failures(&larger), ["PayloadTooLarge", "PayloadTooLarge"]);
        assert!(larger.keeps_state && larger.state.is_none());
    }

    #[test]
    fn an_action_that_cannot_be_done_fails_the_operations() {
        let signal = |to: &str, name: &str| {
            OperationActionType::SendSignal(proto::SendSignalAction {
                instance_id: to.to_owned(),
                name: name.to_owned(),
                ..proto::SendSignalAction::default()
            })
        };
        let start = |id: &str, name: &str| {
            OperationActionType::StartNewOrchestration(proto::StartNewOrchestrationAction {
                instance_id: id.to_owned(),
                name: name.to_owned(),
                ..proto::StartNewOrchestrationAction::default()
            })
        };
        let done =
            kept(answer(1, vec![signal("@Counter@b", "add"), start("", "order"), start("x", "order")]));
        assert!(failures(&done).is_empty());
        assert_eq!(done.actions.len(), 3);
        for bad in [signal("nobody", "add"), signal("@a@b", ""), start("@a@b", "order"), start("x", "")] {
            assert_eq!(failures(&kept(answer(1, vec![bad]))), ["InvalidAction", "InvalidAction"]);
        }
    }

    #[test]
    fn a_result_that_is_too_large_fails_its_operation_only() {
        let mut large = answer(1, Vec::new());
        large.results[0] = success(&"x".repeat(VALUE_BYTES_MAX + 1));
        let kept = kept(large);
        assert_eq!(failures(&kept), ["PayloadTooLarge"]);
        assert_eq!(kept.results[1].output.as_deref(), Some("2"));
    }
}

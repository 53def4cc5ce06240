//! Workers' answers: completions of turns and activities, and items given back.
//!
//! Not here: how an answer is brought to its partition, and what becomes of the work where it is not
//! (`Hub::answer`).

use engine::event::FailureDetails;
use engine::id::InstanceId;
use engine::limits::{TURN_BYTES_MAX, VALUE_BYTES_MAX};
use engine::partition::command::{ActivityKey, Command, CompleteActivity, CompleteOrchestrationTurn};
use engine::partition::effect::{Refusal, Reply};
use outlast_proto::durable_task as proto;
use prost::Message;
use tonic::Status;

use super::parts::{Joined, PartOf, Parts};
use super::turn;
use super::wire::{ActivityAnswer, TurnAnswer};
use crate::dispatch::{Task, Token};
use crate::ingress::grpc::call::Call;
use crate::ingress::grpc::status;
use crate::node::Hub;
use crate::observe::codes;

/// An activity's outcome.
pub(in crate::ingress::grpc) async fn complete_activity(
    call: Call,
    answer: ActivityAnswer,
) -> Result<proto::CompleteTaskResponse, Status> {
    settle_activity(&*call.hub().await?, answer).await?;
    Ok(proto::CompleteTaskResponse {})
}

/// Brings an activity's outcome to its partition; returns once it is durable.
pub(super) async fn settle_activity(hub: &Hub, answer: ActivityAnswer) -> Result<(), Status> {
    let token = token(hub, &answer.completion_token)?;
    same_instance(&token, &answer.instance)?;
    let Task::Activity { scheduled_by, ordinal, task } = token.task else {
        return Err(invalid("the completion token is not an activity's"));
    };
    let (result, failure) = outcome(answer);
    let command = Command::CompleteActivity(CompleteActivity {
        activity: ActivityKey {
            instance: token.instance.as_str().to_owned(),
            term: scheduled_by.term,
            index: scheduled_by.index,
            ordinal,
        },
        epoch: token.token_epoch(),
        execution: token.execution.clone(),
        task,
        result,
        failure,
    });
    answer_with(hub, &token, command).await
}

/// A result that cannot be kept is a failure of the activity: doing it again would not make it smaller.
fn outcome(answer: ActivityAnswer) -> (Option<String>, Option<FailureDetails>) {
    let bytes = answer.result.as_ref().map_or(0, String::len);
    match answer.failure {
        Some(mut failure) => {
            turn::fit(&mut failure);
            (None, Some(failure))
        }
        None if bytes > VALUE_BYTES_MAX => {
            let message = format!(
                "the activity's result has {bytes} bytes, more than the {VALUE_BYTES_MAX} a value may have"
            );
            (None, Some(turn::too_large(message)))
        }
        None => (answer.result, None),
    }
}

/// A turn's answer, or a part of it.
pub(in crate::ingress::grpc) async fn complete_turn(
    call: Call,
    answer: TurnAnswer,
) -> Result<proto::CompleteTaskResponse, Status> {
    settle_turn(&call.shared.parts, &*call.hub().await?, answer).await?;
    Ok(proto::CompleteTaskResponse {})
}

/// Brings a turn's answer to its partition; returns once it is durable, or kept until its other parts
/// are there.
pub(super) async fn settle_turn(parts: &Parts, hub: &Hub, answer: TurnAnswer) -> Result<(), Status> {
    if let (true, Ok(instance)) = (answer.completion_token.is_empty(), InstanceId::parse(&answer.instance)) {
        hub.unnamed(&instance);
    }
    let token = token(hub, &answer.completion_token)?;
    same_instance(&token, &answer.instance)?;
    let Task::Turn { turn: number, delivered, started_at } = token.task else {
        return Err(invalid("the completion token is not a turn's"));
    };
    if answer.requires_history {
        // The worker was counted on to have the past, and has not: hand it all out again.
        hub.abandoned(&token);
        return Ok(());
    }
    let Some((answer, bytes)) = whole(parts, hub, &token, answer)? else { return Ok(()) };
    let answer = turn::check(answer, bytes).map_err(|unusable| give_up(hub, &token, &unusable))?;
    let command = Command::CompleteOrchestrationTurn(CompleteOrchestrationTurn {
        instance: token.instance.as_str().to_owned(),
        execution: token.execution.clone(),
        epoch: token.token_epoch(),
        turn: number,
        started_at: started_at.into(),
        delivered,
        events_processed: answer.events_processed,
        actions: answer.actions,
        custom_status: answer.custom_status,
        trace: answer.trace,
    });
    answer_with(hub, &token, command).await
}

/// The whole answer and its size, once its last part is there.
fn whole(
    parts: &Parts,
    hub: &Hub,
    token: &Token,
    answer: TurnAnswer,
) -> Result<Option<(TurnAnswer, usize)>, Status> {
    let bytes = answer.encoded_len();
    let hand_out = (token.epoch, token.hand_out);
    let of = PartOf { hub: hub.id(), work: token.work(), hand_out };
    // A last part whose first ones are not there is no whole answer: they were lost on our side.
    let is_first = answer.chunk_index.unwrap_or(0) == 0;
    if is_first && !answer.is_partial && !parts.has(&of) {
        return Ok(Some((answer, bytes)));
    }
    match parts.join(of, answer, bytes) {
        Joined::Waiting => Ok(None),
        Joined::Whole(answer, bytes) => Ok(Some((answer, bytes))),
        Joined::TooLarge(bytes) => Ok(Some((TurnAnswer::default(), bytes.max(TURN_BYTES_MAX + 1)))),
        Joined::Broken(why) => Err(give_up(hub, token, &why)),
    }
}

/// An answer that cannot be used: the work goes to another worker, or to this one again.
pub(super) fn give_up(hub: &Hub, token: &Token, why: &str) -> Status {
    tracing::warn!(code = codes::TURN_INVALID.id, hub = hub.name(), instance = %token.instance, why, "a worker's answer cannot be used");
    hub.spoilt(token);
    status::invalid(&codes::TURN_INVALID, format!("the answer cannot be used: {why}"))
}

/// Takes an activity back.
pub(in crate::ingress::grpc) async fn abandon_activity(
    call: Call,
    request: proto::AbandonActivityTaskRequest,
) -> Result<proto::AbandonActivityTaskResponse, Status> {
    abandon(&call, &request.completion_token).await?;
    Ok(proto::AbandonActivityTaskResponse {})
}

/// Takes a turn back.
pub(in crate::ingress::grpc) async fn abandon_turn(
    call: Call,
    request: proto::AbandonOrchestrationTaskRequest,
) -> Result<proto::AbandonOrchestrationTaskResponse, Status> {
    abandon(&call, &request.completion_token).await?;
    Ok(proto::AbandonOrchestrationTaskResponse {})
}

pub(super) async fn abandon(call: &Call, text: &str) -> Result<(), Status> {
    give_back(&*call.hub().await?, text);
    Ok(())
}

/// Takes an item back. A token that means nothing to us is as good as given back already.
pub(super) fn give_back(hub: &Hub, text: &str) {
    if let Ok(token) = hub.dispatch().token(text) {
        hub.abandoned(&token);
    }
}

pub(super) fn token(hub: &Hub, text: &str) -> Result<Token, Status> {
    let token = hub.dispatch().token(text).map_err(status::token)?;
    if token.instance.partition(hub.partitions()) != token.partition {
        return Err(invalid("the completion token names another partition than its instance's"));
    }
    Ok(token)
}

/// A worker that mixes up its items is told so, before the wrong instance is answered for.
fn same_instance(token: &Token, named: &str) -> Result<(), Status> {
    if named.is_empty() || named == token.instance.as_str() {
        return Ok(());
    }
    Err(invalid("the completion token is of another instance than the answer"))
}

fn invalid(told: &str) -> Status {
    status::invalid(&codes::TOKEN_INVALID, told)
}

pub(super) async fn answer_with(hub: &Hub, token: &Token, command: Command) -> Result<(), Status> {
    match hub.answer(token, command).await.map_err(|error| status::unavailable(&error))? {
        Reply::Done | Reply::Unchanged => Ok(()),
        Reply::Refused(Refusal::StaleWorkItem | Refusal::InstanceNotFound | Refusal::EpochOver) => {
            Err(status::stale())
        }
        Reply::Refused(Refusal::PayloadMissing) => Err(give_up(hub, token, &status::text_reserved())),
        Reply::Refused(refusal) => Err(status::refusal(refusal, token.instance.as_str())),
        other @ (Reply::Started { .. } | Reply::Purged { .. }) => Err(status::unexpected(&other)),
    }
}

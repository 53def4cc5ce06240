//! What becomes of one work item, from the stream to the answer the server has taken.
//!
//! An answer is sent until the server says yes or a definite no. A turn's answer is given up when its
//! stream is gone, because the turn comes again; an activity's is not, because the work is done and the
//! server takes the result whoever brings it.

use std::sync::Arc;
use std::time::Duration;

use outlast_proto::durable_task as pb;
use tokio::sync::{mpsc, watch};
use tonic::{Code, Status};

use super::backoff::Backoff;
use super::session::Shared;
use crate::activity::{ActivityContext, Guarded};
use crate::client::history;
use crate::entity::batch::Batch;
use crate::failure::Failure;

/// Held by whoever still works for an item.
pub(super) type InHand = mpsc::Sender<()>;

/// The kinds of work items, as far as giving them back is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Turn,
    Activity,
    Entity,
}

/// How long an answer is offered before the work counts as lost.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);
/// The longest pause between two offers of an answer.
const ANSWER_DELAY_MAX: Duration = Duration::from_secs(5);
/// How long reading one streamed history may take.
const HISTORY_DEADLINE: Duration = Duration::from_secs(60);

/// Runs a turn on the spot and has its answer sent.
pub(super) fn turn(
    shared: &Arc<Shared>,
    request: pb::OrchestratorRequest,
    token: String,
    (in_hand, stream_gone): (InHand, watch::Receiver<()>),
) {
    let shared = Arc::clone(shared);
    if request.requires_history_streaming {
        tokio::spawn(async move {
            match fetch_history(&shared, request).await {
                Ok(request) => {
                    let answer = shared.registry.turn(request, token);
                    answer_turn(&shared, answer, stream_gone).await;
                }
                Err(status) => {
                    tracing::warn!(%status, "history of a turn cannot be read, giving the turn back");
                    abandon(&shared, Kind::Turn, token).await;
                }
            }
            drop(in_hand);
        });
        return;
    }
    let answer = shared.registry.turn(request, token);
    tokio::spawn(async move {
        answer_turn(&shared, answer, stream_gone).await;
        drop(in_hand);
    });
}

async fn fetch_history(
    shared: &Shared,
    mut request: pb::OrchestratorRequest,
) -> Result<pb::OrchestratorRequest, Status> {
    let execution = Some(request.execution_id.clone().unwrap_or_default());
    request.past_events =
        history::read(&shared.link, &request.instance_id, execution, HISTORY_DEADLINE).await?;
    Ok(request)
}

async fn answer_turn(shared: &Shared, answer: pb::OrchestratorResponse, mut gone: watch::Receiver<()>) {
    let instance = answer.instance_id.clone();
    let token = answer.completion_token.clone();
    let answer = Answer::Turn(answer);
    let sent = tokio::select! {
        biased;
        sent = answer.offer(shared) => sent,
        // The sender sends nothing, so this is the end of the stream.
        _ = gone.changed() => return,
    };
    let Err(status) = sent else { return };
    match status.code() {
        Code::NotFound => tracing::debug!(instance, "somebody else has done this turn"),
        Code::ResourceExhausted | Code::OutOfRange | Code::InvalidArgument => {
            tracing::warn!(instance, %status, "the server refuses what a turn wants, failing the orchestration");
            let failure = Failure::new("TurnRefused", status.message()).non_retriable();
            if let Err(status) = Answer::Turn(failed_turn(instance, token, failure)).send(shared).await {
                tracing::warn!(%status, "the server does not take the failure of a turn either");
            }
        }
        _ => tracing::warn!(instance, %status, "answer to a turn is lost, the server will ask again"),
    }
}

fn failed_turn(instance_id: String, token: String, failure: Failure) -> pb::OrchestratorResponse {
    let end = pb::CompleteOrchestrationAction {
        orchestration_status: pb::OrchestrationStatus::Failed.into(),
        failure_details: Some(failure.into_wire()),
        ..Default::default()
    };
    let action = pb::OrchestratorAction {
        id: -1,
        orchestrator_action_type: Some(
            pb::orchestrator_action::OrchestratorActionType::CompleteOrchestration(end),
        ),
    };
    pb::OrchestratorResponse {
        instance_id,
        actions: vec![action],
        completion_token: token,
        ..Default::default()
    }
}

/// Runs an activity as a task of its own, within the limit, and has its answer sent.
pub(super) fn activity(shared: &Arc<Shared>, request: pb::ActivityRequest, token: String, in_hand: InHand) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let permit = Arc::clone(&shared.activities).acquire_owned().await;
        let context = ActivityContext::new(&request);
        let observer = &shared.registry.observer;
        let result = observer.activity(&request.name, run_activity(&shared, context, &request)).await;
        drop(permit);
        answer_activity(&shared, &request, token, result).await;
        drop(in_hand);
    });
}

async fn run_activity(
    shared: &Shared,
    context: ActivityContext,
    request: &pb::ActivityRequest,
) -> Result<String, Failure> {
    let Some(function) = shared.registry.activities.get(&request.name) else {
        let message = format!("no activity '{}' is registered with this worker", request.name);
        return Err(Failure::new("ActivityTaskNotFound", message));
    };
    let input = request.input.clone();
    let started = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| function(context, input)));
    Guarded(started.map_err(|panic| Failure::from_panic(panic.as_ref()))?).await
}

async fn answer_activity(
    shared: &Shared,
    request: &pb::ActivityRequest,
    token: String,
    result: Result<String, Failure>,
) {
    let instance = request.orchestration_instance.as_ref();
    let instance_id = instance.map(|instance| instance.instance_id.clone()).unwrap_or_default();
    let (result, failure) = match result {
        Ok(result) => (Some(result), None),
        Err(failure) => (None, Some(failure.into_wire())),
    };
    let answer = pb::ActivityResponse {
        instance_id,
        task_id: request.task_id,
        result,
        failure_details: failure,
        completion_token: token,
    };
    let has_result = answer.result.is_some();
    let refused = pb::ActivityResponse {
        instance_id: answer.instance_id.clone(),
        task_id: answer.task_id,
        completion_token: answer.completion_token.clone(),
        ..Default::default()
    };
    let Err(status) = Answer::Activity(answer).offer(shared).await else { return };
    let (instance, activity) = (&refused.instance_id, &request.name);
    match status.code() {
        Code::NotFound => tracing::debug!(instance, activity, "somebody else has answered this activity"),
        Code::ResourceExhausted | Code::OutOfRange | Code::InvalidArgument if has_result => {
            tracing::warn!(instance, activity, %status, "the server refuses a result, failing the activity");
            let failure = Failure::new("ResultRefused", status.message()).non_retriable().into_wire();
            let answer = pb::ActivityResponse { failure_details: Some(failure), ..refused };
            if let Err(status) = Answer::Activity(answer).send(shared).await {
                tracing::warn!(%status, "the server does not take the failure of an activity either");
            }
        }
        _ => tracing::warn!(instance, activity, %status, "result of an activity is lost, it will run again"),
    }
}

/// Runs a batch of an entity's operations as a task of its own and has its answer sent.
///
/// A batch that is lost comes again as it was: nothing of it has happened before the server says so.
pub(super) fn entity(shared: &Arc<Shared>, batch: Batch, token: String, in_hand: InHand) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let name = batch.name();
        let mut answer = shared.registry.batch(batch).await;
        answer.completion_token = token;
        if let Err(status) = Answer::Entity(answer).offer(&shared).await {
            tracing::warn!(name, %status, "answer of an entity is lost, the server will ask again");
        }
        drop(in_hand);
    });
}

/// What a worker has to say about an item it has worked on.
enum Answer {
    Turn(pb::OrchestratorResponse),
    Activity(pb::ActivityResponse),
    Entity(pb::EntityBatchResult),
}

impl Answer {
    async fn send(&self, shared: &Shared) -> Result<(), Status> {
        let link = &shared.link;
        let mut stub = link.stub();
        let taken = match self {
            Self::Turn(answer) => {
                stub.complete_orchestrator_task(link.request_within(answer.clone(), link.deadline)).await
            }
            Self::Entity(answer) => {
                stub.complete_entity_task(link.request_within(answer.clone(), link.deadline)).await
            }
            Self::Activity(answer) => {
                stub.complete_activity_task(link.request_within(answer.clone(), link.deadline)).await
            }
        };
        taken.map(|_| ())
    }

    /// Sends until the server takes it, refuses it for good, or patience ends.
    async fn offer(&self, shared: &Shared) -> Result<(), Status> {
        let begun = tokio::time::Instant::now();
        let mut backoff = Backoff::capped(ANSWER_DELAY_MAX);
        loop {
            let Err(status) = self.send(shared).await else { return Ok(()) };
            if !may_pass(status.code()) || begun.elapsed() > ANSWER_PATIENCE {
                return Err(status);
            }
            tokio::time::sleep(backoff.delay()).await;
        }
    }
}

/// Whether the same answer may be taken later.
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::Unknown
            | Code::Internal
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
    )
}

/// Hands an item back for another worker, without waiting for it to be taken.
pub(super) fn give_back(shared: &Arc<Shared>, kind: Kind, token: String) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move { abandon(&shared, kind, token).await });
}

async fn abandon(shared: &Shared, kind: Kind, completion_token: String) {
    let link = &shared.link;
    let given = match kind {
        Kind::Turn => {
            let request = pb::AbandonOrchestrationTaskRequest { completion_token };
            let request = link.request_within(request, link.deadline);
            link.stub().abandon_task_orchestrator_work_item(request).await.map(|_| ())
        }
        Kind::Activity => {
            let request = pb::AbandonActivityTaskRequest { completion_token };
            let request = link.request_within(request, link.deadline);
            link.stub().abandon_task_activity_work_item(request).await.map(|_| ())
        }
        Kind::Entity => {
            let request = pb::AbandonEntityTaskRequest { completion_token };
            let request = link.request_within(request, link.deadline);
            link.stub().abandon_task_entity_work_item(request).await.map(|_| ())
        }
    };
    if let Err(status) = given {
        // The server finds out by itself when the stream ends.
        tracing::debug!(?kind, %status, "an item could not be given back");
    }
}

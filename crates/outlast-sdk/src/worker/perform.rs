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
use super::batched::{Answered, Outbox};
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

/// How answers reach the server.
#[derive(Clone)]
pub(super) enum Way {
    /// A call each. Turns in hand when their stream is lost come again; the receiver learns of it.
    Calls(watch::Receiver<()>),
    /// Lists, on the stream that the items came on.
    Stream(Outbox),
}

/// Runs a turn on the spot and has its answer sent.
pub(super) fn turn(
    shared: &Arc<Shared>,
    request: pb::OrchestratorRequest,
    token: String,
    (in_hand, way): (InHand, &Way),
) {
    if !request.requires_history_streaming {
        let answer = shared.registry.turn(request, token);
        return answer_turn(shared, answer, (in_hand, way));
    }
    let (shared, way) = (Arc::clone(shared), way.clone());
    tokio::spawn(async move {
        match fetch_history(&shared, request).await {
            Ok(request) => {
                let answer = shared.registry.turn(request, token);
                answer_turn(&shared, answer, (in_hand, &way));
            }
            Err(status) => {
                tracing::warn!(%status, "history of a turn cannot be read, giving the turn back");
                abandon(&shared, Kind::Turn, token).await;
                drop(in_hand);
            }
        }
    });
}

fn answer_turn(shared: &Arc<Shared>, answer: pb::OrchestratorResponse, (in_hand, way): (InHand, &Way)) {
    match way {
        // A stream that has ended needs no answer: the turn comes again.
        Way::Stream(outbox) => drop(outbox.put(Answered::Turn(answer, in_hand))),
        Way::Calls(stream_gone) => {
            let (shared, stream_gone) = (Arc::clone(shared), stream_gone.clone());
            tokio::spawn(async move {
                call_with_turn(&shared, answer, stream_gone).await;
                drop(in_hand);
            });
        }
    }
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

async fn call_with_turn(shared: &Shared, answer: pb::OrchestratorResponse, mut gone: watch::Receiver<()>) {
    let token = answer.completion_token.clone();
    let answer = Answer::Turn(answer);
    let sent = tokio::select! {
        biased;
        sent = answer.offer(shared) => sent,
        // The sender sends nothing, so this is the end of the stream.
        _ = gone.changed() => return,
    };
    if let Err(status) = sent {
        turn_refused(shared, token, status).await;
    }
}

/// The server does not take a turn's answer.
pub(super) async fn turn_refused(shared: &Shared, token: String, status: Status) {
    match status.code() {
        Code::NotFound => tracing::debug!("somebody else has done this turn"),
        Code::ResourceExhausted | Code::OutOfRange | Code::InvalidArgument => {
            tracing::warn!(%status, "the server refuses what a turn wants, failing the orchestration");
            let failure = Failure::new("TurnRefused", status.message()).non_retriable();
            if let Err(status) = Answer::Turn(failed_turn(token, failure)).send(shared).await {
                tracing::warn!(%status, "the server does not take the failure of a turn either");
            }
        }
        _ => tracing::warn!(%status, "answer to a turn is lost, the server will ask again"),
    }
}

fn failed_turn(token: String, failure: Failure) -> pb::OrchestratorResponse {
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
    pb::OrchestratorResponse { actions: vec![action], completion_token: token, ..Default::default() }
}

/// Runs an activity as a task of its own, within the limit, and has its answer sent.
pub(super) fn activity(
    shared: &Arc<Shared>,
    request: pb::ActivityRequest,
    token: String,
    (in_hand, way): (InHand, &Way),
) {
    let (shared, way) = (Arc::clone(shared), way.clone());
    tokio::spawn(async move {
        let permit = Arc::clone(&shared.activities).acquire_owned().await;
        let context = ActivityContext::new(&request);
        let observer = &shared.registry.observer;
        let result = observer.activity(&request.name, run_activity(&shared, context, &request)).await;
        drop(permit);
        let answered = Answered::Activity(response(request, token, result), in_hand);
        let left = match way {
            Way::Stream(outbox) => outbox.put(answered).err().map(|answered| *answered),
            Way::Calls(_) => Some(answered),
        };
        if let Some(Answered::Activity(answer, in_hand)) = left {
            call_with_activity(&shared, answer).await;
            drop(in_hand);
        }
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

fn response(
    request: pb::ActivityRequest,
    completion_token: String,
    result: Result<String, Failure>,
) -> pb::ActivityResponse {
    let (result, failure) = match result {
        Ok(result) => (Some(result), None),
        Err(failure) => (None, Some(failure.into_wire())),
    };
    pb::ActivityResponse {
        instance_id: request.orchestration_instance.map(|instance| instance.instance_id).unwrap_or_default(),
        task_id: request.task_id,
        result,
        failure_details: failure,
        completion_token,
    }
}

/// Brings an activity's outcome by a call, as often as it takes.
pub(super) async fn call_with_activity(shared: &Shared, answer: pb::ActivityResponse) {
    let answer = Answer::Activity(answer);
    let Err(status) = answer.offer(shared).await else { return };
    if let Answer::Activity(answer) = answer {
        activity_refused(shared, answer, status).await;
    }
}

/// The server does not take an activity's outcome.
pub(super) async fn activity_refused(shared: &Shared, answer: pb::ActivityResponse, status: Status) {
    let (instance, task) = (answer.instance_id.clone(), answer.task_id);
    match status.code() {
        Code::NotFound => tracing::debug!(instance, task, "somebody else has answered this activity"),
        Code::ResourceExhausted | Code::OutOfRange | Code::InvalidArgument if answer.result.is_some() => {
            tracing::warn!(instance, task, %status, "the server refuses a result, failing the activity");
            let failure = Failure::new("ResultRefused", status.message()).non_retriable().into_wire();
            let answer = pb::ActivityResponse { result: None, failure_details: Some(failure), ..answer };
            if let Err(status) = Answer::Activity(answer).send(shared).await {
                tracing::warn!(%status, "the server does not take the failure of an activity either");
            }
        }
        _ => tracing::warn!(instance, task, %status, "result of an activity is lost, it will run again"),
    }
}

/// Runs a batch of an entity's operations as a task of its own and has its answer sent.
///
/// A batch that is lost comes again as it was: nothing of it has happened before the server says so.
pub(super) fn entity(shared: &Arc<Shared>, batch: Batch, token: String, (in_hand, way): (InHand, &Way)) {
    let (shared, way) = (Arc::clone(shared), way.clone());
    tokio::spawn(async move {
        let mut answer = shared.registry.batch(batch).await;
        answer.completion_token = token;
        match way {
            // A stream that has ended needs no answer: the batch comes again.
            Way::Stream(outbox) => drop(outbox.put(Answered::Batch(answer, in_hand))),
            Way::Calls(_) => {
                if let Err(status) = Answer::Entity(answer).offer(&shared).await {
                    batch_refused(&status);
                }
                drop(in_hand);
            }
        }
    });
}

/// The server does not take a batch's answer: the operations come again, to whoever takes them.
pub(super) fn batch_refused(status: &Status) {
    match status.code() {
        Code::NotFound => tracing::debug!("somebody else has done this batch"),
        _ => tracing::warn!(%status, "answer of an entity is lost, the server will ask again"),
    }
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
        let pb::CompleteTaskResponse {} = match self {
            Self::Turn(answer) => {
                link.call("/TaskHubSidecarService/CompleteOrchestratorTask", answer, link.deadline).await?
            }
            Self::Entity(answer) => {
                link.call("/TaskHubSidecarService/CompleteEntityTask", answer, link.deadline).await?
            }
            Self::Activity(answer) => {
                link.call("/TaskHubSidecarService/CompleteActivityTask", answer, link.deadline).await?
            }
        };
        Ok(())
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
pub(super) fn may_pass(code: Code) -> bool {
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

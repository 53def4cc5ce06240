//! Runs the operations that the server has for one entity, one after the other.
//!
//! Each operation is a transaction: if it fails, the state is what it was before and nothing that it
//! asked for happens. Not here: where batches come from and answers go (`worker`).

use std::pin::Pin;
use std::time::SystemTime;

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::operation_result::ResultType as Outcome;

use super::{Entity, EntityContext, EntityId};
use crate::activity::Guarded;
use crate::failure::Failure;
use crate::resources::Resources;
use crate::{time, value};

/// A running batch.
pub(crate) type Running = Pin<Box<dyn Future<Output = pb::EntityBatchResult> + Send>>;

/// Runs batches for entities of one name.
pub(crate) type Function = Box<dyn Fn(Batch) -> Running + Send + Sync>;

/// What the server has for one entity.
#[derive(Debug)]
pub(crate) struct Batch {
    id: String,
    state: Option<String>,
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    name: String,
    input: Option<String>,
    info: pb::OperationInfo,
}

impl Batch {
    /// From the older form of the protocol.
    pub(crate) fn from_v1(request: pb::EntityBatchRequest) -> Self {
        let operations = request.operations.into_iter().map(|operation| Operation {
            name: operation.operation,
            input: operation.input,
            info: pb::OperationInfo { request_id: operation.request_id, response_destination: None },
        });
        Self { id: request.instance_id, state: request.entity_state, operations: operations.collect() }
    }

    /// From the newer form, in which operations are events.
    pub(crate) fn from_v2(request: pb::EntityRequest) -> Self {
        let operations = request.operation_requests.into_iter().filter_map(operation);
        Self { id: request.instance_id, state: request.entity_state, operations: operations.collect() }
    }

    /// The name of the entity's kind.
    pub(crate) fn name(&self) -> String {
        EntityId::parse(&self.id).map(|id| id.name().to_owned()).unwrap_or_default()
    }
}

fn operation(event: pb::HistoryEvent) -> Option<Operation> {
    match event.event_type? {
        Event::EntityOperationSignaled(signal) => Some(Operation {
            name: signal.operation,
            input: signal.input,
            info: pb::OperationInfo { request_id: signal.request_id, response_destination: None },
        }),
        Event::EntityOperationCalled(call) => {
            let destination = call.parent_instance_id.map(|instance_id| pb::OrchestrationInstance {
                instance_id,
                execution_id: call.parent_execution_id,
            });
            Some(Operation {
                name: call.operation,
                input: call.input,
                info: pb::OperationInfo { request_id: call.request_id, response_destination: destination },
            })
        }
        _ => None,
    }
}

/// A batch for which this worker has no code.
pub(crate) fn unknown(name: &str) -> pb::EntityBatchResult {
    let message = format!("no entity '{name}' is registered with this worker");
    let failure_details = Some(Failure::new("EntityTaskNotFound", message).into_wire());
    pb::EntityBatchResult { failure_details, ..Default::default() }
}

/// Performs the whole batch on the state.
pub(crate) async fn run<N: Entity>(batch: Batch, resources: Resources) -> pb::EntityBatchResult {
    let id = EntityId::parse(&batch.id).unwrap_or_else(|| EntityId::of::<N>(batch.id.clone()));
    let mut held = match Held::<N>::new(batch.state) {
        Ok(held) => held,
        Err(failure) => {
            let failure_details = Some(failure.into_wire());
            return pb::EntityBatchResult { failure_details, ..Default::default() };
        }
    };
    let mut result = pb::EntityBatchResult::default();
    for operation in batch.operations {
        let begun = time::to_wire(SystemTime::now());
        let mut ctx = EntityContext::new(id.clone(), resources.clone());
        let performed = perform(&mut held.state, &mut ctx, &operation).await;
        let outcome = match performed.and_then(|output| held.keep(ctx).map(|actions| (output, actions))) {
            Ok((output, actions)) => {
                let numbered = actions.into_iter().zip(i32::try_from(result.actions.len()).unwrap_or(0)..);
                result.actions.extend(
                    numbered
                        .map(|(action, id)| pb::OperationAction { id, operation_action_type: Some(action) }),
                );
                success(output, begun)
            }
            Err(failure) => {
                held.roll_back();
                refused(failure, begun)
            }
        };
        result.results.push(pb::OperationResult { result_type: Some(outcome) });
        result.operation_infos.push(operation.info);
    }
    result.entity_state = held.written;
    result
}

async fn perform<N: Entity>(
    state: &mut N,
    ctx: &mut EntityContext,
    operation: &Operation,
) -> Result<String, Failure> {
    Guarded(Box::pin(state.perform(ctx, &operation.name, operation.input.as_deref()))).await
}

fn success(output: String, begun: prost_types::Timestamp) -> Outcome {
    Outcome::Success(pb::OperationResultSuccess {
        result: Some(output),
        start_time_utc: Some(begun),
        end_time_utc: Some(time::to_wire(SystemTime::now())),
    })
}

fn refused(failure: Failure, begun: prost_types::Timestamp) -> Outcome {
    Outcome::Failure(pb::OperationResultFailure {
        failure_details: Some(failure.into_wire()),
        start_time_utc: Some(begun),
        end_time_utc: Some(time::to_wire(SystemTime::now())),
    })
}

/// A state and how it was written when the last operation that succeeded had ended.
struct Held<N> {
    state: N,
    written: Option<String>,
}

impl<N: Entity> Held<N> {
    fn new(written: Option<String>) -> Result<Self, Failure> {
        let state = match &written {
            None => N::default(),
            Some(text) => value::read(Some(text)).map_err(|error| {
                Failure::new(crate::failure::SERIALIZATION, format!("the state cannot be read: {error}"))
            })?,
        };
        Ok(Self { state, written })
    }

    /// Keeps what an operation has done, and gives what it asked for.
    fn keep(
        &mut self,
        ctx: EntityContext,
    ) -> Result<Vec<pb::operation_action::OperationActionType>, Failure> {
        let (actions, is_deleted) = ctx.end();
        if is_deleted {
            *self = Self { state: N::default(), written: None };
        } else {
            self.written = Some(value::write(&self.state)?);
        }
        Ok(actions)
    }

    fn roll_back(&mut self) {
        // What was written can be read: it was when the batch came, or this type wrote it.
        self.state =
            self.written.as_deref().and_then(|text| value::read(Some(text)).ok()).unwrap_or_default();
    }
}

//! What entities are asked and answer: each operation in its turn, each lock in its order.
//!
//! - `requests`: clients
//! - `batch`: workers' answers, and batches nobody can answer
//! - `asking`: orchestrations that signal, call, lock and unlock
//! - `locking`: lock requests on their way through the entities
//!
//! Not here: the rows (`state::entities`). Entities and orchestrations talk through the outbox only,
//! also within one partition, so that both ends know one way of arriving once and in order.

pub(super) mod asking;
pub(super) mod batch;
pub(super) mod locking;
pub(super) mod requests;

use bytes::Bytes;
use prost::Message as _;

use crate::event::{EventKind, FailureDetails, HistoryEvent};
use crate::id::{EntityId, InstanceId};
use crate::limits;
use crate::partition::apply::lifecycle;
use crate::partition::command::{
    EntityOperation, EntityReplied, MessageBody, OperationResult, StartDetached,
};
use crate::partition::state::entities::mailbox::{Caller, MailKind, caller_of};
use crate::partition::state::instances::Birth;
use crate::partition::state::{State, keys};
use crate::rows::Loaded;
use crate::time::Timestamp;

const MAILBOX_FULL: &str = "EntityMailboxFull";
const STUCK: &str = "EntityStuck";

/// Whether an operation found a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Waits,
    NoRoom,
}

/// An operation of an orchestration or an entity arrives. Nobody could be told that a signal found
/// no room, so it is always kept; a call's author is told, and goes on.
pub(super) fn receive(state: &mut State, operation: &EntityOperation) -> Loaded<()> {
    let caller = caller_of(&operation.event);
    let Some(caller) = caller else { return arrive(state, operation, u32::MAX).map(|_| ()) };
    if let Some(reason) = state.entity_named(&operation.entity)?.and_then(|entity| entity.row.stuck) {
        let message = format!("{} is stuck: {reason}", operation.entity);
        return reply(state, &caller, failed(STUCK, message));
    }
    match arrive(state, operation, limits::MAILBOX_LENGTH_MAX)? {
        Arrival::Waits => Ok(()),
        Arrival::NoRoom => {
            let message = format!(
                "{} has {} operations waiting already; nothing was changed",
                operation.entity,
                limits::MAILBOX_LENGTH_MAX
            );
            reply(state, &caller, failed(MAILBOX_FULL, message))
        }
    }
}

/// Puts an operation into its entity's mailbox, or keeps it until its time.
fn arrive(state: &mut State, operation: &EntityOperation, length_max: u32) -> Loaded<Arrival> {
    let Ok(id) = EntityId::parse(&operation.entity) else { return Ok(Arrival::Waits) };
    if let Some(due) = due(&operation.event).filter(|due| *due > state.at) {
        state.schedule_operation(due, operation.clone());
        return Ok(Arrival::Waits);
    }
    let mut entity = state.entity_or_new(&id)?;
    if entity.backlog() >= length_max {
        return Ok(Arrival::NoRoom);
    }
    let event = HistoryEvent { timestamp: Some(state.at.into()), ..HistoryEvent::clone(&operation.event) };
    let mail = MailKind::Operation(Bytes::from(event.encode_to_vec()));
    state.push_mail(&mut entity, &mail)?;
    state.settle(entity)?;
    Ok(Arrival::Waits)
}

fn due(event: &HistoryEvent) -> Option<Timestamp> {
    let Some(EventKind::EntityOperationSignaled(signaled)) = &event.kind else {
        let Some(EventKind::EntityOperationCalled(called)) = &event.kind else { return None };
        return called.scheduled_time.map(Timestamp::from);
    };
    signaled.scheduled_time.map(Timestamp::from)
}

/// Delivers a page of the operations whose time has come. True: there are more.
pub(super) fn deliver_due(state: &mut State, after_now: Timestamp) -> Loaded<bool> {
    let due = state.due_operations(after_now, limits::CASCADE_ROWS_MAX)?;
    let entities = due.iter().filter_map(|(_, row)| EntityId::parse(&row.operation.entity).ok());
    state.tx.want(entities.map(|id| keys::entity(&id)))?;
    for (key, row) in &due {
        state.tx.remove(key.clone())?;
        receive(state, &row.operation)?;
    }
    Ok(due.len() >= limits::CASCADE_ROWS_MAX)
}

fn failed(kind: &str, message: String) -> OperationResult {
    OperationResult { output: None, failure: Some(FailureDetails::new(kind, message)) }
}

/// Tells a caller what came of its call.
fn reply(state: &mut State, caller: &Caller, mut result: OperationResult) -> Loaded<()> {
    let Ok(target) = InstanceId::parse(&caller.instance) else { return Ok(()) };
    if let Some(failure) = &mut result.failure {
        failure.truncate();
    }
    let replied = EntityReplied {
        instance: caller.instance.clone(),
        execution: caller.execution.clone(),
        request: caller.request.clone(),
        result,
    };
    state.send(&target, MessageBody::EntityReplied(replied))
}

/// An entity or a schedule starts an orchestration; where its id is in use, that one goes on undisturbed.
pub(super) fn start_detached(state: &mut State, message: &StartDetached) -> Loaded<()> {
    let Ok(id) = InstanceId::parse(&message.instance) else { return Ok(()) };
    if EntityId::is_meant(id.as_str()) || state.instance(&id)?.is_some() {
        return Ok(());
    }
    let birth = Birth {
        name: message.name.clone(),
        version: message.version.clone(),
        execution: message.execution.clone(),
        tags: message.tags.clone(),
        trace: message.trace.clone(),
        parent: None,
        scheduled_start: lifecycle::start_time(message.scheduled_start),
    };
    lifecycle::create(state, &id, birth, message.input.clone())
}

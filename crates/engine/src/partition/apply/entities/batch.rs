//! A worker answers an entity's batch: what came of each operation, the new state, what it asks for.
//!
//! Not here: running operations. The answer counts only if epoch, life and turn are exact; then one
//! entry takes the operations out, sets the state, answers the callers and sends what was asked for,
//! or nothing of it. What the answer leaves out is handed out again, in its old order.

use bytes::Bytes;

use crate::id::{EntityId, InstanceId};
use crate::limits;
use crate::mutants;
use crate::partition::apply::entities::{STUCK, failed, reply};
use crate::partition::command::{
    AdvanceEntity, CompleteEntityBatch, MarkEntityStuck, MessageBody, OperationActionKind, RequestId,
    StartDetached,
};
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::partition::state::entities::mailbox::{MailKind, caller_of, read_operation};
use crate::partition::state::entities::{AnsweredBatch, Entity};
use crate::rows::Loaded;

pub(in crate::partition::apply) fn complete(
    state: &mut State,
    command: &CompleteEntityBatch,
) -> Loaded<Reply> {
    let found = state.entity_named(&command.entity)?;
    let Some(mut entity) = found.filter(|entity| entity.row.execution == command.execution) else {
        let repeated = state.answered(Some(&answer_of(command)))?;
        return Ok(repeated.unwrap_or(Reply::Refused(Refusal::StaleWorkItem)));
    };
    let again = mutants::active(mutants::BATCH_APPLIED_TWICE);
    let answered = AnsweredBatch::of(command);
    if entity.row.answered == Some(answered) && !again {
        return Ok(Reply::Unchanged);
    }
    if !is_current(state, &entity, command) && !again {
        return Ok(Reply::Refused(Refusal::StaleWorkItem));
    }
    entity.row.answered = Some(answered);
    entity.row.turn += 1;
    take(state, &mut entity, command)?;
    if command.keeps_state {
        entity.row.modified = Some(state.at.into());
    } else {
        state.set_state(&mut entity, command.state.clone())?;
    }
    for action in &command.actions {
        perform(state, &entity.id, action.kind.as_ref())?;
    }
    let id = entity.id.clone();
    state.settle(entity)?;
    if state.entity(&id)?.is_none() {
        // The row that tells a repeat from a stale answer has gone with the entity.
        state.remember(Some(&answer_of(command)), &Reply::Unchanged)?;
    }
    Ok(Reply::Done)
}

/// Names an answer, for as long as a client's request is remembered.
fn answer_of(command: &CompleteEntityBatch) -> RequestId {
    let CompleteEntityBatch { entity, execution, epoch, turn, .. } = command;
    let source = format!("batch {entity} {execution} {}.{}", epoch.lease, epoch.term);
    RequestId { source, counter: *turn }
}

fn is_current(state: &State, entity: &Entity, command: &CompleteEntityBatch) -> bool {
    let epoch = command.epoch;
    let ours =
        epoch.lineage == state.meta.lineage && epoch.lease == state.meta.lease && epoch.term == state.id.term;
    ours && command.turn == entity.row.turn
        && command.delivered <= entity.backlog()
        && u32::try_from(command.results.len()).is_ok_and(|count| count <= command.delivered)
}

/// Takes what was done, and answers those who wait for it.
fn take(state: &mut State, entity: &mut Entity, command: &CompleteEntityBatch) -> Loaded<()> {
    let count = u32::try_from(command.results.len()).unwrap_or(u32::MAX);
    let done = state.take_operations(entity, count)?;
    for (event, result) in done.into_iter().zip(&command.results) {
        if let Some(caller) = caller_of(&read_operation(event)) {
            reply(state, &caller, result.clone())?;
        }
    }
    if mutants::active(mutants::MAILBOX_REORDERED) {
        for event in state.take_operations(entity, command.delivered.saturating_sub(count))? {
            state.push_mail(entity, &MailKind::Operation(event))?;
        }
    }
    Ok(())
}

fn perform(state: &mut State, from: &EntityId, action: Option<&OperationActionKind>) -> Loaded<()> {
    match action {
        Some(OperationActionKind::Signal(operation)) => {
            let Ok(target) = EntityId::parse(&operation.entity) else { return Ok(()) };
            let mut operation = operation.clone();
            target.as_str().clone_into(&mut operation.entity);
            state.send(target.as_instance(), MessageBody::EntityOperation(operation))
        }
        Some(OperationActionKind::Start(start)) => {
            let execution = state.next_task().execution(from.as_str());
            let instance = if start.instance.is_empty() { &execution } else { &start.instance };
            let Ok(target) = InstanceId::parse(instance) else { return Ok(()) };
            let instance = instance.clone();
            let start = StartDetached { instance, execution, ..StartDetached::clone(start) };
            state.send(&target, MessageBody::StartDetached(start))
        }
        // An action of a later version: nothing happens, on every replica alike.
        None => Ok(()),
    }
}

/// Holds an entity that no worker can run. Those who wait for an answer get one, because they may
/// hold locks that others wait for; what nobody waits for stays.
pub(in crate::partition::apply) fn mark_stuck(state: &mut State, command: &MarkEntityStuck) -> Loaded<Reply> {
    let found = state.entity_named(&command.entity)?.filter(|entity| {
        entity.row.execution == command.execution
            && entity.row.turn == command.turn
            && entity.row.stuck.is_none()
            && command.delivered <= entity.backlog()
    });
    let Some(mut entity) = found else { return Ok(Reply::Unchanged) };
    let mut signals: Vec<Bytes> = Vec::new();
    for event in state.take_operations(&mut entity, command.delivered)? {
        match caller_of(&read_operation(event.clone())) {
            Some(caller) => reply(state, &caller, failed(STUCK, command.reason.clone()))?,
            None => signals.push(event),
        }
    }
    state.put_operations_back(&mut entity, signals)?;
    entity.row.turn += 1;
    entity.row.stuck = Some(command.reason.clone());
    entity.row.sifting = entity.row.lock.is_none();
    state.settle(entity)?;
    Ok(Reply::Done)
}

/// Goes on passing over cancelled lock requests, or failing the calls that wait for a stuck entity.
pub(in crate::partition::apply) fn advance(state: &mut State, command: &AdvanceEntity) -> Loaded<()> {
    let Some(mut entity) = state.entity_named(&command.entity)? else { return Ok(()) };
    if entity.row.sifting {
        sift(state, &mut entity)?;
    } else if !entity.row.advancing {
        return Ok(());
    }
    state.settle(entity)
}

/// Fails a page of the calls that wait for a stuck entity. What nobody waits for goes, in its order,
/// to the end of what is ahead, which comes before all that still waits. A lock request cannot fail,
/// so it ends the sifting: whoever waits behind it waits for its holder.
fn sift(state: &mut State, entity: &mut Entity) -> Loaded<()> {
    let waiting = state.take_waiting_operations(entity, limits::CASCADE_ROWS_MAX)?;
    entity.row.sifting = waiting.len() >= limits::CASCADE_ROWS_MAX;
    let reason = entity.row.stuck.clone().unwrap_or_default();
    for event in waiting {
        match caller_of(&read_operation(event.clone())) {
            Some(caller) => reply(state, &caller, failed(STUCK, reason.clone()))?,
            None => state.push_ahead(entity, &MailKind::Operation(event))?,
        }
    }
    Ok(())
}

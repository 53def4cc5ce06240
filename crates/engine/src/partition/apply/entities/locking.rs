//! Lock requests on their way through the entities, and the three ways a lock is given back.
//!
//! ```text
//! orchestration --LockEntities--> first --LockEntities--> … --> last --LocksGranted--> orchestration
//!               --CancelLocks---> first --CancelLocks---> … where the request still waits: it ends
//!               --UnlockEntity--> each, once all are held
//! ```
//!
//! A cancellation takes the request's own way and so never overtakes it: it finds each entity either
//! locked by the request, or with the request waiting.

use crate::id::{EntityId, InstanceId};
use crate::partition::command::{CancelLocks, LockEntities, MessageBody, Section, UnlockEntity};
use crate::partition::state::State;
use crate::rows::Loaded;

/// A request arrives at its next entity.
pub(in crate::partition::apply) fn receive_request(state: &mut State, request: &LockEntities) -> Loaded<()> {
    let Some(id) = target(request) else { return Ok(()) };
    let mut entity = state.entity_or_new(&id)?;
    state.push_lock_request(&mut entity, request.clone())?;
    state.settle(entity)
}

fn target(request: &LockEntities) -> Option<EntityId> {
    let entity = request.entities.get(usize::try_from(request.position).ok()?)?;
    EntityId::parse(entity).ok()
}

/// A cancellation arrives at its next entity.
pub(in crate::partition::apply) fn receive_cancellation(
    state: &mut State,
    message: &CancelLocks,
) -> Loaded<()> {
    let request = &message.request;
    let Some(id) = target(request) else { return Ok(()) };
    if let Some(mut entity) = state.entity(&id)? {
        if state.end_lock_request(&entity, &request.section)? {
            return state.settle(entity);
        }
        state.release_lock(&mut entity, &request.section)?;
        state.settle(entity)?;
    }
    let position = request.position.saturating_add(1);
    cancel(state, LockEntities { position, ..request.clone() })
}

/// Sends a cancellation to its next entity, if there is one.
pub(super) fn cancel(state: &mut State, request: LockEntities) -> Loaded<()> {
    match target(&request) {
        Some(id) => state.send(id.as_instance(), MessageBody::CancelLocks(CancelLocks { request })),
        None => Ok(()),
    }
}

/// A section gives a lock back.
pub(in crate::partition::apply) fn receive_unlock(state: &mut State, message: &UnlockEntity) -> Loaded<()> {
    let Some(mut entity) = state.entity_named(&message.entity)? else { return Ok(()) };
    if state.release_lock(&mut entity, &message.section)? {
        state.settle(entity)?;
    }
    Ok(())
}

/// Sends a lock back.
pub(super) fn unlock(state: &mut State, entity: &str, section: &Section) -> Loaded<()> {
    let Ok(id) = InstanceId::parse(entity) else { return Ok(()) };
    let message = UnlockEntity { entity: entity.to_owned(), section: section.clone() };
    state.send(&id, MessageBody::UnlockEntity(message))
}

//! Orchestrations signal, call, lock and unlock entities, and hear what came of it.
//!
//! Not here: what the entities do (`entities`). An execution has at most one critical section, and
//! whatever ends the execution ends the section: that is the engine's to do, because nobody else is
//! sure to be there.

use std::collections::BTreeSet;

use crate::event::{
    Action, ActionKind, EntityLockGranted, EntityLockRequested, EntityMessage, EntityOperationCalled,
    EntityOperationCompleted, EntityOperationFailed, EntityOperationSignaled, EntityUnlockSent, EventKind,
    FailureDetails, HistoryEvent,
};
use crate::id::EntityId;
use crate::limits;
use crate::mutants;
use crate::partition::apply::entities::locking;
use crate::partition::apply::event;
use crate::partition::command::{
    EntityOperation, EntityReplied, LockEntities, LocksGranted, MessageBody, Section,
};
use crate::partition::state::State;
use crate::partition::state::activities::Listener;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::{Instance, OpenSection};
use crate::rows::Loaded;

const INVALID_ENTITY: &str = "InvalidEntity";
const INVALID_SECTION: &str = "InvalidCriticalSection";

/// Why a turn's list cannot be done for what it asks of entities, if so.
pub(in crate::partition::apply) fn refusal(
    instance: &Instance,
    actions: &[Action],
) -> Option<FailureDetails> {
    let mut open = instance.row.section.as_ref().map(|section| {
        let left: BTreeSet<String> = section.entities.iter().cloned().collect();
        (section.id.clone(), left)
    });
    for action in actions {
        let Some(ActionKind::SendEntityMessage(message)) = &action.kind else { continue };
        match &message.kind {
            None => return Some(refused(INVALID_ENTITY, "an entity message of no kind".to_owned())),
            Some(EntityMessage::EntityOperationSignaled(signal)) => {
                if let Err(failure) = target(signal.target_instance_id.as_ref()) {
                    return Some(failure);
                }
            }
            Some(EntityMessage::EntityOperationCalled(_)) => {}
            Some(EntityMessage::EntityUnlockSent(unlock)) => {
                let unlocked = canonical(unlock.target_instance_id.as_ref());
                if let Some((id, left)) = &mut open
                    && *id == unlock.critical_section_id
                {
                    left.remove(&unlocked);
                }
                open = open.filter(|(_, left)| !left.is_empty());
            }
            Some(EntityMessage::EntityLockRequested(request)) => {
                if let Some((inside, _)) = &open {
                    let message = format!(
                        "the critical section {} is requested inside of {inside}: whoever holds locks and \
                         waits for more may wait in a circle",
                        request.critical_section_id
                    );
                    return Some(refused(INVALID_SECTION, message));
                }
                match lock_set(request) {
                    Ok(entities) => open = Some((request.critical_section_id.clone(), entities)),
                    Err(failure) => return Some(failure),
                }
            }
        }
    }
    None
}

fn refused(kind: &str, message: String) -> FailureDetails {
    FailureDetails::new(kind, message)
}

fn target(text: Option<&String>) -> Result<EntityId, FailureDetails> {
    let text = text.map_or("", String::as_str);
    EntityId::parse(text).map_err(|problem| {
        let message = format!("the entity {} cannot be asked: {problem}", text.escape_debug());
        refused(INVALID_ENTITY, message)
    })
}

fn canonical(text: Option<&String>) -> String {
    target(text).map_or_else(|_| String::new(), |id| id.as_str().to_owned())
}

/// The entities to lock: each once, in the one order in which all lock.
fn lock_set(request: &EntityLockRequested) -> Result<BTreeSet<String>, FailureDetails> {
    let parsed = request.lock_set.iter().map(|id| target(Some(id)).map(|id| id.as_str().to_owned()));
    let entities: BTreeSet<String> = parsed.collect::<Result<_, _>>()?;
    if entities.len() > limits::LOCK_SET_MAX {
        let message = format!(
            "the critical section {} locks {} entities, more than {}",
            request.critical_section_id,
            entities.len(),
            limits::LOCK_SET_MAX
        );
        return Err(refused(INVALID_SECTION, message));
    }
    Ok(entities)
}

/// Does what an orchestration asks of an entity, and gives the event that confirms it.
pub(in crate::partition::apply) fn perform(
    state: &mut State,
    instance: &mut Instance,
    listener: Listener,
    message: &EntityMessage,
) -> Loaded<EventKind> {
    match message {
        EntityMessage::EntityOperationSignaled(signal) => {
            send_signal(state, signal)?;
            Ok(EventKind::EntityOperationSignaled(signal.clone()))
        }
        EntityMessage::EntityOperationCalled(call) => {
            let called = send_call(state, instance, listener, call)?;
            Ok(EventKind::EntityOperationCalled(called))
        }
        EntityMessage::EntityLockRequested(request) => {
            if listener == Listener::Execution {
                open_section(state, instance, request)?;
            }
            Ok(EventKind::EntityLockRequested(request.clone()))
        }
        EntityMessage::EntityUnlockSent(unlock) => {
            release_one(state, instance, unlock)?;
            Ok(EventKind::EntityUnlockSent(unlock.clone()))
        }
    }
}

fn operation(state: &State, id: &EntityId, kind: EventKind) -> MessageBody {
    let event = Box::new(event(state.at, kind));
    MessageBody::EntityOperation(EntityOperation { entity: id.as_str().to_owned(), event })
}

fn send_signal(state: &mut State, signal: &EntityOperationSignaled) -> Loaded<()> {
    let Ok(id) = target(signal.target_instance_id.as_ref()) else { return Ok(()) };
    let message = operation(state, &id, EventKind::EntityOperationSignaled(signal.clone()));
    state.send(id.as_instance(), message)
}

/// The call as it is recorded: with the execution that is to be answered, which not all SDKs name.
fn send_call(
    state: &mut State,
    instance: &mut Instance,
    listener: Listener,
    call: &EntityOperationCalled,
) -> Loaded<EntityOperationCalled> {
    let called = EntityOperationCalled {
        parent_instance_id: Some(instance.id.as_str().to_owned()),
        parent_execution_id: Some(instance.row.execution.clone()),
        ..call.clone()
    };
    instance.row.open_calls += u32::from(listener == Listener::Execution);
    match target(call.target_instance_id.as_ref()) {
        Ok(id) => {
            let message = operation(state, &id, EventKind::EntityOperationCalled(called.clone()));
            state.send(id.as_instance(), message)?;
        }
        Err(failure) => {
            let failed = outcome(&call.request_id, None, Some(failure));
            record_reply(state, instance, failed)?;
        }
    }
    Ok(called)
}

fn outcome(request: &str, output: Option<String>, failure: Option<FailureDetails>) -> EventKind {
    let request_id = request.to_owned();
    match failure {
        Some(failure) => EventKind::EntityOperationFailed(EntityOperationFailed {
            request_id,
            failure_details: Some(failure),
        }),
        None => EventKind::EntityOperationCompleted(EntityOperationCompleted { request_id, output }),
    }
}

fn record_reply(state: &mut State, instance: &mut Instance, outcome: EventKind) -> Loaded<()> {
    instance.row.open_calls = instance.row.open_calls.saturating_sub(1);
    let outcome = event(state.at, outcome);
    state.push_inbox(instance, Addressee::Execution, &outcome)
}

/// An entity answers. The answer to an execution that is over is dropped.
pub(in crate::partition::apply) fn receive_reply(state: &mut State, message: &EntityReplied) -> Loaded<()> {
    let instance = state.instance_named(&message.instance)?.filter(|instance| !instance.is_ended());
    let any = mutants::active(mutants::REPLY_TO_OLD_EXECUTION);
    let Some(mut instance) = instance.filter(|found| any || found.row.execution == message.execution) else {
        return Ok(());
    };
    let result = message.result.clone();
    record_reply(state, &mut instance, outcome(&message.request, result.output, result.failure))?;
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(())
}

fn section_of(instance: &Instance, id: &str) -> Section {
    Section {
        instance: instance.id.as_str().to_owned(),
        execution: instance.row.execution.clone(),
        id: id.to_owned(),
    }
}

fn open_section(state: &mut State, instance: &mut Instance, request: &EntityLockRequested) -> Loaded<()> {
    let Ok(entities) = lock_set(request) else { return Ok(()) };
    let entities: Vec<String> = entities.into_iter().collect();
    let id = request.critical_section_id.clone();
    let section = section_of(instance, &id);
    if entities.is_empty() {
        let granted = granted(state, id);
        return state.push_inbox(instance, Addressee::Execution, &granted);
    }
    instance.row.section = Some(OpenSection { id, entities: entities.clone(), granted: false });
    state.send_lock_request(LockEntities { section, entities, position: 0 })
}

fn granted(state: &State, critical_section_id: String) -> HistoryEvent {
    event(state.at, EventKind::EntityLockGranted(EntityLockGranted { critical_section_id }))
}

/// All locks of a section are held. Where nobody waits for them any more, they were cancelled.
pub(in crate::partition::apply) fn receive_grant(state: &mut State, message: &LocksGranted) -> Loaded<()> {
    let wanted = &message.section;
    let instance = state.instance_named(&wanted.instance)?.filter(|instance| !instance.is_ended());
    let Some(mut instance) = instance.filter(|found| found.row.execution == wanted.execution) else {
        return Ok(());
    };
    let waiting = instance.row.section.as_mut().filter(|open| open.id == wanted.id && !open.granted);
    let Some(section) = waiting else { return Ok(()) };
    section.granted = true;
    let granted = granted(state, wanted.id.clone());
    state.push_inbox(&mut instance, Addressee::Execution, &granted)?;
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(())
}

fn release_one(state: &mut State, instance: &mut Instance, unlock: &EntityUnlockSent) -> Loaded<()> {
    let open = instance.row.section.as_mut().filter(|open| open.id == unlock.critical_section_id);
    let Some(section) = open else { return Ok(()) };
    if !section.granted {
        return release_section(state, instance);
    }
    let entity = canonical(unlock.target_instance_id.as_ref());
    let Some(position) = section.entities.iter().position(|held| *held == entity) else { return Ok(()) };
    section.entities.remove(position);
    if section.entities.is_empty() {
        instance.row.section = None;
    }
    let section = section_of(instance, &unlock.critical_section_id);
    locking::unlock(state, &entity, &section)
}

/// Gives back whatever the execution holds or waits for: its section is over.
pub(in crate::partition::apply) fn release_section(state: &mut State, instance: &mut Instance) -> Loaded<()> {
    let Some(open) = instance.row.section.take() else { return Ok(()) };
    if mutants::active(mutants::LOCK_KEPT_AFTER_THE_END) {
        return Ok(());
    }
    let section = section_of(instance, &open.id);
    if open.granted {
        return open.entities.iter().try_for_each(|entity| locking::unlock(state, entity, &section));
    }
    locking::cancel(state, LockEntities { section, entities: open.entities, position: 0 })
}

//! Messages of another partition, or of this one to itself, arrive.
//!
//! Not here: sending. Each message is done once: the cursor passes over what has arrived, a gap
//! ends the run, and the acknowledgement says how far it got. Messages of another lineage are
//! parked, because nobody here can know whether they were done before.

use crate::event::{
    EventKind, FailureDetails, SubOrchestrationInstanceCompleted, SubOrchestrationInstanceFailed,
};
use crate::id::{InstanceId, LogId, PartitionId};
use crate::partition::apply::entities::{self, asking, locking};
use crate::partition::apply::lifecycle::{self, Reach};
use crate::partition::apply::{event, rewind, terminate};
use crate::partition::command::{
    ChildEnded, Message, MessageBody, Parent, PurgeInstance, ReceiveMessages, SendEvent, StartChild,
    TerminateInstance,
};
use crate::partition::effect::Effect;
use crate::partition::state::State;
use crate::partition::state::dedup::{OrphanRow, ReceivedRow};
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::{Birth, Instance};
use crate::partition::state::keys::TaskKey;
use crate::rows::Loaded;

const EXISTS: &str = "SubOrchestrationExists";

pub(super) fn apply(state: &mut State, command: &ReceiveMessages) -> Loaded<()> {
    let from = PartitionId(command.from);
    let known = state.received(from)?;
    let other_sender = known.is_some_and(|known| known.lineage != command.from_lineage);
    let strange = other_sender || command.to_lineage != state.meta.lineage;
    let mut cursor = known.unwrap_or(ReceivedRow { lineage: command.from_lineage, last: 0 });
    let mut upto = cursor.last;
    for (offset, message) in (0_u64..).zip(&command.messages) {
        let sequence = command.first.saturating_add(offset);
        if !other_sender && sequence <= cursor.last {
            continue;
        }
        if strange || message.body.is_none() {
            park(state, command, sequence, message)?;
            upto = upto.max(sequence);
        }
        if strange {
            continue;
        }
        if sequence > cursor.last.saturating_add(1) {
            break;
        }
        receive(state, message)?;
        cursor.last = sequence;
        upto = sequence;
    }
    if known != Some(cursor) && !strange {
        state.set_received(from, &cursor)?;
    }
    state.effect(Effect::Acknowledge { to: from, upto });
    Ok(())
}

fn park(state: &mut State, command: &ReceiveMessages, sequence: u64, message: &Message) -> Loaded<()> {
    let row = OrphanRow { message: message.clone(), to_lineage: command.to_lineage, at: state.at.into() };
    state.park(PartitionId(command.from), command.from_lineage, sequence, &row)
}

fn receive(state: &mut State, message: &Message) -> Loaded<()> {
    match &message.body {
        Some(MessageBody::StartChild(message)) => start_child(state, message),
        Some(MessageBody::ChildEnded(message)) => child_ended(state, message),
        Some(MessageBody::SendEvent(message)) => receive_event(state, message),
        Some(MessageBody::TerminateInstance(message)) => terminate_instance(state, message),
        Some(MessageBody::PurgeInstance(message)) => purge_instance(state, message),
        Some(MessageBody::RewindChild(message)) => rewind::receive(state, message),
        Some(MessageBody::EntityOperation(message)) => entities::receive(state, message),
        Some(MessageBody::EntityReplied(message)) => asking::receive_reply(state, message),
        Some(MessageBody::LockEntities(message)) => locking::receive_request(state, message),
        Some(MessageBody::LocksGranted(message)) => asking::receive_grant(state, message),
        Some(MessageBody::UnlockEntity(message)) => locking::receive_unlock(state, message),
        Some(MessageBody::CancelLocks(message)) => locking::receive_cancellation(state, message),
        Some(MessageBody::StartDetached(message)) => entities::start_detached(state, message),
        None => Ok(()),
    }
}

pub(super) fn start_child(state: &mut State, message: &StartChild) -> Loaded<()> {
    let Ok(id) = InstanceId::parse(&message.instance) else { return Ok(()) };
    if let Some(existing) = state.instance(&id)? {
        // Retries start the same child again after it ended.
        if !(existing.is_ended() && is_child_of(&existing, &message.parent)) {
            let text =
                format!("an instance {id} exists and is not an ended child of {}", message.parent.instance);
            let failure = FailureDetails::new(EXISTS, text);
            return lifecycle::send_child_ended(state, message.parent.clone(), None, Some(failure));
        }
        lifecycle::remove(state, &existing, Reach::Instance)?;
    }
    let birth = Birth {
        name: message.name.clone(),
        version: message.version.clone(),
        execution: message.execution.clone(),
        tags: message.tags.clone(),
        trace: message.trace.clone(),
        parent: Some(message.parent.clone()),
        scheduled_start: None,
    };
    lifecycle::create(state, &id, birth, message.input.clone())
}

/// Whichever of the parent's executions it was that started it.
pub(super) fn is_child_of(instance: &Instance, parent: &Parent) -> bool {
    instance.row.parent.as_ref().is_some_and(|known| known.instance == parent.instance)
}

fn child_ended(state: &mut State, message: &ChildEnded) -> Loaded<()> {
    let parent = &message.parent;
    let instance = state.instance_named(&parent.instance)?;
    let current =
        instance.filter(|instance| !instance.is_ended() && instance.row.execution == parent.execution);
    let Some(mut instance) = current else { return Ok(()) };
    let by = LogId { term: parent.term, index: parent.index };
    if !state.close_child(&mut instance, TaskKey { by, ordinal: parent.ordinal })? {
        return Ok(());
    }
    let task_scheduled_id = parent.task;
    let kind = match message.failure.clone() {
        Some(failure) => EventKind::SubOrchestrationInstanceFailed(SubOrchestrationInstanceFailed {
            task_scheduled_id,
            failure_details: Some(failure),
        }),
        None => EventKind::SubOrchestrationInstanceCompleted(SubOrchestrationInstanceCompleted {
            task_scheduled_id,
            result: message.result.clone(),
        }),
    };
    let ended = event(state.at, kind);
    state.push_inbox(&mut instance, Addressee::Execution, &ended)?;
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(())
}

fn receive_event(state: &mut State, message: &SendEvent) -> Loaded<()> {
    let instance = state.instance_named(&message.instance)?.filter(|instance| !instance.is_ended());
    let Some(mut instance) = instance else { return Ok(()) };
    if !matches!(message.event.kind, Some(EventKind::EventRaised(_))) {
        return Ok(());
    }
    let mut raised = message.event.clone();
    raised.timestamp = Some(state.at.into());
    state.push_inbox(&mut instance, Addressee::Instance, &raised)?;
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(())
}

fn terminate_instance(state: &mut State, message: &TerminateInstance) -> Loaded<()> {
    let Some(mut instance) = state.instance_named(&message.instance)? else { return Ok(()) };
    if message.parent.is_some() && message.parent != instance.row.parent {
        return Ok(());
    }
    terminate::terminate(state, &mut instance, message.output.clone(), message.recursive).map(|_| ())
}

fn purge_instance(state: &mut State, message: &PurgeInstance) -> Loaded<()> {
    let instance = state.instance_named(&message.instance)?;
    let meant =
        instance.filter(|found| found.is_ended() && found.row.parent.as_ref() == Some(&message.parent));
    match meant {
        Some(instance) => lifecycle::remove(state, &instance, Reach::Children),
        None => Ok(()),
    }
}

//! Clients signal entities, delete their state, and put right what nobody else can.
//!
//! Not here: reading (`view::entities`).

use crate::limits;
use crate::partition::apply::entities::{Arrival, arrive};
use crate::partition::command::{DeleteEntity, EntityOperation, ReleaseLock, ResumeEntity, SignalEntity};
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::rows::Loaded;

pub(in crate::partition::apply) fn signal(state: &mut State, command: &SignalEntity) -> Loaded<Reply> {
    let operation = EntityOperation { entity: command.entity.clone(), event: command.event.clone() };
    Ok(match arrive(state, &operation, limits::MAILBOX_LENGTH_MAX)? {
        Arrival::Waits => Reply::Done,
        Arrival::NoRoom => Reply::Refused(Refusal::MailboxFull),
    })
}

/// What waits finds the entity without a state. A batch that is out is handed out again, or it would
/// bring the old state back.
pub(in crate::partition::apply) fn delete(state: &mut State, command: &DeleteEntity) -> Loaded<Reply> {
    let found = state.entity_named(&command.entity)?.filter(|entity| entity.row.state_bytes.is_some());
    let Some(mut entity) = found else { return Ok(Reply::Purged { count: 0 }) };
    state.set_state(&mut entity, None)?;
    entity.row.turn += 1;
    state.settle(entity)?;
    Ok(Reply::Purged { count: 1 })
}

pub(in crate::partition::apply) fn release_lock(state: &mut State, command: &ReleaseLock) -> Loaded<Reply> {
    let Some(mut entity) = state.entity_named(&command.entity)? else { return Ok(Reply::Unchanged) };
    if !state.release_lock(&mut entity, &command.section)? {
        return Ok(Reply::Unchanged);
    }
    state.settle(entity)?;
    Ok(Reply::Done)
}

pub(in crate::partition::apply) fn resume(state: &mut State, command: &ResumeEntity) -> Loaded<Reply> {
    let Some(mut entity) = state.entity_named(&command.entity)? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    if entity.row.stuck.take().is_none() {
        return Ok(Reply::Unchanged);
    }
    entity.row.sifting = false;
    state.settle(entity)?;
    Ok(Reply::Done)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message as _;

    use super::*;
    use crate::event::{EntityOperationCalled, EntityOperationSignaled, EventKind, HistoryEvent};
    use crate::id::{EntityId, LogId};
    use crate::partition::command::MessageBody;
    use crate::partition::state::entities::EntityRow;
    use crate::partition::state::keys;
    use crate::partition::state::queue::{QueueChunk, QueueHead};
    use crate::rows::{Needs, WorkingSet};
    use crate::time::Timestamp;

    const ENTITY: &str = "@counter@a";

    /// An entity in whose mailbox so many wait, of which only the last chunk is looked at.
    fn waiting(length: u32) -> WorkingSet {
        let mut rows = WorkingSet::new();
        let id = EntityId::trusted(ENTITY);
        let head = QueueHead::of_length(length);
        let tail = keys::of(keys::MAILBOX, 1).small(head.chunks().end - 1).key();
        let row =
            EntityRow { number: 1, ahead_number: 2, turn: 1, waiting: Some(head), ..Default::default() };
        rows.load(keys::entity(&id), Some(Bytes::from(row.encode_to_vec()))).expect("a row");
        rows.load(tail, Some(Bytes::from(QueueChunk::default().encode_to_vec()))).expect("a chunk");
        rows
    }

    fn ask<T>(rows: &mut WorkingSet, act: impl Fn(&mut State) -> Result<T, Needs>) -> (T, Vec<MessageBody>) {
        loop {
            let id = LogId { term: 1, index: 1 };
            let asked = State::begin(rows, id, Timestamp::ZERO).and_then(|mut state| {
                let answer = act(&mut state)?;
                Ok((answer, state.sent_messages()))
            });
            match asked {
                Ok(answer) => return answer,
                Err(needs) => needs.keys.into_iter().for_each(|key| rows.load(key, None).expect("absent")),
            }
        }
    }

    fn operation(kind: EventKind) -> EntityOperation {
        let event = Box::new(HistoryEvent { event_id: -1, timestamp: None, kind: Some(kind) });
        EntityOperation { entity: ENTITY.to_owned(), event }
    }

    #[test]
    fn a_mailbox_takes_its_last_signal_and_refuses_the_next() {
        let EntityOperation { entity, event } =
            operation(EventKind::EntityOperationSignaled(EntityOperationSignaled::default()));
        let command = SignalEntity { entity, request: None, event };
        let of = |length| ask(&mut waiting(length), |state| signal(state, &command)).0;
        assert_eq!(of(limits::MAILBOX_LENGTH_MAX - 1), Reply::Done);
        assert_eq!(of(limits::MAILBOX_LENGTH_MAX), Reply::Refused(Refusal::MailboxFull));
    }

    #[test]
    fn a_call_that_finds_no_room_is_answered_and_a_signal_from_inside_always_finds_some() {
        let call = operation(EventKind::EntityOperationCalled(EntityOperationCalled {
            parent_instance_id: Some("a".to_owned()),
            parent_execution_id: Some("e".to_owned()),
            ..Default::default()
        }));
        let inside = operation(EventKind::EntityOperationSignaled(EntityOperationSignaled::default()));
        let of = |operation: &EntityOperation, length| {
            ask(&mut waiting(length), |state| super::super::receive(state, operation)).1
        };
        assert_eq!(of(&call, limits::MAILBOX_LENGTH_MAX - 1), []);
        let refused = of(&call, limits::MAILBOX_LENGTH_MAX);
        let Some(MessageBody::EntityReplied(replied)) = refused.first() else { panic!("{refused:?}") };
        let failure = replied.result.failure.as_ref().expect("a failure");
        assert_eq!(failure.error_type, "EntityMailboxFull");
        assert_eq!(of(&inside, limits::MAILBOX_LENGTH_MAX), []);
    }
}

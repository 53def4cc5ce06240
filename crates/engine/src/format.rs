//! Whether stored bytes are a row of this format version (1): asked once, when they are loaded.
//!
//! Not here: the rows themselves. After this check reading cannot fail, which is what lets `apply`
//! be total.

use bytes::Bytes;
use prost::Message as _;

use crate::catalog::rows as catalog;
use crate::partition::command::Message;
use crate::partition::feed::rows as feed;
use crate::partition::schedules::rows as schedules;
use crate::partition::state::activities::ActivityRow;
use crate::partition::state::children::ChildRow;
use crate::partition::state::dedup::{OrphanRow, ReceivedRow};
use crate::partition::state::entities::EntityRow;
use crate::partition::state::entities::locks::{LockRequestRow, LockedRow};
use crate::partition::state::entities::mailbox::MailKind;
use crate::partition::state::entities::scheduled::ScheduledRow;
use crate::partition::state::finished::FinishedRow;
use crate::partition::state::history::read_chunk;
use crate::partition::state::inbox::InboxItem;
use crate::partition::state::instances::InstanceRow;
use crate::partition::state::keys;
use crate::partition::state::listed::ListedRow;
use crate::partition::state::meta::MetaRow;
use crate::partition::state::outbox::OutboxCursor;
use crate::partition::state::payloads::{IdleRow, PayloadRow};
use crate::partition::state::queue::QueueChunk;
use crate::partition::state::requests::{RequestAgeRow, RequestRow};
use crate::partition::state::sweeps::SweepRow;
use crate::partition::state::terminations::TerminationRow;
use crate::partition::state::timers::{DueRow, TimerRow};
use crate::partition::state::values::ValueRow;
use crate::rows::{Key, Row};

/// An error text where `value` is not what the room of `key` holds.
pub(crate) fn check(key: &Key, value: &Bytes) -> Result<(), String> {
    match key.room() {
        keys::META => is::<MetaRow>(value),
        keys::INSTANCE => instance(value),
        keys::VALUE | keys::ACTIVITY_INPUT => is::<ValueRow>(value),
        keys::HISTORY => read_chunk(value).map(|_| ()),
        keys::INBOX => inbox(value),
        keys::ACTIVITY => is::<ActivityRow>(value),
        keys::CHILD => is::<ChildRow>(value),
        keys::TIMER_DUE => is::<DueRow>(value),
        keys::TIMER => is::<TimerRow>(value),
        keys::OUTBOX => is::<Message>(value),
        keys::OUTBOX_CURSOR => is::<OutboxCursor>(value),
        keys::RECEIVED => is::<ReceivedRow>(value),
        keys::ORPHAN => is::<OrphanRow>(value),
        keys::REQUEST => is::<RequestRow>(value),
        keys::REQUEST_AGE => is::<RequestAgeRow>(value),
        keys::SWEEP => is::<SweepRow>(value),
        keys::TERMINATION => is::<TerminationRow>(value),
        keys::FINISHED => is::<FinishedRow>(value),
        keys::LISTED => is::<ListedRow>(value),
        feed::EVENT => is::<feed::EventRow>(value),
        feed::CURSOR => is::<feed::CursorRow>(value),
        feed::LETTER => is::<feed::LetterRow>(value),
        keys::ENTITY => is::<EntityRow>(value),
        keys::ENTITY_STATE => is::<ValueRow>(value),
        keys::MAILBOX => mailbox(value),
        keys::SCHEDULED => is::<ScheduledRow>(value),
        keys::LOCK_REQUEST => is::<LockRequestRow>(value),
        keys::LOCKED => is::<LockedRow>(value),
        schedules::SCHEDULE => is::<schedules::ScheduleRow>(value),
        schedules::DUE => is::<schedules::DueRow>(value),
        keys::PAYLOAD => is::<PayloadRow>(value),
        // The text itself.
        keys::PAYLOAD_PART => Ok(()),
        keys::PAYLOAD_IDLE => is::<IdleRow>(value),
        catalog::META => is::<catalog::CatalogRow>(value),
        catalog::HUB => is::<catalog::HubRow>(value),
        catalog::NODE => is::<catalog::NodeRow>(value),
        catalog::NODE_NAME | catalog::NODE_JOIN => is::<catalog::NumberRow>(value),
        catalog::PLACEMENT => is::<catalog::PlacementRow>(value),
        catalog::PLACED => is::<catalog::PlacedRow>(value),
        tag => Err(format!("no room has the tag {tag:#04x}")),
    }
}

fn is<R: Row>(value: &Bytes) -> Result<(), String> {
    R::decode(value.clone()).map(|_| ()).map_err(|error| error.to_string())
}

fn inbox(value: &Bytes) -> Result<(), String> {
    let chunk = QueueChunk::decode(value.clone()).map_err(|error| error.to_string())?;
    InboxItem::check(&chunk)
}

fn mailbox(value: &Bytes) -> Result<(), String> {
    let chunk = QueueChunk::decode(value.clone()).map_err(|error| error.to_string())?;
    MailKind::check(&chunk)
}

fn instance(value: &Bytes) -> Result<(), String> {
    let row = InstanceRow::decode(value.clone()).map_err(|error| error.to_string())?;
    if row.status.is_none() {
        return Err("an instance has no status".to_owned());
    }
    if !row.values_are_known() {
        return Err(format!("an instance names unknown texts: {:#x}", row.values));
    }
    Ok(())
}

/// Golden rows are read without losing a field: a number that changed would show here.
#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Bytes {
        let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
        let (pairs, _) = digits.as_chunks::<2>();
        pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).unwrap()).collect()
    }

    fn rewrite<R: Row>(value: &Bytes) -> Vec<u8> {
        R::decode(value.clone()).unwrap().encode_to_vec()
    }

    #[test]
    fn rows_of_version_1_lose_nothing_when_they_are_read() {
        let first = include_str!("../tests/formats/v1/rows.txt").lines();
        let later = include_str!("../tests/formats/v1/rows-entities.txt").lines();
        let payloads = include_str!("../tests/formats/v1/rows-payloads.txt").lines();
        for line in first.chain(later).chain(payloads) {
            let (key, value) = line.split_once(' ').unwrap();
            let (key, value) = (Key::from_bytes(unhex(key)), unhex(value));
            check(&key, &value).unwrap();
            let again = match key.room() {
                keys::META => rewrite::<MetaRow>(&value),
                keys::INSTANCE => rewrite::<InstanceRow>(&value),
                keys::VALUE | keys::ACTIVITY_INPUT => rewrite::<ValueRow>(&value),
                keys::INBOX => rewrite::<QueueChunk>(&value),
                keys::ACTIVITY => rewrite::<ActivityRow>(&value),
                keys::CHILD => rewrite::<ChildRow>(&value),
                keys::TIMER_DUE => rewrite::<DueRow>(&value),
                keys::TIMER => rewrite::<TimerRow>(&value),
                keys::OUTBOX => rewrite::<Message>(&value),
                keys::OUTBOX_CURSOR => rewrite::<OutboxCursor>(&value),
                keys::RECEIVED => rewrite::<ReceivedRow>(&value),
                keys::ORPHAN => rewrite::<OrphanRow>(&value),
                keys::REQUEST => rewrite::<RequestRow>(&value),
                keys::REQUEST_AGE => rewrite::<RequestAgeRow>(&value),
                keys::SWEEP => rewrite::<SweepRow>(&value),
                keys::TERMINATION => rewrite::<TerminationRow>(&value),
                keys::FINISHED => rewrite::<FinishedRow>(&value),
                keys::LISTED => rewrite::<ListedRow>(&value),
                keys::ENTITY => rewrite::<EntityRow>(&value),
                keys::ENTITY_STATE => rewrite::<ValueRow>(&value),
                keys::MAILBOX => rewrite::<QueueChunk>(&value),
                keys::SCHEDULED => rewrite::<ScheduledRow>(&value),
                keys::LOCK_REQUEST => rewrite::<LockRequestRow>(&value),
                keys::LOCKED => rewrite::<LockedRow>(&value),
                keys::PAYLOAD => rewrite::<PayloadRow>(&value),
                keys::PAYLOAD_IDLE => rewrite::<IdleRow>(&value),
                _ => value.to_vec(),
            };
            assert!(again.len() == value.len(), "{key:?} changes when it is written again");
        }
    }

    #[test]
    fn bytes_that_are_no_row_are_refused_with_the_reason() {
        let key = Key::from_bytes(Bytes::from_static(&[keys::INSTANCE, b'a']));
        assert!(check(&key, &Bytes::new()).unwrap_err().contains("no status"));
        let key = Key::from_bytes(Bytes::from_static(&[0x7f]));
        assert!(check(&key, &Bytes::new()).unwrap_err().contains("0x7f"));
        let key = Key::from_bytes(Bytes::from_static(&[keys::HISTORY]));
        assert!(check(&key, &Bytes::from_static(&[0x1a, 9, 1])).unwrap_err().contains("inside an event"));
    }
}

//! The keys of a partition's rooms (version 1 of the format): tags are never used again.
//!
//! Not here: what the rows hold (each room's own file). Most keys hold the number of an execution
//! or of an instance's life instead of its id: numbers are never reused, so what an old execution
//! left behind cannot be taken for a new one's and may be swept later.

use crate::id::{EntityId, InstanceId, LogId, PartitionId, fmix64, fnv1a64};
use crate::partition::command::{RequestId, Section};
use crate::payload::PayloadHash;
use crate::rows::{Key, KeyBuilder};
use crate::time::Timestamp;

pub(crate) const META: u8 = 0x01;
pub(crate) const INSTANCE: u8 = 0x02;
pub(crate) const VALUE: u8 = 0x03;
pub(crate) const HISTORY: u8 = 0x04;
pub(crate) const INBOX: u8 = 0x05;
pub(crate) const ACTIVITY: u8 = 0x06;
pub(crate) const ACTIVITY_INPUT: u8 = 0x07;
pub(crate) const CHILD: u8 = 0x08;
pub(crate) const TIMER_DUE: u8 = 0x09;
pub(crate) const TIMER: u8 = 0x0a;
pub(crate) const OUTBOX: u8 = 0x0b;
pub(crate) const OUTBOX_CURSOR: u8 = 0x0c;
pub(crate) const RECEIVED: u8 = 0x0d;
pub(crate) const ORPHAN: u8 = 0x0e;
pub(crate) const REQUEST: u8 = 0x0f;
pub(crate) const REQUEST_AGE: u8 = 0x10;
pub(crate) const SWEEP: u8 = 0x11;
pub(crate) const TERMINATION: u8 = 0x12;
pub(crate) const FINISHED: u8 = 0x13;
pub(crate) const LISTED: u8 = 0x18;
pub(crate) const ENTITY: u8 = 0x20;
pub(crate) const ENTITY_STATE: u8 = 0x21;
pub(crate) const MAILBOX: u8 = 0x22;
pub(crate) const SCHEDULED: u8 = 0x23;
pub(crate) const LOCK_REQUEST: u8 = 0x24;
pub(crate) const LOCKED: u8 = 0x25;
pub(crate) const PAYLOAD: u8 = 0x50;
pub(crate) const PAYLOAD_PART: u8 = 0x51;
pub(crate) const PAYLOAD_IDLE: u8 = 0x52;

/// Which entry made a task, and which of that entry's tasks of the kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskKey {
    pub(crate) by: LogId,
    pub(crate) ordinal: u32,
}

impl TaskKey {
    fn on(self, builder: KeyBuilder) -> KeyBuilder {
        builder.number(self.by.term).number(self.by.index).small(self.ordinal)
    }

    /// An execution id that every replica computes alike: 32 hex digits from what it comes out of
    /// and the entry that makes it.
    pub(crate) fn execution(self, from: &str) -> String {
        let origin = fnv1a64(from.as_bytes());
        let seed = [self.by.term, self.by.index, u64::from(self.ordinal)];
        let half = |start: u64| {
            seed.iter().fold(fmix64(origin ^ start), |hash, part| fmix64(hash ^ part).rotate_left(17))
        };
        format!("{:016x}{:016x}", half(0x9e37_79b9_7f4a_7c15), half(0xd1b5_4a32_d192_ed03))
    }
}

pub(crate) fn meta() -> Key {
    KeyBuilder::room(META).key()
}

pub(crate) fn instance(id: &InstanceId) -> Key {
    KeyBuilder::room(INSTANCE).text(id.as_str()).key()
}

/// One of an instance's texts; which one is [`super::values::Value`]'s number.
pub(crate) fn value(life: u64, which: u8) -> Key {
    KeyBuilder::room(VALUE).number(life).byte(which).key()
}

pub(crate) fn history(execution: u64, chunk: u32) -> Key {
    KeyBuilder::room(HISTORY).number(execution).small(chunk).key()
}

pub(crate) fn inbox(life: u64, chunk: u32) -> Key {
    KeyBuilder::room(INBOX).number(life).small(chunk).key()
}

pub(crate) fn activity(execution: u64, task: TaskKey) -> Key {
    task.on(KeyBuilder::room(ACTIVITY).number(execution)).key()
}

pub(crate) fn activity_input(execution: u64, task: TaskKey) -> Key {
    task.on(KeyBuilder::room(ACTIVITY_INPUT).number(execution)).key()
}

/// The task in the key of an activity or a child.
pub(crate) fn task_of(key: &Key) -> Option<TaskKey> {
    let parts = key.as_bytes().get(9..)?;
    let term = u64::from_be_bytes(*parts.first_chunk()?);
    let index = u64::from_be_bytes(*parts.get(8..)?.first_chunk()?);
    let ordinal = u32::from_be_bytes(*parts.get(16..)?.first_chunk()?);
    Some(TaskKey { by: LogId { term, index }, ordinal })
}

pub(crate) fn child(execution: u64, task: TaskKey) -> Key {
    task.on(KeyBuilder::room(CHILD).number(execution)).key()
}

pub(crate) fn timer_due(due: Timestamp, execution: u64, task: TaskKey) -> Key {
    task.on(KeyBuilder::room(TIMER_DUE).time(due).number(execution)).key()
}

pub(crate) fn timer(execution: u64, task: TaskKey) -> Key {
    task.on(KeyBuilder::room(TIMER).number(execution)).key()
}

/// Everything of one room that belongs to an execution or a life.
pub(crate) fn of(room: u8, number: u64) -> KeyBuilder {
    KeyBuilder::room(room).number(number)
}

pub(crate) fn outbox(to: PartitionId, sequence: u64) -> Key {
    KeyBuilder::room(OUTBOX).small(to.0).number(sequence).key()
}

pub(crate) fn outbox_cursor(to: PartitionId) -> Key {
    KeyBuilder::room(OUTBOX_CURSOR).small(to.0).key()
}

pub(crate) fn received(from: PartitionId) -> Key {
    KeyBuilder::room(RECEIVED).small(from.0).key()
}

pub(crate) fn orphan(from: PartitionId, lineage: u64, sequence: u64) -> Key {
    KeyBuilder::room(ORPHAN).small(from.0).number(lineage).number(sequence).key()
}

pub(crate) fn request(id: &RequestId) -> Key {
    KeyBuilder::room(REQUEST).bounded_text(&id.source).number(id.counter).key()
}

pub(crate) fn request_age(at: Timestamp, id: &RequestId) -> Key {
    KeyBuilder::room(REQUEST_AGE).time(at).bounded_text(&id.source).number(id.counter).key()
}

pub(crate) fn sweep(id: &InstanceId, number: u64) -> Key {
    KeyBuilder::room(SWEEP).bounded_text(id.as_str()).number(number).key()
}

pub(crate) fn termination(id: &InstanceId) -> Key {
    KeyBuilder::room(TERMINATION).text(id.as_str()).key()
}

pub(crate) fn finished(at: Timestamp, id: &InstanceId) -> Key {
    KeyBuilder::room(FINISHED).time(at).text(id.as_str()).key()
}

/// On which list an instance is; which one is [`super::listed::Listed`]'s number.
pub(crate) fn listed(list: u8, id: &InstanceId) -> Key {
    KeyBuilder::room(LISTED).byte(list).text(id.as_str()).key()
}

pub(crate) fn entity(id: &EntityId) -> Key {
    KeyBuilder::room(ENTITY).text(id.as_str()).key()
}

pub(crate) fn entity_state(number: u64) -> Key {
    KeyBuilder::room(ENTITY_STATE).number(number).key()
}

/// An operation that waits for its time.
pub(crate) fn scheduled(due: Timestamp, task: TaskKey) -> Key {
    task.on(KeyBuilder::room(SCHEDULED).time(due)).key()
}

/// A critical section that waits for the lock of an entity, named by the number of the entity's life.
pub(crate) fn lock_request(number: u64, section: &Section) -> Key {
    let key = KeyBuilder::room(LOCK_REQUEST).number(number).bounded_text(&section.instance);
    key.bounded_text(&section.execution).text(&section.id).key()
}

pub(crate) fn locked(id: &EntityId) -> Key {
    KeyBuilder::room(LOCKED).text(id.as_str()).key()
}

/// A large text, by its content.
pub(crate) fn payload(hash: PayloadHash) -> Key {
    KeyBuilder::room(PAYLOAD).bytes(&hash.0).key()
}

pub(crate) fn payload_part(hash: PayloadHash, part: u32) -> Key {
    KeyBuilder::room(PAYLOAD_PART).bytes(&hash.0).small(part).key()
}

pub(crate) fn payload_idle(until: Timestamp, hash: PayloadHash) -> Key {
    KeyBuilder::room(PAYLOAD_IDLE).time(until).bytes(&hash.0).key()
}

/// Whether a row of this key may name large texts: neither those themselves nor the partition's own row.
pub(crate) fn holds_references(key: &Key) -> bool {
    !matches!(key.room(), META | PAYLOAD | PAYLOAD_PART | PAYLOAD_IDLE)
}

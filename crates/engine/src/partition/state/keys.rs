//! The keys of a partition's rooms (version 1 of the format): tags are never used again.
//!
//! Not here: what the rows hold (each room's own file). Most keys hold the number of an execution
//! or of an instance's life instead of its id: numbers are never reused, so what an old execution
//! left behind cannot be taken for a new one's and may be swept later.

use crate::id::{InstanceId, LogId, PartitionId};
use crate::partition::command::RequestId;
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

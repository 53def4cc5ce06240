//! The bytes a worker gets: a `WorkItem` message, put together from stored bytes.
//!
//! History is kept in the form in which it is sent (`pastEvents`, field 3), so the past of an
//! orchestration is copied and never encoded again, however long it is. Not here: what is in a turn
//! (`engine::partition::view`) and who gets it.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use engine::id::{Epoch, HubId, InstanceId, LogId};
use engine::partition::command::{ActivityKey, Command, MarkEntityStuck, MarkStuck};
use engine::partition::view;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use super::board::Assignment;
use super::token::{Task, Token};

// Field numbers of `orchestrator_service.proto`.
const WORK_ITEM_ORCHESTRATOR: u32 = 1;
const WORK_ITEM_ACTIVITY: u32 = 2;
const WORK_ITEM_BATCH: u32 = 5;
const WORK_ITEM_TOKEN: u32 = 10;
const ORCHESTRATOR_INSTANCE: u32 = 1;
const ORCHESTRATOR_EXECUTION: u32 = 2;
const ORCHESTRATOR_NEW_EVENTS: u32 = 4;
const ORCHESTRATOR_STREAMING: u32 = 6;
const ORCHESTRATOR_TRACE: u32 = 8;
const BATCH_INSTANCE: u32 = 1;
const BATCH_EXECUTION: u32 = 2;
const BATCH_STATE: u32 = 3;
const BATCH_OPERATIONS: u32 = 4;
const ACTIVITY_NAME: u32 = 1;
const ACTIVITY_VERSION: u32 = 2;
const ACTIVITY_INPUT: u32 = 3;
const ACTIVITY_INSTANCE: u32 = 4;
const ACTIVITY_TASK: u32 = 5;
const ACTIVITY_TRACE: u32 = 6;
const ACTIVITY_TAGS: u32 = 7;

/// `entityParameters` (field 5) with a reorder window (field 1) of zero.
const ENTITY_PARAMETERS: [u8; 4] = [0x2a, 2, 0x0a, 0];

/// Work that has been built for a worker, and the epoch it was built in.
#[derive(Debug, Clone)]
pub enum Item {
    /// An orchestrator turn.
    Turn(view::Turn, Epoch),
    /// An activity.
    Activity(view::ActivityTask, Epoch),
    /// An entity's batch.
    Batch(view::Batch, Epoch),
}

/// How a worker is given a long past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// Always in the work item.
    Inline,
    /// A past of more than 1 MiB is left out: the worker reads it itself.
    Streamed,
}

/// A shorter past is in the work item even of workers that can read it themselves: one message is
/// cheaper than a call.
const STREAMED_PAST_BYTES_MIN: usize = 1 << 20;

/// How much was encoded and how much was copied as it is stored, since the process began.
#[derive(Debug, Default)]
pub struct Counts {
    turns: AtomicU64,
    activities: AtomicU64,
    batches: AtomicU64,
    operations: AtomicU64,
    bytes: AtomicU64,
    bytes_spliced: AtomicU64,
    events_new: AtomicU64,
}

/// A reading of [`Counts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountsView {
    /// Turns handed out.
    pub turns: u64,
    /// Activities handed out.
    pub activities: u64,
    /// Entity batches handed out.
    pub batches: u64,
    /// Operations in these batches.
    pub operations: u64,
    /// Bytes of work items and of pasts that workers read themselves, all in all.
    pub bytes: u64,
    /// Of these, bytes of history copied as they are stored.
    pub bytes_spliced: u64,
    /// New events, each encoded once in its life: when it arrived.
    pub events_new: u64,
}

impl Counts {
    /// A worker has read so many bytes of a past itself.
    pub fn past_read(&self, bytes: usize) {
        add(&self.bytes, bytes);
        add(&self.bytes_spliced, bytes);
    }

    /// What has been counted so far.
    pub fn view(&self) -> CountsView {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CountsView {
            turns: of(&self.turns),
            activities: of(&self.activities),
            batches: of(&self.batches),
            operations: of(&self.operations),
            bytes: of(&self.bytes),
            bytes_spliced: of(&self.bytes_spliced),
            events_new: of(&self.events_new),
        }
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
}

/// A work item on its way, or why not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Encoded {
    Bytes(Bytes),
    TooLarge { bytes: usize },
}

impl Item {
    fn epoch(&self) -> Epoch {
        match self {
            Self::Turn(_, epoch) | Self::Activity(_, epoch) | Self::Batch(_, epoch) => *epoch,
        }
    }

    /// What the worker will send back.
    pub(super) fn token(&self, hub: HubId, assignment: &Assignment) -> Token {
        let (instance, execution, task) = match self {
            Self::Turn(turn, _) => (turn.instance.clone(), &turn.execution, turn_task(turn)),
            Self::Activity(activity, _) => {
                (instance_of(&activity.key), &activity.execution, activity_task(activity))
            }
            Self::Batch(batch, _) => {
                (batch.entity.as_instance().clone(), &batch.execution, batch_task(batch))
            }
        };
        Token {
            hub,
            partition: assignment.partition,
            epoch: self.epoch(),
            instance,
            execution: execution.clone(),
            task,
            attempt: assignment.attempt,
            hand_out: assignment.hand_out,
        }
    }

    /// The command that records why nobody can be given this item.
    pub(super) fn mark_stuck(&self, reason: String) -> Command {
        let (instance, execution, activity) = match self {
            Self::Turn(turn, _) => (turn.instance.as_str(), &turn.execution, None),
            Self::Activity(task, _) => (task.key.instance.as_str(), &task.execution, Some(task.key.clone())),
            Self::Batch(batch, _) => {
                return Command::MarkEntityStuck(MarkEntityStuck {
                    entity: batch.entity.as_str().to_owned(),
                    execution: batch.execution.clone(),
                    turn: batch.turn,
                    delivered: u32::try_from(batch.operations.len()).unwrap_or(u32::MAX),
                    reason,
                });
            }
        };
        let (instance, execution) = (instance.to_owned(), execution.clone());
        Command::MarkStuck(MarkStuck { instance, execution, activity, reason })
    }

    /// The encoded `WorkItem`, unless it has more than `bytes_max` bytes, which workers would not accept.
    pub(super) fn encode(&self, token: &str, (past, bytes_max): (Past, usize), counts: &Counts) -> Encoded {
        let (field, length) = match self {
            Self::Turn(turn, _) => (WORK_ITEM_ORCHESTRATOR, turn_len(turn, past)),
            Self::Activity(activity, _) => (WORK_ITEM_ACTIVITY, activity_len(activity)),
            Self::Batch(batch, _) => (WORK_ITEM_BATCH, batch_len(batch)),
        };
        let bytes = message_len(field, length) + string_len(WORK_ITEM_TOKEN, token);
        if bytes > bytes_max {
            return Encoded::TooLarge { bytes };
        }
        let mut out = BytesMut::with_capacity(bytes);
        put_header(&mut out, field, length);
        match self {
            Self::Turn(turn, _) => {
                put_turn(&mut out, turn, past);
                add(&counts.turns, 1);
                add(&counts.bytes_spliced, past.len_inline(turn).unwrap_or(0));
                add(&counts.events_new, turn.new_events.len());
            }
            Self::Activity(activity, _) => {
                put_activity(&mut out, activity);
                add(&counts.activities, 1);
            }
            Self::Batch(batch, _) => {
                put_batch(&mut out, batch);
                add(&counts.batches, 1);
                add(&counts.operations, batch.operations.len());
            }
        }
        put_string(&mut out, WORK_ITEM_TOKEN, token);
        debug_assert_eq!(out.len(), bytes, "a work item's length was foretold");
        add(&counts.bytes, bytes);
        Encoded::Bytes(out.freeze())
    }
}

/// Why an item that was tried `attempts` times is not tried again.
pub(super) fn failed_too_often(attempts: u32) -> String {
    format!(
        "handed out {attempts} times, and each worker went away, took too long or gave an answer that cannot be used"
    )
}

/// Why an item of `bytes` bytes is not sent.
pub(super) fn too_large(bytes: usize, bytes_max: usize) -> String {
    let mib = |bytes: usize| bytes.div_ceil(1 << 20);
    format!(
        "a work item of {} MiB, with its history and large values, exceeds what connected workers can \
         accept ({} MiB); use continue-as-new, let workers accept more and raise work.item_bytes_max, or \
         use a worker with history streaming",
        mib(bytes),
        mib(bytes_max)
    )
}

fn instance_of(key: &ActivityKey) -> InstanceId {
    InstanceId::parse(&key.instance).expect("an activity's instance was parsed before it was stored")
}

fn turn_task(turn: &view::Turn) -> Task {
    Task::Turn { turn: turn.turn, delivered: turn.delivered, started_at: turn.started_at }
}

fn activity_task(activity: &view::ActivityTask) -> Task {
    let scheduled_by = LogId { term: activity.key.term, index: activity.key.index };
    Task::Activity { scheduled_by, ordinal: activity.key.ordinal, task: activity.task }
}

fn batch_task(batch: &view::Batch) -> Task {
    Task::Batch { turn: batch.turn, delivered: u32::try_from(batch.operations.len()).unwrap_or(u32::MAX) }
}

impl Past {
    /// The bytes of past that go into the work item; `None`: the worker reads them itself.
    fn len_inline(self, turn: &view::Turn) -> Option<usize> {
        match self {
            Self::Streamed if turn.past_bytes > STREAMED_PAST_BYTES_MIN => None,
            Self::Streamed | Self::Inline => Some(turn.past_bytes),
        }
    }
}

fn turn_len(turn: &view::Turn, past: Past) -> usize {
    let new = |event: &Bytes| message_len(ORCHESTRATOR_NEW_EVENTS, event.len());
    string_len(ORCHESTRATOR_INSTANCE, turn.instance.as_str())
        + value_len(ORCHESTRATOR_EXECUTION, &turn.execution)
        + past.len_inline(turn).unwrap_or(prost::encoding::bool::encoded_len(ORCHESTRATOR_STREAMING, &true))
        + turn.new_events.iter().map(new).sum::<usize>()
        + ENTITY_PARAMETERS.len()
        + turn.trace.as_ref().map_or(0, |trace| message_len(ORCHESTRATOR_TRACE, trace.encoded_len()))
}

fn put_turn(out: &mut BytesMut, turn: &view::Turn, past: Past) {
    let inline = past.len_inline(turn).is_some();
    put_string(out, ORCHESTRATOR_INSTANCE, turn.instance.as_str());
    put_value(out, ORCHESTRATOR_EXECUTION, &turn.execution);
    if inline {
        turn.past.iter().for_each(|chunk| out.put_slice(chunk));
    }
    for event in &turn.new_events {
        put_header(out, ORCHESTRATOR_NEW_EVENTS, event.len());
        out.put_slice(event);
    }
    out.put_slice(&ENTITY_PARAMETERS);
    if !inline {
        prost::encoding::bool::encode(ORCHESTRATOR_STREAMING, &true, out);
    }
    if let Some(trace) = &turn.trace {
        put_message(out, ORCHESTRATOR_TRACE, trace);
    }
}

/// The second form of the message: its operations are history events, which are stored as they are
/// sent. Every current worker takes it, and in the first form .NET forgets the token.
fn batch_len(batch: &view::Batch) -> usize {
    let operation = |event: &Bytes| message_len(BATCH_OPERATIONS, event.len());
    string_len(BATCH_INSTANCE, batch.entity.as_str())
        + string_len(BATCH_EXECUTION, &batch.execution)
        + batch.state.as_ref().map_or(0, |state| value_len(BATCH_STATE, state))
        + batch.operations.iter().map(operation).sum::<usize>()
}

fn put_batch(out: &mut BytesMut, batch: &view::Batch) {
    put_string(out, BATCH_INSTANCE, batch.entity.as_str());
    put_string(out, BATCH_EXECUTION, &batch.execution);
    if let Some(state) = &batch.state {
        put_value(out, BATCH_STATE, state);
    }
    for event in &batch.operations {
        put_header(out, BATCH_OPERATIONS, event.len());
        out.put_slice(event);
    }
}

fn activity_instance_len(activity: &view::ActivityTask) -> usize {
    string_len(1, &activity.key.instance) + value_len(2, &activity.execution)
}

fn activity_len(activity: &view::ActivityTask) -> usize {
    string_len(ACTIVITY_NAME, &activity.name)
        + activity.version.as_ref().map_or(0, |version| value_len(ACTIVITY_VERSION, version))
        + activity.input.as_ref().map_or(0, |input| value_len(ACTIVITY_INPUT, input))
        + message_len(ACTIVITY_INSTANCE, activity_instance_len(activity))
        + prost::encoding::int32::encoded_len(ACTIVITY_TASK, &activity.task)
        + activity.trace.as_ref().map_or(0, |trace| message_len(ACTIVITY_TRACE, trace.encoded_len()))
        + activity
            .tags
            .iter()
            .map(|(key, value)| message_len(ACTIVITY_TAGS, tag_len(key, value)))
            .sum::<usize>()
}

fn put_activity(out: &mut BytesMut, activity: &view::ActivityTask) {
    put_string(out, ACTIVITY_NAME, &activity.name);
    if let Some(version) = &activity.version {
        put_value(out, ACTIVITY_VERSION, version);
    }
    if let Some(input) = &activity.input {
        put_value(out, ACTIVITY_INPUT, input);
    }
    put_header(out, ACTIVITY_INSTANCE, activity_instance_len(activity));
    put_string(out, 1, &activity.key.instance);
    put_value(out, 2, &activity.execution);
    prost::encoding::int32::encode(ACTIVITY_TASK, &activity.task, out);
    if let Some(trace) = &activity.trace {
        put_message(out, ACTIVITY_TRACE, trace);
    }
    for (key, value) in &activity.tags {
        put_header(out, ACTIVITY_TAGS, tag_len(key, value));
        put_string(out, 1, key);
        put_string(out, 2, value);
    }
}

fn tag_len(key: &str, value: &str) -> usize {
    string_len(1, key) + string_len(2, value)
}

fn varint(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn message_len(field: u32, length: usize) -> usize {
    key_len(field) + encoded_len_varint(varint(length)) + length
}

/// An empty string is not sent: that is its default.
fn string_len(field: u32, text: &str) -> usize {
    if text.is_empty() { 0 } else { message_len(field, text.len()) }
}

/// A `google.protobuf.StringValue`: present even where it is empty.
fn value_len(field: u32, text: &str) -> usize {
    message_len(field, string_len(1, text))
}

fn put_header(out: &mut BytesMut, field: u32, length: usize) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(varint(length), out);
}

fn put_string(out: &mut BytesMut, field: u32, text: &str) {
    if !text.is_empty() {
        put_header(out, field, text.len());
        out.put_slice(text.as_bytes());
    }
}

fn put_value(out: &mut BytesMut, field: u32, text: &str) {
    put_header(out, field, string_len(1, text));
    put_string(out, 1, text);
}

fn put_message(out: &mut BytesMut, field: u32, message: &impl Message) {
    put_header(out, field, message.encoded_len());
    message.encode_raw(out);
}

#[cfg(test)]
#[path = "work_item_tests.rs"]
mod tests;

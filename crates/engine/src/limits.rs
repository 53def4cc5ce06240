//! Every bound of the machines, with its unit and why.
//!
//! Not here: settings an operator may change (`server::config`). These are part of the format: all
//! replicas must agree on them, so a change is a new format version.

/// Characters (Unicode scalar values) in an instance id: the SDKs' own bound.
pub const INSTANCE_ID_CHARS_MAX: usize = 100;
/// Bytes in an instance id: 100 characters of 4 bytes.
pub const INSTANCE_ID_BYTES_MAX: usize = 400;
/// Bytes in an orchestration, activity or event name, and in a version.
pub const NAME_BYTES_MAX: usize = 1_024;
/// Bytes in one value: an input, a result, what an event carries, an entity's state. As much as the
/// published SDKs' own way of keeping large values elsewhere allows, unless they are told otherwise.
pub const VALUE_BYTES_MAX: usize = 10 << 20;
/// Bytes in a custom status or a reason: they are shown with every instance, and never held apart.
pub const NOTE_BYTES_MAX: usize = 1 << 20;
/// A value above this many bytes is held apart: once, by its content, and where it would stand there is a
/// short reference. Eight chunks of history or inbox, which are rewritten when they grow.
pub const PAYLOAD_BYTES_MIN: usize = 64 << 10;
/// Bytes of a held-apart value in one log entry: what others of the partition wait behind.
pub const PAYLOAD_PART_BYTES_MAX: usize = 512 << 10;
/// Bytes in one orchestrator turn's answer, all actions together.
pub const TURN_BYTES_MAX: usize = 16 << 20;
/// Bytes in one log entry; storage splits it into frames and commits it whole.
pub const ENTRY_BYTES_MAX: usize = 32 << 20;
/// Bytes in one work item, unless a server is told that its workers take more: what the published
/// workers accept in one message.
pub const WORK_ITEM_BYTES_MAX: usize = 4 << 20;
/// Bytes of a history that can be rewound: it is rewritten by one entry.
pub const REWIND_BYTES_MAX: u64 = 16 << 20;
/// Actions in one turn: a fan-out of 10,000 and room to spare.
pub const TURN_ACTIONS_MAX: usize = 20_000;
/// Events waiting in one instance's inbox; beyond it `raise_event` is refused.
pub const INBOX_EVENTS_MAX: u32 = 100_000;
/// Operations and lock requests waiting for one entity; beyond it a client's signal is refused and
/// an orchestration's call fails.
pub const MAILBOX_LENGTH_MAX: u32 = 100_000;
/// Operations in one entity batch: enough to share a commit among many, few enough that a batch that
/// is done again does not cost much.
pub const BATCH_OPERATIONS_MAX: usize = 100;
/// Bytes of the operations in one entity batch; a single larger one goes alone.
pub const BATCH_BYTES_MAX: usize = 1 << 20;
/// Entities that one critical section locks.
pub const LOCK_SET_MAX: usize = 100;
/// Schedules of one partition: the first page of those that are due is looked for among them.
pub const SCHEDULES_MAX: u64 = 10_000;
/// Tags on one instance.
pub const TAGS_MAX: usize = 64;
/// Depth of nested failure details that is kept.
pub const FAILURE_DEPTH_MAX: usize = 32;
/// Bytes a history or inbox chunk grows to before the next one is begun: small enough that
/// rewriting the last chunk each turn is cheap, large enough that a long history has few.
pub const CHUNK_BYTES: usize = 8 << 10;
/// Rows that one bounded command (due timers, sweeps, purges, hand-outs after a leader change)
/// touches before it asks for a follow-up.
pub const CASCADE_ROWS_MAX: usize = 256;
/// How long a client request's id is remembered, in seconds; beyond it the outcome is unknown.
pub const REQUEST_WINDOW_SECONDS: u64 = 600;

// A turn's answer and its envelope must fit an entry, or an accepted turn could not be logged.
const _: () = assert!(TURN_BYTES_MAX * 2 <= ENTRY_BYTES_MAX);
const _: () = assert!(VALUE_BYTES_MAX < TURN_BYTES_MAX);
const _: () = assert!(PAYLOAD_BYTES_MIN < PAYLOAD_PART_BYTES_MAX);
// A batch goes to the worker together with the entity's state.
const _: () = assert!(BATCH_BYTES_MAX < WORK_ITEM_BYTES_MAX);

//! What partitions tell each other, through the outbox: once and in order.
//!
//! Not here: entities' messages (`entities::command`). Field numbers are the log's format (version 1)
//! and never reused.

use std::collections::BTreeMap;

use crate::event::{FailureDetails, HistoryEvent, TraceContext};
use crate::partition::again::RewindChild;
use crate::partition::entities::command::*;

/// One message between partitions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Message {
    /// What it says.
    #[prost(oneof = "MessageBody", tags = "1, 2, 3, 4, 5, 10, 20, 21, 22, 23, 24, 25, 26")]
    pub body: Option<MessageBody>,
}

/// What one partition tells another.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum MessageBody {
    /// Create a sub-orchestration.
    #[prost(message, tag = "1")]
    StartChild(StartChild),
    /// A sub-orchestration has ended.
    #[prost(message, tag = "2")]
    ChildEnded(ChildEnded),
    /// An orchestration sends an event to another.
    #[prost(message, tag = "3")]
    SendEvent(SendEvent),
    /// Terminate a child, or any instance that an orchestration named.
    #[prost(message, tag = "4")]
    TerminateInstance(TerminateInstance),
    /// Purge a child of a purged parent.
    #[prost(message, tag = "5")]
    PurgeInstance(PurgeInstance),
    /// A rewound parent waits for its child again.
    #[prost(message, tag = "10")]
    RewindChild(RewindChild),
    /// An operation for an entity.
    #[prost(message, tag = "20")]
    EntityOperation(EntityOperation),
    /// What came of a call.
    #[prost(message, tag = "21")]
    EntityReplied(EntityReplied),
    /// A lock request arrives at its next entity.
    #[prost(message, tag = "22")]
    LockEntities(LockEntities),
    /// All locks of a section are held.
    #[prost(message, tag = "23")]
    LocksGranted(LocksGranted),
    /// A section gives one lock back.
    #[prost(message, tag = "24")]
    UnlockEntity(UnlockEntity),
    /// A lock request is not wanted any more.
    #[prost(message, tag = "25")]
    CancelLocks(CancelLocks),
    /// An entity or a schedule starts an orchestration.
    #[prost(message, tag = "26")]
    StartDetached(StartDetached),
}

/// Who started a sub-orchestration, and which of its tasks it is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Parent {
    /// The parent instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// The parent's execution: an end is reported to no other.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// The parent's name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The parent's version.
    #[prost(string, optional, tag = "4")]
    pub version: Option<String>,
    /// The parent's own number for the task.
    #[prost(int32, tag = "5")]
    pub task: i32,
    /// The entry that scheduled it (term, index, ordinal): tells two uses of one task number apart.
    #[prost(uint64, tag = "6")]
    pub term: u64,
    /// See `term`.
    #[prost(uint64, tag = "7")]
    pub index: u64,
    /// See `term`.
    #[prost(uint32, tag = "8")]
    pub ordinal: u32,
}

/// Creates a sub-orchestration.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StartChild {
    /// Who asks.
    #[prost(message, required, tag = "1")]
    pub parent: Parent,
    /// The child instance.
    #[prost(string, tag = "2")]
    pub instance: String,
    /// The child's execution, derived from the scheduling entry.
    #[prost(string, tag = "3")]
    pub execution: String,
    /// The orchestration's name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// The version asked for.
    #[prost(string, optional, tag = "5")]
    pub version: Option<String>,
    /// JSON text.
    #[prost(string, optional, tag = "6")]
    pub input: Option<String>,
    /// Labels.
    #[prost(btree_map = "string, string", tag = "7")]
    pub tags: BTreeMap<String, String>,
    /// W3C trace context.
    #[prost(message, optional, tag = "8")]
    pub trace: Option<TraceContext>,
}

/// A sub-orchestration's end, told to its parent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChildEnded {
    /// As it was given in [`StartChild`].
    #[prost(message, required, tag = "1")]
    pub parent: Parent,
    /// JSON text, on success.
    #[prost(string, optional, tag = "2")]
    pub result: Option<String>,
    /// Set where the child failed or was terminated.
    #[prost(message, optional, tag = "3")]
    pub failure: Option<FailureDetails>,
}

/// An event from one orchestration to another; dropped where the target is unknown or finished.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SendEvent {
    /// The target instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// The event, an `EventRaised`.
    #[prost(message, required, tag = "2")]
    pub event: HistoryEvent,
}

/// Terminates an instance on behalf of another.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TerminateInstance {
    /// The target.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// Set for a child: only this parent's child is meant, not a later instance of the same id.
    #[prost(message, optional, tag = "2")]
    pub parent: Option<Parent>,
    /// JSON text.
    #[prost(string, optional, tag = "3")]
    pub output: Option<String>,
    /// Its children too.
    #[prost(bool, tag = "4")]
    pub recursive: bool,
}

/// Purges a child on behalf of its parent, with its own children.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PurgeInstance {
    /// The target.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// Only this parent's child is meant.
    #[prost(message, required, tag = "2")]
    pub parent: Parent,
}

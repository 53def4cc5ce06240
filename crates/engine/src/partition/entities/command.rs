//! What can be asked of entities, and what entities and orchestrations tell each other.
//!
//! Field numbers are the log's format (version 1) and never reused.

use std::collections::BTreeMap;

use crate::event::{FailureDetails, HistoryEvent, TraceContext};
use crate::partition::command::{Moment, RequestId, TokenEpoch};

/// Puts an operation into an entity's mailbox; nobody is told what comes of it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignalEntity {
    /// The entity; parsed before.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// Set where a repeat of this call must not be a second one.
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// The operation; its time, if it has one, is when it is put into the mailbox.
    #[prost(message, required, boxed, tag = "3")]
    pub event: Box<HistoryEvent>,
}

/// Removes an entity's state; what waits in its mailbox finds it without one.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteEntity {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// See [`SignalEntity::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
}

/// Takes a lock from a critical section whose execution has ended: nobody else would.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReleaseLock {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// See [`SignalEntity::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// Who holds it: another holder's lock stays.
    #[prost(message, required, tag = "3")]
    pub section: Section,
}

/// Brings a stuck entity back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ResumeEntity {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// See [`SignalEntity::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
}

/// A worker's answer to an entity's batch. `epoch`, `turn` and `delivered` come from the signed token.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CompleteEntityBatch {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// The life of the entity that the batch belongs to.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// The epoch the batch was handed out in.
    #[prost(message, required, tag = "3")]
    pub epoch: TokenEpoch,
    /// Which batch of this life, from 1.
    #[prost(uint64, tag = "4")]
    pub turn: u64,
    /// How many operations the batch had.
    #[prost(uint32, tag = "5")]
    pub delivered: u32,
    /// What came of the first of them, in order; the rest is handed out again.
    #[prost(message, repeated, tag = "6")]
    pub results: Vec<OperationResult>,
    /// The state from here on; absent: it has none.
    #[prost(string, optional, tag = "7")]
    pub state: Option<String>,
    /// `state` says nothing: the entity keeps what it has.
    #[prost(bool, tag = "8")]
    pub keeps_state: bool,
    /// What the operations asked for, in order.
    #[prost(message, repeated, tag = "9")]
    pub actions: Vec<OperationAction>,
}

/// What came of one operation.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperationResult {
    /// JSON text, on success.
    #[prost(string, optional, tag = "1")]
    pub output: Option<String>,
    /// Set on failure: the operation changed nothing.
    #[prost(message, optional, tag = "2")]
    pub failure: Option<FailureDetails>,
}

/// One thing an operation asked for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperationAction {
    /// What it is.
    #[prost(oneof = "OperationActionKind", tags = "1, 2")]
    pub kind: Option<OperationActionKind>,
}

/// The kinds of [`OperationAction`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum OperationActionKind {
    /// Signal an entity, perhaps itself.
    #[prost(message, tag = "1")]
    Signal(EntityOperation),
    /// Start an orchestration.
    #[prost(message, boxed, tag = "2")]
    Start(Box<StartDetached>),
}

/// A batch that no worker can take, or that failed too often: its calls fail, its signals stay, and
/// the entity is held with the reason until somebody resumes it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MarkEntityStuck {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// The life it is about.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// The batch it is about.
    #[prost(uint64, tag = "3")]
    pub turn: u64,
    /// How many operations the batch had.
    #[prost(uint32, tag = "4")]
    pub delivered: u32,
    /// For people: what happened and what helps.
    #[prost(string, tag = "5")]
    pub reason: String,
}

/// Goes on passing over cancelled lock requests at the head of a mailbox, a page at a time.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AdvanceEntity {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
}

/// A critical section: who holds locks, or wants to.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Section {
    /// The orchestration.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// Its execution: locks end with it.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// The orchestration's own name for the section.
    #[prost(string, tag = "3")]
    pub id: String,
}

/// An operation for an entity.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityOperation {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// An `EntityOperationSignaled`, or an `EntityOperationCalled` that names whom to answer.
    #[prost(message, required, boxed, tag = "2")]
    pub event: Box<HistoryEvent>,
}

/// What came of a call.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityReplied {
    /// Who called.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// The execution that called: no other is told.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// Which of its calls.
    #[prost(string, tag = "3")]
    pub request: String,
    /// What came of it.
    #[prost(message, required, tag = "4")]
    pub result: OperationResult,
}

/// A lock request on its way from entity to entity.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LockEntities {
    /// Who wants the locks.
    #[prost(message, required, tag = "1")]
    pub section: Section,
    /// The entities, in order, each once: everybody locks in this order, so nobody waits in a circle.
    #[prost(string, repeated, tag = "2")]
    pub entities: Vec<String>,
    /// Which of them is next; those before are locked.
    #[prost(uint32, tag = "3")]
    pub position: u32,
}

/// All locks of a section are held.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LocksGranted {
    /// Whose.
    #[prost(message, required, tag = "1")]
    pub section: Section,
}

/// A section gives one lock back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UnlockEntity {
    /// The entity.
    #[prost(string, tag = "1")]
    pub entity: String,
    /// Whose lock.
    #[prost(message, required, tag = "2")]
    pub section: Section,
}

/// Follows a lock request that was not granted yet, releases what it has locked and ends it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CancelLocks {
    /// The request, as it was sent; `position` is the next entity to look at.
    #[prost(message, required, tag = "1")]
    pub request: LockEntities,
}

/// Starts an orchestration for an entity, which does not wait for it. Dropped where the id is in use.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StartDetached {
    /// The instance; empty in an action that leaves it to us.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// Its execution; empty in an action.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// The orchestration's name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The version asked for.
    #[prost(string, optional, tag = "4")]
    pub version: Option<String>,
    /// JSON text.
    #[prost(string, optional, tag = "5")]
    pub input: Option<String>,
    /// Not before this time.
    #[prost(message, optional, tag = "6")]
    pub scheduled_start: Option<Moment>,
    /// W3C trace context.
    #[prost(message, optional, tag = "7")]
    pub trace: Option<TraceContext>,
    /// Labels.
    #[prost(btree_map = "string, string", tag = "8")]
    pub tags: BTreeMap<String, String>,
}

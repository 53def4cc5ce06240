//! What two nodes say to each other, version 1. Field numbers are never reused.
//!
//! A frame is believed to come from the node at the other end of its session, and nothing else in it
//! is: receivers validate. Not here: the encoding of requests and answers inside (`calls`).

use bytes::Bytes;

/// One message of a session.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Frame {
    /// What it says; `None`: something of a later version, to be ignored.
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15")]
    pub kind: Option<Kind>,
}

/// What a frame says.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Kind {
    /// A message between replicas of a group.
    #[prost(message, tag = "1")]
    Raft(Raft),
    /// Who leads a partition.
    #[prost(message, tag = "2")]
    Leads(Leads),
    /// A command or a question for a partition that the receiver leads.
    #[prost(message, tag = "3")]
    Call(Call),
    /// What came of a call.
    #[prost(message, tag = "4")]
    Told(Told),
    /// A worker is connected to the sender and takes work of the receiver.
    #[prost(message, tag = "5")]
    Worker(Worker),
    /// It takes none any more.
    #[prost(message, tag = "6")]
    WorkerGone(WorkerGone),
    /// A work item for such a worker.
    #[prost(message, tag = "7")]
    Work(Work),
    /// A worker has given an item back, or answered it in a way that cannot be used.
    #[prost(message, tag = "8")]
    GivenBack(GivenBack),
    /// Somebody waits on an instance.
    #[prost(message, tag = "9")]
    Watch(Watch),
    /// Nobody waits on it any more.
    #[prost(message, tag = "10")]
    Unwatch(Unwatch),
    /// It has changed.
    #[prost(message, tag = "11")]
    Changed(Changed),
    /// A part of a replica's rows.
    #[prost(message, tag = "12")]
    Rows(Rows),
    /// Parts of rows that have arrived.
    #[prost(message, tag = "13")]
    RowsTaken(RowsTaken),
    /// The catalog has changed: ask it.
    #[prost(message, tag = "14")]
    CatalogMoved(CatalogMoved),
    /// The sender ends this session on purpose and will not lead anything.
    #[prost(message, tag = "15")]
    Leaving(Leaving),
}

/// A message between replicas of a group; `replication` validates it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Raft {
    /// The hub, 0 for the catalog.
    #[prost(uint32, tag = "1")]
    pub hub: u32,
    /// The partition.
    #[prost(uint32, tag = "2")]
    pub partition: u32,
    /// The group's lineage.
    #[prost(uint64, tag = "3")]
    pub lineage: u64,
    /// The sending replica.
    #[prost(uint64, tag = "4")]
    pub from: u64,
    /// The receiving one.
    #[prost(uint64, tag = "5")]
    pub to: u64,
    /// The message.
    #[prost(bytes = "bytes", tag = "6")]
    pub bytes: Bytes,
}

/// Whether the sender leads a partition. Said at the begin of a session for all that it leads, and
/// with every change.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Leads {
    /// The hub, 0 for the catalog.
    #[prost(uint32, tag = "1")]
    pub hub: u32,
    /// The partition.
    #[prost(uint32, tag = "2")]
    pub partition: u32,
    /// The group's lineage.
    #[prost(uint64, tag = "3")]
    pub lineage: u64,
    /// The term of the leadership. A higher one wins, whatever comes when.
    #[prost(uint64, tag = "4")]
    pub term: u64,
    /// It has ended.
    #[prost(bool, tag = "5")]
    pub ended: bool,
}

/// A command or a question for a partition.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Call {
    /// Given back in [`Told`]; 0: nobody waits.
    #[prost(uint64, tag = "1")]
    pub call: u64,
    /// The hub, 0 for the catalog.
    #[prost(uint32, tag = "2")]
    pub hub: u32,
    /// The partition.
    #[prost(uint32, tag = "3")]
    pub partition: u32,
    /// A request (see `calls`), or empty.
    #[prost(bytes = "bytes", tag = "4")]
    pub request: Bytes,
    /// A question (see `calls`), or empty.
    #[prost(bytes = "bytes", tag = "5")]
    pub question: Bytes,
    /// The completion token that the request answers, or empty: its slot is free from now on.
    #[prost(string, tag = "6")]
    pub token: String,
}

/// What came of a [`Call`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Told {
    /// Of the call.
    #[prost(uint64, tag = "1")]
    pub call: u64,
    /// The outcome, the answer or the reason why there is none (see `calls`).
    #[prost(bytes = "bytes", tag = "2")]
    pub outcome: Bytes,
}

/// A worker that is connected to the sender. Said again with other slots, it replaces what was said.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Worker {
    /// Chosen by the sender, unique within the session.
    #[prost(uint64, tag = "1")]
    pub worker: u64,
    /// The hub.
    #[prost(uint32, tag = "2")]
    pub hub: u32,
    /// What it takes (see `calls`).
    #[prost(bytes = "bytes", tag = "3")]
    pub filter: Bytes,
    /// Turns that the receiver may have with it at once.
    #[prost(uint32, tag = "4")]
    pub turns: u32,
    /// Activities.
    #[prost(uint32, tag = "5")]
    pub activities: u32,
    /// Entity batches.
    #[prost(uint32, tag = "6")]
    pub batches: u32,
    /// It reads a long past by itself.
    #[prost(bool, tag = "7")]
    pub streams_past: bool,
}

/// See [`Worker::worker`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WorkerGone {
    /// Which.
    #[prost(uint64, tag = "1")]
    pub worker: u64,
}

/// A work item, as it goes to the worker.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Work {
    /// For which.
    #[prost(uint64, tag = "1")]
    pub worker: u64,
    /// The item.
    #[prost(bytes = "bytes", tag = "2")]
    pub item: Bytes,
}

/// An item that a worker has not done.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct GivenBack {
    /// The hub.
    #[prost(uint32, tag = "1")]
    pub hub: u32,
    /// Its completion token; empty where the worker named none.
    #[prost(string, tag = "2")]
    pub token: String,
    /// The answer cannot be used.
    #[prost(bool, tag = "3")]
    pub spoilt: bool,
    /// Without a token: the instance whose turn it was.
    #[prost(string, tag = "4")]
    pub instance: String,
}

/// Somebody waits on an instance of a partition that the receiver leads.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Watch {
    /// The hub.
    #[prost(uint32, tag = "1")]
    pub hub: u32,
    /// The instance.
    #[prost(string, tag = "2")]
    pub instance: String,
    /// For its end only.
    #[prost(bool, tag = "3")]
    pub until_ended: bool,
}

/// See [`Watch`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Unwatch {
    /// The hub.
    #[prost(uint32, tag = "1")]
    pub hub: u32,
    /// The instance.
    #[prost(string, tag = "2")]
    pub instance: String,
}

/// An instance that the receiver waits on has changed.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Changed {
    /// The hub.
    #[prost(uint32, tag = "1")]
    pub hub: u32,
    /// The instance.
    #[prost(string, tag = "2")]
    pub instance: String,
    /// It has ended or is gone.
    #[prost(bool, tag = "3")]
    pub ended: bool,
}

/// A part of a replica's rows, for one that entries cannot bring up to date.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rows {
    /// Chosen by the sender; parts of one copy share it.
    #[prost(uint64, tag = "1")]
    pub copy: u64,
    /// The hub, 0 for the catalog.
    #[prost(uint32, tag = "2")]
    pub hub: u32,
    /// The partition.
    #[prost(uint32, tag = "3")]
    pub partition: u32,
    /// The group's lineage.
    #[prost(uint64, tag = "4")]
    pub lineage: u64,
    /// The receiving replica.
    #[prost(uint64, tag = "5")]
    pub to: u64,
    /// Counted from 0.
    #[prost(uint32, tag = "6")]
    pub part: u32,
    /// Rows, in order of their keys.
    #[prost(message, repeated, tag = "7")]
    pub rows: Vec<Row>,
    /// In the first part: what the copy is of.
    #[prost(message, optional, tag = "8")]
    pub begin: Option<CopyBegin>,
    /// In the last part: what all parts come to.
    #[prost(message, optional, tag = "9")]
    pub end: Option<CopyEnd>,
}

/// One row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Row {
    /// Its key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Its value.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// The position of a copy, and who took part in the group then.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CopyBegin {
    /// The last entry in it.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// The consensus term of that entry.
    #[prost(uint64, tag = "2")]
    pub term: u64,
    /// What the tables say of themselves.
    #[prost(bytes = "bytes", tag = "3")]
    pub meta: Bytes,
    /// A `replication::Membership`.
    #[prost(bytes = "bytes", tag = "4")]
    pub members: Bytes,
}

/// What all parts of a copy come to.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CopyEnd {
    /// Rows.
    #[prost(uint64, tag = "1")]
    pub rows: u64,
    /// A digest of them.
    #[prost(uint64, tag = "2")]
    pub digest: u64,
}

/// The receiver of a copy has written this part and all before.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RowsTaken {
    /// See [`Rows::copy`].
    #[prost(uint64, tag = "1")]
    pub copy: u64,
    /// The part.
    #[prost(uint32, tag = "2")]
    pub part: u32,
    /// The copy is of no use to the receiver: stop sending.
    #[prost(bool, tag = "3")]
    pub refused: bool,
}

/// Said by the node that leads the catalog.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CatalogMoved {
    /// The last entry applied.
    #[prost(uint64, tag = "1")]
    pub index: u64,
}

/// The sender stops.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Leaving {}

impl From<Kind> for Frame {
    fn from(kind: Kind) -> Self {
        Self { kind: Some(kind) }
    }
}

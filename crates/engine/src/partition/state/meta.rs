//! The partition's own row: who owns it, how far it is, what it counts.
//!
//! Not here: rows of instances. It is written by every entry and is the only row that the state
//! digest leaves out, because it holds the digest.

use crate::id::{LogId, PartitionId};
use crate::partition::command::Moment;
use crate::partition::feed::rows::FeedHead;
use crate::partition::state::status::StatusName;
use crate::rows::Row;
use crate::time::Timestamp;

/// See the file's header.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetaRow {
    /// Which partition this is, as its `RaiseEpoch` said.
    #[prost(uint32, tag = "1")]
    pub(crate) partition: u32,
    /// How many partitions the hub has; 0 until the first `RaiseEpoch`.
    #[prost(uint32, tag = "2")]
    pub(crate) partitions: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) lineage: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) lease: u64,
    #[prost(string, tag = "5")]
    pub(crate) owner: String,
    /// The last applied entry and its time.
    #[prost(uint64, tag = "6")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) index: u64,
    #[prost(message, optional, tag = "8")]
    pub(crate) at: Option<Moment>,
    /// Invariant: the wrapping sum of `row_digest` over all other rows.
    #[prost(uint64, tag = "9")]
    pub(crate) digest: u64,
    /// Numbers executions and lives. Invariant: higher than any in a key.
    #[prost(uint64, tag = "10")]
    numbers: u64,
    #[prost(message, optional, tag = "11")]
    pub(crate) counts: Option<CountsRow>,
    /// No remembered request is older.
    #[prost(message, optional, tag = "12")]
    pub(crate) requests_since: Option<Moment>,
    /// Parked messages, ever.
    #[prost(uint64, tag = "13")]
    pub(crate) orphans: u64,
    /// Large texts that are held apart.
    #[prost(uint64, tag = "19")]
    pub(crate) payloads: u64,
    /// How far the feed is; absent where none was ever kept.
    #[prost(message, optional, tag = "20")]
    pub(crate) feed: Option<FeedHead>,
    /// Invariant: the number of schedules.
    #[prost(uint64, tag = "25")]
    pub(crate) schedules: u64,
}

impl Row for MetaRow {}

/// How many instances there are of each status, as shown.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct CountsRow {
    #[prost(uint64, tag = "1")]
    pub(crate) pending: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) running: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) suspended: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) completed: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) failed: u64,
    #[prost(uint64, tag = "6")]
    pub(crate) terminated: u64,
    /// Those of the above (pending or running) that no worker can take.
    #[prost(uint64, tag = "7")]
    pub(crate) stuck: u64,
}

impl CountsRow {
    pub(crate) fn of(&mut self, status: StatusName) -> &mut u64 {
        match status {
            StatusName::Pending => &mut self.pending,
            StatusName::Running => &mut self.running,
            StatusName::Suspended => &mut self.suspended,
            StatusName::Completed => &mut self.completed,
            StatusName::Failed => &mut self.failed,
            StatusName::Terminated => &mut self.terminated,
        }
    }
}

impl MetaRow {
    /// A number no execution and no life had before.
    pub(super) fn take_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The highest number given.
    pub(crate) fn numbers_given(&self) -> u64 {
        self.numbers
    }

    pub(crate) fn last_at(&self) -> Timestamp {
        self.at.map_or(Timestamp::ZERO, Timestamp::from)
    }

    pub(crate) fn last(&self) -> LogId {
        LogId { term: self.term, index: self.index }
    }

    pub(crate) fn id(&self) -> PartitionId {
        PartitionId(self.partition)
    }
}

//! Which messages of which partition have arrived: one cursor a sender, and the parked rest.
//!
//! Not here: what the messages do (`apply::receive_messages`). A message of another lineage than
//! the cursor's is parked as an orphan, neither received nor lost, until somebody decides.

use crate::id::PartitionId;
use crate::mutants;
use crate::partition::command::{Message, Moment};
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row};

/// Where one sender's messages stand.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ReceivedRow {
    /// The sender's lineage at its first message.
    #[prost(uint64, tag = "1")]
    pub(crate) lineage: u64,
    /// All messages up to this one have arrived. Invariant: never falls.
    #[prost(uint64, tag = "2")]
    pub(crate) last: u64,
}

impl Row for ReceivedRow {}

/// A parked message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OrphanRow {
    #[prost(message, required, tag = "1")]
    pub(crate) message: Message,
    /// Our lineage, as the sender believed.
    #[prost(uint64, tag = "2")]
    pub(crate) to_lineage: u64,
    #[prost(message, required, tag = "3")]
    pub(crate) at: Moment,
}

impl Row for OrphanRow {}

impl State<'_> {
    pub(crate) fn received(&self, from: PartitionId) -> Loaded<Option<ReceivedRow>> {
        self.tx.get(&keys::received(from))
    }

    pub(crate) fn set_received(&mut self, from: PartitionId, row: &ReceivedRow) -> Loaded<()> {
        if mutants::active(mutants::DEDUP_CURSOR_NOT_STORED) {
            return Ok(());
        }
        self.tx.put(keys::received(from), row)
    }

    /// Takes what this partition sent itself along into its new lineage: sender's and receiver's
    /// state are one, so nothing between them can be unknown.
    pub(crate) fn follow_own_lineage(&mut self) -> Loaded<()> {
        let (own, lineage) = (self.meta.id(), self.meta.lineage);
        if let Some(row) = self.received(own)? {
            self.tx.put(keys::received(own), &ReceivedRow { lineage, ..row })?;
        }
        self.set_receiver_lineage(own, lineage)
    }

    pub(crate) fn park(
        &mut self,
        from: PartitionId,
        lineage: u64,
        sequence: u64,
        row: &OrphanRow,
    ) -> Loaded<()> {
        let key = keys::orphan(from, lineage, sequence);
        if self.tx.bytes(&key)?.is_some() {
            return Ok(());
        }
        self.meta.orphans += 1;
        self.tx.put(key, row)
    }
}

//! CommittedImmutable: a position that is committed is committed with the same entry on every
//! replica, for ever; and what a replica knows to be committed never goes back while it runs.
//!
//! ReadsAreFresh: an answer holds everything that was committed before its question was asked.
//!
//! Not here: what the entry does (`digests`). Positions are sampled at the end of batches.

use std::collections::BTreeMap;

use engine::id::{LogId, PartitionId};

use crate::violation::{Violation, require};

/// Committed positions by partition and index.
#[derive(Debug, Default)]
pub struct Committed {
    terms: BTreeMap<(PartitionId, u64), u64>,
    highest: BTreeMap<PartitionId, u64>,
}

impl Committed {
    /// How far any replica is known to have committed: what a read must see from here on.
    pub fn highest(&self, partition: PartitionId) -> u64 {
        self.highest.get(&partition).copied().unwrap_or(0)
    }

    /// A question that was asked when `highest` was committed is answered from a log of `position`.
    pub fn on_read(&self, partition: PartitionId, highest: u64, position: u64) -> Result<(), Violation> {
        require(position >= highest, "ReadsAreFresh", || {
            format!("{partition:?} is read at {position}, {highest} was committed before the question")
        })
    }

    /// Whether an entry of `term` at `index` was surely replaced: a position at or before it is known
    /// to be committed in a later term.
    pub fn is_lost(&self, partition: PartitionId, index: u64, term: u64) -> bool {
        let upto = self.terms.range((partition, 0)..=(partition, index)).next_back();
        upto.is_some_and(|(_, committed)| *committed > term)
    }

    /// A replica says that `id` is committed.
    pub fn on_committed(&mut self, partition: PartitionId, node: usize, id: LogId) -> Result<(), Violation> {
        if id.index == 0 {
            return Ok(());
        }
        let highest = self.highest.entry(partition).or_default();
        *highest = id.index.max(*highest);
        let term = *self.terms.entry((partition, id.index)).or_insert(id.term);
        require(term == id.term, "CommittedImmutable", || {
            format!("{id:?} of {partition:?} on node {node}, elsewhere in term {term}")
        })
    }
}

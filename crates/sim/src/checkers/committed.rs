//! CommittedImmutable: a position that is committed is committed with the same entry on every
//! replica, for ever; and what a replica knows to be committed never goes back while it runs.
//!
//! Not here: what the entry does (`digests`). Positions are sampled at the end of batches.

use std::collections::BTreeMap;

use engine::id::{LogId, PartitionId};

use crate::violation::{Violation, require};

/// Committed positions by partition and index.
#[derive(Debug, Default)]
pub struct Committed {
    terms: BTreeMap<(PartitionId, u64), u64>,
}

impl Committed {
    /// A replica says that `id` is committed.
    pub fn on_committed(&mut self, partition: PartitionId, node: usize, id: LogId) -> Result<(), Violation> {
        if id.index == 0 {
            return Ok(());
        }
        let term = *self.terms.entry((partition, id.index)).or_insert(id.term);
        require(term == id.term, "CommittedImmutable", || {
            format!("{id:?} of {partition:?} on node {node}, elsewhere in term {term}")
        })
    }
}

//! StateIsFunctionOfLog: whoever has applied a log up to an entry has the same rows: leader or
//! follower, before a crash or after the replay, from memory or from the tables.
//!
//! Not here: what the rows should be; the program's outcome says that (`outcomes`).

use std::collections::BTreeMap;

use engine::id::{LogId, PartitionId};

use crate::violation::{Violation, require};

/// The state's digest at each position at which somebody looked.
#[derive(Debug, Default)]
pub struct Digests {
    seen: BTreeMap<(PartitionId, LogId), u64>,
}

impl Digests {
    /// A replica that has applied everything up to `id` has this digest.
    pub fn on_digest(
        &mut self,
        partition: PartitionId,
        node: usize,
        id: LogId,
        digest: u64,
    ) -> Result<(), Violation> {
        let first = *self.seen.entry((partition, id)).or_insert(digest);
        require(first == digest, "StateIsFunctionOfLog", || {
            format!("{partition:?} at {id:?} is {digest:016x} on node {node}, elsewhere {first:016x}")
        })
    }
}

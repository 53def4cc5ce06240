//! ActivitiesAreCommitted: in a conservative hub no activity is handed out before the entry that asked
//! for it is committed. In a speculative one it may be, and of those that were, some belong to a turn
//! that the log never kept.
//!
//! Not here: that answers and messages wait in both (`cluster::asking`), and what comes of an answer to
//! an activity that no log knows (`results`, `histories`: it must count for nothing).

use std::collections::BTreeSet;

use engine::id::PartitionId;
use engine::partition::command::ActivityKey;
use engine::partition::effect::Durability;

use super::committed::Committed;
use crate::violation::{Violation, require};

/// Activities that were handed out ahead of the log, in a speculative hub.
#[derive(Debug, Default)]
pub struct Ahead(BTreeSet<(PartitionId, ActivityKey)>);

impl Ahead {
    /// An activity is handed out where `committed` is how far its partition's log is known to be
    /// durable. Returns whether it runs ahead.
    pub fn on_handed_out(
        &mut self,
        partition: PartitionId,
        key: &ActivityKey,
        committed: u64,
        needed: Durability,
    ) -> Result<bool, Violation> {
        let ahead = key.index > committed;
        require(!ahead || needed == Durability::Proposed, "ActivitiesAreCommitted", || {
            format!("{partition:?} hands out {key:?} at {committed}")
        })?;
        if ahead {
            self.0.insert((partition, key.clone()));
        }
        Ok(ahead)
    }

    /// How many of them stand in no log, as far as one can tell; forgets all.
    pub fn take_lost(&mut self, committed: &Committed) -> u64 {
        let all = std::mem::take(&mut self.0);
        let lost = all.iter().filter(|(partition, key)| committed.is_lost(*partition, key.index, key.term));
        lost.count().try_into().unwrap_or(u64::MAX)
    }
}

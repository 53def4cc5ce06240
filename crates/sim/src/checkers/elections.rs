//! ElectionSafety: a term of a group has at most one leader. TermNeverFalls: what a replica has
//! promised in a term is remembered by every later process of its node.
//!
//! Not here: votes themselves; two leaders of one term are what a lost vote leads to.

use std::collections::BTreeMap;

use engine::id::PartitionId;

use crate::violation::{Violation, require};

/// Terms and their leaders.
#[derive(Debug, Default)]
pub struct Elections {
    leaders: BTreeMap<(PartitionId, u64), usize>,
    durable: BTreeMap<(PartitionId, usize), u64>,
}

impl Elections {
    /// A node leads a partition's group.
    pub fn on_leader(&mut self, partition: PartitionId, term: u64, node: usize) -> Result<(), Violation> {
        let first = *self.leaders.entry((partition, term)).or_insert(node);
        require(first == node, "ElectionSafety", || {
            format!("nodes {first} and {node} both lead {partition:?} in term {term}")
        })
    }

    /// Everything a replica wrote while it was in `term` is durable.
    pub fn on_durable(&mut self, partition: PartitionId, node: usize, term: u64) {
        let durable = self.durable.entry((partition, node)).or_default();
        *durable = term.max(*durable);
    }

    /// A replica was opened and is in `term`.
    pub fn on_opened(&self, partition: PartitionId, node: usize, term: u64) -> Result<(), Violation> {
        let durable = self.durable.get(&(partition, node)).copied().unwrap_or(0);
        require(term >= durable, "TermNeverFalls", || {
            format!("{partition:?} on node {node} opens in term {term}, durable was {durable}")
        })
    }
}

//! Who leads which partition, as far as this node knows.
//!
//! The table believes whoever leads in the highest consensus term of the youngest lineage, whatever is heard
//! when; a node that nobody hears any more leads nothing. It may be wrong for a moment: who is asked
//! and does not lead says so. Not here: what is asked (`route`), and who is told (`gateway`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::id::{Epoch, HubId, NodeId, PartitionId};
use tokio::sync::watch;

use super::frame::Leads;
use crate::partition::address::Address;
use crate::partition::mutants;

/// A partition of a hub; hub 0 is the catalog.
pub type Key = (HubId, PartitionId);

/// Partitions of which something is known. More are not taken from others.
const PARTITIONS_MAX: usize = 1 << 20;

/// Where a leadership stands among those before and after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The group's lineage.
    pub lineage: u64,
    /// The consensus term.
    pub term: u64,
}

impl From<Epoch> for Rank {
    fn from(epoch: Epoch) -> Self {
        Self { lineage: epoch.lineage.0, term: epoch.term }
    }
}

/// Who leads a partition.
#[derive(Debug, Clone)]
pub enum Leading {
    /// Nobody that this node hears of.
    Nobody,
    /// This node.
    Here {
        /// Since when.
        rank: Rank,
        /// Where it is reached.
        address: Address,
    },
    /// Another one.
    At {
        /// Which.
        node: NodeId,
        /// Since when.
        rank: Rank,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder<H> {
    Here(H),
    Node(NodeId),
}

/// What is known of one partition.
///
/// Invariant: `highest` never falls, and `holder` led in `highest`.
#[derive(Debug, Clone)]
struct Known<H> {
    highest: Rank,
    holder: Option<Holder<H>>,
}

impl<H> Default for Known<H> {
    fn default() -> Self {
        Self { highest: Rank::default(), holder: None }
    }
}

impl<H> Known<H> {
    /// Somebody leads; whether this is news.
    fn begins(&mut self, holder: Holder<H>, rank: Rank) -> bool {
        let counts = rank >= self.highest || mutants::active("older-leader-comes-back");
        if counts {
            (self.highest, self.holder) = (rank, Some(holder));
        }
        counts
    }

    /// A leadership has ended; whether anybody led until then.
    fn ended(&mut self, rank: Rank) -> bool {
        if rank < self.highest {
            return false;
        }
        self.highest = rank;
        self.holder.take().is_some()
    }

    /// A node is not heard any more; whether it led.
    fn lost(&mut self, node: NodeId) -> bool {
        let led = matches!(self.holder, Some(Holder::Node(holder)) if holder == node);
        if led && !mutants::active("lost-node-still-leads") {
            self.holder = None;
        }
        led
    }
}

impl Known<Address> {
    fn leading(&self) -> Leading {
        let rank = self.highest;
        match &self.holder {
            None => Leading::Nobody,
            Some(Holder::Here(address)) => Leading::Here { rank, address: address.clone() },
            Some(Holder::Node(node)) => Leading::At { node: *node, rank },
        }
    }
}

#[derive(Debug)]
struct Entry {
    known: Known<Address>,
    told: watch::Sender<Leading>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { known: Known::default(), told: watch::channel(Leading::Nobody).0 }
    }
}

impl Entry {
    fn tell(&self) {
        self.told.send_replace(self.known.leading());
    }
}

/// Who leads partitions of a hub.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    /// This node does.
    pub(super) here: bool,
    /// The others.
    pub(super) nodes: BTreeSet<NodeId>,
}

/// The table. Its lock is held for its own steps only.
#[derive(Debug, Default)]
pub(super) struct Routing(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    entries: BTreeMap<Key, Entry>,
    connected: BTreeSet<NodeId>,
}

impl Routing {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Each step leaves the table whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a partition, now and later.
    pub(super) fn of(&self, key: Key) -> watch::Receiver<Leading> {
        self.lock().entries.entry(key).or_default().told.subscribe()
    }

    /// Nothing is to be known of a hub any more.
    pub(super) fn forget(&self, hub: HubId) {
        self.lock().entries.retain(|(of, _), _| *of != hub);
    }

    /// This node leads; whom to tell.
    pub(super) fn begins(&self, key: Key, rank: Rank, address: Address) -> Vec<NodeId> {
        let mut inside = self.lock();
        let entry = inside.entries.entry(key).or_default();
        if entry.known.begins(Holder::Here(address), rank) {
            entry.tell();
        }
        inside.connected.iter().copied().collect()
    }

    /// This node does not lead any more; whom to tell.
    pub(super) fn ended(&self, key: Key, rank: Rank) -> Vec<NodeId> {
        let mut inside = self.lock();
        if let Some(entry) = inside.entries.get_mut(&key)
            && entry.known.ended(rank)
        {
            entry.tell();
        }
        inside.connected.iter().copied().collect()
    }

    /// Another node leads, or does no more; whether this is news.
    pub(super) fn heard(&self, from: NodeId, leads: &Leads) -> bool {
        let key = (HubId(leads.hub), PartitionId(leads.partition));
        let rank = Rank { lineage: leads.lineage, term: leads.term };
        let mut inside = self.lock();
        let has_room = inside.entries.len() < PARTITIONS_MAX || inside.entries.contains_key(&key);
        if leads.partition >= engine::catalog::PARTITIONS_MAX || !has_room {
            return false;
        }
        let entry = inside.entries.entry(key).or_default();
        let moved = match leads.ended {
            true => entry.known.ended(rank),
            false => entry.known.begins(Holder::Node(from), rank),
        };
        if moved {
            entry.tell();
        }
        moved
    }

    /// A session with a node begins; `false`: one is there already.
    pub(super) fn connected(&self, node: NodeId) -> bool {
        self.lock().connected.insert(node)
    }

    /// A node is not heard any more; the partitions that it led, and whether there was a session.
    pub(super) fn lost(&self, node: NodeId) -> Vec<Key> {
        self.lock().connected.remove(&node);
        self.leads_no_more(node)
    }

    /// A node leads nothing any more; what it led.
    pub(super) fn leads_no_more(&self, node: NodeId) -> Vec<Key> {
        let mut inside = self.lock();
        let led = inside.entries.iter_mut().filter_map(|(key, entry)| {
            entry.known.lost(node).then(|| {
                entry.tell();
                *key
            })
        });
        led.collect()
    }

    /// Who leads partitions of a hub.
    pub(super) fn leaders(&self, hub: HubId) -> Leaders {
        let inside = self.lock();
        let of_hub = inside.entries.range((hub, PartitionId(0))..=(hub, PartitionId(u32::MAX)));
        let mut leaders = Leaders::default();
        for (_, entry) in of_hub {
            match entry.known.holder {
                Some(Holder::Here(_)) => leaders.here = true,
                Some(Holder::Node(node)) => {
                    leaders.nodes.insert(node);
                }
                None => {}
            }
        }
        leaders
    }

    /// All that this node leads.
    pub(super) fn led_here(&self) -> Vec<(Key, Rank)> {
        let inside = self.lock();
        let here = |(key, entry): (&Key, &Entry)| match entry.known.holder {
            Some(Holder::Here(_)) => Some((*key, entry.known.highest)),
            Some(Holder::Node(_)) | None => None,
        };
        inside.entries.iter().filter_map(here).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANKS: u64 = 4;

    fn rank(term: u64) -> Rank {
        Rank { lineage: 1, term }
    }

    /// In each consensus term another of three nodes leads, the first of them this one. Each says so when it
    /// begins and ends, in this order.
    fn said_by(who: u64) -> Vec<(u64, bool)> {
        (1..=RANKS).filter(|term| term % 3 == who).flat_map(|term| [(term, false), (term, true)]).collect()
    }

    fn say(known: &mut Known<()>, who: u64, (term, ended): (u64, bool)) {
        let holder = if who == 0 { Holder::Here(()) } else { Holder::Node(NodeId(who)) };
        match ended {
            true => known.ended(rank(term)),
            false => known.begins(holder, rank(term)),
        };
    }

    /// Every way to hear what three nodes say, each in its order.
    fn every_order(left: &[Vec<(u64, bool)>; 3], known: &Known<()>, check: &impl Fn(&Known<()>)) {
        if left.iter().all(Vec::is_empty) {
            return check(known);
        }
        for who in 0..3_usize {
            let mut left = left.clone();
            if left[who].is_empty() {
                continue;
            }
            let said = left[who].remove(0);
            let mut known = known.clone();
            say(&mut known, u64::try_from(who).expect("few"), said);
            every_order(&left, &known, check);
        }
    }

    #[test]
    fn the_last_leader_is_known_in_whatever_order_the_nodes_are_heard() {
        let mut said = [said_by(0), said_by(1), said_by(2)];
        every_order(&said, &Known::default(), &|known| {
            assert_eq!((known.highest, &known.holder), (rank(RANKS), &None), "all have ended");
        });
        // The last leadership, of node 1, goes on.
        assert_eq!(said[1].pop(), Some((RANKS, true)));
        every_order(&said, &Known::default(), &|known| {
            assert_eq!(known.holder, Some(Holder::Node(NodeId(1))));
        });
    }

    #[test]
    fn a_node_that_is_lost_leads_nothing_and_an_older_leader_does_not_come_back() {
        let mut known = Known::<()>::default();
        assert!(known.begins(Holder::Node(NodeId(2)), rank(5)));
        assert!(known.begins(Holder::Node(NodeId(3)), rank(6)));
        assert!(!known.lost(NodeId(2)), "it had been replaced");
        assert!(known.lost(NodeId(3)));
        assert!(!known.begins(Holder::Node(NodeId(2)), rank(5)), "it was replaced and does not know");
        assert_eq!(known.holder, None);
        assert!(known.begins(Holder::Node(NodeId(3)), rank(6)), "heard again, it still leads");
        let restored = Rank { lineage: 2, term: 1 };
        assert!(known.begins(Holder::Here(()), restored), "a younger lineage counts whatever its term");
        assert!(!known.ended(rank(6)));
        assert_eq!(known.holder, Some(Holder::Here(())));
    }

    #[test]
    fn what_others_claim_of_partitions_that_cannot_be_is_not_kept() {
        let routing = Routing::default();
        let leads = Leads { hub: 1, partition: 1_024, lineage: 1, term: 1, ended: false };
        assert!(!routing.heard(NodeId(2), &leads));
        assert!(routing.heard(NodeId(2), &Leads { partition: 1_023, ..leads }));
        assert_eq!(routing.lost(NodeId(2)), [(HubId(1), PartitionId(1_023))]);
        assert!(routing.led_here().is_empty());
    }
    #[cfg(feature = "mutants")]
    #[test]
    fn every_seeded_bug_of_the_table_is_found() {
        let checks: [fn(); 2] = [
            the_last_leader_is_known_in_whatever_order_the_nodes_are_heard,
            a_node_that_is_lost_leads_nothing_and_an_older_leader_does_not_come_back,
        ];
        for bug in ["older-leader-comes-back", "lost-node-still-leads"] {
            mutants::set(Some(bug));
            let found = checks.iter().any(|check| std::panic::catch_unwind(check).is_err());
            mutants::set(None);
            assert!(found, "{bug} is found");
        }
    }
}

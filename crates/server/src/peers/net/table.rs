//! With whom there is a session: at most one for each node.
//!
//! A session has its place here from before it is announced until after its loss was. Not here: who
//! decides between two connections (`greeting`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use engine::id::NodeId;
use tokio::sync::watch;

use super::lanes::{Lanes, Phase};
use crate::peers::frame::Frame;
use crate::peers::links::{Lane, Peer};

#[derive(Debug)]
struct Entry {
    incarnation: u64,
    lanes: Arc<Lanes>,
}

/// See the file's header.
#[derive(Debug)]
pub(super) struct Table {
    entries: RwLock<BTreeMap<NodeId, Entry>>,
    expelled: RwLock<BTreeSet<NodeId>>,
    /// Counts the sessions that have ended.
    ended: watch::Sender<u64>,
}

/// Why a place was not given.
#[derive(Debug)]
pub(super) enum Occupied {
    /// There is a session with this process.
    Same(Gone),
    /// There is one with another process of the node, of this incarnation.
    Other(u64),
}

/// The end of some session.
#[derive(Debug)]
pub(super) struct Gone(watch::Receiver<u64>);

impl Gone {
    /// Returns when a session has ended since this was made.
    pub(super) async fn wait(mut self) {
        // The table outlives whoever asks it.
        drop(self.0.changed().await);
    }
}

/// A session's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) peer: Peer,
    pub(super) lanes: Arc<Lanes>,
    table: Arc<Table>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut entries = self.table.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.remove(&self.peer.node);
        drop(entries);
        self.table.ended.send_modify(|ended| *ended += 1);
    }
}

impl Table {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            entries: RwLock::default(),
            expelled: RwLock::default(),
            ended: watch::Sender::new(0),
        })
    }

    /// The place of a session with this process, if there is none with its node.
    pub(super) fn claim(self: &Arc<Self>, peer: &Peer) -> Result<Place, Occupied> {
        let gone = Gone(self.ended.subscribe());
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&peer.node) {
            let is_same = entry.incarnation == peer.incarnation;
            return Err(if is_same { Occupied::Same(gone) } else { Occupied::Other(entry.incarnation) });
        }
        let lanes = Arc::new(Lanes::new());
        entries.insert(peer.node, Entry { incarnation: peer.incarnation, lanes: Arc::clone(&lanes) });
        Ok(Place { peer: peer.clone(), lanes, table: Arc::clone(self) })
    }

    /// Which process of a node there is a session with.
    pub(super) fn incarnation(&self, node: NodeId) -> Option<u64> {
        self.read().get(&node).map(|entry| entry.incarnation)
    }

    /// Returns when there is no session with a node.
    pub(super) async fn vacant(&self, node: NodeId) {
        let mut ended = self.ended.subscribe();
        // The sender is a field of this very table.
        drop(ended.wait_for(|_| self.incarnation(node).is_none()).await.map(drop));
    }

    /// Puts a frame into a session's lane; `false`: there is none, or no room.
    pub(super) fn send(&self, to: NodeId, lane: Lane, frame: Frame) -> bool {
        self.read().get(&to).is_some_and(|entry| entry.lanes.push(lane, frame))
    }

    /// Keeps a node out from now on.
    pub(super) fn expel(&self, node: NodeId) {
        self.expelled.write().unwrap_or_else(PoisonError::into_inner).insert(node);
        self.cut(node);
    }

    /// Whether a node is kept out.
    pub(super) fn is_expelled(&self, node: NodeId) -> bool {
        self.expelled.read().unwrap_or_else(PoisonError::into_inner).contains(&node)
    }

    /// Ends a session at once.
    pub(super) fn cut(&self, node: NodeId) {
        if let Some(entry) = self.read().get(&node) {
            entry.lanes.advance(Phase::Cut);
        }
    }

    /// Ends all sessions when what waits has been written.
    pub(super) fn drain(&self) {
        for entry in self.read().values() {
            entry.lanes.advance(Phase::Draining);
        }
    }

    /// With whom there is a session.
    pub(super) fn peers(&self) -> Vec<Peer> {
        let peer = |(node, entry): (&NodeId, &Entry)| Peer { node: *node, incarnation: entry.incarnation };
        self.read().iter().map(peer).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<NodeId, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_node_has_one_session_and_its_end_is_noticed() {
        let table = Table::new();
        let peer = |incarnation| Peer { node: NodeId(2), incarnation };
        let place = table.claim(&peer(7)).unwrap();
        assert_eq!(table.peers(), [peer(7)]);
        assert!(matches!(table.claim(&peer(8)), Err(Occupied::Other(7))));
        let Err(Occupied::Same(gone)) = table.claim(&peer(7)) else { panic!("it is the same process") };
        drop(place);
        gone.wait().await;
        table.vacant(NodeId(2)).await;
        assert!(table.claim(&peer(8)).is_ok());
    }
}

//! Hears what other nodes say to the replicas of this one, and that the catalog has changed.
//!
//! Not here: calls, work and waits (`peers::gateway`, which hands on what is for here).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use engine::id::{HubId, NodeId, PartitionId};
use tokio::sync::Notify;

use super::{Seats, copies};
use crate::partition::mailbox::Mailbox;
use crate::peers::frame::{Frame, Kind};
use crate::peers::links::{Hears, Peer};

/// See the file's header.
#[derive(Debug)]
pub(crate) struct Hearing {
    pub(crate) seats: Seats,
    pub(crate) copies: Mailbox<copies::Job>,
    /// The catalog has changed, or may have.
    pub(crate) moved: Arc<Notify>,
    /// Nodes with which there is a session.
    connected: Mutex<BTreeSet<NodeId>>,
    /// Partitions whose replica here did not open.
    broken: Mutex<BTreeSet<(HubId, PartitionId)>>,
}

impl Hearing {
    pub(crate) fn new(seats: Seats, copies: Mailbox<copies::Job>) -> Self {
        Self { seats, copies, moved: Arc::default(), connected: Mutex::default(), broken: Mutex::default() }
    }

    /// A partition's replica here did not open.
    pub(crate) fn broke(&self, hub: HubId, partition: PartitionId) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).insert((hub, partition));
    }

    /// Whether that is so.
    pub(crate) fn is_broken(&self, hub: HubId, partition: PartitionId) -> bool {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).contains(&(hub, partition))
    }

    /// Nodes with which there is a session now.
    pub(crate) fn connected(&self) -> BTreeSet<NodeId> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Hears for Hearing {
    fn connected(&self, peer: Peer) {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).insert(peer.node);
        self.moved.notify_one();
    }

    fn heard(&self, from: NodeId, frame: Frame) {
        let Some(rest) = self.seats.heard(from, frame, &self.copies) else { return };
        if let Some(Kind::CatalogMoved(_)) = rest.kind {
            self.moved.notify_one();
        }
    }

    fn lost(&self, peer: Peer) {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer.node);
    }
}

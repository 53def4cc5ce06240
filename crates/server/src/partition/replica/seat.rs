//! A replica's seat in its group: which one it is, on which nodes the others are, and what is said to
//! them.
//!
//! Not here: what a message means (`replication`), and writing the file of rows (`node::copies`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine::id::{HubId, NodeId, PartitionId};
use platform::disk::Disk;
use storage::GroupKey;

use crate::peers::frame::{Kind, Raft};
use crate::peers::links::{Lane, Links};

/// See the file's header.
#[derive(Debug)]
pub struct Seat {
    /// The hub, 0 for the catalog.
    pub hub: HubId,
    /// The partition.
    pub partition: PartitionId,
    /// The group, and which replica of it is here.
    pub key: GroupKey,
    /// Where the replica's rows are.
    pub path: PathBuf,
    /// What it is on.
    pub disk: Arc<dyn Disk>,
    /// The way to other nodes.
    pub links: Links,
    nodes: Mutex<BTreeMap<u64, NodeId>>,
    /// Replicas that rows are on their way to.
    carried: Mutex<BTreeSet<u64>>,
    /// Rows that were brought lie beside this replica's, and the log has not decided about them yet.
    brought: AtomicBool,
}

impl Seat {
    /// Of the replica `key.replica` of a partition.
    pub fn new(
        (hub, partition): (HubId, PartitionId),
        key: GroupKey,
        path: PathBuf,
        (disk, links): (Arc<dyn Disk>, Links),
    ) -> Self {
        Self {
            hub,
            partition,
            key,
            path,
            disk,
            links,
            nodes: Mutex::default(),
            carried: Mutex::default(),
            brought: AtomicBool::new(false),
        }
    }

    /// Where another replica is, as the catalog or a message of its own says.
    pub fn learn(&self, replica: u64, node: NodeId) {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).insert(replica, node);
    }

    /// The node of a replica.
    pub fn node_of(&self, replica: u64) -> Option<NodeId> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).get(&replica).copied()
    }

    /// A replica on this node, if there is one.
    pub fn replica_on(&self, node: NodeId) -> Option<u64> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().find(|(_, at)| **at == node).map(|(replica, _)| *replica)
    }

    /// A message to another replica; lost where nobody knows its node, or there is no session.
    pub fn send(&self, to: u64, bytes: Bytes) {
        let Some(node) = self.node_of(to) else { return };
        let message = Raft {
            hub: self.hub.0,
            partition: self.partition.0,
            lineage: self.key.lineage,
            from: self.key.replica,
            to,
            bytes,
        };
        // Lost messages are the consensus' daily bread.
        let _sent = self.links.send(node, Lane::Urgent, Kind::Raft(message));
    }

    /// Whether rows may be sent to a replica: none are on their way to it.
    pub fn begin_carrying(&self, to: u64) -> bool {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).insert(to)
    }

    /// Rows are no longer on their way to a replica, whatever became of them.
    pub fn end_carrying(&self, to: u64) {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).remove(&to);
    }

    /// Rows lie beside this replica's from now on; `false`: others do already.
    pub fn begin_bringing(&self) -> bool {
        !self.brought.swap(true, Ordering::AcqRel)
    }

    /// The log has decided about them, or they never came whole.
    pub fn end_bringing(&self) {
        self.brought.store(false, Ordering::Release);
    }
}

//! What must happen outside because of an entry of the catalog, and what its author is told.
//!
//! Not here: doing it (`server`). All of it waits until the entry is committed.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::catalog::{Mode, NodeState, Survive, TOMBSTONE_SECONDS};
use crate::id::{HubId, NodeId, PartitionId};
use crate::time::Timestamp;

/// What must happen outside because of an entry, once it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Its partitions run from now on.
    Open(HubView),
    /// Its partitions stop; their data stays.
    Close(HubId),
    /// Its data goes.
    Remove(HubId),
    /// The answer to whoever asked.
    Reply(Reply),
}

/// All effects of one entry, in order.
pub type Effects = Vec<Effect>;

/// What an entry's author is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done, and this entry did it; the hub as it is now.
    Done(HubView),
    /// It was so already.
    Unchanged(HubView),
    /// The hub is gone for good.
    Removed(HubId),
    /// The node as it is now, or as it was when it was removed.
    Node(NodeView),
    /// Where a partition's replicas are to be from now on.
    Placement(PlacementView),
    /// No, and nothing changed.
    Refused(Refusal),
}

/// A normal "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such hub, or the hub has no such partition.
    NotFound,
    /// A hub of this name exists.
    Exists,
    /// A deleted hub has this name: bring it back, or remove it for good.
    Deleted,
    /// Only a deleted hub can be removed.
    NotDeleted,
    /// The name, the number of partitions or replicas, or the key is not allowed.
    Invalid,
    /// No node has this number.
    NodeNotFound,
    /// The node of this number was removed for good.
    NodeRemoved,
    /// Another node has this name.
    NodeExists,
    /// There are [`super::NODES_MAX`] nodes.
    NodesFull,
    /// Replicas are placed on the node.
    NodeInUse,
    /// The node's name, address, site, upgrade domain, labels, attempt or state is not allowed.
    NodeInvalid,
    /// Its fault domain is no path, see [`super::is_domain_path`].
    DomainInvalid,
    /// The placement is of another version by now.
    PlacementMoved,
    /// No node, one node twice, too many nodes, or not one placement for each partition.
    PlacementInvalid,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "there is no such hub or partition",
            Self::Exists => "a hub of this name exists",
            Self::Deleted => "a deleted hub has this name",
            Self::NotDeleted => "only a deleted hub can be removed",
            Self::Invalid => "a name, a number of partitions or replicas, or a key is not allowed",
            Self::NodeNotFound => "no node has this number",
            Self::NodeRemoved => "the node was removed for good",
            Self::NodeExists => "another node has this name",
            Self::NodesFull => "the cluster has as many nodes as it may have",
            Self::NodeInUse => "replicas are placed on the node",
            Self::NodeInvalid => "a name, address, site, upgrade domain, label or state is not allowed",
            Self::DomainInvalid => "a fault domain is a path like /region/zone/rack",
            Self::PlacementMoved => "the placement was changed since it was looked at",
            Self::PlacementInvalid => "a partition has one to nine replicas, each on a node of its own",
        })
    }
}

/// A hub as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubView {
    /// Its number.
    pub id: HubId,
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// Signs its completion tokens.
    pub key: Bytes,
    /// When it was created.
    pub created: Timestamp,
    /// When it was deleted, if it is.
    pub deleted: Option<Timestamp>,
    /// When its activities may run.
    pub mode: Mode,
    /// Which loss it is to survive.
    pub survive: Survive,
    /// How many replicas each partition should have.
    pub replicas_target: u32,
    /// How many it must have to be created.
    pub replicas_min: u32,
}

impl HubView {
    /// Until when a deleted hub is sure to be there.
    pub fn kept_until(&self) -> Option<Timestamp> {
        self.deleted.map(|at| at.plus(std::time::Duration::from_secs(TOMBSTONE_SECONDS)))
    }
}

/// A node as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Its number.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Where other nodes reach it: host and port.
    pub address: String,
    /// How often it has said who it is; 1 when it joined.
    pub incarnation: u64,
    /// What fails together, from the outside in: `/region/zone/rack`, or empty.
    pub fault_domain: String,
    /// What is upgraded together, or empty.
    pub upgrade_domain: String,
    /// The place of which none may have a majority, or empty.
    pub site: String,
    /// Whatever its operator wants to know of it.
    pub labels: BTreeMap<String, String>,
    /// What may be put on it.
    pub state: NodeState,
    /// When it joined.
    pub joined: Timestamp,
}

/// Where the replicas of one partition are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementView {
    /// Whose partition; 0: the catalog's own.
    pub hub: HubId,
    /// Which partition.
    pub partition: PartitionId,
    /// The replicas that the group was created with, by number. They never change.
    pub first: Vec<u64>,
    /// The replicas that it is to have.
    pub replicas: Vec<ReplicaView>,
    /// How often this was changed; 0: never.
    pub version: u64,
}

/// One replica that a partition is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaView {
    /// Its number, never used for another.
    pub replica: u64,
    /// Where it is.
    pub node: NodeId,
}

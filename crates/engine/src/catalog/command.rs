//! What can be asked of the catalog.
//!
//! Not here: what is done about it (the catalog's door). These types are also the log's format
//! (version 1): field numbers are never reused.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::partition::command::Moment;

/// One entry of the catalog's log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    /// When the leader proposed it.
    #[prost(message, required, tag = "1")]
    pub at: Moment,
    /// What is asked.
    #[prost(oneof = "Command", tags = "10, 11, 12, 13, 14, 15, 16, 17")]
    pub command: Option<Command>,
}

/// Everything that changes the catalog.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Command {
    /// Create a hub.
    #[prost(message, tag = "10")]
    CreateHub(CreateHub),
    /// Delete a hub: nobody can use it, and for a while it can be brought back.
    #[prost(message, tag = "11")]
    DeleteHub(DeleteHub),
    /// Bring a deleted hub back.
    #[prost(message, tag = "12")]
    UndeleteHub(UndeleteHub),
    /// Remove a deleted hub for good.
    #[prost(message, tag = "13")]
    RemoveHub(RemoveHub),
    /// A node joins, or says again who it is.
    #[prost(message, tag = "14")]
    RegisterNode(RegisterNode),
    /// Give a node no more work, or take that back.
    #[prost(message, tag = "15")]
    SetNodeState(SetNodeState),
    /// Take a node that holds nothing out of the cluster for good.
    #[prost(message, tag = "16")]
    RemoveNode(RemoveNode),
    /// Say on which nodes a partition's replicas are to be.
    #[prost(message, tag = "17")]
    PlaceReplicas(PlaceReplicas),
}

/// Creates a hub.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CreateHub {
    /// Its name, see [`super::is_hub_name`].
    #[prost(string, tag = "1")]
    pub name: String,
    /// How many partitions it has, for ever.
    #[prost(uint32, tag = "2")]
    pub partitions: u32,
    /// Random, [`super::HUB_KEY_BYTES`]: signs completion tokens.
    #[prost(bytes = "bytes", tag = "3")]
    pub key: Bytes,
    /// When its activities may run, for ever.
    #[prost(enumeration = "Mode", tag = "4")]
    pub mode: i32,
    /// Which loss it is to survive.
    #[prost(enumeration = "Survive", tag = "5")]
    pub survive: i32,
    /// How many replicas each partition should have; 0: [`super::REPLICAS_TARGET`].
    #[prost(uint32, tag = "6")]
    pub replicas_target: u32,
    /// With fewer replicas than this it is not created; 0: [`super::REPLICAS_MIN`].
    #[prost(uint32, tag = "7")]
    pub replicas_min: u32,
    /// Where the replicas are, for each partition in order. None at all: one on node 1 for each.
    #[prost(message, repeated, tag = "8")]
    pub placements: Vec<Placed>,
}

/// The nodes that hold a partition's replicas from the start.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Placed {
    /// One replica on each.
    #[prost(uint64, repeated, tag = "1")]
    pub nodes: Vec<u64>,
}

/// The greatest loss that a hub's partitions are to survive, where the cluster has enough of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Survive {
    /// Any one node.
    Host = 0,
    /// All nodes of any one zone: the second level of the fault domains.
    Zone = 1,
    /// All nodes of any one region: the first level of the fault domains.
    Region = 2,
}

/// When a hub's activities may be handed to workers. Answers, messages and reads always wait until what
/// they depend on is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Mode {
    /// Once the turn that asked for them is committed: no activity runs that history does not know.
    Conservative = 0,
    /// As soon as that turn is proposed: steps do not wait for the log. After a failure an activity may
    /// have run, with an input, that history never recorded.
    Speculative = 1,
}

/// Deletes a hub.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteHub {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Brings a deleted hub back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UndeleteHub {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Removes a deleted hub for good.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RemoveHub {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A node joins, or says again who it is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RegisterNode {
    /// Unique among the nodes of the cluster, see [`super::is_node_name`].
    #[prost(string, tag = "1")]
    pub name: String,
    /// Where other nodes reach it: host and port.
    #[prost(string, tag = "2")]
    pub address: String,
    /// What fails together, from the outside in: `/region/zone/rack`, any depth, or empty.
    #[prost(string, tag = "3")]
    pub fault_domain: String,
    /// What is upgraded together, or empty.
    #[prost(string, tag = "4")]
    pub upgrade_domain: String,
    /// The place of which none may have a majority where the layout allows it, or empty.
    #[prost(string, tag = "5")]
    pub site: String,
    /// Whatever its operator wants to know of it.
    #[prost(btree_map = "string, string", tag = "6")]
    pub labels: BTreeMap<String, String>,
    /// Random, of this attempt: the same again has the same answer.
    #[prost(bytes = "bytes", tag = "7")]
    pub join: Bytes,
    /// 0: it has no number yet. Else the node of this number has started again, or moved.
    #[prost(uint64, tag = "8")]
    pub id: u64,
}

/// What may be put on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum NodeState {
    /// Replicas.
    Active = 0,
    /// Nothing more: what it holds is to go elsewhere.
    Draining = 1,
    /// Nothing ever again: it is no part of the cluster.
    Removed = 2,
}

/// Gives a node no more replicas, or takes that back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SetNodeState {
    /// Which node.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// Not [`NodeState::Removed`]: that is [`RemoveNode`].
    #[prost(enumeration = "NodeState", tag = "2")]
    pub state: i32,
}

/// Takes a node out of the cluster for good.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RemoveNode {
    /// Which node.
    #[prost(uint64, tag = "1")]
    pub node: u64,
}

/// Says on which nodes a partition's replicas are to be.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PlaceReplicas {
    /// Whose partition; 0: the catalog's own.
    #[prost(uint32, tag = "1")]
    pub hub: u32,
    /// Which partition.
    #[prost(uint32, tag = "2")]
    pub partition: u32,
    /// The version of the placement that this was decided on.
    #[prost(uint64, tag = "3")]
    pub version: u64,
    /// One replica on each. Where there is one already, it stays.
    #[prost(uint64, repeated, tag = "4")]
    pub nodes: Vec<u64>,
}

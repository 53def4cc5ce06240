//! The catalog's rows (version 1 of the format): tags and numbers are never used again.
//!
//! Not here: what changes them (the catalog's door).

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::catalog::{
    HubView, Mode, NodeState, NodeView, PlacementView, REPLICAS_MIN, REPLICAS_TARGET, ReplicaView, Survive,
};
use crate::id::{HubId, NodeId, PartitionId};
use crate::partition::command::Moment;
use crate::rows::{Key, KeyBuilder, Row};

pub(crate) const META: u8 = 0xc1;
pub(crate) const HUB: u8 = 0xc2;
pub(crate) const NODE: u8 = 0xc3;
pub(crate) const NODE_NAME: u8 = 0xc4;
pub(crate) const NODE_JOIN: u8 = 0xc5;
pub(crate) const PLACEMENT: u8 = 0xc6;
pub(crate) const PLACED: u8 = 0xc7;

/// The catalog's own row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct CatalogRow {
    /// The last hub number given. Invariant: never falls, so no number is given twice.
    #[prost(uint32, tag = "1")]
    pub(crate) hubs: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) index: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) at: Option<Moment>,
    /// Invariant: the wrapping sum of `row_digest` over all other rows.
    #[prost(uint64, tag = "5")]
    pub(crate) digest: u64,
    /// The last node number given. Invariant: never falls; a number up to it without a row was removed.
    #[prost(uint64, tag = "6")]
    pub(crate) nodes: u64,
    /// How many nodes there are.
    #[prost(uint32, tag = "7")]
    pub(crate) nodes_now: u32,
    /// The last replica number given, in all groups. 0: none but the 1 that each group without a row has.
    /// Invariant: never falls.
    #[prost(uint64, tag = "8")]
    pub(crate) replicas: u64,
}

impl Row for CatalogRow {}

/// One hub; its key is the name.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct HubRow {
    #[prost(uint32, tag = "1")]
    pub(crate) number: u32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(uint32, tag = "3")]
    pub(crate) partitions: u32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) key: Bytes,
    #[prost(message, required, tag = "5")]
    pub(crate) created: Moment,
    #[prost(message, optional, tag = "6")]
    pub(crate) deleted: Option<Moment>,
    #[prost(enumeration = "Mode", tag = "7")]
    pub(crate) mode: i32,
    #[prost(enumeration = "Survive", tag = "8")]
    pub(crate) survive: i32,
    /// 0: as many as hubs had before they could say.
    #[prost(uint32, tag = "9")]
    pub(crate) replicas_target: u32,
    #[prost(uint32, tag = "10")]
    pub(crate) replicas_min: u32,
    /// How many of its partitions have a placement row; the others have replica 1 on node 1.
    #[prost(uint32, tag = "11")]
    pub(crate) placed: u32,
}

impl Row for HubRow {}

impl HubRow {
    pub(crate) fn view(&self) -> HubView {
        HubView {
            id: HubId(self.number),
            name: self.name.clone(),
            partitions: self.partitions,
            key: self.key.clone(),
            created: self.created.into(),
            deleted: self.deleted.map(Into::into),
            mode: self.mode(),
            survive: self.survive(),
            replicas_target: self.target(),
            replicas_min: if self.replicas_min == 0 {
                REPLICAS_MIN.min(self.target())
            } else {
                self.replicas_min
            },
        }
    }

    fn target(&self) -> u32 {
        if self.replicas_target == 0 { REPLICAS_TARGET } else { self.replicas_target }
    }
}

/// One node; its key is its number.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct NodeRow {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    pub(crate) address: String,
    #[prost(uint64, tag = "4")]
    pub(crate) incarnation: u64,
    #[prost(string, tag = "5")]
    pub(crate) fault_domain: String,
    #[prost(string, tag = "6")]
    pub(crate) upgrade_domain: String,
    #[prost(string, tag = "7")]
    pub(crate) site: String,
    #[prost(btree_map = "string, string", tag = "8")]
    pub(crate) labels: BTreeMap<String, String>,
    #[prost(enumeration = "NodeState", tag = "9")]
    pub(crate) state: i32,
    #[prost(message, required, tag = "10")]
    pub(crate) joined: Moment,
    /// Its last attempt to say who it is.
    #[prost(bytes = "bytes", tag = "11")]
    pub(crate) join: Bytes,
}

impl Row for NodeRow {}

impl NodeRow {
    pub(crate) fn view(&self) -> NodeView {
        NodeView {
            id: NodeId(self.id),
            name: self.name.clone(),
            address: self.address.clone(),
            incarnation: self.incarnation,
            fault_domain: self.fault_domain.clone(),
            upgrade_domain: self.upgrade_domain.clone(),
            site: self.site.clone(),
            labels: self.labels.clone(),
            state: self.state(),
            joined: self.joined.into(),
        }
    }
}

/// A node's number, by its name or by its attempt to join. The latter stays when the node is removed.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct NumberRow {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
}

impl Row for NumberRow {}

/// Where one partition's replicas are to be; its key is the hub's number and the partition's.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct PlacementRow {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) first: Vec<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) replicas: Vec<ReplicaPart>,
    #[prost(uint64, tag = "3")]
    pub(crate) version: u64,
}

impl Row for PlacementRow {}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ReplicaPart {
    #[prost(uint64, tag = "1")]
    pub(crate) replica: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) node: u64,
}

impl PlacementRow {
    /// What holds where there is no row.
    pub(crate) fn implied() -> Self {
        Self { first: vec![1], replicas: vec![ReplicaPart { replica: 1, node: 1 }], version: 0 }
    }

    pub(crate) fn view(&self, hub: HubId, partition: PartitionId) -> PlacementView {
        let replica = |part: &ReplicaPart| ReplicaView { replica: part.replica, node: NodeId(part.node) };
        PlacementView {
            hub,
            partition,
            first: self.first.clone(),
            replicas: self.replicas.iter().map(replica).collect(),
            version: self.version,
        }
    }
}

/// That a node holds a replica: found by node, hub and partition.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct PlacedRow {
    #[prost(uint64, tag = "1")]
    pub(crate) replica: u64,
}

impl Row for PlacedRow {}

pub(crate) fn meta_key() -> Key {
    KeyBuilder::room(META).key()
}

pub(crate) fn hub_key(name: &str) -> Key {
    KeyBuilder::room(HUB).text(name).key()
}

pub(crate) fn node_key(id: u64) -> Key {
    KeyBuilder::room(NODE).number(id).key()
}

pub(crate) fn node_name_key(name: &str) -> Key {
    KeyBuilder::room(NODE_NAME).text(name).key()
}

pub(crate) fn node_join_key(join: &[u8]) -> Key {
    KeyBuilder::room(NODE_JOIN).bytes(join).key()
}

/// All placements of a hub.
pub(crate) fn placements(hub: HubId) -> KeyBuilder {
    KeyBuilder::room(PLACEMENT).small(hub.0)
}

pub(crate) fn placement_key(hub: HubId, partition: PartitionId) -> Key {
    placements(hub).small(partition.0).key()
}

/// All that is placed on a node.
pub(crate) fn placed(node: u64) -> KeyBuilder {
    KeyBuilder::room(PLACED).number(node)
}

pub(crate) fn placed_key(node: u64, hub: HubId, partition: PartitionId) -> Key {
    placed(node).small(hub.0).small(partition.0).key()
}

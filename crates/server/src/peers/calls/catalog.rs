//! What the catalog answers.
//!
//! Not here: its commands, which are encoded as in its log.

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::catalog::{
    HubView, Mode, NodeState, NodeView, PlacementView, Refusal, ReplicaView, Reply, Survive,
};
use engine::id::{HubId, NodeId, PartitionId};
use engine::partition::command::Moment;

use super::{Malformed, Numbered as _, Read, moment, numbered, time};

numbered!(Refusal:
    NotFound = 1,
    Exists = 2,
    Deleted = 3,
    NotDeleted = 4,
    Invalid = 5,
    NodeNotFound = 6,
    NodeRemoved = 7,
    NodeExists = 8,
    NodesFull = 9,
    NodeInUse = 10,
    NodeInvalid = 11,
    DomainInvalid = 12,
    PlacementMoved = 13,
    PlacementInvalid = 14,
);

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireReply {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Done(WireHub),
    #[prost(message, tag = "2")]
    Unchanged(WireHub),
    #[prost(uint32, tag = "3")]
    Removed(u32),
    #[prost(int32, tag = "4")]
    Refused(i32),
    #[prost(message, tag = "5")]
    Node(WireNode),
    #[prost(message, tag = "6")]
    Placement(WirePlacement),
}

/// A hub as it stands.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireHub {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint32, tag = "3")]
    partitions: u32,
    #[prost(bytes = "bytes", tag = "4")]
    key: Bytes,
    #[prost(message, required, tag = "5")]
    created: Moment,
    #[prost(message, optional, tag = "6")]
    deleted: Option<Moment>,
    #[prost(enumeration = "Mode", tag = "7")]
    mode: i32,
    #[prost(enumeration = "Survive", tag = "8")]
    survive: i32,
    #[prost(uint32, tag = "9")]
    replicas_target: u32,
    #[prost(uint32, tag = "10")]
    replicas_min: u32,
}

/// A node as it stands.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireNode {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    address: String,
    #[prost(uint64, tag = "4")]
    incarnation: u64,
    #[prost(string, tag = "5")]
    fault_domain: String,
    #[prost(string, tag = "6")]
    upgrade_domain: String,
    #[prost(string, tag = "7")]
    site: String,
    #[prost(btree_map = "string, string", tag = "8")]
    labels: BTreeMap<String, String>,
    #[prost(enumeration = "NodeState", tag = "9")]
    state: i32,
    #[prost(message, required, tag = "10")]
    joined: Moment,
}

/// Where the replicas of one partition are to be.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WirePlacement {
    #[prost(uint32, tag = "1")]
    hub: u32,
    #[prost(uint32, tag = "2")]
    partition: u32,
    #[prost(uint64, repeated, tag = "3")]
    first: Vec<u64>,
    #[prost(message, repeated, tag = "4")]
    replicas: Vec<WireReplica>,
    #[prost(uint64, tag = "5")]
    version: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct WireReplica {
    #[prost(uint64, tag = "1")]
    replica: u64,
    #[prost(uint64, tag = "2")]
    node: u64,
}

impl From<&Reply> for WireReply {
    fn from(reply: &Reply) -> Self {
        let kind = match reply {
            Reply::Done(hub) => Kind::Done(hub.into()),
            Reply::Unchanged(hub) => Kind::Unchanged(hub.into()),
            Reply::Removed(hub) => Kind::Removed(hub.0),
            Reply::Node(node) => Kind::Node(node.into()),
            Reply::Placement(placement) => Kind::Placement(placement.into()),
            Reply::Refused(refusal) => Kind::Refused(refusal.number()),
        };
        Self { kind: Some(kind) }
    }
}

impl WireReply {
    pub(super) fn read(self) -> Read<Reply> {
        match self.kind.ok_or(Malformed("a reply of the catalog of an unknown kind"))? {
            Kind::Done(hub) => Ok(Reply::Done(hub.read()?)),
            Kind::Unchanged(hub) => Ok(Reply::Unchanged(hub.read()?)),
            Kind::Removed(hub) => Ok(Reply::Removed(HubId(hub))),
            Kind::Node(node) => Ok(Reply::Node(node.read()?)),
            Kind::Placement(placement) => Ok(Reply::Placement(placement.into())),
            Kind::Refused(refusal) => Ok(Reply::Refused(Refusal::read(refusal)?)),
        }
    }
}

impl From<&HubView> for WireHub {
    fn from(hub: &HubView) -> Self {
        Self {
            id: hub.id.0,
            name: hub.name.clone(),
            partitions: hub.partitions,
            key: hub.key.clone(),
            created: hub.created.into(),
            deleted: moment(hub.deleted),
            mode: hub.mode.into(),
            survive: hub.survive.into(),
            replicas_target: hub.replicas_target,
            replicas_min: hub.replicas_min,
        }
    }
}

impl WireHub {
    pub(super) fn read(self) -> Read<HubView> {
        if !(1..=engine::catalog::PARTITIONS_MAX).contains(&self.partitions) {
            return Err(Malformed("a hub with a number of partitions that none has"));
        }
        Ok(HubView {
            id: HubId(self.id),
            name: self.name,
            partitions: self.partitions,
            key: self.key,
            created: self.created.into(),
            deleted: time(self.deleted),
            mode: Mode::try_from(self.mode).map_err(|_| Malformed("a hub of an unknown mode"))?,
            survive: Survive::try_from(self.survive)
                .map_err(|_| Malformed("a hub that is to survive something unknown"))?,
            replicas_target: self.replicas_target,
            replicas_min: self.replicas_min,
        })
    }
}

impl From<&NodeView> for WireNode {
    fn from(node: &NodeView) -> Self {
        Self {
            id: node.id.0,
            name: node.name.clone(),
            address: node.address.clone(),
            incarnation: node.incarnation,
            fault_domain: node.fault_domain.clone(),
            upgrade_domain: node.upgrade_domain.clone(),
            site: node.site.clone(),
            labels: node.labels.clone(),
            state: node.state.into(),
            joined: node.joined.into(),
        }
    }
}

impl WireNode {
    pub(super) fn read(self) -> Read<NodeView> {
        Ok(NodeView {
            id: NodeId(self.id),
            name: self.name,
            address: self.address,
            incarnation: self.incarnation,
            fault_domain: self.fault_domain,
            upgrade_domain: self.upgrade_domain,
            site: self.site,
            labels: self.labels,
            state: NodeState::try_from(self.state).map_err(|_| Malformed("a node in an unknown state"))?,
            joined: self.joined.into(),
        })
    }
}

impl From<&PlacementView> for WirePlacement {
    fn from(view: &PlacementView) -> Self {
        let replica = |of: &ReplicaView| WireReplica { replica: of.replica, node: of.node.0 };
        Self {
            hub: view.hub.0,
            partition: view.partition.0,
            first: view.first.clone(),
            replicas: view.replicas.iter().map(replica).collect(),
            version: view.version,
        }
    }
}

impl From<WirePlacement> for PlacementView {
    fn from(wire: WirePlacement) -> Self {
        let replica = |of: WireReplica| ReplicaView { replica: of.replica, node: NodeId(of.node) };
        Self {
            hub: HubId(wire.hub),
            partition: PartitionId(wire.partition),
            first: wire.first,
            replicas: wire.replicas.into_iter().map(replica).collect(),
            version: wire.version,
        }
    }
}

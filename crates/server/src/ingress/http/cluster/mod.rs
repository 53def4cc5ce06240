//! The cluster in the API: its nodes, where the replicas of partitions are, and what the layout survives.
//!
//! `routes` are the handlers, `shaped` makes shapes of the catalog's views. Not here: choosing nodes
//! (`engine::catalog::placement`), and the members that a group has by now: what is shown is what is wanted.

pub(super) mod routes;
mod shaped;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::model::HubSurvive;
pub(super) use shaped::changed;

/// A node of the cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClusterNode {
    /// Its number, never given to another.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What may be put on it.
    pub state: ClusterNodeState,
    /// Where other nodes reach it.
    pub address: String,
    /// What fails together, from the outside in, such as `/region/zone/rack`; absent where it did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault_domain: Option<String>,
    /// What is upgraded together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_domain: Option<String>,
    /// The place of which none should hold a majority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What its operator wants to know of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How many replicas are placed on it.
    pub replicas: u32,
    /// How often it has said who it is.
    pub incarnation: u64,
    /// When it joined.
    pub joined_at: String,
}

/// What may be put on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterNodeState {
    /// Replicas.
    Active,
    /// Nothing more; what it holds goes elsewhere.
    Draining,
    /// Nothing ever again.
    Removed,
}

/// All nodes of the cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClusterNodeList {
    /// Version of this shape.
    pub schema: u32,
    /// In order of their numbers. None where the node has no others and never said who it is.
    pub nodes: Vec<ClusterNode>,
}

/// Where the replicas of one partition are to be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Partition {
    /// Its number.
    pub partition: u32,
    /// How often its placement was changed.
    pub version: u64,
    /// The replicas it was created with, by number.
    pub first: Vec<u64>,
    /// The replicas that it is to have.
    pub replicas: Vec<Replica>,
    /// The replicas that vote now, as the leader says: they become those that are to be there, one by one.
    /// Missing where no leader answers soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voters: Option<Vec<u64>>,
    /// The number of the node that leads it, as far as the answering node knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<u64>,
}

/// One replica of a partition.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Replica {
    /// Its number, never given to another.
    pub replica: u64,
    /// The number of its node.
    pub node: u64,
    /// The name of its node; absent where that has not said who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
}

/// A hub's partitions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartitionList {
    /// Version of this shape.
    pub schema: u32,
    /// The hub.
    pub hub: String,
    /// In order of their numbers.
    pub partitions: Vec<Partition>,
}

/// Which failures the layout survives, and what would be changed next.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClusterPlan {
    /// Version of this shape.
    pub schema: u32,
    /// How many nodes there are.
    pub nodes: usize,
    /// The levels of the layout, from single nodes to the outermost domains; then sites.
    pub levels: Vec<LevelPlan>,
    /// How far each hub is from its end, the nearest first.
    pub hubs: Vec<HubDistance>,
    /// What is not as somebody wants it.
    pub warnings: Vec<String>,
    /// The next moves, at most 100.
    pub moves: Vec<PlannedMove>,
    /// Replicas that are to leave their node and have nowhere to go, at most 100.
    pub blocked: Vec<StuckReplica>,
}

/// What the loss of domains of one level does.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LevelPlan {
    /// `node`, `rack`, `zone`, `region`, `domain of level 4` and so on, or `site`.
    pub level: String,
    /// How many of its domains may be lost, one at a time, and everything goes on.
    pub survived: usize,
    /// How many pairs of its domains there are.
    pub pairs: usize,
    /// How many of those pairs may be lost and everything goes on.
    pub pairs_survived: usize,
    /// Pairs that stop something although neither does alone, at most 20.
    pub fatal_pairs: Vec<[String; 2]>,
    /// Every domain.
    pub domains: Vec<DomainPlan>,
}

/// What the loss of one domain does.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DomainPlan {
    /// Its name; empty for nodes that do not say.
    pub domain: String,
    /// So many nodes go.
    pub nodes: usize,
    /// So many replicas go.
    pub replicas: usize,
    /// So many partitions have no majority then; the catalog counts as one.
    pub stops: usize,
    /// Whether there are other nodes for all replicas that go.
    pub fits_elsewhere: bool,
}

/// How far a hub is from its end.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HubDistance {
    /// Its name; absent for the catalog itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// What it is to survive; absent for the catalog itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub survive: Option<HubSurvive>,
    /// The fewest replicas that one of its partitions has.
    pub replicas: usize,
    /// How many more nodes must be lost, the right ones, until one of its partitions stops: its distance
    /// to disaster.
    pub losses: usize,
}

/// A change of a placement that would be made next.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlannedMove {
    /// The hub; absent for the catalog itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// The partition.
    pub partition: u32,
    /// The numbers of the nodes that it would be on.
    pub nodes: Vec<u64>,
    /// `leaves`, `missing`, `too_many`, `spread` or `balance`.
    pub why: &'static str,
}

/// A replica that is to leave its node and has nowhere to go.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StuckReplica {
    /// The hub; absent for the catalog itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// The partition.
    pub partition: u32,
    /// The number of the node that it is to leave.
    pub node: u64,
    /// Why it stays.
    pub why: String,
}

//! What the catalog says of the cluster: its nodes, and where the replicas of each partition are to be.
//!
//! Not here: choosing nodes (`engine::catalog::placement`), and making it so. A new hub's partitions begin
//! on nodes that are chosen here, as soon as there is more than one; on one node there is nothing to choose.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::catalog::placement::{self, Level, Loads, NotPlaced, Wish};
use engine::catalog::{self, HubView, NodeView, Placed, PlacementView, Survive};
use engine::id::{HubId, NodeId, PartitionId};

use super::Node;
use super::hub::{Hub, mismatch};
use super::hubs::HubError;
use super::opening::CATALOG;
use crate::partition::messages::{Answer, Outcome, Question, Request, Unavailable};

/// What somebody wants of a new hub's replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicasWanted {
    /// Which loss it is to survive.
    pub survive: Survive,
    /// How many replicas each partition should have; `None`: as many as is usual.
    pub target: Option<u32>,
    /// One domain of the level to survive is enough.
    pub one_domain_is_fine: bool,
}

impl Default for ReplicasWanted {
    fn default() -> Self {
        Self { survive: Survive::Host, target: None, one_domain_is_fine: false }
    }
}

impl ReplicasWanted {
    fn wish(self) -> Wish {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let target = count(self.target.unwrap_or(catalog::REPLICAS_TARGET));
        let min = count(catalog::REPLICAS_MIN).min(target);
        Wish { survive: self.survive, target, min, one_domain_is_fine: self.one_domain_is_fine }
    }
}

/// The catalog's nodes, hubs and placements, each as it stood when it was asked.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Every node.
    pub nodes: Vec<NodeView>,
    /// Every hub, deleted ones too.
    pub hubs: Vec<HubView>,
    /// Every partition's placement, the catalog's own first.
    pub placements: Vec<PlacementView>,
    /// Who leads, as far as this node knows.
    pub leaders: BTreeMap<(HubId, PartitionId), NodeId>,
    /// The replicas that vote in some partitions, where somebody asked their leaders.
    pub voters: BTreeMap<(HubId, PartitionId), Vec<u64>>,
    /// When the catalog said so, since 1970.
    pub heard_at: Duration,
}

impl Layout {
    /// Where a partition's replicas are to be.
    pub fn placement(&self, hub: HubId, partition: PartitionId) -> Option<&PlacementView> {
        self.placements.iter().find(|placement| placement.hub == hub && placement.partition == partition)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

impl Node {
    /// The whole layout.
    pub async fn layout(&self) -> Result<Layout, Unavailable> {
        let (nodes, hubs) = (self.cluster_nodes().await?, self.hubs().await?);
        let mut placements = self.placements(CATALOG).await?;
        for hub in &hubs {
            placements.extend(self.placements(hub.id).await?);
        }
        let leader = |placement: &PlacementView| {
            let group = (placement.hub, placement.partition);
            let route = self.gateway().route(group);
            let here = route.at_home(|_| self.gateway().me());
            here.or_else(|| route.is_at()).map(|node| (group, node))
        };
        let leaders = placements.iter().filter_map(leader).collect();
        let (voters, heard_at) = (BTreeMap::new(), self.platform.clock.wall());
        Ok(Layout { nodes, hubs, placements, leaders, voters, heard_at })
    }

    /// Partitions of open hubs that nobody leads, as far as this node hears: the hub, and which.
    pub fn leaderless(&self) -> Vec<(String, Vec<PartitionId>)> {
        let of_hub = |hub: &Hub| -> Vec<PartitionId> {
            let partitions = (0..hub.partitions()).map(PartitionId);
            partitions.filter(|id| hub.route(*id).is_none_or(|route| !route.is_led())).collect()
        };
        let hubs = self.open_hub_list();
        let hubs = hubs.iter().map(|hub| (hub.name().to_owned(), of_hub(hub)));
        hubs.filter(|(_, partitions)| !partitions.is_empty()).collect()
    }

    /// Every node that joined and was not removed.
    pub async fn cluster_nodes(&self) -> Result<Vec<NodeView>, Unavailable> {
        let Answer::Nodes(nodes) = self.ask_catalog(Question::Nodes).await? else {
            return Err(mismatch());
        };
        Ok(nodes)
    }

    /// Where the replicas of a hub's partitions are to be; hub 0 is the catalog.
    pub async fn placements(&self, hub: HubId) -> Result<Vec<PlacementView>, Unavailable> {
        let Answer::Placements(placements) = self.ask_catalog(Question::Placements { hub }).await? else {
            return Err(mismatch());
        };
        Ok(placements)
    }

    /// Changes what the catalog says of a node or a placement.
    pub async fn change_layout(&self, command: catalog::Command) -> Result<catalog::Reply, Unavailable> {
        let request = Request::Catalog(command);
        match self.catalog.route.ask(&self.catalog_admission, request, None).await? {
            Outcome::Catalog(reply) => Ok(reply),
            Outcome::Partition(_) => Err(mismatch()),
        }
    }

    /// Where the partitions of a new hub begin; empty: all on this node, which is the only one.
    pub(super) async fn first_placements(
        &self,
        name: &str,
        partitions: u32,
        wanted: ReplicasWanted,
    ) -> Result<Vec<Placed>, HubError> {
        let nodes = self.cluster_nodes().await?;
        if nodes.len() <= 1 && (wanted.survive == Survive::Host || wanted.one_domain_is_fine) {
            return Ok(Vec::new());
        }
        if nodes.is_empty() {
            let (level, like) = (Level::of(wanted.survive), "this node".to_owned());
            let why = NotPlaced::OneDomain { level, domain: String::new(), like, of: 1, passed: Vec::new() };
            return Err(HubError::Unplaceable(name.to_owned(), why));
        }
        let loads = placement::loads(&self.layout().await?.placements);
        place_all(&nodes, loads, partitions, wanted.wish())
            .map_err(|why| HubError::Unplaceable(name.to_owned(), why))
    }
}

/// Nodes for each of so many partitions, each chosen with those before in mind.
fn place_all(
    nodes: &[NodeView],
    mut loads: Loads,
    partitions: u32,
    wish: Wish,
) -> Result<Vec<Placed>, NotPlaced> {
    let mut placed = Vec::new();
    for _ in 0..partitions {
        let chosen = placement::place(nodes, &loads, wish, &[])?.nodes;
        chosen.iter().for_each(|node| *loads.entry(*node).or_default() += 1);
        placed.push(Placed { nodes: chosen.into_iter().map(|node| node.0).collect() });
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use engine::catalog::NodeState;
    use engine::time::Timestamp;

    use super::*;

    #[test]
    fn the_partitions_of_a_new_hub_are_spread_over_zones_and_nodes() {
        let node = |id: u64| NodeView {
            id: NodeId(id),
            name: format!("n{id}"),
            address: format!("10.0.0.{id}:4003"),
            incarnation: 1,
            fault_domain: format!("/eu/{}", id % 3),
            upgrade_domain: String::new(),
            site: String::new(),
            labels: BTreeMap::new(),
            state: NodeState::Active,
            joined: Timestamp::ZERO,
        };
        let nodes: Vec<NodeView> = (1..=6).map(node).collect();
        let wanted = ReplicasWanted { survive: Survive::Zone, ..ReplicasWanted::default() };
        let placed = place_all(&nodes, Loads::new(), 4, wanted.wish()).unwrap();
        let mut held: BTreeMap<u64, u32> = BTreeMap::new();
        for partition in &placed {
            let zones: BTreeSet<u64> = partition.nodes.iter().map(|id| id % 3).collect();
            assert_eq!((partition.nodes.len(), zones.len()), (3, 3), "{partition:?}");
            partition.nodes.iter().for_each(|id| *held.entry(*id).or_default() += 1);
        }
        assert_eq!(held.into_values().collect::<Vec<u32>>(), [2; 6]);
    }
}

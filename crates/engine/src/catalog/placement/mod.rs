//! On which nodes a partition's replicas should be: arithmetic over the catalog's views, nothing else.
//!
//! [`place`] chooses the nodes of one partition or says why not, [`seeds`] those of the catalog itself,
//! [`next_moves`] what to change when nodes come and go, and [`outlook`] which failures the layout
//! survives. Not here: doing it (`PlaceReplicas`, and the leader of each group).
//!
//! The rules, in order: the loss of one domain of the level that the hub wants to survive leaves a
//! majority; no site has a majority; replicas are spread evenly at each level, from the outside in. The
//! first two hold where the layout allows it. Then: few moves, other upgrade domains, nodes with little.

mod choose;
mod domains;
mod moves;
mod outlook;
mod refused;

use std::collections::BTreeMap;

use crate::catalog::{HubView, NodeState, NodeView, PlacementView, Survive};
use crate::id::{HubId, NodeId, PartitionId};

use choose::{Field, Order, Sought};
pub use domains::Level;
pub use moves::{Blocked, Cluster, Move, Plan, Why, blocked_by, next_moves, weakened_by};
pub use outlook::{DomainLoss, GroupOutlook, LevelOutlook, Outlook, outlook};
pub use refused::{NotPlaced, Passed, Warning, warnings};

/// Voters of the catalog at most: more make its commits slower and its majority no safer.
const SEEDS_MAX: usize = 9;
/// With fewer nodes than this the catalog has one voter: of two, both would be needed.
const SEEDS_MIN: usize = 3;

/// What a partition should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Which loss it is to survive.
    pub survive: Survive,
    /// So many replicas, if there are as many nodes.
    pub target: usize,
    /// So many, or it is not placed.
    pub min: usize,
    /// Somebody has said that one domain of the level to survive is enough.
    pub one_domain_is_fine: bool,
}

impl Wish {
    /// What a hub wants for its partitions.
    pub fn of(hub: &HubView) -> Self {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            survive: hub.survive,
            target: count(hub.replicas_target),
            min: count(hub.replicas_min),
            one_domain_is_fine: false,
        }
    }
}

/// How many replicas each node holds already.
pub type Loads = BTreeMap<NodeId, u32>;

/// Counts the replicas of each node.
pub fn loads(placements: &[PlacementView]) -> Loads {
    let mut loads = Loads::new();
    for replica in placements.iter().flat_map(|placement| &placement.replicas) {
        *loads.entry(replica.node).or_default() += 1;
    }
    loads
}

/// Where a partition's replicas should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// On these nodes, in order of their numbers.
    pub nodes: Vec<NodeId>,
    /// What this layout does not give.
    pub warnings: Vec<Warning>,
}

/// Chooses the nodes for one partition whose replicas are on `now`, or says why it cannot be placed.
/// `loads` are those without this partition.
pub fn place(nodes: &[NodeView], loads: &Loads, wish: Wish, now: &[NodeId]) -> Result<Placed, NotPlaced> {
    let field = Field::new(nodes, loads, Sought::of(wish), now);
    let passed = refused::passed(nodes);
    if field.len() < wish.min {
        return Err(NotPlaced::TooFew { needed: wish.min, of: nodes.len(), left: field.len(), passed });
    }
    let level = Level::of(wish.survive);
    if !wish.one_domain_is_fine
        && let Some((domain, like)) = field.only_domain()
    {
        let (of, domain) = (nodes.len(), domain.to_owned());
        return Err(NotPlaced::OneDomain { level, domain, like: like.to_owned(), of, passed });
    }
    let chosen = field.choose();
    let warnings = warnings(nodes, &field.nodes(&chosen), wish);
    Ok(Placed { nodes: field.nodes(&chosen), warnings })
}

/// How many voters the catalog should have with so many nodes: odd, at most nine, and of two nodes one.
pub fn seeds_count(nodes: usize) -> usize {
    match nodes.min(SEEDS_MAX) {
        few if few < SEEDS_MIN => few.min(1),
        odd if odd % 2 == 1 => odd,
        even => even - 1,
    }
}

/// The nodes that should vote on the catalog, as even over fault domains and upgrade domains as can be.
pub fn seeds(nodes: &[NodeView], loads: &Loads, now: &[NodeId]) -> Vec<NodeId> {
    let field = seeds_field(nodes, loads, now);
    field.nodes(&field.choose())
}

fn seeds_field<'a>(nodes: &'a [NodeView], loads: &Loads, now: &[NodeId]) -> Field<'a> {
    let is_active = |node: &&NodeView| node.state == NodeState::Active;
    let target = match seeds_count(nodes.iter().filter(is_active).count()) {
        // Where no node is left for them, voters stay.
        0 => now.len(),
        // One voter is for clusters that begin: three do not become one because a node is drained.
        few if few < SEEDS_MIN && now.len() >= SEEDS_MIN => now.len(),
        count => count,
    };
    let sought = Sought { survive: seeds_survive(nodes), target, order: Order::UpgradesFirst };
    Field::new(nodes, loads, sought, now)
}

/// The greatest loss of which the catalog can survive one: there are three or more such domains.
fn seeds_survive(nodes: &[NodeView]) -> Survive {
    let has_three = |survive: &Survive| domains::count(nodes, Level::of(*survive)) >= SEEDS_MIN;
    [Survive::Region, Survive::Zone].into_iter().find(has_three).unwrap_or(Survive::Host)
}

/// A group, for sets and maps.
type Group = (HubId, PartitionId);

#[cfg(test)]
mod tests;

//! What to change next when nodes come and go: one replica of a group at a time.
//!
//! A step brings one replica, takes one that is too many, or has one take another's place; nothing is
//! taken without that. Each step makes the layout better by the hard rules, gives a leaving node's replica
//! away, or evens out what nodes hold without making the layout worse, so steps come to an end. Not here:
//! making it so. Whoever asks again before a group has become what it is to be leaves that group out.

use std::collections::BTreeSet;

use crate::catalog::placement::choose::{Field, Sought, without};
use crate::catalog::placement::refused::{NotPlaced, Warning, passed, warnings};
use crate::catalog::placement::{Group, Loads, Wish, loads, place, seeds_field};
use crate::catalog::{HubView, NodeState, NodeView, PlacementView};
use crate::id::{HubId, NodeId, PartitionId};
use crate::mutants;

/// The hub of the catalog's own group.
const CATALOG: HubId = HubId(0);

/// The whole layout.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    /// Every node.
    pub nodes: &'a [NodeView],
    /// Every hub.
    pub hubs: &'a [HubView],
    /// Every group's placement, the catalog's too.
    pub placements: &'a [PlacementView],
    /// Groups that have not yet become what they are to be: left alone.
    pub changing: &'a BTreeSet<(HubId, PartitionId)>,
}

/// One change of a placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Whose partition; 0: the catalog's own.
    pub hub: HubId,
    /// Which partition.
    pub partition: PartitionId,
    /// The version of the placement that this was decided on.
    pub version: u64,
    /// Where its replicas are to be.
    pub nodes: Vec<NodeId>,
    /// What it is good for.
    pub why: Why,
}

/// What a move is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A node is drained.
    Leaves,
    /// There are too few replicas.
    Missing,
    /// There are too many.
    TooMany,
    /// Fault domains or sites are better spread.
    Spread,
    /// A node holds more than another.
    Balance,
}

/// A replica that is to leave its node and has nowhere to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Whose partition.
    pub hub: HubId,
    /// Which partition.
    pub partition: PartitionId,
    /// The node it is to leave.
    pub node: NodeId,
    /// Why it stays.
    pub why: NotPlaced,
}

/// What to change now, and what cannot be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// At most one for each group.
    pub moves: Vec<Move>,
    /// What waits for other nodes.
    pub blocked: Vec<Blocked>,
}

/// The next moves, at most `limit`, the most urgent first. None where no node has said who it is.
pub fn next_moves(cluster: Cluster<'_>, limit: usize) -> Plan {
    if cluster.nodes.is_empty() {
        return Plan::default();
    }
    let mut loads = loads(cluster.placements);
    let mut plan = Plan::default();
    let mut groups: Vec<(Why, &PlacementView)> = Vec::new();
    for placement in settled(cluster) {
        match urgency(cluster, &loads, placement) {
            Ok(Some(why)) => groups.push((why, placement)),
            Ok(None) => {}
            Err(blocked) => plan.blocked.push(blocked),
        }
    }
    groups.sort_by_key(|(why, placement)| (*why, placement.hub, placement.partition));
    let mut moved: BTreeSet<Group> = BTreeSet::new();
    for (_, placement) in groups {
        if plan.moves.len() < limit
            && let Some((why, nodes)) = step(cluster, &loads, placement)
        {
            note(&mut loads, placement, &nodes);
            moved.insert((placement.hub, placement.partition));
            plan.moves.push(to(placement, nodes, why));
        }
    }
    for placement in settled(cluster) {
        // The catalog is small, and whoever votes on it is better left alone.
        let is_free = placement.hub != CATALOG && !moved.contains(&(placement.hub, placement.partition));
        if plan.moves.len() < limit
            && is_free
            && let Some(nodes) = balance(cluster, &loads, placement)
        {
            note(&mut loads, placement, &nodes);
            plan.moves.push(to(placement, nodes, Why::Balance));
        }
    }
    plan
}

/// What would have nowhere to go if this node were drained.
pub fn blocked_by(cluster: Cluster<'_>, node: NodeId) -> Vec<Blocked> {
    let mut nodes = cluster.nodes.to_vec();
    nodes.iter_mut().filter(|other| other.id == node).for_each(|other| other.state = NodeState::Draining);
    let (cluster, loads) = (Cluster { nodes: &nodes, ..cluster }, loads(cluster.placements));
    let holds = |placement: &&PlacementView| placement.replicas.iter().any(|replica| replica.node == node);
    let on_it = cluster.placements.iter().filter(holds);
    on_it.filter_map(|placement| urgency(cluster, &loads, placement).err()).collect()
}

/// What would no longer survive what it is to, if this node were drained.
pub fn weakened_by(cluster: Cluster<'_>, node: NodeId) -> Vec<(HubId, PartitionId, Warning)> {
    let mut others = cluster.nodes.to_vec();
    others.iter_mut().filter(|other| other.id == node).for_each(|other| other.state = NodeState::Draining);
    let loads = loads(cluster.placements);
    let is_fatal = |warning: &Warning| matches!(warning, Warning::DomainIsFatal { .. });
    let weakened = |placement: &PlacementView| {
        let hub = cluster.hubs.iter().find(|hub| hub.id == placement.hub)?;
        let (wish, now) = (Wish { one_domain_is_fine: true, ..Wish::of(hub) }, nodes_of(placement));
        if !now.contains(&node) || warnings(cluster.nodes, &now, wish).iter().any(is_fatal) {
            return None;
        }
        let after = place(&others, &loads, wish, &now).ok()?;
        let warning = after.warnings.into_iter().find(is_fatal)?;
        Some((placement.hub, placement.partition, warning))
    };
    cluster.placements.iter().filter_map(weakened).collect()
}

fn settled(cluster: Cluster<'_>) -> impl Iterator<Item = &PlacementView> {
    let is_settled =
        |placement: &&PlacementView| !cluster.changing.contains(&(placement.hub, placement.partition));
    cluster.placements.iter().filter(is_settled)
}

fn to(placement: &PlacementView, nodes: Vec<NodeId>, why: Why) -> Move {
    let PlacementView { hub, partition, version, .. } = *placement;
    Move { hub, partition, version, nodes, why }
}

fn nodes_of(placement: &PlacementView) -> Vec<NodeId> {
    placement.replicas.iter().map(|replica| replica.node).collect()
}

fn note(loads: &mut Loads, placement: &PlacementView, nodes: &[NodeId]) {
    for node in nodes_of(placement) {
        loads.entry(node).and_modify(|load| *load = load.saturating_sub(1));
    }
    nodes.iter().for_each(|node| *loads.entry(*node).or_default() += 1);
}

/// The nodes a group may choose from. `None`: its hub is gone, and its placement goes with it.
fn field<'a>(cluster: Cluster<'a>, loads: &Loads, placement: &PlacementView) -> Option<Field<'a>> {
    let now = nodes_of(placement);
    if placement.hub == CATALOG {
        return Some(seeds_field(cluster.nodes, loads, &now));
    }
    let wish = Wish::of(cluster.hubs.iter().find(|hub| hub.id == placement.hub)?);
    Some(Field::new(cluster.nodes, loads, Sought::of(wish), &now))
}

/// What a group needs most, if anything, or why it cannot have it.
fn urgency(cluster: Cluster<'_>, loads: &Loads, placement: &PlacementView) -> Result<Option<Why>, Blocked> {
    let Some(field) = field(cluster, loads, placement) else { return Ok(None) };
    let (now, stays) = (nodes_of(placement), field.places(&nodes_of(placement)));
    let leaves = now.iter().find(|node| !field.nodes(&stays).contains(node));
    if let Some(node) = leaves {
        if field.open(&stays).next().is_some() || may_shrink(&field, now.len()) {
            return Ok(Some(Why::Leaves));
        }
        let (needed, of, left) = (now.len(), cluster.nodes.len(), field.len());
        let why = NotPlaced::TooFew { needed, of, left, passed: passed(cluster.nodes) };
        let PlacementView { hub, partition, .. } = *placement;
        return Err(Blocked { hub, partition, node: *node, why });
    }
    Ok(if now.len() < field.count() {
        Some(Why::Missing)
    } else if may_shrink(&field, now.len()) {
        Some(Why::TooMany)
    } else {
        better(&field, &stays).map(|_| Why::Spread)
    })
}

/// Whether one of so many replicas may go without another in its place: only where there are more than
/// there should be. What a node that leaves holds waits for another node.
fn may_shrink(field: &Field<'_>, now: usize) -> bool {
    now > field.target()
}

/// The next step of one group.
fn step(cluster: Cluster<'_>, loads: &Loads, placement: &PlacementView) -> Option<(Why, Vec<NodeId>)> {
    let why = urgency(cluster, loads, placement).ok()??;
    let field = field(cluster, loads, placement)?;
    let now = nodes_of(placement);
    let stays = field.places(&now);
    let kept = field.nodes(&stays);
    match why {
        Why::Leaves => {
            let leaves = *now.iter().find(|node| !kept.contains(node))?;
            let others = now.iter().copied().filter(|node| *node != leaves);
            if may_shrink(&field, now.len()) || mutants::active(mutants::DRAINED_WITHOUT_ANOTHER) {
                return Some((why, others.collect()));
            }
            let next = field.nodes(&field.added(&stays)?);
            let comes = next.into_iter().find(|node| !kept.contains(node))?;
            Some((why, others.chain([comes]).collect()))
        }
        Why::Missing => Some((why, field.nodes(&field.added(&stays)?))),
        Why::TooMany => Some((why, field.nodes(&field.dropped(&stays)?))),
        Why::Spread => Some((why, field.nodes(&better(&field, &stays)?))),
        Why::Balance => None,
    }
}

/// One replica exchanged so that the layout is better by the hard rules.
fn better(field: &Field<'_>, now: &[usize]) -> Option<Vec<usize>> {
    let next = field.exchanged(now)?;
    (field.cost(&next).hard < field.cost(now).hard).then_some(next)
}

/// One replica given from a node that holds much to one that holds little, where nothing gets worse.
fn balance(cluster: Cluster<'_>, loads: &Loads, placement: &PlacementView) -> Option<Vec<NodeId>> {
    let field = field(cluster, loads, placement)?;
    let now = field.places(&nodes_of(placement));
    if now.len() < placement.replicas.len() {
        return None;
    }
    let (hard, upgrades) = (field.cost(&now).hard, field.upgrades(&now));
    let pairs = now.iter().flat_map(|out| field.open(&now).map(|into| (*out, into)));
    let next = pairs
        .filter(|(out, into)| field.relief(*out, *into) > 0)
        .map(|(out, into)| (field.relief(out, into), without(&now, out).into_iter().chain([into]).collect()))
        .filter(|(_, next): &(u32, Vec<usize>)| {
            field.cost(next).hard <= hard && field.upgrades(next) <= upgrades
        });
    let (_, best) = next.max_by_key(|(relief, _)| *relief)?;
    Some(field.nodes(&best))
}

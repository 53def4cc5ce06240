//! Which failures a layout survives, and how far each group is from the end.
//!
//! Not here: choosing a layout. A group goes on while a majority of its replicas lives; pairs of domains
//! are of one level. The one thing to know: a group has at most nine replicas, so only its own domains need
//! looking at, however many there are.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::placement::Group;
use crate::catalog::placement::domains::Level;
use crate::catalog::placement::refused::{is_fatal, levels};
use crate::catalog::{NodeState, NodeView, PlacementView};
use crate::id::{HubId, NodeId, PartitionId};

/// Pairs of domains that are named; all are counted.
const PAIRS_NAMED_MAX: usize = 20;

/// What a layout survives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// Every group, those nearest to their end first.
    pub groups: Vec<GroupOutlook>,
    /// From single nodes to the outermost domains; then sites.
    pub levels: Vec<LevelOutlook>,
}

/// How far one group is from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupOutlook {
    /// Whose partition; 0: the catalog's own.
    pub hub: HubId,
    /// Which partition.
    pub partition: PartitionId,
    /// How many replicas it has.
    pub replicas: usize,
    /// How many more nodes must be lost, the right ones, until it has no majority; 0: it has none.
    pub losses: usize,
}

/// What the loss of domains of one level does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelOutlook {
    /// Which level.
    pub level: Level,
    /// Every domain.
    pub domains: Vec<DomainLoss>,
    /// How many pairs of domains there are.
    pub pairs: usize,
    /// How many of them may be lost and every group goes on.
    pub pairs_survived: usize,
    /// Pairs that stop a group although neither does alone; the first 20.
    pub fatal_pairs: Vec<(String, String)>,
}

/// What the loss of one domain does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainLoss {
    /// Its name; empty: nodes that do not say.
    pub domain: String,
    /// So many nodes go.
    pub nodes: usize,
    /// So many replicas go.
    pub replicas: usize,
    /// These groups have no majority then.
    pub stops: Vec<(HubId, PartitionId)>,
    /// There are other nodes for all replicas that go.
    pub fits_elsewhere: bool,
}

/// What the layout survives while these nodes are down.
pub fn outlook(nodes: &[NodeView], placements: &[PlacementView], down: &BTreeSet<NodeId>) -> Outlook {
    let lost = |placement: &PlacementView| {
        placement.replicas.iter().filter(|replica| down.contains(&replica.node)).count()
    };
    let mut groups: Vec<GroupOutlook> = placements
        .iter()
        .map(|placement| {
            let replicas = placement.replicas.len();
            let losses = (replicas - lost(placement)).saturating_sub(replicas / 2);
            GroupOutlook { hub: placement.hub, partition: placement.partition, replicas, losses }
        })
        .collect();
    groups.sort_by_key(|group| (group.losses, group.hub, group.partition));
    let going = |placement: &&PlacementView| !is_fatal(lost(placement), placement.replicas.len());
    let living: Vec<(&PlacementView, usize)> =
        placements.iter().filter(going).map(|placement| (placement, lost(placement))).collect();
    let levels = levels(nodes).into_iter().map(|level| of_level(level, nodes, &living, down)).collect();
    Outlook { groups, levels }
}

fn of_level(
    level: Level,
    nodes: &[NodeView],
    living: &[(&PlacementView, usize)],
    down: &BTreeSet<NodeId>,
) -> LevelOutlook {
    let is_named = |node: &&NodeView| level != Level::Site || !node.site.is_empty();
    let domains: BTreeMap<NodeId, &str> =
        nodes.iter().filter(is_named).map(|node| (node.id, level.domain(node))).collect();
    let mut losses: BTreeMap<&str, DomainLoss> = BTreeMap::new();
    for domain in domains.values() {
        let loss = losses.entry(*domain).or_insert_with(|| DomainLoss {
            domain: (*domain).to_owned(),
            nodes: 0,
            replicas: 0,
            stops: Vec::new(),
            fits_elsewhere: true,
        });
        loss.nodes += 1;
    }
    let is_free = |node: &&NodeView| node.state == NodeState::Active && !down.contains(&node.id);
    let elsewhere = |domain: &str| {
        let others = nodes.iter().filter(is_free).filter(|node| domains.get(&node.id) != Some(&domain));
        others.count()
    };
    let free: BTreeMap<&str, usize> = losses.keys().map(|domain| (*domain, elsewhere(domain))).collect();
    let mut pairs: BTreeMap<(&str, &str), BTreeSet<Group>> = BTreeMap::new();
    for (placement, lost) in living {
        let of = placement.replicas.len();
        let group = (placement.hub, placement.partition);
        let counts: Vec<(&str, usize)> = counts(placement, &domains, down).into_iter().collect();
        for (at, (domain, count)) in counts.iter().enumerate() {
            if let Some(loss) = losses.get_mut(domain) {
                loss.replicas += count;
                loss.fits_elsewhere &= free.get(domain).is_some_and(|free| *free >= of);
                if is_fatal(lost + count, of) {
                    loss.stops.push(group);
                }
            }
            for (other, more) in counts.iter().skip(at + 1) {
                if is_fatal(lost + count + more, of) {
                    pairs.entry((domain, other)).or_default().insert(group);
                }
            }
        }
    }
    summed(level, losses, &pairs)
}

/// How many living replicas of a group are in each domain.
fn counts<'a>(
    placement: &PlacementView,
    domains: &BTreeMap<NodeId, &'a str>,
    down: &BTreeSet<NodeId>,
) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for replica in placement.replicas.iter().filter(|replica| !down.contains(&replica.node)) {
        if let Some(domain) = domains.get(&replica.node) {
            *counts.entry(*domain).or_default() += 1;
        }
    }
    counts
}

fn summed(
    level: Level,
    losses: BTreeMap<&str, DomainLoss>,
    pairs: &BTreeMap<(&str, &str), BTreeSet<Group>>,
) -> LevelOutlook {
    let is_alone_fatal = |domain: &str| losses.get(domain).is_some_and(|loss| !loss.stops.is_empty());
    let both = pairs.keys().filter(|(a, b)| !is_alone_fatal(a) && !is_alone_fatal(b));
    let fatal_pairs: Vec<(String, String)> = both.map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let of = |domains: usize| domains * domains.saturating_sub(1) / 2;
    let harmless = losses.values().filter(|loss| loss.stops.is_empty()).count();
    LevelOutlook {
        level,
        pairs: of(losses.len()),
        pairs_survived: of(harmless) - fatal_pairs.len(),
        fatal_pairs: fatal_pairs.into_iter().take(PAIRS_NAMED_MAX).collect(),
        domains: losses.into_values().collect(),
    }
}

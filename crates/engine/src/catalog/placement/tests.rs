//! Random topologies: the rules hold where arithmetic allows, and moves come to an end.
//!
//! Not here: how a choice is found (`choose`). What arithmetic allows is counted anew, or by trying all.

#![expect(clippy::indexing_slicing, reason = "a test that cannot go on says so by stopping")]

use std::collections::{BTreeMap, BTreeSet};

use super::domains::prefix;
use super::*;
use crate::catalog::{Mode, ReplicaView};
use crate::id::fmix64;
use crate::time::Timestamp;

/// Small and deterministic: the same seed gives the same run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        usize::try_from(fmix64(self.0) >> 8).unwrap() % bound
    }
}

fn node(id: u64, domain: &str, upgrade: &str, site: &str) -> NodeView {
    NodeView {
        id: NodeId(id),
        name: format!("n{id}"),
        address: format!("n{id}:4003"),
        incarnation: 1,
        fault_domain: domain.to_owned(),
        upgrade_domain: upgrade.to_owned(),
        site: site.to_owned(),
        labels: BTreeMap::new(),
        state: NodeState::Active,
        joined: Timestamp::ZERO,
    }
}

fn wish(survive: Survive, target: usize) -> Wish {
    Wish { survive, target, min: 1, one_domain_is_fine: true }
}

fn ids(numbers: &[u64]) -> Vec<NodeId> {
    numbers.iter().copied().map(NodeId).collect()
}

/// Up to `nodes_max` nodes in up to three regions of up to three zones of up to two racks.
fn topology(dice: &mut Dice, nodes_max: usize, sites: bool) -> Vec<NodeView> {
    let (regions, zones, racks) = (1 + dice.below(3), 1 + dice.below(3), 1 + dice.below(2));
    let count = 1 + dice.below(nodes_max);
    let ids = 1..=u64::try_from(count).unwrap();
    ids.map(|id| {
        let region = dice.below(regions);
        let domain = format!("/r{region}/z{}/k{}", dice.below(zones), dice.below(racks));
        let site = if sites { format!("s{}", dice.below(3)) } else { String::new() };
        let mut node = node(id, &domain, &format!("u{}", dice.below(3)), &site);
        node.state = if dice.below(8) == 0 { NodeState::Draining } else { NodeState::Active };
        node
    })
    .collect()
}

fn survive(dice: &mut Dice) -> Survive {
    [Survive::Host, Survive::Zone, Survive::Region][dice.below(3)]
}

/// How many of these nodes are in each domain of a level.
fn counts(nodes: &[NodeView], of: impl Fn(&NodeView) -> bool, level: Level) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in nodes.iter().filter(|node| of(node)) {
        *counts.entry(level.domain(node).to_owned()).or_default() += 1;
    }
    counts
}

fn is_active(node: &NodeView) -> bool {
    node.state == NodeState::Active
}

#[test]
fn the_loss_of_any_one_domain_leaves_a_majority_where_arithmetic_allows() {
    let mut allowed = 0;
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let nodes = topology(&mut dice, 14, seed % 3 == 0);
        let wish = wish(survive(&mut dice), 1 + dice.below(9));
        let Ok(placed) = place(&nodes, &Loads::new(), wish, &[]) else { continue };
        let chosen = |node: &NodeView| placed.nodes.contains(&node.id);
        let count = wish.target.min(nodes.iter().filter(|node| is_active(node)).count());
        assert_eq!(nodes.iter().filter(|node| chosen(node) && is_active(node)).count(), count, "seed {seed}");
        let level = Level::of(wish.survive);
        let per_domain = (count - 1) / 2;
        let room: usize =
            counts(&nodes, is_active, level).into_values().map(|free| free.min(per_domain)).sum();
        let survives = counts(&nodes, chosen, level).into_values().all(|lost| lost <= per_domain);
        assert_eq!(survives, room >= count, "seed {seed}: {placed:?} of {nodes:?} for {wish:?}");
        let is_warned =
            |warning: &Warning| matches!(warning, Warning::DomainIsFatal { level: of, .. } if *of == level);
        assert_eq!(survives, !placed.warnings.iter().any(is_warned), "seed {seed}");
        allowed += usize::from(survives);
    }
    assert!(allowed > 500, "{allowed}");
}

#[test]
fn replicas_are_spread_evenly_at_each_level() {
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let nodes = topology(&mut dice, 14, false);
        let wish = wish(Survive::Host, 1 + dice.below(9));
        let Ok(placed) = place(&nodes, &Loads::new(), wish, &[]) else { continue };
        let chosen = |node: &NodeView| placed.nodes.contains(&node.id);
        for depth in 1..=3 {
            let free = counts(&nodes, is_active, Level::Domain(depth));
            let held = counts(&nodes, chosen, Level::Domain(depth));
            let held = |domain: &str| held.get(domain).copied().unwrap_or(0);
            for (one, room) in &free {
                for other in free.keys().filter(|other| prefix(other, depth - 1) == prefix(one, depth - 1)) {
                    let is_full = held(one) == *room;
                    assert!(is_full || held(other) <= held(one) + 1, "seed {seed}: {placed:?} of {nodes:?}");
                }
            }
        }
    }
}

#[test]
fn no_site_has_a_majority_where_the_layout_allows() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let nodes = topology(&mut dice, 9, true);
        let wish = wish(survive(&mut dice), 1 + dice.below(5));
        let field = Field::new(&nodes, &Loads::new(), Sought::of(wish), &[]);
        let found = field.cost(&field.choose()).hard;
        let all = 0..1_u32 << field.len();
        let sets = all.filter(|set| usize::try_from(set.count_ones()) == Ok(field.count()));
        let members =
            |set: u32| (0..field.len()).filter(move |at| set >> at & 1 == 1).collect::<Vec<usize>>();
        let best = sets.map(|set| field.cost(&members(set)).hard).min().unwrap();
        assert_eq!(
            (found.majority, found.site),
            (best.majority, best.site),
            "seed {seed}: {nodes:?} {wish:?}"
        );
    }
}

#[test]
fn what_is_well_placed_stays() {
    for seed in 0..1_000 {
        let mut dice = Dice(seed);
        let nodes = topology(&mut dice, 14, seed % 2 == 0);
        let wish = wish(survive(&mut dice), 1 + dice.below(9));
        let Ok(placed) = place(&nodes, &Loads::new(), wish, &[]) else { continue };
        let busy: Loads = placed.nodes.iter().map(|node| (*node, 100)).collect();
        assert_eq!(place(&nodes, &busy, wish, &placed.nodes).unwrap(), placed, "seed {seed}");
    }
}

#[test]
fn of_equal_nodes_those_are_taken_that_hold_little_and_are_upgraded_apart() {
    let nodes: Vec<NodeView> = (1..=6).map(|id| node(id, "", if id < 4 { "u1" } else { "u2" }, "")).collect();
    let loads: Loads = [(NodeId(1), 5), (NodeId(2), 1), (NodeId(4), 9), (NodeId(5), 3)].into();
    let placed = place(&nodes, &loads, wish(Survive::Host, 3), &[]).unwrap();
    assert_eq!(placed.nodes, ids(&[2, 3, 6]));
    assert_eq!(place(&nodes, &loads, wish(Survive::Host, 3), &ids(&[4])).unwrap().nodes, ids(&[3, 4, 6]));
}

#[test]
fn what_cannot_be_placed_is_explained_by_elimination() {
    let mut nodes: Vec<NodeView> = (1..=3).map(|id| node(id, "/eu/1", "", "")).collect();
    nodes[2].state = NodeState::Draining;
    let told = |wish| place(&nodes, &Loads::new(), wish, &[]).map_err(|why| why.to_string());
    let few = told(Wish { min: 3, ..wish(Survive::Host, 3) });
    assert_eq!(few.unwrap_err(), "3 replicas need as many nodes, and 2 of 3 are left: \"n3\" is draining");
    let one = told(Wish { one_domain_is_fine: false, ..wish(Survive::Zone, 2) });
    assert_eq!(
        one.unwrap_err(),
        "of 3 nodes 2 are in one zone, /eu/1, as \"n1\" is: its loss would be that of everything: \"n3\" is draining"
    );
    let placed = told(wish(Survive::Zone, 3)).unwrap();
    let warnings: Vec<String> = placed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "2 replicas where there should be 3",
            "the loss of the zone /eu/1 takes 2 of 2 replicas: no majority"
        ]
    );
}

#[test]
fn seeds_are_odd_and_even_over_rows_and_columns() {
    let counts: Vec<usize> = (0..12).map(seeds_count).collect();
    assert_eq!(counts, [0, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 9]);
    for (rows, columns, each) in [(1, 1, 3), (2, 2, 1), (3, 3, 1), (5, 5, 1), (3, 5, 2), (4, 2, 3), (2, 7, 1)]
    {
        let cells = (0..rows * columns * each).map(|at| (at / each / columns, at / each % columns));
        let nodes: Vec<NodeView> = (1..)
            .zip(cells)
            .map(|(id, (row, column))| node(id, &format!("/f{row}"), &format!("u{column}"), ""))
            .collect();
        let seeds = seeds(&nodes, &Loads::new(), &[]);
        assert_eq!(seeds.len(), seeds_count(nodes.len()));
        let held = |of: &dyn Fn(&NodeView) -> String, name: &str| {
            nodes.iter().filter(|node| seeds.contains(&node.id) && of(node) == name).count()
        };
        let rows: Vec<usize> =
            (0..rows).map(|row| held(&|node| node.fault_domain.clone(), &format!("/f{row}"))).collect();
        let columns: Vec<usize> =
            (0..columns).map(|at| held(&|node| node.upgrade_domain.clone(), &format!("u{at}"))).collect();
        for line in [&rows, &columns] {
            assert!(line.iter().max().unwrap() - line.iter().min().unwrap() <= 1, "{rows:?} {columns:?}");
        }
    }
}

fn hub(id: u32, survive: Survive, target: u32) -> HubView {
    HubView {
        id: HubId(id),
        name: format!("h{id}"),
        partitions: 4,
        key: bytes::Bytes::new(),
        created: Timestamp::ZERO,
        deleted: None,
        mode: Mode::Conservative,
        survive,
        replicas_target: target,
        replicas_min: 1,
    }
}

fn placement(hub: u32, partition: u32, nodes: &[NodeId]) -> PlacementView {
    let replicas = (1..).zip(nodes).map(|(replica, node)| ReplicaView { replica, node: *node }).collect();
    let (hub, partition) = (HubId(hub), PartitionId(partition));
    PlacementView { hub, partition, first: vec![1], replicas, version: 0 }
}

/// Makes moves until there are none; how many there were.
fn settle(seed: u64, nodes: &[NodeView], hubs: &[HubView], placements: &mut [PlacementView]) -> Plan {
    let changing = BTreeSet::new();
    for _ in 0..2_000 {
        let cluster = Cluster { nodes, hubs, placements, changing: &changing };
        let plan = next_moves(cluster, 3);
        assert!(plan.moves.len() <= 3);
        if plan.moves.is_empty() {
            return plan;
        }
        for step in plan.moves {
            let is_it =
                |other: &&mut PlacementView| (other.hub, other.partition) == (step.hub, step.partition);
            let target = placements.iter_mut().find(is_it).unwrap();
            let before: BTreeSet<NodeId> = target.replicas.iter().map(|replica| replica.node).collect();
            let after: BTreeSet<NodeId> = step.nodes.iter().copied().collect();
            assert_eq!(after.len(), step.nodes.len(), "seed {seed}: {step:?}");
            assert!(!after.is_empty(), "seed {seed}: {step:?}");
            let (gone, new) = (before.difference(&after).count(), after.difference(&before).count());
            assert!(gone <= 1 && new <= 1 && gone + new > 0, "seed {seed}: {step:?} from {before:?}");
            // Nothing goes without another in its place, unless there were too many.
            assert!(gone <= new || step.why == Why::TooMany || step.why == Why::Leaves, "seed {seed}");
            assert_eq!(step.version, target.version);
            let moved = placement(step.hub.0, step.partition.0, &step.nodes);
            *target = PlacementView { version: target.version + 1, ..moved };
        }
    }
    panic!("seed {seed}: moves without end");
}

#[test]
fn moves_come_to_an_end_and_a_drained_node_holds_nothing_or_says_why() {
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let mut nodes = topology(&mut dice, 9, seed % 2 == 0);
        nodes.iter_mut().for_each(|node| node.state = NodeState::Active);
        let hubs: Vec<HubView> =
            [1, 2].map(|id| hub(id, survive(&mut dice), u32::try_from(1 + dice.below(5)).unwrap())).to_vec();
        let mut placements = vec![placement(0, 0, &ids(&[1]))];
        for partition in 0..4 {
            placements.push(placement(1, partition, &ids(&[1])));
            placements.push(placement(2, partition, &ids(&[1])));
        }
        settle(seed, &nodes, &hubs, &mut placements);
        let counts = |placements: &[PlacementView]| -> Vec<usize> {
            placements.iter().map(|placement| placement.replicas.len()).collect()
        };
        let full = |hub: &HubView| usize::try_from(hub.replicas_target).unwrap().min(nodes.len());
        let expected: Vec<usize> = [seeds_count(nodes.len())]
            .into_iter()
            .chain((0..4).flat_map(|_| hubs.iter().map(full)))
            .collect();
        assert_eq!(counts(&placements), expected, "seed {seed}");
        let leaves = dice.below(nodes.len());
        let leaver = nodes[leaves].id;
        let changing = BTreeSet::new();
        let cluster = Cluster { nodes: &nodes, hubs: &hubs, placements: &placements, changing: &changing };
        let foreseen = blocked_by(cluster, leaver);
        nodes[leaves].state = NodeState::Draining;
        let plan = settle(seed, &nodes, &hubs, &mut placements);
        let held = loads(&placements).get(&leaver).copied().unwrap_or(0);
        assert_eq!(usize::try_from(held).unwrap(), plan.blocked.len(), "seed {seed}: {:?}", plan.blocked);
        assert_eq!(foreseen.is_empty(), plan.blocked.is_empty(), "seed {seed}");
    }
}

#[test]
fn what_nodes_hold_is_evened_out() {
    let nodes: Vec<NodeView> = (1..=6).map(|id| node(id, &format!("/eu/{}", id % 3), "", "")).collect();
    let hubs = [hub(1, Survive::Zone, 3)];
    let mut placements: Vec<PlacementView> = (0..12).map(|at| placement(1, at, &ids(&[1, 2, 3]))).collect();
    settle(0, &nodes, &hubs, &mut placements);
    assert_eq!(loads(&placements).into_values().collect::<Vec<u32>>(), [6; 6]);
}

#[test]
fn a_node_alone_keeps_everything_whether_it_has_said_who_it_is_or_not() {
    let (hubs, changing) = ([hub(1, Survive::Host, 3)], BTreeSet::new());
    let placements = [placement(0, 0, &ids(&[1])), placement(1, 0, &ids(&[1]))];
    let plan = |nodes: &[NodeView]| {
        next_moves(Cluster { nodes, hubs: &hubs, placements: &placements, changing: &changing }, 10)
    };
    assert_eq!(plan(&[]), Plan::default());
    let mut alone = node(1, "", "", "");
    assert_eq!(plan(std::slice::from_ref(&alone)), Plan::default());
    alone.state = NodeState::Draining;
    let drained = plan(&[alone]);
    assert_eq!((drained.moves.len(), drained.blocked.len()), (0, 2), "{drained:?}");
}

#[test]
fn a_group_that_is_changing_is_left_alone() {
    let nodes: Vec<NodeView> = (1..=3).map(|id| node(id, "", "", "")).collect();
    let (hubs, placements) = ([hub(1, Survive::Host, 3)], [placement(1, 0, &ids(&[1]))]);
    let changing = BTreeSet::from([(HubId(1), PartitionId(0))]);
    let cluster = Cluster { nodes: &nodes, hubs: &hubs, placements: &placements, changing: &changing };
    assert_eq!(next_moves(cluster, 10), Plan::default());
}

#[test]
fn the_outlook_is_what_losing_each_domain_and_each_two_shows() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let nodes = topology(&mut dice, 9, seed % 2 == 0);
        let random = |dice: &mut Dice| -> Vec<NodeId> {
            let some: BTreeSet<usize> = (0..=dice.below(5)).map(|_| dice.below(nodes.len())).collect();
            some.into_iter().map(|at| nodes[at].id).collect()
        };
        let placements: Vec<PlacementView> = (0..3).map(|at| placement(1, at, &random(&mut dice))).collect();
        let down: BTreeSet<NodeId> = random(&mut dice).into_iter().take(dice.below(2)).collect();
        let found = outlook(&nodes, &placements, &down);
        let stopped = |lost: &dyn Fn(NodeId) -> bool| -> BTreeSet<u32> {
            let ends = |placement: &&PlacementView| {
                let living = placement.replicas.iter().filter(|replica| !lost(replica.node)).count();
                living < placement.replicas.len() / 2 + 1
            };
            placements.iter().filter(ends).map(|placement| placement.partition.0).collect()
        };
        let before = stopped(&|node| down.contains(&node));
        for level in &found.levels {
            let inside = |node: NodeId, domain: &str| {
                nodes.iter().any(|other| other.id == node && level.level.domain(other) == domain)
            };
            let names: Vec<&str> = level.domains.iter().map(|loss| loss.domain.as_str()).collect();
            for loss in &level.domains {
                let all = stopped(&|node| down.contains(&node) || inside(node, &loss.domain));
                let told: BTreeSet<u32> = loss.stops.iter().map(|(_, partition)| partition.0).collect();
                assert_eq!(told, all.difference(&before).copied().collect(), "seed {seed}: {loss:?}");
            }
            let pairs =
                names.iter().flat_map(|a| names.iter().filter(move |b| a < *b).map(move |b| (*a, *b)));
            let survived = pairs.filter(|(a, b)| {
                stopped(&|node| down.contains(&node) || inside(node, a) || inside(node, b)) == before
            });
            assert_eq!(level.pairs_survived, survived.count(), "seed {seed}: {level:?}");
        }
        for group in &found.groups {
            let living = placements[usize::try_from(group.partition.0).unwrap()].replicas.iter();
            let living = living.filter(|replica| !down.contains(&replica.node)).count();
            assert_eq!(group.losses, (living + 1).saturating_sub(group.replicas / 2 + 1), "seed {seed}");
        }
    }
}

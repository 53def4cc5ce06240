//! Shapes of the API made from the catalog's views.
//!
//! Not here: asking the catalog (`crate::node`), and the arithmetic (`engine::catalog::placement`).

use std::collections::{BTreeMap, BTreeSet};

use engine::catalog::placement::{
    Blocked, Cluster, GroupOutlook, LevelOutlook, Loads, Move, Outlook, Why, Wish, next_moves, outlook,
    warnings,
};
use engine::catalog::{NodeState, NodeView, PlacementView, Refusal, Reply};
use engine::id::{HubId, NodeId};

use super::super::model::SCHEMA;
use super::super::problem::Problem;
use super::super::shapes::{survive, time};
use super::{
    ClusterNode, ClusterNodeState, ClusterPlan, DomainPlan, HubDistance, LevelPlan, Partition, PlannedMove,
    Replica, StuckReplica,
};
use crate::node::layout::Layout;
use crate::observe::codes;

/// Moves, and replicas that cannot move, that are named.
const NAMED_MAX: usize = 100;

pub(super) fn node(view: &NodeView, loads: &Loads) -> ClusterNode {
    let said = |text: &String| (!text.is_empty()).then(|| text.clone());
    ClusterNode {
        id: view.id.0,
        name: view.name.clone(),
        state: match view.state {
            NodeState::Active => ClusterNodeState::Active,
            NodeState::Draining => ClusterNodeState::Draining,
            NodeState::Removed => ClusterNodeState::Removed,
        },
        address: view.address.clone(),
        fault_domain: said(&view.fault_domain),
        upgrade_domain: said(&view.upgrade_domain),
        site: said(&view.site),
        labels: view.labels.clone(),
        replicas: loads.get(&view.id).copied().unwrap_or(0),
        incarnation: view.incarnation,
        joined_at: time(view.joined),
    }
}

pub(super) fn partition(view: &PlacementView, layout: &Layout) -> Partition {
    let name = |id: NodeId| layout.nodes.iter().find(|node| node.id == id).map(|node| node.name.clone());
    let replicas = view.replicas.iter().map(|replica| Replica {
        replica: replica.replica,
        node: replica.node.0,
        node_name: name(replica.node),
    });
    Partition {
        partition: view.partition.0,
        version: view.version,
        first: view.first.clone(),
        replicas: replicas.collect(),
        voters: layout.voters.get(&(view.hub, view.partition)).cloned(),
        leader: layout.leaders.get(&(view.hub, view.partition)).map(|node| node.0),
    }
}

/// What came of a change of a node.
pub(in super::super) fn changed(reply: Reply) -> Result<NodeView, Problem> {
    let refusal = match reply {
        Reply::Node(node) => return Ok(node),
        Reply::Refused(refusal) => refusal,
        Reply::Done(_) | Reply::Unchanged(_) | Reply::Removed(_) | Reply::Placement(_) => {
            return Err(Problem::new(&codes::OUTCOME_UNKNOWN, "the catalog answered something else"));
        }
    };
    let code = match refusal {
        Refusal::NodeNotFound | Refusal::NodeRemoved => &codes::NODE_NOT_FOUND,
        Refusal::NodeInUse => &codes::NODE_IN_USE,
        Refusal::NotFound
        | Refusal::Exists
        | Refusal::Deleted
        | Refusal::NotDeleted
        | Refusal::Invalid
        | Refusal::NodeExists
        | Refusal::NodesFull
        | Refusal::NodeInvalid
        | Refusal::DomainInvalid
        | Refusal::PlacementMoved
        | Refusal::PlacementInvalid => &codes::BODY_INVALID,
    };
    Err(Problem::new(code, refusal.to_string()))
}

/// A hub's name; none for the catalog.
pub(super) fn hub_name(layout: &Layout, id: HubId) -> Option<String> {
    layout.hubs.iter().find(|hub| hub.id == id).map(|hub| hub.name.clone())
}

pub(super) fn plan(layout: &Layout) -> ClusterPlan {
    let Layout { nodes, hubs, placements, leaders: _, voters: _, heard_at: _ } = layout;
    let seen = outlook(nodes, placements, &BTreeSet::new());
    let next = next_moves(Cluster { nodes, hubs, placements, changing: &BTreeSet::new() }, NAMED_MAX);
    ClusterPlan {
        schema: SCHEMA,
        nodes: nodes.len(),
        levels: seen.levels.iter().map(level).collect(),
        hubs: distances(layout, &seen),
        warnings: complaints(layout),
        moves: next.moves.iter().map(|step| planned(layout, step)).collect(),
        blocked: next.blocked.iter().take(NAMED_MAX).map(|blocked| stuck(layout, blocked)).collect(),
    }
}

fn level(seen: &LevelOutlook) -> LevelPlan {
    let domains = seen.domains.iter().map(|loss| DomainPlan {
        domain: loss.domain.clone(),
        nodes: loss.nodes,
        replicas: loss.replicas,
        stops: loss.stops.len(),
        fits_elsewhere: loss.fits_elsewhere,
    });
    LevelPlan {
        level: seen.level.to_string(),
        survived: seen.domains.iter().filter(|loss| loss.stops.is_empty()).count(),
        pairs: seen.pairs,
        pairs_survived: seen.pairs_survived,
        fatal_pairs: seen.fatal_pairs.iter().map(|(one, other)| [one.clone(), other.clone()]).collect(),
        domains: domains.collect(),
    }
}

/// For each hub the partition that is nearest to its end.
fn distances(layout: &Layout, seen: &Outlook) -> Vec<HubDistance> {
    let mut nearest: BTreeMap<HubId, (usize, usize)> = BTreeMap::new();
    for GroupOutlook { hub, replicas, losses, .. } in &seen.groups {
        let entry = nearest.entry(*hub).or_insert((*replicas, *losses));
        *entry = (entry.0.min(*replicas), entry.1.min(*losses));
    }
    let mut distances: Vec<HubDistance> = nearest
        .into_iter()
        .map(|(id, (replicas, losses))| {
            let hub = layout.hubs.iter().find(|hub| hub.id == id);
            let name = hub.map(|hub| hub.name.clone());
            HubDistance { hub: name, survive: hub.map(|hub| survive(hub.survive)), replicas, losses }
        })
        .collect();
    distances.sort_by(|a, b| (a.losses, &a.hub).cmp(&(b.losses, &b.hub)));
    distances
}

/// What hubs want and do not have, each said once.
fn complaints(layout: &Layout) -> Vec<String> {
    if layout.nodes.is_empty() {
        return vec!["this node is in no cluster: while it is down, nothing goes on".to_owned()];
    }
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for placement in &layout.placements {
        let Some(hub) = layout.hubs.iter().find(|hub| hub.id == placement.hub) else { continue };
        let on: Vec<NodeId> = placement.replicas.iter().map(|replica| replica.node).collect();
        for warning in warnings(&layout.nodes, &on, Wish::of(hub)) {
            *told.entry(format!("hub {}: {warning}", hub.name)).or_default() += 1;
        }
    }
    let times = |(text, count): (String, usize)| match count {
        1 => text,
        more => format!("{text} ({more} partitions)"),
    };
    told.into_iter().map(times).collect()
}

fn planned(layout: &Layout, step: &Move) -> PlannedMove {
    PlannedMove {
        hub: hub_name(layout, step.hub),
        partition: step.partition.0,
        nodes: step.nodes.iter().map(|node| node.0).collect(),
        why: match step.why {
            Why::Leaves => "leaves",
            Why::Missing => "missing",
            Why::TooMany => "too_many",
            Why::Spread => "spread",
            Why::Balance => "balance",
        },
    }
}

pub(super) fn stuck(layout: &Layout, blocked: &Blocked) -> StuckReplica {
    StuckReplica {
        hub: hub_name(layout, blocked.hub),
        partition: blocked.partition.0,
        node: blocked.node.0,
        why: blocked.why.to_string(),
    }
}

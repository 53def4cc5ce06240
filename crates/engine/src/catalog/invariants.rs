//! What must always hold of the catalog, one function per name; the table is `docs/invariants.md`.
//!
//! Not here: what one row keeps alone. [`check`] wants every row in memory; [`check_between`] wants two
//! states, one after the other, with any number of entries in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::catalog::REPLICAS_MAX;
use crate::catalog::replicas::partition_of;
use crate::catalog::rows::{
    self, CatalogRow, HubRow, NodeRow, NumberRow, PlacedRow, PlacementRow, meta_key, placed_key,
};
use crate::id::{HubId, PartitionId};
use crate::rows::{Key, KeyBuilder, Row, WorkingSet, decode, row_digest};

/// An invariant of the catalog that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The kept state digest is not the sum over the rows.
    DigestMatchesRows(String),
    /// A node is not found by its name, another is, or there are not as many as are counted.
    NodesAreNamed(String),
    /// A group has two replicas on a node, none, or too many.
    OneReplicaPerNode(String),
    /// A replica is not found by its node, or another is.
    ReplicasAreFound(String),
    /// A placement belongs to no partition, or its hub counts it wrongly.
    PlacementsHaveTheirHub(String),
    /// A replica is placed on a node that was removed or never was.
    ReplicasHaveTheirNode(String),
    /// A replica's number is in two groups, or was never given.
    ReplicaNumbersAreUnique(String),
    /// A group has got other first voters than it was created with.
    FirstVotersStay(String),
    /// A new replica has a number that was given before, or moved to another node.
    ReplicaNumbersAreFresh(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Violation {}

/// The first invariant that does not hold. Every row must be in memory.
pub fn check(rows: &WorkingSet) -> Option<Violation> {
    let checks = [
        digest_matches_rows,
        nodes_are_named,
        one_replica_per_node,
        replicas_are_found,
        placements_have_their_hub,
        replicas_have_their_node,
        replica_numbers_are_unique,
    ];
    checks.iter().find_map(|check| check(rows))
}

/// The first invariant between two states that does not hold. Every row must be in memory.
pub fn check_between(before: &WorkingSet, after: &WorkingSet) -> Option<Violation> {
    first_voters_stay(before, after).or_else(|| replica_numbers_are_fresh(before, after))
}

fn digest_matches_rows(rows: &WorkingSet) -> Option<Violation> {
    let others = rows.iter().filter(|(key, _)| key.room() != rows::META);
    let sum = others.fold(0_u64, |sum, (key, value)| sum.wrapping_add(row_digest(key, value)));
    let kept = meta(rows).digest;
    (sum != kept).then(|| Violation::DigestMatchesRows(format!("kept {kept}, rows {sum}")))
}

fn nodes_are_named(rows: &WorkingSet) -> Option<Violation> {
    let meta = meta(rows);
    let nodes: BTreeMap<String, u64> =
        room::<NodeRow>(rows, rows::NODE).map(|(_, row)| (row.name, row.id)).collect();
    let named: BTreeMap<String, u64> = room::<NumberRow>(rows, rows::NODE_NAME)
        .map(|(key, row)| (String::from_utf8_lossy(key.as_bytes().split_at(1).1).into_owned(), row.id))
        .collect();
    let is_counted = u32::try_from(nodes.len()) == Ok(meta.nodes_now)
        && nodes.values().all(|id| (1..=meta.nodes).contains(id));
    (nodes != named || !is_counted)
        .then(|| Violation::NodesAreNamed(format!("{nodes:?} are found as {named:?}, meta {meta:?}")))
}

fn one_replica_per_node(rows: &WorkingSet) -> Option<Violation> {
    placements(rows).into_iter().find_map(|((hub, partition), row)| {
        let nodes: BTreeSet<u64> = row.replicas.iter().map(|part| part.node).collect();
        let is_so = nodes.len() == row.replicas.len() && (1..=REPLICAS_MAX).contains(&nodes.len());
        (!is_so).then(|| Violation::OneReplicaPerNode(format!("{hub}/{partition}: {row:?}")))
    })
}

fn replicas_are_found(rows: &WorkingSet) -> Option<Violation> {
    let mut expected: BTreeMap<Key, u64> = BTreeMap::new();
    for ((hub, partition), row) in placements(rows) {
        expected
            .extend(row.replicas.iter().map(|part| (placed_key(part.node, hub, partition), part.replica)));
    }
    let found: BTreeMap<Key, u64> =
        room::<PlacedRow>(rows, rows::PLACED).map(|(key, row)| (key.clone(), row.replica)).collect();
    (found != expected).then(|| Violation::ReplicasAreFound(format!("{expected:?} found as {found:?}")))
}

fn placements_have_their_hub(rows: &WorkingSet) -> Option<Violation> {
    let mut counted: BTreeMap<HubId, (u32, u32)> =
        hubs(rows).map(|row| (HubId(row.number), (row.placed, row.partitions))).collect();
    for (hub, partition) in placements(rows).into_keys().filter(|(hub, _)| hub.0 != 0) {
        match counted.get_mut(&hub) {
            Some((left, partitions)) if *left > 0 && partition.0 < *partitions => *left -= 1,
            Some(_) | None => {
                return Some(Violation::PlacementsHaveTheirHub(format!("{hub}/{partition}")));
            }
        }
    }
    let missing = counted.into_iter().find(|(_, (left, _))| *left > 0);
    missing.map(|(hub, (left, _))| Violation::PlacementsHaveTheirHub(format!("{hub}: {left} are missing")))
}

fn replicas_have_their_node(rows: &WorkingSet) -> Option<Violation> {
    let meta = meta(rows);
    let nodes: BTreeSet<u64> = room::<NodeRow>(rows, rows::NODE).map(|(_, row)| row.id).collect();
    // Before it has others, the first node need not have said who it is.
    let exists = |node: u64| nodes.contains(&node) || (node == 1 && meta.nodes == 0);
    let implied = hubs(rows).any(|row| row.placed < row.partitions) && !exists(1);
    if implied {
        return Some(Violation::ReplicasHaveTheirNode("partitions without a placement".to_owned()));
    }
    placements(rows).into_iter().find_map(|((hub, partition), row)| {
        let lost = row.replicas.iter().find(|part| !exists(part.node))?;
        Some(Violation::ReplicasHaveTheirNode(format!("{hub}/{partition}: {lost:?}")))
    })
}

fn replica_numbers_are_unique(rows: &WorkingSet) -> Option<Violation> {
    let last = meta(rows).replicas.max(1);
    let mut seen = BTreeSet::new();
    for ((hub, partition), row) in placements(rows) {
        for replica in row.replicas.iter().map(|part| part.replica) {
            // 1 is the first of each group that was created without a placement.
            let is_first = replica == 1 && row.first == [1];
            if !(is_first || (replica > 1 && replica <= last && seen.insert(replica))) {
                return Some(Violation::ReplicaNumbersAreUnique(format!("{hub}/{partition}: {replica}")));
            }
        }
    }
    None
}

fn first_voters_stay(before: &WorkingSet, after: &WorkingSet) -> Option<Violation> {
    let now = placements(after);
    placements(before).into_iter().find_map(|(group, row)| {
        let changed = now.get(&group).filter(|now| now.first != row.first)?;
        Some(Violation::FirstVotersStay(format!("{group:?}: {:?}, then {:?}", row.first, changed.first)))
    })
}

fn replica_numbers_are_fresh(before: &WorkingSet, after: &WorkingSet) -> Option<Violation> {
    let (then, last) = (placements(before), meta(before).replicas.max(1));
    placements(after).into_iter().find_map(|(group, row)| {
        let known = then.get(&group).cloned().unwrap_or_else(PlacementRow::implied).replicas;
        let wrong = row.replicas.iter().find(|part| part.replica <= last && !known.contains(part))?;
        Some(Violation::ReplicaNumbersAreFresh(format!("{group:?}: {wrong:?}, up to {last} were given")))
    })
}

fn meta(rows: &WorkingSet) -> CatalogRow {
    rows.cell(&meta_key()).flatten().map_or_else(CatalogRow::default, decode)
}

fn hubs(rows: &WorkingSet) -> impl Iterator<Item = HubRow> {
    room(rows, rows::HUB).map(|(_, row)| row)
}

fn placements(rows: &WorkingSet) -> BTreeMap<(HubId, PartitionId), PlacementRow> {
    room(rows, rows::PLACEMENT).map(|(key, row)| ((hub_of(key), partition_of(key)), row)).collect()
}

fn hub_of(placement: &Key) -> HubId {
    let number = placement.as_bytes().get(1..).and_then(<[u8]>::first_chunk);
    HubId(number.copied().map_or(0, u32::from_be_bytes))
}

fn room<R: Row>(rows: &WorkingSet, tag: u8) -> impl Iterator<Item = (&Key, R)> {
    let builder = KeyBuilder::room(tag);
    let all = rows.between(&builder.clone().key(), &builder.end());
    all.map(|(key, bytes): (&Key, &Bytes)| (key, decode(bytes)))
}

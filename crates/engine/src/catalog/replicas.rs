//! Where the replicas of each partition are to be.
//!
//! Not here: choosing the nodes (`placement`), and making it so (`server`): this is what is wanted. A
//! partition without a row has replica 1 on node 1, as all had before there were other nodes. A
//! replica's number is given once, in all groups: a member that comes back is never mistaken for
//! another.

use std::collections::BTreeSet;

use crate::catalog::rows::{
    self, HubRow, PlacedRow, PlacementRow, ReplicaPart, hub_key, placed_key, placement_key,
};
use crate::catalog::{
    CreateHub, PlaceReplicas, Placed, PlacementView, REPLICAS_MAX, REPLICAS_MIN, REPLICAS_TARGET, Refusal,
    Reply, State, Survive,
};
use crate::id::{HubId, PartitionId};
use crate::mutants;
use crate::rows::{Key, KeyBuilder, Loaded, Needs, Range, Transaction, WorkingSet, decode};

/// The group that every cluster has: the catalog's own.
const CATALOG: HubId = HubId(0);

/// Whether a hub may ask for so many replicas and such a survival.
pub(super) fn is_wish(command: &CreateHub) -> bool {
    let or = |said, default| if said == 0 { default } else { said };
    let target = or(command.replicas_target, REPLICAS_TARGET);
    let min = or(command.replicas_min, REPLICAS_MIN.min(target));
    let targets_max = u32::try_from(REPLICAS_MAX).unwrap_or(u32::MAX);
    Survive::try_from(command.survive).is_ok() && target <= targets_max && min <= target
}

impl State<'_> {
    /// Why a hub may not be created with these placements, if it may not.
    pub(super) fn cannot_place(&self, command: &CreateHub) -> Loaded<Option<Refusal>> {
        if command.placements.is_empty() {
            // All its partitions would be on node 1: not where there is none any more.
            return Ok(if self.meta.nodes > 0 { self.known(1)?.err() } else { None });
        }
        let partitions = usize::try_from(command.partitions).unwrap_or(usize::MAX);
        if command.placements.len() != partitions {
            return Ok(Some(Refusal::PlacementInvalid));
        }
        for placed in &command.placements {
            if let Some(refusal) = self.cannot_hold(&placed.nodes, &[])? {
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }

    /// Gives each partition of a new hub its first replicas; how many partitions that were.
    pub(super) fn place_first(&mut self, hub: HubId, placements: &[Placed]) -> Loaded<u32> {
        for (partition, placed) in (0..).map(PartitionId).zip(placements) {
            let replicas = self.replicas_on(&placed.nodes, &[]);
            let first = replicas.iter().map(|part| part.replica).collect();
            self.store_placement(hub, partition, &[], &PlacementRow { first, replicas, version: 1 })?;
        }
        Ok(u32::try_from(placements.len()).unwrap_or(u32::MAX))
    }

    pub(super) fn place(&mut self, command: &PlaceReplicas) -> Loaded<Reply> {
        let (hub, partition) = (HubId(command.hub), PartitionId(command.partition));
        let row: Option<PlacementRow> = self.tx.get(&placement_key(hub, partition))?;
        let is_implied = row.is_none();
        let mut row = row.unwrap_or_else(PlacementRow::implied);
        let mut owner = None;
        if is_implied && hub != CATALOG {
            owner = self.hub_of(hub)?.filter(|owner| command.partition < owner.partitions);
        }
        if is_implied && owner.is_none() && (hub, partition) != (CATALOG, PartitionId(0)) {
            return Ok(Reply::Refused(Refusal::NotFound));
        }
        if command.version != row.version {
            return Ok(Reply::Refused(Refusal::PlacementMoved));
        }
        if let Some(refusal) = self.cannot_hold(&command.nodes, &row.replicas)? {
            return Ok(Reply::Refused(refusal));
        }
        let before = std::mem::take(&mut row.replicas);
        row.replicas = self.replicas_on(&command.nodes, &before);
        row.version += 1;
        self.store_placement(hub, partition, if is_implied { &[] } else { &before }, &row)?;
        if let Some(mut owner) = owner {
            owner.placed += 1;
            self.tx.put(hub_key(&owner.name), &owner)?;
        }
        Ok(Reply::Placement(row.view(hub, partition)))
    }

    /// Removes a hub's placements.
    pub(super) fn forget_placements(&mut self, hub: HubId) -> Loaded<()> {
        for (key, bytes) in self.tx.range(&Range::all(rows::placements(hub), usize::MAX))? {
            let row: PlacementRow = decode(&bytes);
            for part in &row.replicas {
                self.tx.remove(placed_key(part.node, hub, partition_of(&key)))?;
            }
            self.tx.remove(key)?;
        }
        Ok(())
    }

    /// Whether some partition has no placement of its own, and so is on node 1.
    pub(super) fn any_is_implied(&self) -> Loaded<bool> {
        let catalogs: Option<PlacementRow> = self.tx.get(&placement_key(CATALOG, PartitionId(0)))?;
        let hubs = self.tx.range(&Range::all(KeyBuilder::room(rows::HUB), usize::MAX))?;
        let is_whole = |row: HubRow| row.placed == row.partitions;
        Ok(catalogs.is_none() || !hubs.iter().all(|(_, bytes)| is_whole(decode(bytes))))
    }

    /// Why these nodes may not hold a partition that has these replicas now, if they may not.
    fn cannot_hold(&self, nodes: &[u64], now: &[ReplicaPart]) -> Loaded<Option<Refusal>> {
        let different: BTreeSet<u64> = nodes.iter().copied().collect();
        if nodes.is_empty() || nodes.len() > REPLICAS_MAX || different.len() < nodes.len() {
            return Ok(Some(Refusal::PlacementInvalid));
        }
        for node in nodes.iter().filter(|node| now.iter().all(|part| part.node != **node)) {
            if let Err(refusal) = self.known(*node)? {
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }

    /// One replica on each node: the one that is there, or one with a number of its own.
    fn replicas_on(&mut self, nodes: &[u64], before: &[ReplicaPart]) -> Vec<ReplicaPart> {
        let mut replicas = Vec::with_capacity(nodes.len());
        for node in nodes {
            let there = before.iter().find(|part| part.node == *node);
            replicas.push(there.copied().unwrap_or_else(|| {
                // Each group without a row has a replica 1.
                self.meta.replicas = self.meta.replicas.max(1) + 1;
                let left = before.iter().find(|part| !nodes.contains(&part.node));
                let again = left.filter(|_| mutants::active(mutants::REPLICA_NUMBER_GIVEN_AGAIN));
                ReplicaPart { replica: again.map_or(self.meta.replicas, |part| part.replica), node: *node }
            }));
        }
        replicas
    }

    fn store_placement(
        &mut self,
        hub: HubId,
        partition: PartitionId,
        before: &[ReplicaPart],
        row: &PlacementRow,
    ) -> Loaded<()> {
        let on = |part: &ReplicaPart| placed_key(part.node, hub, partition);
        self.tx.want(before.iter().chain(&row.replicas).map(on))?;
        for part in before {
            self.tx.remove(on(part))?;
        }
        for part in &row.replicas {
            self.tx.put(on(part), &PlacedRow { replica: part.replica })?;
        }
        self.tx.put(placement_key(hub, partition), row)
    }

    /// The hub of this number: hubs are few and this is asked when a partition is first placed.
    fn hub_of(&self, hub: HubId) -> Loaded<Option<HubRow>> {
        find_hub(&self.tx, hub)
    }
}

fn find_hub(tx: &Transaction<'_>, hub: HubId) -> Loaded<Option<HubRow>> {
    let hubs = tx.range(&Range::all(KeyBuilder::room(rows::HUB), usize::MAX))?;
    Ok(hubs.iter().map(|(_, bytes)| decode::<HubRow>(bytes)).find(|row| row.number == hub.0))
}

/// The partition that a placement's key ends with.
pub(super) fn partition_of(key: &Key) -> PartitionId {
    let number = key.as_bytes().last_chunk().copied().map_or(0, u32::from_be_bytes);
    PartitionId(number)
}

/// Where one partition's replicas are to be. Whether there is such a partition is not looked at.
pub fn placement(rows: &WorkingSet, hub: HubId, partition: PartitionId) -> Result<PlacementView, Needs> {
    let row = Transaction::new(rows).get::<PlacementRow>(&placement_key(hub, partition))?;
    Ok(row.unwrap_or_else(PlacementRow::implied).view(hub, partition))
}

/// Where the replicas of each partition of a hub are to be, in order; none where there is no such hub.
/// Hub 0 has one partition, the catalog itself.
pub fn placements(rows: &WorkingSet, hub: HubId) -> Result<Vec<PlacementView>, Needs> {
    let tx = Transaction::new(rows);
    let partitions = if hub == CATALOG { 1 } else { find_hub(&tx, hub)?.map_or(0, |row| row.partitions) };
    let mut found: Vec<PlacementView> =
        (0..partitions).map(|partition| PlacementRow::implied().view(hub, PartitionId(partition))).collect();
    for (key, bytes) in tx.range(&Range::all(rows::placements(hub), usize::MAX))? {
        let partition = partition_of(&key);
        if let Some(place) = usize::try_from(partition.0).ok().and_then(|place| found.get_mut(place)) {
            *place = decode::<PlacementRow>(&bytes).view(hub, partition);
        }
    }
    Ok(found)
}

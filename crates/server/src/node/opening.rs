//! Brings up one replica of one partition: its log, its tables, its core, its place in a runner.
//!
//! Also says how a partition's group and its table file are called. Not here: which partitions there
//! are (`hubs`), and what a core does (`partition`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use engine::catalog::Mode;
use engine::id::{HubId, Lineage, NodeId, PartitionId};
use engine::partition::effect::Durability;
use replication::{Group, ReplicaId};
use storage::GroupKey;

use super::{Member, Node, StartError};
use crate::partition::address::Address;
use crate::partition::core::{Halt, Partition, Parts};
use crate::partition::machine::Machine;
use crate::partition::messages::Tuning;
use crate::partition::outside::{HubLinks, Outside};
use crate::partition::replica::Seat;
use crate::peers::route::Lead;

/// The lineage of everything that never lost data.
const FIRST_LINEAGE: Lineage = Lineage(1);
/// This part of the node's cache is for pages of tables; the rest is for rows.
pub(super) const PAGES_PART: usize = 4;
/// What a table file has at least: the way to a row, and what a transaction writes.
const PAGES_MIN: usize = 128 << 10;
/// The catalog's own hub.
pub(in crate::node) const CATALOG: HubId = HubId(0);
/// Bytes of entries that are held in memory for replicas that are behind, for each group.
const BEHIND_BYTES_MAX: u64 = 16 << 20;
/// The node that a cluster begins with.
const FIRST_NODE: NodeId = NodeId(1);
/// The first replica of a group that began on one node.
const FIRST_REPLICA: ReplicaId = ReplicaId(1);

impl Node {
    /// The catalog, and its replica where this node has one.
    pub(super) fn open_catalog(&self) -> Result<Member, StartError> {
        let route = self.gateway().route((CATALOG, PartitionId(0)));
        let member = Member::new(route, self.uploads.clone());
        if let Some(seated) = self.catalog_seat() {
            let opened = self.open_partition(CATALOG, Machine::Catalog, &seated, (None, Mode::Conservative));
            let address = opened.map_err(|halt| StartError::Partition {
                hub: "catalog".to_owned(),
                partition: 0,
                halt,
            })?;
            member.opened(address);
        }
        Ok(member)
    }

    /// The catalog's replica here: as the node log has it; or the first one, on the first node. Others
    /// hear of theirs from the catalog.
    fn catalog_seat(&self) -> Option<Seated> {
        let recovered = self.recovered.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recovered.keys().find(|key| place_of(**key).0 == CATALOG);
        match known {
            Some(key) => Some(Seated { replica: ReplicaId(key.replica), ..Seated::first() }),
            None => (self.gateway().me() == FIRST_NODE && self.place.founds).then(Seated::first),
        }
    }

    /// Opens this node's replica of a partition and hands it to a runner. One that does not open stays
    /// closed until the next start: what the node log held of it is given away once, and without it the
    /// replica would begin as if it had never promised anything.
    pub(super) fn open_partition(
        &self,
        hub: HubId,
        machine: Machine,
        seated: &Seated,
        with: (Option<Arc<HubLinks>>, Mode),
    ) -> Result<Address, Halt> {
        let partition = machine.partition();
        if self.hearing.is_broken(hub, partition) {
            return Err(Halt::Storage(
                "it did not open before; see the log, and start the node again".to_owned(),
            ));
        }
        self.try_open(hub, machine, seated, with).inspect_err(|_| {
            self.hearing.broke(hub, partition);
            self.metrics.partitions.halted.inc();
        })
    }

    fn try_open(
        &self,
        hub: HubId,
        machine: Machine,
        seated: &Seated,
        (links, mode): (Option<Arc<HubLinks>>, Mode),
    ) -> Result<Address, Halt> {
        let partition = machine.partition();
        let key = group_key(hub, partition, seated.replica);
        let path = self.tables_path(hub, partition);
        let options = storage::tables::Options { cache_bytes: self.pages_of(machine), ..Default::default() };
        let recovered = self.recovered.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let compacted = recovered.as_ref().map_or(0, |log| Group::compacted(log).index);
        let disk = Arc::clone(&self.platform.disk);
        let tables = Arc::new(storage::tables::copy::open(Arc::clone(&disk), &path, compacted, options)?);
        let config = group_config(key, seated.voters.clone());
        let applied = tables.applied()?;
        let applied = replication::LogId { term: applied.term, index: applied.index };
        let group = Group::open(config, recovered, applied)?;
        let core = Partition::open(Parts {
            machine,
            group,
            tables,
            lineage: FIRST_LINEAGE,
            tuning: self.tuning(mode),
        })?;
        let seat = Seat::new((hub, partition), key, path, (disk, self.gateway().links().clone()));
        let seat = Arc::new(seat);
        seated.others.iter().for_each(|(replica, node)| seat.learn(*replica, *node));
        let address = self.next_address();
        self.seats.put(Arc::clone(&seat), address.clone());
        let lead = Lead::new((hub, partition), address.clone(), Arc::clone(self.gateway()));
        let outside = Outside {
            partition,
            seat: Arc::clone(&seat),
            copies: self.copies.clone(),
            address: address.clone(),
            hub: links,
            log: self.log.clone(),
            stores: self.stores.clone(),
            metrics: Arc::clone(&self.metrics),
            riding: Vec::new(),
            riding_vouch: false,
            riding_number: 0,
            written: 0,
            lead,
        };
        address.adopt(core, outside);
        Ok(address)
    }

    /// The file with a partition's committed rows.
    pub(super) fn tables_path(&self, hub: HubId, partition: PartitionId) -> PathBuf {
        let name = format!("hub-{hub}-partition-{partition}.redb");
        self.config.node.data_dir.join("tables").join(name)
    }

    /// Bytes of pages for one partition's tables: a file cannot give them back later, so they are
    /// divided by those that are open or being opened with it.
    fn pages_of(&self, machine: Machine) -> usize {
        let opening = match machine {
            Machine::Partition { of, .. } => usize::try_from(of).unwrap_or(usize::MAX),
            Machine::Catalog => return PAGES_MIN,
        };
        let open: usize = self.open_hub_list().iter().map(|hub| hub.partitions.len()).sum();
        let all = self.config.storage.cache_bytes / PAGES_PART;
        (all / open.saturating_add(opening)).max(PAGES_MIN)
    }

    fn tuning(&self, mode: Mode) -> Tuning {
        Tuning {
            working_set: self.working_set.clone(),
            changes: self.changes.clone(),
            checkpoint_age: self.config.storage.checkpoint_interval,
            termination_wait: self.config.work.termination_wait,
            activities: match mode {
                Mode::Conservative => Durability::Committed,
                Mode::Speculative => Durability::Proposed,
            },
            work_item_bytes: self.config.work.item_bytes_max,
            ..Tuning::default()
        }
    }
}

/// One replica's part in its group.
#[derive(Debug, Clone)]
pub(in crate::node) struct Seated {
    /// Which replica is here.
    pub(in crate::node) replica: ReplicaId,
    /// The voters the group was created with.
    pub(in crate::node) voters: Vec<ReplicaId>,
    /// Where the others are.
    pub(in crate::node) others: BTreeMap<u64, NodeId>,
}

impl Seated {
    /// The only replica of a group, as every group on one node has it.
    pub(in crate::node) fn first() -> Self {
        Self { replica: FIRST_REPLICA, voters: vec![FIRST_REPLICA], others: BTreeMap::new() }
    }
}

/// How a group is set up. Elections are drawn differently on each replica; entries for members that
/// are behind are held up to a limit, after which they get a copy of the rows.
fn group_config(key: GroupKey, voters: Vec<ReplicaId>) -> replication::Config {
    let mut config = replication::Config::new(key, voters);
    config.seed = key.partition;
    config.limits.behind_bytes_max = BEHIND_BYTES_MAX;
    config
}

/// The group of a replica of a partition that never lost data.
fn group_key(hub: HubId, partition: PartitionId, replica: ReplicaId) -> GroupKey {
    GroupKey {
        partition: u64::from(hub.0) << 32 | u64::from(partition.0),
        lineage: FIRST_LINEAGE.0,
        replica: replica.0,
    }
}

/// The hub a group belongs to, 0 for the catalog's own, and the partition.
pub(super) fn place_of(key: GroupKey) -> (HubId, PartitionId) {
    let half = |number: u64| u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0);
    (HubId(half(key.partition >> 32)), PartitionId(half(key.partition)))
}

//! One process: the node log, and a replica of each partition with all that a server keeps around
//! its core.
//!
//! Not here: when things happen (`cluster`), and performing effects (`performing`). This is the
//! part of a server's threads, played without threads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::id::{Lineage, PartitionId};
use engine::partition::effect::Durability;
use platform::fault::{SimClock, SimDisk};
use replication::{Config, Group, Proof, ReplicaId};
use server::dispatch::Work;
use server::node::budget::Budget;
use server::partition::clock::StampClock;
use server::partition::core::{Partition, Parts};
use server::partition::machine::Machine;
use server::partition::messages::{LogOutput, Outputs, Ticket, Tuning};
use storage::log::{NodeLog, Options};
use storage::tables::copy;
use storage::{GroupKey, Record};

use super::couriers::Played;
use super::payloads;
use super::queue::{Asker, Life, Micros};
use super::tickers::Ticker;

/// The hub of the simulation.
const HUB: u64 = 1;
const LINEAGE: Lineage = Lineage(1);

/// What is the same for all processes of a world.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Of the whole run.
    pub seed: u64,
    /// The first voters of each partition, one a node.
    pub voters: u64,
    /// Nodes; those beyond the first voters join where a partition wants them.
    pub nodes: u64,
    /// Partitions of the hub.
    pub partitions: u32,
}

impl Setup {
    /// What an activity's turn must be before it may run: on two seeds of five the hub is speculative.
    pub fn activities(&self) -> Durability {
        if self.seed % 5 < 2 { Durability::Proposed } else { Durability::Committed }
    }
}

/// Records of one partition on their way to the log.
#[derive(Debug)]
pub struct Job {
    /// Whose.
    pub partition: PartitionId,
    /// The newest output among them.
    pub number: u64,
    /// The group's term when they were made.
    pub term: u64,
    /// In order.
    pub records: Vec<Record>,
    /// What makes them durable.
    pub proof: Proof,
}

/// Somebody who waits.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Who.
    pub asker: Asker,
    /// The end of the log when the core heard it.
    pub position: u64,
    /// The last entry in the core's rows then: changes of members are in the log only.
    pub applied: u64,
    /// How far anybody had committed when it was asked.
    pub committed: u64,
}

/// A replica of a partition in its process.
#[derive(Debug)]
pub struct Resident {
    /// The core.
    pub core: Partition,
    /// What it has said since the last settling.
    pub outputs: Outputs,
    /// A settling is on its way.
    pub settling: bool,
    /// Records that nobody waits for, and the newest output among them.
    riding: Vec<Record>,
    riding_number: u64,
    riding_proof: Proof,
    given: u64,
    /// Work that is offered or handed out, and the attempt.
    pub out: BTreeMap<Work, u32>,
    /// Who waits for what.
    pub askers: BTreeMap<Ticket, Asked>,
    next_ticket: u64,
    /// The term in which it was last seen to lead.
    pub led: Option<u64>,
    /// The term in which it was last seen to doubt what it had acknowledged.
    pub doubt: Option<u64>,
    /// Delivers lifecycle events while it leads.
    pub courier: Option<Played>,
    /// Proposes the ticks of schedules while it leads.
    pub ticker: Option<Ticker>,
    /// When its rows were last sent to a replica that needs them.
    pub carried: BTreeMap<u64, Micros>,
}

impl Resident {
    fn new(core: Partition) -> Self {
        Self {
            core,
            outputs: Outputs::default(),
            settling: false,
            riding: Vec::new(),
            riding_number: 0,
            riding_proof: Proof::Synced,
            given: 0,
            out: BTreeMap::new(),
            askers: BTreeMap::new(),
            next_ticket: 0,
            led: None,
            doubt: None,
            courier: None,
            ticker: None,
            carried: BTreeMap::new(),
        }
    }

    /// A ticket for whoever asks.
    pub fn ticket(&mut self, asker: Asker) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.askers.insert(ticket, Asked { asker, position: 0, applied: 0, committed: 0 });
        ticket
    }

    /// The core has heard the request: its answer may depend on the log up to here.
    pub fn heard(&mut self, ticket: Ticket, committed: u64) {
        let (last, applied) = (self.core.group().last().index, self.core.applied().index);
        self.askers.entry(ticket).and_modify(|asked| {
            (asked.position, asked.applied, asked.committed) = (last, applied, committed);
        });
    }

    /// What goes to the log now: all that rides along, as soon as anything is urgent.
    pub fn write(&mut self, partition: PartitionId, outputs: Vec<LogOutput>, flush: bool) -> Option<Job> {
        let mut urgent = flush;
        for output in outputs {
            urgent |= output.urgent;
            self.riding_proof = self.riding_proof.max(output.proof);
            self.riding_number = output.number;
            self.riding.extend(output.records);
        }
        if !urgent || self.riding_number <= self.given {
            return None;
        }
        self.given = self.riding_number;
        let records = std::mem::take(&mut self.riding);
        let (number, term) = (self.riding_number, self.core.group().term());
        Some(Job { partition, number, term, records, proof: std::mem::take(&mut self.riding_proof) })
    }
}

/// What the log thread is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogWriter {
    /// Waiting for records.
    Idle,
    /// Writing, or about to.
    Busy,
    /// Waiting for room on the disk.
    Full,
}

/// See the file's header.
#[derive(Debug)]
pub struct Process {
    /// Which one.
    pub life: Life,
    /// Its log.
    pub log: NodeLog,
    /// What its log thread does.
    pub writer: LogWriter,
    /// What waits for the log thread.
    pub jobs: Vec<Job>,
    /// How many of those that wait are written and synced already, and only not vouched for.
    pub written: usize,
    /// Its log is idle and has said how far it is durable.
    pub vouched: bool,
    /// Its replicas.
    pub residents: BTreeMap<PartitionId, Resident>,
    clock: StampClock,
}

/// Why a process could not start.
#[derive(Debug)]
pub enum StartError {
    /// The disk has no room; it is tried again.
    Full,
    /// Anything else, in words.
    Other(String),
}

impl From<storage::Error> for StartError {
    fn from(error: storage::Error) -> Self {
        if matches!(error, storage::Error::Full { .. }) { Self::Full } else { Self::Other(error.to_string()) }
    }
}

impl Process {
    /// Opens everything that the disk holds.
    pub fn start(
        life: Life,
        setup: &Setup,
        disk: &SimDisk,
        clock: Arc<SimClock>,
    ) -> Result<Self, StartError> {
        let (log, mut recovered) =
            NodeLog::open(Arc::new(disk.clone()), Path::new("/data/log"), Options::small())?;
        if let Some((group, damage)) = recovered.quarantined.first_key_value() {
            return Err(StartError::Other(format!("{group:?} is quarantined: {damage:?}")));
        }
        let mut residents = BTreeMap::new();
        for partition in (0..setup.partitions).map(PartitionId) {
            let replica = u64::try_from(life.node).unwrap_or(0) + 1;
            let key = GroupKey { partition: HUB << 32 | u64::from(partition.0), lineage: LINEAGE.0, replica };
            let log = recovered.groups.remove(&key);
            let compacted = log.as_ref().map_or(0, |log| Group::compacted(log).index);
            let (disk, path) = (Arc::new(disk.clone()), tables_path(partition));
            let tables = Arc::new(copy::open(disk, &path, compacted, tables_options())?);
            let applied = tables.applied()?;
            let applied = replication::LogId { term: applied.term, index: applied.index };
            let group = Group::open(group_config(setup, key), log, applied)
                .map_err(|error| StartError::Other(error.to_string()))?;
            let machine = Machine::Partition { id: partition, of: setup.partitions };
            let parts = Parts { machine, group, tables, lineage: LINEAGE, tuning: tuning(setup) };
            let core = Partition::open(parts).map_err(|halt| StartError::Other(halt.to_string()))?;
            residents.insert(partition, Resident::new(core));
        }
        let clock = StampClock::new(clock);
        Ok(Self {
            life,
            log,
            writer: LogWriter::Idle,
            jobs: Vec::new(),
            written: 0,
            vouched: false,
            residents,
            clock,
        })
    }

    /// The time to stamp with.
    pub fn stamp(&mut self) -> engine::time::Timestamp {
        self.clock.now()
    }
}

fn group_config(setup: &Setup, key: GroupKey) -> Config {
    let mut config = Config::new(key, (1..=setup.voters).map(ReplicaId).collect());
    config.seed = setup.seed ^ key.partition;
    // Small, so that a batch takes several messages.
    config.limits.message_bytes_max = 2 << 10;
    config.limits.messages_in_flight_max = 8;
    config.limits.committed_bytes_max = 8 << 10;
    // On some seeds hardly anything is kept for a replica that is behind.
    if setup.seed % 3 == 1 {
        config.limits.behind_bytes_max = 3 << 10;
    }
    config
}

/// The file with a partition's rows.
pub(super) fn tables_path(partition: PartitionId) -> PathBuf {
    PathBuf::from(format!("/data/partition-{}.redb", partition.0))
}

pub(super) fn tables_options() -> storage::tables::Options {
    storage::tables::Options { cache_bytes: 64 << 10, free_bytes_min: 16 << 10, ..Default::default() }
}

/// Tiny, so that eviction and checkpoints happen in the middle of everything; on some seeds there
/// are hardly any checkpoints, so that all is replayed from the log.
fn tuning(setup: &Setup) -> Tuning {
    let (checkpoint_bytes, age_ms) = match setup.seed % 4 {
        0 => (4 << 10, 50),
        1 | 2 => (16 << 10, 150),
        _ => (1 << 20, 20_000),
    };
    Tuning {
        working_set: Budget::new(4 << 10),
        changes: Budget::new(checkpoint_bytes),
        checkpoint_age: Duration::from_millis(age_ms),
        termination_wait: Duration::from_millis(300),
        resend_after: Duration::from_millis(200),
        messages_max: 3,
        activities: setup.activities(),
        provided_max: 64,
        apart: payloads::apart(setup.seed),
        ..Tuning::default()
    }
}

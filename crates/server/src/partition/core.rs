//! One replica of one partition: the log driver, the machine's rows and what is held until committed.
//!
//! Synchronous and deterministic: `step` takes an event and a time, and fills `Outputs`. No thread,
//! channel or clock is in here; `runner` feeds it in a server and `sim` in a simulation. The leader
//! applies a command when it proposes it and holds each effect for its durability; any other
//! committed entry is applied when it is committed, and its effects are dropped, because
//! `outstanding` derives them for the next leader.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use engine::id::{Epoch, LeaseEpoch, Lineage, LogId};
use engine::partition::Cursor;
use engine::rows::WorkingSet;
use engine::time::Timestamp;
use replication::{Group, ReplicaId};
use storage::tables::Tables;

use super::leader::Leader;
use super::machine::Machine;
use super::messages::{Event, LogOutput, Outputs, Perform, Settled, Tuning, Unavailable};
use super::mutants;
use super::overlay::Overlay;
use crate::node::budget::Share;

/// See the file's header.
#[derive(Debug)]
pub struct Partition {
    pub(super) machine: Machine,
    pub(super) group: Group,
    pub(super) tables: Arc<Tables>,
    pub(super) rows: WorkingSet,
    pub(super) overlay: Overlay,
    pub(super) leader: Option<Leader>,
    pub(super) tuning: Tuning,
    /// What `rows` and `overlay` hold of the node's memory.
    pub(super) row_share: Share,
    pub(super) change_share: Share,
    pub(super) lineage: Lineage,
    /// The last entry in `rows` and `overlay`; beyond `committed` only while leading.
    pub(super) applied: LogId,
    /// The last entry known to be committed and applied.
    pub(super) committed: LogId,
    /// The last entry durably in the tables.
    pub(super) stored: u64,
    pub(super) storing: Storing,
    /// A member needs the rows as of this index at least: a checkpoint that has it is begun.
    pub(super) wanted: u64,
    /// Who should take part, if anybody said so.
    pub(super) wanted_members: Option<BTreeSet<ReplicaId>>,
    /// Another replica's rows, until they take the place of these.
    pub(super) brought: Option<Arc<Tables>>,
    /// The last output given to the log, and the last it has durably.
    written: u64,
    persisted: u64,
    /// Set while the log driver has proposals that it was not asked about: all of a batch at once.
    asked: Option<Haste>,
    /// Since when records wait for company in the log.
    riding_since: Option<Timestamp>,
    /// Since when the oldest change waits for the tables.
    pub(super) dirty_since: Option<Timestamp>,
    /// The `at` of the last entry: time in the log never goes backwards.
    pub(super) last_at: Timestamp,
    pub(super) room: Room,
    pub(super) halted: Option<String>,
    /// Rows looked up in the tables that nobody has counted yet.
    pub(super) rows_read: u64,
}

/// Whether new records start a commit of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// Somebody waits for them.
    Now,
    /// What they lead to will bring a commit soon; they ride along with it.
    Rides,
}

/// Whether the tables are busy with a transaction of this partition: the next waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storing {
    Idle,
    Busy,
}

/// Whether the log's disk takes new records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    None,
}

/// Why a partition stops: damage or a bug. Others go on.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The tables cannot be read or hold something else than was written.
    #[error("read the tables: {0}")]
    Tables(#[from] storage::Error),
    /// The node log or the tables have failed, as whoever used them says.
    #[error("{0}")]
    Storage(String),
    /// A row does not decode.
    #[error("decode a row: {0}")]
    Row(#[from] engine::rows::Corrupt),
    /// A committed entry does not decode.
    #[error("decode entry {id}: {why}")]
    Entry {
        /// Which.
        id: LogId,
        /// What the decoder says.
        why: String,
    },
    /// The log driver has stopped.
    #[error("replication: {0}")]
    Replication(#[from] replication::Error),
}

/// What a core is made of.
#[derive(Debug)]
pub struct Parts {
    /// Which machine it runs.
    pub machine: Machine,
    /// Its log, opened with [`storage::tables::Applied`] as applied.
    pub group: Group,
    /// Its tables.
    pub tables: Arc<Tables>,
    /// Which history of the world this log is.
    pub lineage: Lineage,
    /// See [`Tuning`].
    pub tuning: Tuning,
}

impl Partition {
    /// Opens a replica; `step` with [`Event::Woke`] starts it.
    pub fn open(parts: Parts) -> Result<Self, Halt> {
        let Parts { machine, group, tables, lineage, tuning } = parts;
        let stored = tables.applied()?;
        let applied = LogId { term: stored.term, index: stored.index };
        Ok(Self {
            machine,
            group,
            tables,
            rows: WorkingSet::new(),
            overlay: Overlay::default(),
            leader: None,
            row_share: tuning.working_set.share(),
            change_share: tuning.changes.share(),
            tuning,
            lineage,
            applied,
            committed: applied,
            stored: stored.index,
            storing: Storing::Idle,
            wanted: 0,
            wanted_members: None,
            brought: None,
            written: 0,
            persisted: 0,
            asked: None,
            riding_since: None,
            dirty_since: None,
            last_at: Timestamp::ZERO,
            room: Room::Enough,
            halted: None,
            rows_read: 0,
        })
    }

    /// Takes one event. What comes of it is added to `outputs`; call [`Partition::settle`] after
    /// the last event of a batch.
    pub fn step(&mut self, event: Event, now: Timestamp, outputs: &mut Outputs) {
        if self.halted.is_some() {
            return self.refuse(&event, outputs);
        }
        if let Err(halt) = self.on_event(event, now, outputs) {
            self.halt(&halt, outputs);
        }
    }

    /// Ends a batch of events: goes on with what was left over and says what the log and the tables
    /// must write, and when to wake this core.
    pub fn settle(&mut self, now: Timestamp, outputs: &mut Outputs) {
        if self.halted.is_some() {
            return;
        }
        if let Err(halt) = self.on_settle(now, outputs) {
            self.halt(&halt, outputs);
        }
    }

    /// Whether this replica leads and has begun to.
    pub fn leads(&self) -> Option<Epoch> {
        self.leader.as_ref().map(|leader| leader.epoch)
    }

    /// The last entry in its rows: beyond what is committed only while it leads.
    pub fn applied(&self) -> LogId {
        self.applied
    }

    /// The last entry known to be committed and applied.
    pub fn committed(&self) -> LogId {
        self.committed
    }

    /// The latest time stamped on an entry.
    pub(super) fn last_stamp(&self) -> Timestamp {
        self.last_at
    }

    /// The log driver, to look at.
    pub fn group(&self) -> &Group {
        &self.group
    }

    fn on_event(&mut self, event: Event, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        match event {
            Event::Asked { request, ticket } => {
                let rides = request.may_ride(self.tuning.activities) && self.asked != Some(Haste::Now);
                self.asked = Some(if rides { Haste::Rides } else { Haste::Now });
                return self.on_asked(request, ticket, now, outputs);
            }
            Event::Questioned { question, ticket } => {
                self.asked.get_or_insert(Haste::Rides);
                return self.on_questioned(&question, ticket, outputs);
            }
            other => {
                self.advance_asked(now, outputs)?;
                self.on_told(other, now, outputs)?;
            }
        }
        self.advance(Haste::Now, now, outputs)
    }

    fn on_told(&mut self, event: Event, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        match event {
            Event::Received { from, bytes } => {
                self.feed(replication::Input::Message { from: ReplicaId(from), bytes })?;
            }
            Event::Ticked => {
                self.feed(replication::Input::Tick)?;
                self.seek_members()?;
                self.look_behind(outputs);
            }
            Event::Wanted { replicas } => self.on_wanted(replicas),
            Event::HandOver { to } => self.on_hand_over(to)?,
            Event::Brought { tables, members } => self.on_brought(tables, members)?,
            Event::Persisted { number } => {
                self.persisted = self.persisted.max(number);
                self.feed(replication::Input::Persisted { number })?;
            }
            Event::Stored { upto } => self.on_stored(upto)?,
            Event::DiskFull(full) => self.on_disk_full(full, outputs),
            Event::Refill => {
                if let Some(leader) = &mut self.leader {
                    leader.outstanding = Some(Cursor::default());
                }
            }
            Event::StoreDeferred => {
                self.storing = Storing::Idle;
                self.dirty_since = Some(now);
            }
            Event::Failed { why } => return Err(Halt::Storage(why)),
            Event::Woke | Event::Asked { .. } | Event::Questioned { .. } => {}
        }
        Ok(())
    }

    /// Gives the log driver an input; one that it refuses changes nothing and is dropped.
    pub(super) fn feed(&mut self, input: replication::Input) -> Result<(), Halt> {
        match self.group.step(input) {
            Ok(()) | Err(replication::Error::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the log driver work on what was proposed since it did last.
    fn advance_asked(&mut self, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        self.asked.take().map_or(Ok(()), |haste| self.advance(haste, now, outputs))
    }

    /// Lets the log driver work until it has nothing more to say.
    fn advance(&mut self, haste: Haste, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        while let Some(output) = self.group.take_output() {
            outputs.messages.extend(output.messages.into_iter().map(|message| (message.to.0, message.bytes)));
            if output.records.is_empty() && self.written == self.persisted {
                // Nothing is on its way to the disk, so everything before is durable already.
                self.written = output.number;
                self.persisted = output.number;
                self.feed(replication::Input::Persisted { number: output.number })?;
            } else {
                self.written = output.number;
                let urgent = output.urgent && haste == Haste::Now;
                self.riding_since = match (urgent, output.urgent) {
                    (true, _) => None,
                    (false, true) => self.riding_since.or(Some(now)),
                    (false, false) => self.riding_since,
                };
                let replication::Output { number, records, proof, .. } = output;
                outputs.log.push(LogOutput { number, records, urgent, proof });
            }
            for event in output.events {
                self.on_log_event(event, now, outputs)?;
            }
        }
        self.release(outputs)
    }

    fn on_log_event(
        &mut self,
        event: replication::Event,
        now: Timestamp,
        outputs: &mut Outputs,
    ) -> Result<(), Halt> {
        match event {
            replication::Event::Committed(entries) => {
                for entry in entries {
                    self.on_committed(LogId { term: entry.id.term, index: entry.id.index }, &entry.data)?;
                }
                self.overlay.commit(self.committed.index);
            }
            replication::Event::Established { term } => self.on_established(term, now, outputs)?,
            replication::Event::Deposed => self.on_deposed(outputs),
            replication::Event::ReadReady { id, .. } => self.on_quorum_answered(id),
            replication::Event::Installed { id } => {
                self.on_installed(LogId { term: id.term, index: id.index }, outputs)?;
            }
            // The group says who takes part when it is asked.
            replication::Event::LeaderIs(_) | replication::Event::Members { .. } => {}
        }
        Ok(())
    }

    fn on_committed(&mut self, id: LogId, data: &Bytes) -> Result<(), Halt> {
        // A leader applied its own entries when it proposed them.
        if id.index > self.applied.index || mutants::active("own-entry-applied-again") {
            self.apply_committed(id, data)?;
        }
        self.committed = id;
        Ok(())
    }

    /// A follower's apply, and a new leader's of the tail it inherited. Effects are dropped.
    fn apply_committed(&mut self, id: LogId, data: &Bytes) -> Result<(), Halt> {
        if !data.is_empty() {
            let entry =
                self.machine.decode(data).map_err(|error| Halt::Entry { id, why: error.to_string() })?;
            self.apply_at(id, &entry)?;
            self.last_at = self.last_at.max(entry.at());
            self.overlay.push(id, self.rows.take_writes());
        }
        self.applied = id;
        Ok(())
    }

    fn on_established(&mut self, term: u64, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        let meta = self.load_meta()?;
        self.last_at = self.last_at.max(meta.at);
        let epoch = Epoch { lineage: self.lineage, lease: LeaseEpoch(meta.epoch.lease.0.max(1)), term };
        self.leader = Some(Leader::begin(epoch));
        outputs.perform.push(Perform::Leading(epoch));
        if let Some(request) = self.machine.raise_epoch(epoch) {
            self.propose(request, None, now, outputs)?;
        }
        Ok(())
    }

    fn on_deposed(&mut self, outputs: &mut Outputs) {
        let Some(leader) = self.leader.take() else { return };
        outputs.settled.extend(leader.end());
        outputs.perform.push(Perform::LeadingEnded);
        if !mutants::active("working-set-kept-on-deposition") {
            self.rows = WorkingSet::new();
        }
        if !mutants::active("overlay-kept-on-deposition") {
            self.overlay.drop_tail();
        }
        self.applied = self.committed;
    }

    /// What is in the log stays there and goes on once there is room. Those who wait are told now: a
    /// full disk may stay full for days.
    fn on_disk_full(&mut self, full: bool, outputs: &mut Outputs) {
        self.room = if full { Room::None } else { Room::Enough };
        if let (Room::None, Some(leader)) = (self.room, &mut self.leader) {
            outputs.settled.extend(leader.give_up(&Unavailable::DiskFull));
        }
    }

    fn on_settle(&mut self, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        self.advance_asked(now, outputs)?;
        self.go_on(now, outputs)?;
        self.advance(Haste::Now, now, outputs)?;
        if self.riding_since.is_some_and(|since| since.plus(self.tuning.ride_along) <= now) {
            self.riding_since = None;
            outputs.flush = true;
        }
        self.checkpoint(now, outputs);
        if let Some(bytes_max) = self.row_share.hold(self.rows.bytes()) {
            self.rows.evict(bytes_max);
            self.row_share.hold(self.rows.bytes());
        }
        outputs.wake_at = self.next_wake();
        Ok(())
    }

    fn next_wake(&self) -> Option<Timestamp> {
        let checkpoint = self
            .dirty_since
            .filter(|_| self.storing == Storing::Idle && !self.overlay.is_empty())
            .map(|since| since.plus(self.tuning.checkpoint_age));
        let leader = self.leader.as_ref();
        let leading = leader.and_then(Leader::next_wake);
        let riding = self.riding_since.map(|since| since.plus(self.tuning.ride_along));
        let busy = leader.filter(|leader| leader.has_more()).map(|_| Timestamp::ZERO);
        [checkpoint, leading, riding, busy].into_iter().flatten().min()
    }

    fn halt(&mut self, halt: &Halt, outputs: &mut Outputs) {
        let why = halt.to_string();
        if let Some(leader) = self.leader.take() {
            outputs.settled.extend(leader.end());
            outputs.perform.push(Perform::LeadingEnded);
        }
        outputs.halted = Some(why.clone());
        self.halted = Some(why);
    }

    fn refuse(&self, event: &Event, outputs: &mut Outputs) {
        let why = Unavailable::Halted(self.halted.clone().unwrap_or_default());
        match event {
            Event::Asked { ticket, .. } => {
                outputs.settled.extend(ticket.map(|ticket| (ticket, Settled::Reply(Err(why)))));
            }
            Event::Questioned { ticket, .. } => {
                outputs.settled.push((*ticket, Settled::Answer(Err(why))));
            }
            Event::Received { .. }
            | Event::Ticked
            | Event::Wanted { .. }
            | Event::HandOver { .. }
            | Event::Brought { .. }
            | Event::Persisted { .. }
            | Event::Stored { .. }
            | Event::DiskFull(_)
            | Event::Refill
            | Event::StoreDeferred
            | Event::Failed { .. }
            | Event::Woke => {}
        }
    }
}

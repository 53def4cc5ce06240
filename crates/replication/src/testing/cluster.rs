//! Replicas of one group, a network that loses, doubles, delays and reorders, disks that answer
//! late, and crashes that keep a prefix of what was not durable.
//!
//! Not here: what must hold (`checks`). Every choice comes from one generator, in one order, so a
//! seed is a run; `digest` is the same for two runs of one seed.

use std::collections::BTreeMap;

use bytes::Bytes;
use storage::GroupKey;

use super::churn::Carried;
use super::{Checks, MemoryLog, Random, Violation};
use crate::{Config, Error, Event, Group, Input, LogId, Outgoing, Output, Proof, ReplicaId, Role};

/// How often things go wrong, in a thousand of the steps in which they could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// A message is lost.
    pub lost: usize,
    /// A message arrives and stays on its way too.
    pub doubled: usize,
    /// A step is a crash of one replica.
    pub crash: usize,
    /// A crash comes with rot of what was durable last, as long as no other replica has lost anything.
    pub rot: usize,
    /// A step is a power cut of all.
    pub power_cut: usize,
    /// A step cuts or mends a one-way link.
    pub links: usize,
    /// A step leaves one replica alone for several elections' time.
    pub alone: usize,
    /// A step asks for other members, carries a state over, or brings one that is on its way. With
    /// this there are spare replicas, and few entries are held for members that are behind.
    pub members: usize,
}

impl Faults {
    /// None at all.
    pub const NONE: Self =
        Self { lost: 0, doubled: 0, crash: 0, rot: 0, power_cut: 0, links: 0, alone: 0, members: 0 };
    /// Enough of everything.
    pub const SOME: Self =
        Self { lost: 50, doubled: 50, crash: 4, rot: 300, power_cut: 1, links: 5, alone: 1, members: 0 };
    /// Enough of everything, and members come and go.
    pub const CHURN: Self = Self { members: 150, ..Self::SOME };
}

#[derive(Debug)]
pub(super) struct Replica {
    /// `None` while it is down.
    pub(super) group: Option<Group>,
    log: MemoryLog,
    /// The newest output that was written, and the newest that a sync has covered.
    written: u64,
    synced: u64,
    /// The log has to vouch for what was written since the last sync.
    vouch: bool,
    /// The last index given out, and the last that a restart need not see again.
    pub(super) emitted: LogId,
    pub(super) checkpoint: LogId,
    /// A state of another replica, apart from its own.
    pub(super) staged: Option<LogId>,
}

/// Replicas that are there to become members.
const SPARES: u64 = 2;

/// The whole toy world.
#[derive(Debug)]
pub struct Cluster {
    pub(super) random: Random,
    pub(super) faults: Faults,
    seed: u64,
    /// The first voters, and all replicas there are.
    voters: Vec<ReplicaId>,
    all: Vec<ReplicaId>,
    pub(super) replicas: BTreeMap<u64, Replica>,
    network: Vec<(u64, Outgoing)>,
    pub(super) carried: Vec<Carried>,
    installed: usize,
    /// One-way links that lose everything.
    cut: Vec<(u64, u64)>,
    checks: Checks,
    proposed: u64,
    /// The replica that has lost something durable.
    rotted: Option<u64>,
    /// The step at hand is an answer of a disk.
    answering: bool,
    digest: u64,
}

impl Cluster {
    /// A new cluster of this many voters, numbered from 1.
    pub fn new(seed: u64, voters: u64, faults: Faults) -> Result<Self, Violation> {
        let spares = if faults.members > 0 { SPARES } else { 0 };
        let all: Vec<_> = (1..=voters + spares).map(ReplicaId).collect();
        let voters: Vec<_> = (1..=voters).map(ReplicaId).collect();
        let mut cluster = Self {
            random: Random::new(seed),
            faults,
            seed,
            checks: Checks::of(&voters),
            voters,
            all,
            replicas: BTreeMap::new(),
            network: Vec::new(),
            carried: Vec::new(),
            installed: 0,
            cut: Vec::new(),
            proposed: 0,
            rotted: None,
            answering: false,
            digest: 0,
        };
        for voter in cluster.all.clone() {
            let replica = Replica {
                group: None,
                log: MemoryLog::default(),
                written: 0,
                synced: 0,
                vouch: false,
                emitted: LogId::default(),
                checkpoint: LogId::default(),
                staged: None,
            };
            cluster.replicas.insert(voter.0, replica);
            cluster.start(voter.0)?;
        }
        Ok(cluster)
    }

    /// What all replicas together have shown.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// How many states took the place of a log.
    pub fn installed(&self) -> usize {
        self.installed
    }

    /// A number that depends on everything that happened.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The replica that is established, if one is; of two, the one in the later term.
    pub fn leader(&self) -> Option<u64> {
        let leads = |replica: &Replica| {
            let group = replica.group.as_ref().filter(|group| group.role() == Role::Established);
            group.map(Group::term)
        };
        let terms = self.replicas.iter().filter_map(|(id, replica)| Some((leads(replica)?, *id)));
        terms.max().map(|(_, id)| id)
    }

    /// One replica, while it is up.
    pub fn group(&mut self, id: u64) -> Option<&mut Group> {
        self.replicas.get_mut(&id).and_then(|replica| replica.group.as_mut())
    }

    /// This many random steps.
    pub fn run(&mut self, steps: usize) -> Result<(), Violation> {
        for _ in 0..steps {
            self.random_step()?;
        }
        Ok(())
    }

    fn random_step(&mut self) -> Result<(), Violation> {
        let id = self.pick();
        let crash = if self.is_electing() { 8 * self.faults.crash } else { self.faults.crash };
        if self.random.per_mille(crash) {
            return self.crash(id);
        }
        if self.random.per_mille(self.faults.power_cut) {
            return self.power_cut();
        }
        if self.random.per_mille(self.faults.links) {
            self.change_link();
        }
        if self.random.per_mille(self.faults.alone) {
            return self.leave_alone(id);
        }
        if self.faults.members > 0 && self.random.per_mille(self.faults.members) {
            return self.change(id);
        }
        match self.random.below(20) {
            0..4 => self.step(id, Input::Tick),
            4..12 => self.deliver(),
            12..15 => self.sync(id),
            15 | 16 => self.answer(id),
            17 => self.propose(id),
            18 => self.start(id),
            _ => self.rarely(id),
        }
    }

    /// Somebody asks for votes: what is promised now must not be forgotten.
    fn is_electing(&self) -> bool {
        let mut groups = self.replicas.values().filter_map(|replica| replica.group.as_ref());
        groups.any(|group| group.role() == Role::Candidate)
    }

    fn rarely(&mut self, id: u64) -> Result<(), Violation> {
        match self.random.below(6) {
            0 => {
                let replica = ReplicaId(self.pick());
                self.step(id, Input::TransferTo { replica })
            }
            1..4 => {
                let Some(replica) = self.replicas.get_mut(&id) else { return Ok(()) };
                replica.checkpoint = replica.emitted;
                let upto = replica.checkpoint.index;
                self.step(id, Input::Compact { upto })
            }
            4 => self.step(id, Input::Campaign),
            _ => self.step(id, Input::ReadIndex { id: self.proposed }),
        }
    }

    pub(super) fn pick(&mut self) -> u64 {
        let at = self.random.below(self.all.len());
        self.all.get(at).map_or(1, |replica| replica.0)
    }

    fn start(&mut self, id: u64) -> Result<(), Violation> {
        self.answering = false;
        let mut config = Config::new(GroupKey { partition: 1, lineage: 1, replica: id }, self.voters.clone());
        config.seed = self.seed;
        // Small, so that one batch takes several messages and several outputs.
        config.limits.message_bytes_max = 100;
        config.limits.messages_in_flight_max = 4;
        config.limits.committed_bytes_max = 200;
        if self.faults.members > 0 {
            config.limits.behind_bytes_max = 600;
        }
        let Some(replica) = self.replicas.get_mut(&id).filter(|replica| replica.group.is_none()) else {
            return Ok(());
        };
        let compacted = replica.log.durable().map(Group::compacted);
        if let Some(staged) = replica.staged.take()
            && Some(staged) == compacted
        {
            replica.checkpoint = staged;
        }
        let opened = Group::open(config, replica.log.durable().cloned(), replica.checkpoint);
        let group = opened.map_err(|error| stopped(id, &error))?;
        let (members, checkpoint) = (group.members().clone(), replica.checkpoint);
        replica.group = Some(group);
        (replica.written, replica.synced, replica.emitted) = (0, 0, checkpoint);
        replica.vouch = false;
        self.checks.on_members(id, checkpoint.index, &members)?;
        self.take_outputs(id)
    }

    pub(super) fn crash(&mut self, id: u64) -> Result<(), Violation> {
        let rots = self.random.per_mille(self.faults.rot) && self.may_rot(id);
        let Some(replica) = self.replicas.get_mut(&id) else { return Ok(()) };
        replica.group = None;
        replica.emitted = replica.checkpoint;
        let pending = replica.log.pending();
        let kept = self.random.below(pending + 1);
        let torn = kept < pending && self.random.percent(50);
        match replica.log.rotted().filter(|log| rots && log.holds_id(replica.checkpoint)) {
            Some(rotted) => {
                self.checks.on_rot(id, &replica.log);
                self.rotted = Some(id);
                replica.log = rotted;
            }
            None => {
                replica.log.crash(kept);
                if torn {
                    replica.log.cut();
                }
            }
        }
        self.checks.on_crash(id, &replica.log);
        Ok(())
    }

    /// Only one replica at a time may have lost what it acknowledged, and a lone one never: those
    /// are faults that are not tolerated.
    fn may_rot(&self, id: u64) -> bool {
        let sound = |id| {
            let group = self.replicas.get(&id).and_then(|replica| replica.group.as_ref());
            group.is_some_and(|group| !group.is_doubtful())
        };
        // What only one voter has acknowledged is lost with it.
        self.checks.least_voters() > 1 && self.rotted.is_none_or(|rotted| rotted == id || sound(rotted))
    }

    pub(super) fn step(&mut self, id: u64, input: Input) -> Result<(), Violation> {
        // What was held for an earlier term may come out while a later one is on its way to disk.
        self.answering = matches!(input, Input::Persisted { .. });
        let Some(group) = self.group(id) else { return Ok(()) };
        // A refusal is the right answer to much of what happens here.
        if let Err(error @ Error::Stopped { .. }) = group.step(input) {
            return Err(stopped(id, &error));
        }
        self.take_outputs(id)
    }

    fn propose(&mut self, id: u64) -> Result<(), Violation> {
        for _ in 0..=self.random.below(3) {
            self.proposed += 1;
            let data = Bytes::from(format!("command {} of seed {}", self.proposed, self.seed));
            if self.group(id).is_some_and(|group| group.propose(data).is_err()) {
                break;
            }
        }
        self.take_outputs(id)
    }

    fn sync(&mut self, id: u64) -> Result<(), Violation> {
        let Some(replica) = self.replicas.get_mut(&id).filter(|replica| replica.group.is_some()) else {
            return Ok(());
        };
        if std::mem::take(&mut replica.vouch) {
            replica.log.vouch()
        } else {
            replica.log.sync()
        }
        replica.synced = replica.written;
        if self.random.percent(70) { self.answer(id) } else { Ok(()) }
    }

    fn answer(&mut self, id: u64) -> Result<(), Violation> {
        let number = self.replicas.get(&id).map_or(0, |replica| replica.synced);
        self.step(id, Input::Persisted { number })
    }

    fn deliver(&mut self) -> Result<(), Violation> {
        if self.network.is_empty() {
            return Ok(());
        }
        // Mostly old messages, so that things move; sometimes any.
        let reach = if self.random.percent(20) { self.network.len() } else { self.network.len().min(4) };
        let at = self.random.below(reach);
        let (from, message) = if self.random.per_mille(self.faults.doubled) {
            self.network[at].clone()
        } else {
            self.network.remove(at)
        };
        let lost = self.random.per_mille(self.faults.lost) || self.cut.contains(&(from, message.to.0));
        if lost { Ok(()) } else { self.hand_over(from, message) }
    }

    fn hand_over(&mut self, from: u64, message: Outgoing) -> Result<(), Violation> {
        self.step(message.to.0, Input::Message { from: ReplicaId(from), bytes: message.bytes })
    }

    fn change_link(&mut self) {
        let link = (self.pick(), self.pick());
        if self.random.percent(50) || self.cut.len() > 3 {
            self.cut.clear();
        } else {
            self.cut.push(link);
        }
    }

    /// Nobody hears a replica and it hears nobody, for several elections' time.
    fn leave_alone(&mut self, id: u64) -> Result<(), Violation> {
        if self.all.len() == 1 || self.replicas.get(&id).is_none_or(|replica| replica.group.is_none()) {
            return Ok(());
        }
        self.network.retain(|(from, message)| *from != id && message.to.0 != id);
        let before = self.group(id).map_or(0, |group| group.term());
        for _ in 0..80 {
            self.step(id, Input::Tick)?;
        }
        self.network.retain(|(from, message)| *from != id && message.to.0 != id);
        let after = self.group(id).map_or(0, |group| group.term());
        self.checks.on_alone(id, before, after)
    }

    pub(super) fn take_outputs(&mut self, id: u64) -> Result<(), Violation> {
        loop {
            let Some(group) = self.group(id) else { return Ok(()) };
            let output = group.take_output();
            let (role, term, stopped_by) = (group.role(), group.term(), group.stopped().map(str::to_owned));
            if let Some(why) = stopped_by {
                return Err(Violation { invariant: "NoReplicaStops", detail: format!("{id}: {why}") });
            }
            self.checks.on_role(id, role, term)?;
            let Some(output) = output else { return Ok(()) };
            self.note(id, &output);
            self.perform(id, output)?;
        }
    }

    fn perform(&mut self, id: u64, output: Output) -> Result<(), Violation> {
        self.checks.on_records(id, &output.records)?;
        let Some(replica) = self.replicas.get_mut(&id) else { return Ok(()) };
        replica.log.append(&output.records);
        replica.written = replica.written.max(output.number);
        replica.vouch |= output.proof == Proof::Vouched;
        self.network.extend(output.messages.into_iter().map(|message| (id, message)));
        output.events.into_iter().try_for_each(|event| self.on_event(id, event))
    }

    fn on_event(&mut self, id: u64, event: Event) -> Result<(), Violation> {
        match event {
            Event::Committed(entries) => {
                self.check_term(id)?;
                let logs = self.replicas.iter().map(|(id, replica)| (*id, &replica.log)).collect();
                for entry in &entries {
                    self.checks.on_committed(id, entry, &logs)?;
                }
                entries.iter().try_for_each(|entry| self.on_emitted(id, entry.id))
            }
            Event::Established { term } => {
                let emitted = self.replicas.get(&id).map_or(0, |replica| replica.emitted.index);
                self.checks.on_established(id, term, emitted)
            }
            Event::Members { index, membership } => self.checks.on_members(id, index, &membership),
            Event::Installed { id: state } => {
                let Some(replica) = self.replicas.get_mut(&id) else { return Ok(()) };
                if replica.staged.take() != Some(state) {
                    let detail = format!("{state:?} on {id}, which has not got it");
                    return Err(Violation { invariant: "InstalledWasBrought", detail });
                }
                (replica.checkpoint, replica.emitted) = (state, state);
                self.installed += 1;
                Ok(())
            }
            Event::Deposed | Event::LeaderIs(_) | Event::ReadReady { .. } => Ok(()),
        }
    }

    fn check_term(&self, id: u64) -> Result<(), Violation> {
        let Some(replica) = self.replicas.get(&id).filter(|_| !self.answering) else { return Ok(()) };
        let term = replica.group.as_ref().map_or(0, Group::term);
        self.checks.on_given_out(id, term, replica.log.durable_term())
    }

    fn on_emitted(&mut self, id: u64, entry: LogId) -> Result<(), Violation> {
        let Some(replica) = self.replicas.get_mut(&id) else { return Ok(()) };
        let last = std::mem::replace(&mut replica.emitted, entry);
        if last.index + 1 == entry.index {
            return Ok(());
        }
        let detail = format!("{entry:?} on {id}, the last was {last:?}");
        Err(Violation { invariant: "CommittedContiguous", detail })
    }

    fn note(&mut self, id: u64, output: &Output) {
        let text = format!("{id} {output:?}");
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Cuts one replica off from all others, both ways.
    pub fn isolate(&mut self, id: u64) {
        let others = self.all.iter().map(|voter| voter.0).filter(|other| *other != id);
        self.cut = others.flat_map(|other| [(id, other), (other, id)]).collect();
    }

    /// Cuts two replicas off from each other.
    pub fn part(&mut self, one: u64, other: u64) {
        self.cut = vec![(one, other), (other, one)];
    }

    /// Mends all links.
    pub fn mend(&mut self) {
        self.cut.clear();
    }

    /// One loses power, and what it made durable last rots.
    pub fn rot(&mut self, id: u64) -> Result<(), Violation> {
        let rot = std::mem::replace(&mut self.faults.rot, 1000);
        self.crash(id)?;
        self.faults.rot = rot;
        Ok(())
    }

    /// All lose power.
    pub fn power_cut(&mut self) -> Result<(), Violation> {
        self.all.clone().into_iter().try_for_each(|voter| self.crash(voter.0))
    }

    /// A replica that is down finds that a tail of its log was cut off.
    pub fn doubt(&mut self, id: u64) {
        if let Some(replica) = self.replicas.get_mut(&id) {
            replica.log.cut();
        }
    }

    /// Starts these replicas; the others stay as they are.
    pub fn start_only(&mut self, ids: &[u64]) -> Result<(), Violation> {
        ids.iter().try_for_each(|id| self.start(*id))
    }

    /// Proposes at one replica; false where it refuses.
    pub fn propose_at(&mut self, id: u64, data: &'static str) -> Result<bool, Violation> {
        let data = Bytes::from_static(data.as_bytes());
        let taken = self.group(id).is_some_and(|group| group.propose(data).is_ok());
        self.take_outputs(id)?;
        Ok(taken)
    }

    /// Lets something happen to one replica.
    pub fn input(&mut self, id: u64, input: Input) -> Result<(), Violation> {
        self.step(id, input)
    }

    /// Mends everything and lets time pass until all have everything, or says that they do not.
    pub fn converge(&mut self) -> Result<(), Violation> {
        self.cut.clear();
        for _ in 0..400 {
            for id in self.all.clone() {
                self.start(id.0)?;
            }
            self.rest(1)?;
            if self.converged() {
                return Ok(());
            }
        }
        let replicas: Vec<_> = self
            .replicas
            .values()
            .map(|replica| (replica.emitted, &replica.group, replica.group.as_ref().map(Group::members)))
            .collect();
        let detail = format!("no agreement, leader {:?}: {replicas:?}", self.leader());
        Err(Violation { invariant: "Converges", detail })
    }

    /// Lets this much time pass with no new faults: ticks, disks answer, messages arrive.
    pub fn rest(&mut self, ticks: usize) -> Result<(), Violation> {
        for _ in 0..ticks {
            for id in self.all.clone() {
                self.carry(id.0)?;
                for carried in std::mem::take(&mut self.carried) {
                    self.bring(carried)?;
                }
                self.step(id.0, Input::Tick)?;
                self.sync(id.0)?;
                self.answer(id.0)?;
            }
            for (from, message) in std::mem::take(&mut self.network) {
                if !self.cut.contains(&(from, message.to.0)) {
                    self.hand_over(from, message)?;
                }
            }
        }
        Ok(())
    }

    fn converged(&mut self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let Some(group) = self.group(leader) else { return false };
        let (last, members) = (group.last().index, group.members().clone());
        let has_all = |replica: &ReplicaId| {
            self.replicas.get(&replica.0).is_some_and(|replica| replica.emitted.index == last)
        };
        !members.is_joint() && members.members().iter().all(has_all)
    }
}

fn stopped(id: u64, error: &Error) -> Violation {
    Violation { invariant: "NoReplicaStops", detail: format!("{id}: {error}") }
}

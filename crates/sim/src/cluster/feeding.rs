//! Feeding the cores, and what becomes of what they say.
//!
//! Not here: the disks (`disks`), the effects (`performing`). Events of one partition are gathered
//! for a moment before it settles, as a busy server's thread does.

use engine::id::PartitionId;
use platform::fault::Restart;
use server::partition::messages::{Event, Outputs};

use super::World;
use super::process::{Process, StartError};
use super::queue::{Happening, Life, MS};
use crate::violation::{self, Violation, require};

impl World {
    pub(super) fn start(&mut self, node: usize) -> Result<(), Violation> {
        let setup = self.setup.clone();
        let now = self.now;
        let Some(machine) = self.nodes.get_mut(node).filter(|machine| machine.process.is_none()) else {
            return Ok(());
        };
        machine.bring_up_disk();
        machine.catch_up(now);
        let life = machine.next_life(node);
        match Process::start(life, &setup, &machine.disk, machine.clock.clone()) {
            Ok(process) => {
                machine.process = Some(process);
                machine.rotted = None;
            }
            Err(_) if machine.disk.is_halted() || machine.may_halt() => return self.died_opening(node),
            Err(StartError::Full) => {
                self.queue.push(now + 20 * MS, Happening::Start(node));
                return Ok(());
            }
            Err(StartError::Other(why)) => {
                let invariant = if machine.rotted.is_some() { violation::NOTICED } else { "NodeOpens" };
                return Err(Violation { invariant, detail: format!("node {node}: {why}") });
            }
        }
        self.trace.line(format_args!("{now} node {node} started, life {}", life.number));
        for partition in (0..setup.partitions).map(PartitionId) {
            let Some(resident) = self.resident(life, partition) else { continue };
            let (term, stored) = (resident.core.group().term(), resident.core.committed().index);
            let doubtful = resident.core.group().is_doubtful();
            if stored > 0 {
                self.marks.reach("checkpoint survived a restart");
            }
            if doubtful {
                self.marks.reach("replica in doubt of what it acknowledged");
            }
            self.checkers.elections.on_opened(partition, node, term)?;
            self.feed(life, partition, Event::Woke)?;
            self.tell_wanted(life, partition)?;
        }
        if setup.voters > 1 {
            self.queue.push(self.soon(0, 10 * MS), Happening::Tick(life));
        }
        Ok(())
    }

    fn died_opening(&mut self, node: usize) -> Result<(), Violation> {
        self.marks.reach("process died while opening");
        let how = if self.random.chance(500) { Restart::PowerCut } else { Restart::ProcessKilled };
        self.kill(node, how);
        Ok(())
    }

    pub(super) fn tick(&mut self, life: Life) -> Result<(), Violation> {
        let Some(process) = self.process(life) else { return Ok(()) };
        let partitions: Vec<_> = process.residents.keys().copied().collect();
        self.queue.push(self.now + super::TICK, Happening::Tick(life));
        partitions.into_iter().try_for_each(|partition| self.feed(life, partition, Event::Ticked))
    }

    /// Says to a replica who should take part.
    pub(super) fn tell_wanted(&mut self, life: Life, partition: PartitionId) -> Result<(), Violation> {
        let Some(replicas) = self.wanted.get(&partition).cloned() else { return Ok(()) };
        self.feed(life, partition, Event::Wanted { replicas })
    }

    pub(super) fn resident(
        &mut self,
        life: Life,
        partition: PartitionId,
    ) -> Option<&mut super::process::Resident> {
        self.process(life)?.residents.get_mut(&partition)
    }

    /// Gives a core an event.
    pub(crate) fn feed(&mut self, life: Life, partition: PartitionId, event: Event) -> Result<(), Violation> {
        let now = self.now;
        let Some(machine) = self.nodes.get_mut(life.node) else { return Ok(()) };
        machine.catch_up(now);
        let Some(process) = machine.process(life) else { return Ok(()) };
        let stamp = process.stamp();
        let Some(resident) = process.residents.get_mut(&partition) else { return Ok(()) };
        resident.core.step(event, stamp, &mut resident.outputs);
        let settles = !std::mem::replace(&mut resident.settling, true);
        if settles {
            let at = self.soon(0, 60);
            self.queue.push(at, Happening::Settle(life, partition));
        }
        self.look_at_disk(life.node);
        Ok(())
    }

    /// A process whose disk has halted is no more.
    pub(super) fn look_at_disk(&mut self, node: usize) {
        let Some(machine) = self.nodes.get(node) else { return };
        if machine.disk.is_halted() && machine.process.is_some() {
            self.marks.reach("process killed between two I/Os");
            let how = if self.random.chance(500) { Restart::PowerCut } else { Restart::ProcessKilled };
            self.kill(node, how);
        }
    }

    pub(super) fn settle(&mut self, life: Life, partition: PartitionId) -> Result<(), Violation> {
        let now = self.now;
        let Some(machine) = self.nodes.get_mut(life.node) else { return Ok(()) };
        machine.catch_up(now);
        let may_halt = machine.may_halt();
        let Some(process) = machine.process(life) else { return Ok(()) };
        let stamp = process.stamp();
        let Some(resident) = process.residents.get_mut(&partition) else { return Ok(()) };
        resident.settling = false;
        resident.core.settle(stamp, &mut resident.outputs);
        let outputs = std::mem::take(&mut resident.outputs);
        if machine.disk.is_halted() {
            self.look_at_disk(life.node);
            return Ok(());
        }
        if let Some(why) = &outputs.halted {
            require(may_halt, "NothingHalts", || format!("{partition:?} on node {}: {why}", life.node))?;
            self.marks.reach("sync failed and the node stopped");
            // Somebody sees the alarm and starts it anew.
            self.kill(life.node, Restart::PowerCut);
            return Ok(());
        }
        self.deal_with(life, partition, outputs, stamp)?;
        self.look(life, partition)
    }

    fn deal_with(
        &mut self,
        life: Life,
        partition: PartitionId,
        outputs: Outputs,
        stamp: engine::time::Timestamp,
    ) -> Result<(), Violation> {
        if let Some(at) = outputs.wake_at {
            let wait = u64::try_from(at.since(stamp).as_micros()).unwrap_or(0).max(1);
            self.queue.push(self.now + wait, Happening::Feed(life, partition, Box::new(Event::Woke)));
        }
        if let Some(upto) = outputs.replaced {
            self.trace.line(format_args!("{} node {} got {partition:?} to {upto}", self.now, life.node));
            self.replace(life, partition);
        }
        self.write(life, partition, outputs.log, outputs.flush);
        if let Some(store) = outputs.store
            && let Some(tables) = self.resident(life, partition).map(|resident| resident.core.tables())
        {
            let at = self.soon(50, 3 * MS);
            self.queue.push(at, Happening::Store(life, partition, Box::new((tables, store))));
        }
        self.carry(life, partition, &outputs.behind);
        self.send(life, partition, outputs.messages);
        for perform in outputs.perform {
            self.perform(life, partition, perform);
        }
        outputs
            .settled
            .into_iter()
            .try_for_each(|(ticket, settled)| self.settled(life, partition, ticket, settled))
    }

    fn send(&mut self, life: Life, partition: PartitionId, messages: Vec<(u64, bytes::Bytes)>) {
        let from = replication::ReplicaId(life.node as u64 + 1);
        for (to, bytes) in messages {
            let to = usize::try_from(to).unwrap_or(1) - 1;
            for delay in self.network.deliveries(life.node, to) {
                let bytes = bytes.clone();
                self.queue.push(self.now + delay, Happening::Message { to, partition, from, bytes });
            }
        }
    }

    /// Looks at every replica.
    pub fn look_at_all(&mut self) -> Result<(), Violation> {
        for node in 0..self.nodes.len() {
            let Some(life) = self.life(node) else { continue };
            for partition in (0..self.setup.partitions).map(PartitionId) {
                self.look_closely(life, partition)?;
                self.look_at_rows(life, partition)?;
            }
        }
        Ok(())
    }

    /// Instances that have not ended, as the leaders know; one more for each partition without one.
    pub fn open_instances(&self) -> u64 {
        let open = |partition: PartitionId| {
            let node = self.nodes.get(self.leader(partition)?)?;
            let rows = node.process.as_ref()?.residents.get(&partition)?.core.whole().ok()?;
            let counts = engine::partition::view::counts(&rows).ok()?;
            let open = counts.by_status.into_iter().filter(|(status, _)| !status.is_terminal());
            Some(open.map(|(_, count)| count).sum::<u64>())
        };
        (0..self.setup.partitions).map(PartitionId).map(|partition| open(partition).unwrap_or(1)).sum()
    }

    fn look_at_rows(&mut self, life: Life, partition: PartitionId) -> Result<(), Violation> {
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let rows = match resident.core.whole() {
            Ok(rows) => rows,
            // It is about to hear that a sync has failed, and to stop.
            Err(_) if self.nodes.get(life.node).is_some_and(super::node::Node::may_halt) => return Ok(()),
            Err(halt) => {
                let detail = format!("{partition:?} on node {}: {halt}", life.node);
                return Err(Violation { invariant: "RowsAreSound", detail });
            }
        };
        let unsound = engine::partition::invariants::check(&rows);
        require(unsound.is_none(), "RowsAreSound", || {
            format!("{partition:?} on node {}: {unsound:?}", life.node)
        })
    }

    fn look_closely(&mut self, life: Life, partition: PartitionId) -> Result<(), Violation> {
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let Ok(meta) = resident.core.meta() else { return Ok(()) };
        self.checkers.digests.on_digest(partition, life.node, meta.applied, meta.digest)
    }

    /// Looks at a core from outside, as far as checkers care.
    fn look(&mut self, life: Life, partition: PartitionId) -> Result<(), Violation> {
        if self.random.chance(150) {
            self.look_closely(life, partition)?;
        }
        let node = life.node;
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let (role, term) = (resident.core.group().role(), resident.core.group().term());
        let committed = resident.core.committed();
        let doubt = resident.core.group().is_doubtful().then_some(term);
        let doubt_is_over = std::mem::replace(&mut resident.doubt, doubt).is_some() && doubt.is_none();
        let leads = resident.core.leads().map(|epoch| epoch.term);
        let led = std::mem::replace(&mut resident.led, leads);
        // Its own empty entry is the last one; what is before it and not committed was inherited.
        let inherited = resident.core.group().last().index > resident.core.group().commit() + 1;
        if doubt_is_over {
            self.marks.reach("doubt is over");
        }
        if role == replication::Role::Elected && inherited {
            self.marks.reach("leader change with an uncommitted inherited tail");
        }
        if matches!(role, replication::Role::Elected | replication::Role::Established) {
            self.checkers.elections.on_leader(partition, term, node)?;
        }
        if let Some(term) = leads.filter(|_| led != leads) {
            self.trace.line(format_args!("{} node {node} leads {partition:?} in term {term}", self.now));
        }
        self.checkers.committed.on_committed(partition, node, committed)
    }
}

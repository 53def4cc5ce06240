//! Faults happen, and end.
//!
//! Not here: which and when (`faults`). A fault that has no object any more, such as a node that is
//! down already, does nothing.

use std::path::Path;
use std::time::Duration;

use engine::id::PartitionId;
use platform::fault::Restart;

use super::World;
use super::queue::{Happening, MS};
use crate::faults::{Death, Fault};
use crate::violation::Violation;

impl World {
    pub(super) fn fault(&mut self, number: usize) -> Result<(), Violation> {
        let Some((_, fault)) = self.plan.get(number).cloned() else { return Ok(()) };
        if self.healed {
            return Ok(());
        }
        self.trace.line(format_args!("{} fault {fault:?}", self.now));
        let ends_after = match fault {
            Fault::Kill { node, death } => return self.strike(node, death),
            Fault::PowerCut => {
                self.marks.reach("power cut of all nodes");
                (0..self.nodes.len()).for_each(|node| self.kill(node, Restart::PowerCut));
                return Ok(());
            }
            Fault::FailSync { node } => {
                self.on_disk(node, |disk| disk.fail_syncs(1));
                return Ok(());
            }
            Fault::SlowDisk { node, ms } => {
                self.on_disk(node, |disk| disk.slow_syncs(300, Duration::from_millis(ms)));
                300 * MS
            }
            Fault::FullDisk { node, ms } => {
                self.on_disk(node, |disk| disk.set_capacity(Some(0)));
                ms * MS
            }
            Fault::ClockJump { node, forward, ms } => {
                self.jump(node, forward, ms);
                return Ok(());
            }
            Fault::RotTail { lacks, ms, .. } => {
                if self.rotted.is_some() {
                    return Ok(());
                }
                self.network.isolate(lacks, self.nodes.len());
                ms * MS
            }
            Fault::Isolate { node, ms } => {
                self.network.isolate(node, self.nodes.len());
                ms * MS
            }
            Fault::IsolateLeader { partition, ms } => {
                let Some(node) = self.leader(PartitionId(partition)) else { return Ok(()) };
                self.marks.reach("leader isolated from its followers");
                self.network.isolate(node, self.nodes.len());
                ms * MS
            }
            Fault::Members { partition, replicas } => {
                self.marks.reach("other members wanted");
                let partition = PartitionId(partition);
                self.wanted.insert(partition, replicas);
                let lives: Vec<_> = (0..self.nodes.len()).filter_map(|node| self.life(node)).collect();
                return lives.into_iter().try_for_each(|life| self.tell_wanted(life, partition));
            }
            Fault::PauseLeader { partition, ms } => {
                let Some(node) = self.leader(PartitionId(partition)) else { return Ok(()) };
                self.marks.reach("leader stood still");
                let until = self.now + ms * MS;
                if let Some(machine) = self.nodes.get_mut(node) {
                    machine.paused_until = until;
                }
                return Ok(());
            }
        };
        self.queue.push(self.now + ends_after, Happening::FaultEnds(number));
        Ok(())
    }

    fn on_disk(&self, node: usize, change: impl Fn(&platform::fault::SimDisk)) {
        if let Some(machine) = self.nodes.get(node) {
            change(&machine.disk);
        }
    }

    fn strike(&mut self, node: usize, death: Death) -> Result<(), Violation> {
        match death {
            Death::Now(how) => self.kill(node, how),
            Death::AtIo(more) => {
                self.on_disk(node, |disk| disk.crash_at_io(disk.counters().ios + more));
            }
        }
        Ok(())
    }

    fn jump(&mut self, node: usize, forward: bool, ms: u64) {
        self.marks.reach("clock jumped");
        let Some(machine) = self.nodes.get(node) else { return };
        let wall = platform::Clock::wall(machine.clock.as_ref());
        let by = Duration::from_millis(ms);
        machine.clock.jump_wall(if forward { wall + by } else { wall.saturating_sub(by) });
    }

    pub(super) fn fault_ends(&mut self, number: usize) -> Result<(), Violation> {
        match self.plan.get(number).map(|(_, fault)| fault.clone()) {
            Some(Fault::SlowDisk { node, .. }) => {
                self.on_disk(node, |disk| disk.slow_syncs(0, Duration::ZERO))
            }
            Some(Fault::FullDisk { node, .. }) => self.on_disk(node, |disk| disk.set_capacity(None)),
            Some(Fault::Isolate { .. } | Fault::IsolateLeader { .. }) => self.network.mend(),
            Some(Fault::RotTail { node, lacks, ms }) => {
                self.network.mend();
                self.rot_tail(node, lacks, ms);
            }
            Some(
                Fault::Kill { .. }
                | Fault::PowerCut
                | Fault::FailSync { .. }
                | Fault::ClockJump { .. }
                | Fault::Members { .. }
                | Fault::PauseLeader { .. },
            )
            | None => {}
        }
        Ok(())
    }

    /// All lose power; what one of them had made durable last is damaged where nothing vouches for it.
    fn rot_tail(&mut self, node: usize, lacks: usize, ms: u64) {
        if self.healed || self.rotted.is_some() {
            return;
        }
        for other in 0..self.nodes.len() {
            let late = if other == node || other == lacks { 0 } else { ms * MS };
            self.kill_for(other, Restart::PowerCut, late);
        }
        let Some(machine) = self.nodes.get_mut(node) else { return };
        machine.bring_up_disk();
        machine.restarting = true;
        let place = storage::testing::rot::unvouched(&machine.disk, Path::new("/data/log"));
        let Some((path, place)) = place else { return };
        let offset = place.start as u64 + self.random.below(place.len() as u64);
        let bit = u8::try_from(self.random.below(8)).unwrap_or(0);
        if machine.disk.flip_bit(&path, offset, bit) {
            let rotted = format!("bit {bit} of {} at {offset} flipped", path.display());
            self.trace.line(format_args!("{} node {node}: {rotted}", self.now));
            self.marks.reach("last append rotted before anything vouched for it");
            (machine.rotted, self.rotted) = (Some(rotted), Some(node));
        }
    }

    /// A process is gone, and comes back after a while.
    pub(crate) fn kill(&mut self, node: usize, how: Restart) {
        self.kill_for(node, how, 0);
    }

    /// A process is gone, and comes back some time after `late`.
    fn kill_for(&mut self, node: usize, how: Restart, late: u64) {
        let Some(machine) = self.nodes.get_mut(node) else { return };
        if machine.restarting {
            return;
        }
        machine.restarting = true;
        machine.die(how);
        self.trace.line(format_args!("{} node {node} died: {how:?}", self.now));
        let at = self.soon(10 * MS, 150 * MS) + late;
        self.queue.push(at, Happening::Start(node));
    }

    /// Flips one bit of a node's files while it is down, and says where.
    pub fn flip_bit(&mut self, node: usize) -> Option<String> {
        let machine = self.nodes.get_mut(node)?;
        machine.bring_up_disk();
        let mut files = Vec::new();
        for directory in ["/data/log", "/data"] {
            files.extend(platform::Disk::list(&machine.disk, Path::new(directory)).ok()?);
        }
        let kind = if self.random.chance(700) { "log" } else { "redb" };
        files.retain(|path| path.extension().is_some_and(|found| found == kind));
        let at = usize::try_from(self.random.below(files.len() as u64)).ok()?;
        let path = files.get(at)?;
        let offset = machine.disk.flip_random_bit(path)?;
        let flipped = format!("bit flipped in {} at {offset}", path.display());
        self.trace.line(format_args!("{} node {node}: {flipped}", self.now));
        Some(flipped)
    }

    /// Whether a node's log is idle and has said how far it is durable.
    pub fn has_vouched(&self, node: usize) -> bool {
        let process = self.nodes.get(node).and_then(|machine| machine.process.as_ref());
        process.is_some_and(|process| process.vouched)
    }

    /// How far each partition is committed on a node.
    pub fn committed_on(&self, node: usize) -> Vec<engine::id::LogId> {
        let process = self.nodes.get(node).and_then(|machine| machine.process.as_ref());
        process.map_or_else(Vec::new, |process| {
            process.residents.values().map(|resident| resident.core.committed()).collect()
        })
    }

    /// Every orchestration is to be looked at once more.
    pub fn look_again(&mut self, purging: bool) {
        self.clients.look_again(purging);
        for client in 0..self.clients.len() {
            let at = self.soon(MS, 50 * MS);
            self.queue.push(at, Happening::Client(client));
        }
    }

    /// No more faults from here on.
    pub fn heal(&mut self) {
        self.healed = true;
        self.network.heal();
        for node in 0..self.nodes.len() {
            self.on_disk(node, |disk| {
                disk.set_capacity(None);
                disk.slow_syncs(0, Duration::ZERO);
                disk.fail_syncs(0);
                disk.crash_at_io(u64::MAX);
            });
        }
        self.trace.line(format_args!("{} healed", self.now));
    }
}

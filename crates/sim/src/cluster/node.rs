//! One machine: a disk that survives, a clock, and at most one process.
//!
//! Not here: what the process does (`process`). Dying halts the disk first, so that nothing which is
//! dropped afterwards can still write.

use std::sync::Arc;
use std::time::Duration;

use platform::fault::{Restart, SimClock, SimDisk};

use super::process::Process;
use super::queue::{Life, Micros};

/// Where every world begins, in seconds since 1970.
pub const EPOCH_SECONDS: i64 = 1_700_000_000;

/// See the file's header.
#[derive(Debug)]
pub struct Node {
    /// What survives.
    pub disk: SimDisk,
    /// What time it is here.
    pub clock: Arc<SimClock>,
    clock_at: Micros,
    /// What runs, if it is up.
    pub process: Option<Process>,
    lives: u64,
    /// How the disk comes back at the next start.
    pub restart: Restart,
    /// Its process stands still until then, and does not know it.
    pub paused_until: Micros,
    /// It is down and will be started.
    pub restarting: bool,
    /// What was durable last has rotted, there, and it has not started since: it may refuse to.
    pub rotted: Option<String>,
    /// Syncs that had failed when the process began.
    failed_before: u64,
}

impl Node {
    /// A machine that was never started.
    pub fn new(seed: u64) -> Self {
        Self {
            disk: SimDisk::new(seed),
            clock: Arc::new(SimClock::new(Duration::from_secs(EPOCH_SECONDS.unsigned_abs()))),
            clock_at: 0,
            process: None,
            lives: 0,
            restart: Restart::ProcessKilled,
            paused_until: 0,
            restarting: false,
            rotted: None,
            failed_before: 0,
        }
    }

    /// Lets this machine's clock catch up with the world.
    pub fn catch_up(&mut self, now: Micros) {
        self.clock.advance(Duration::from_micros(now - self.clock_at));
        self.clock_at = now;
    }

    /// The number of a new process.
    pub fn next_life(&mut self, node: usize) -> Life {
        self.lives += 1;
        Life { node, number: self.lives }
    }

    /// The process, if it is still this one.
    pub fn process(&mut self, life: Life) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| process.life == life)
    }

    /// The process is gone, between two I/Os.
    pub fn die(&mut self, how: Restart) {
        self.disk.halt();
        self.process = None;
        self.restart = how;
    }

    /// Whether a sync has failed in this process: then it stops, and that is right.
    pub fn may_halt(&self) -> bool {
        self.disk.counters().syncs_failed > self.failed_before
    }

    /// Gives the machine its disk back.
    pub fn bring_up_disk(&mut self) {
        if self.disk.is_halted() || self.restart == Restart::PowerCut {
            self.disk.restart(self.restart);
        }
        self.restart = Restart::ProcessKilled;
        self.restarting = false;
        self.failed_before = self.disk.counters().syncs_failed;
    }
}

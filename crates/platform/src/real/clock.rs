//! The system's clocks.
//!
//! Not here: judging whether the wall clock jumped, which the server does by comparing the two.
//! A wall clock before 1970 reads as 1970.

use std::time::{Duration, Instant, SystemTime};

use crate::Clock;

/// Wall and monotonic clock of the operating system.
#[derive(Debug)]
pub struct RealClock {
    started: Instant,
}

impl RealClock {
    /// A clock whose monotonic time starts at zero now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

//! The time a leader stamps entries with: the wall clock, checked against the monotonic one.
//!
//! A wall clock that jumps forward would fire timers early, so a jump is not followed at once: the
//! stamp goes on by the monotonic clock and closes the gap by at most a tenth of the time that
//! passes. A jump backward only makes the stamp wait: time in the log never goes back.

use std::sync::Arc;
use std::time::Duration;

use engine::time::Timestamp;
use platform::clock::Clock;

/// A wall clock that is this far ahead of where the monotonic clock puts it has jumped.
const JUMP_MAX: Duration = Duration::from_millis(500);

/// See the file's header.
#[derive(Debug)]
pub struct StampClock {
    clock: Arc<dyn Clock>,
    last_wall: Duration,
    last_monotonic: Duration,
    jumped: bool,
}

impl StampClock {
    /// Trusts the wall clock as it is now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (last_wall, last_monotonic) = (clock.wall(), clock.monotonic());
        Self { clock, last_wall, last_monotonic, jumped: false }
    }

    /// The time to stamp with.
    pub fn now(&mut self) -> Timestamp {
        let monotonic = self.clock.monotonic();
        let passed = monotonic.saturating_sub(self.last_monotonic);
        let expected = self.last_wall + passed;
        let wall = self.clock.wall();
        let stamp = if wall > expected + JUMP_MAX {
            self.report(wall - expected);
            expected + passed / 10
        } else if wall < expected {
            (self.last_wall + passed / 2).max(wall)
        } else {
            self.jumped = false;
            wall
        };
        self.last_wall = stamp;
        self.last_monotonic = monotonic;
        timestamp(stamp)
    }

    /// About what the stamp would be, without a stamp being taken: for how long to wait.
    pub fn peek(&self) -> Timestamp {
        timestamp(self.last_wall + self.clock.monotonic().saturating_sub(self.last_monotonic))
    }

    fn report(&mut self, ahead: Duration) {
        if !std::mem::replace(&mut self.jumped, true) {
            let ahead_ms = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                code = crate::observe::codes::CLOCK_JUMPED.id,
                ahead_ms,
                "the wall clock jumped forward; it is not followed"
            );
        }
    }
}

fn timestamp(since_1970: Duration) -> Timestamp {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    Timestamp::new(seconds, i32::try_from(since_1970.subsec_nanos()).unwrap_or(0))
}

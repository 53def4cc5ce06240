//! A clock that stands still until it is moved.
//!
//! Not here: waiting. The wall and the monotonic clock move together unless the wall is made to
//! jump, which is how tests and simulation play a wrong clock.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Clock;

/// A clock that the simulation moves.
#[derive(Debug)]
pub struct SimClock {
    /// Wall and monotonic time.
    now: Mutex<(Duration, Duration)>,
}

impl SimClock {
    /// A clock that shows `wall`; its monotonic time is zero.
    pub fn new(wall: Duration) -> Self {
        Self { now: Mutex::new((wall, Duration::ZERO)) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.0 = now.0.saturating_add(by);
        now.1 = now.1.saturating_add(by);
    }

    /// Makes the wall clock show another time; the monotonic clock does not notice.
    pub fn jump_wall(&self, to: Duration) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0 = to;
    }
}

impl Clock for SimClock {
    fn wall(&self) -> Duration {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Duration {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_wall_leaves_monotonic_time_alone() {
        let clock = SimClock::new(Duration::from_secs(1_000));
        clock.advance(Duration::from_secs(5));
        clock.jump_wall(Duration::from_secs(10));
        assert_eq!((clock.wall(), clock.monotonic()), (Duration::from_secs(10), Duration::from_secs(5)));
    }
}

//! How long to wait before trying again: at first hardly, in the end half a minute, never in step.
//!
//! Workers that lose one server together must not come back together; a server that was only restarted
//! must not be waited for.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const DELAY_FIRST: Duration = Duration::from_millis(50);
const DELAY_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    delay_max: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: DELAY_FIRST, delay_max: DELAY_MAX }
    }

    pub(super) fn capped(delay_max: Duration) -> Self {
        Self { next: DELAY_FIRST, delay_max }
    }

    pub(super) fn reset(&mut self) {
        self.next = DELAY_FIRST;
    }

    /// The next delay, a quarter more or less.
    pub(super) fn delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.delay_max);
        let percent = u32::try_from(random() % 51).unwrap_or(0) + 75;
        delay * percent / 100
    }
}

/// The standard library seeds its hash maps at random; that is random enough for delays and names.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_begin_small_and_end_at_the_longest() {
        let mut backoff = Backoff::new();
        assert!(backoff.delay() < Duration::from_millis(100));
        for _ in 0..20 {
            backoff.delay();
        }
        let last = backoff.delay();
        assert!(last >= DELAY_MAX * 3 / 4 && last <= DELAY_MAX * 5 / 4);
        backoff.reset();
        assert!(backoff.delay() < Duration::from_millis(100));
    }
}

//! Points in time, as data.
//!
//! Not here: `now()`. Whoever proposes a command says when; the one thing to know is that nanoseconds
//! are kept as they came, because ids made in an orchestration depend on them.

use std::fmt;
use std::time::Duration;

/// A point in time: seconds and nanoseconds since 1970-01-01T00:00:00Z, both kept exactly, because
/// orchestrations derive ids and deadlines from them (`docs/design/engine.md`).
///
/// Invariant: `nanos < 1_000_000_000`, so that ordering by fields is ordering in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// The epoch of the clock; also what "no time given" looks like on the wire.
    pub const ZERO: Self = Self { seconds: 0, nanos: 0 };
    /// Later than any other.
    pub const MAX: Self = Self { seconds: i64::MAX, nanos: 999_999_999 };

    /// From seconds and nanoseconds; too many or negative nanoseconds are clamped into the second.
    pub fn new(seconds: i64, nanos: i32) -> Self {
        let nanos = u32::try_from(nanos.clamp(0, 999_999_999)).unwrap_or(0);
        Self { seconds, nanos }
    }

    /// Whole seconds since 1970; negative before.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second, 0 to 999,999,999.
    pub fn nanos(self) -> i32 {
        i32::try_from(self.nanos).unwrap_or(0)
    }

    /// This time plus `duration`, or the last representable time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = self.nanos + duration.subsec_nanos();
        let carry = i64::from(nanos / 1_000_000_000);
        let seconds = i64::try_from(duration.as_secs()).ok().and_then(|s| self.seconds.checked_add(s));
        match seconds.and_then(|s| s.checked_add(carry)) {
            Some(seconds) => Self { seconds, nanos: nanos % 1_000_000_000 },
            None => Self::MAX,
        }
    }

    /// This time less `duration`, or the earliest representable time.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let (borrow, nanos) = match self.nanos.checked_sub(duration.subsec_nanos()) {
            Some(nanos) => (0, nanos),
            None => (1, self.nanos + 1_000_000_000 - duration.subsec_nanos()),
        };
        let seconds = i64::try_from(duration.as_secs()).ok().and_then(|s| self.seconds.checked_sub(s));
        match seconds.and_then(|s| s.checked_sub(borrow)) {
            Some(seconds) => Self { seconds, nanos },
            None => Self { seconds: i64::MIN, nanos: 0 },
        }
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        let (borrow, nanos) = if self.nanos >= earlier.nanos {
            (0, self.nanos - earlier.nanos)
        } else {
            (1, self.nanos + 1_000_000_000 - earlier.nanos)
        };
        let seconds = i128::from(self.seconds) - i128::from(earlier.seconds) - borrow;
        Duration::new(u64::try_from(seconds).unwrap_or(u64::MAX), nanos)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_and_subtracting_a_duration_agree() {
        let start = Timestamp::new(1_700_000_000, 900_000_000);
        let later = start.plus(Duration::from_millis(250));
        assert_eq!(later, Timestamp::new(1_700_000_001, 150_000_000));
        assert_eq!(later.since(start), Duration::from_millis(250));
        assert_eq!(start.since(later), Duration::ZERO);
        assert_eq!(later.minus(Duration::from_millis(250)), start);
    }

    #[test]
    fn a_time_centuries_ahead_does_not_overflow() {
        assert_eq!(Timestamp::new(i64::MAX, 5).plus(Duration::from_secs(9)), Timestamp::MAX);
        assert!(Timestamp::MAX.since(Timestamp::new(i64::MIN, 0)) > Duration::from_secs(1));
    }
}

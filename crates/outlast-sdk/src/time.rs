//! Times of the wire and times of Rust, converted without losing a nanosecond.
//!
//! Orchestration code computes ids and deadlines from these times, so both directions are exact; times
//! out of range are cut to the range instead of failing.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

pub(crate) fn to_system(timestamp: &Timestamp) -> SystemTime {
    let nanos = Duration::from_nanos(u64::try_from(timestamp.nanos).unwrap_or(0));
    let seconds = Duration::from_secs(timestamp.seconds.unsigned_abs());
    let whole = if timestamp.seconds >= 0 {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    };
    whole.and_then(|whole| whole.checked_add(nanos)).unwrap_or(SystemTime::UNIX_EPOCH)
}

pub(crate) fn to_wire(time: SystemTime) -> Timestamp {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
        },
        Err(before) => {
            let before = before.duration();
            let seconds = -i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match i32::try_from(before.subsec_nanos()).unwrap_or(0) {
                0 => Timestamp { seconds, nanos: 0 },
                nanos => Timestamp { seconds: seconds - 1, nanos: 1_000_000_000 - nanos },
            }
        }
    }
}

/// The last second of the year 9999, the greatest time the wire allows.
const SECONDS_MAX: i64 = 253_402_300_799;

pub(crate) fn after(start: &Timestamp, delay: Duration) -> Timestamp {
    let nanos = i64::from(start.nanos) + i64::from(delay.subsec_nanos());
    let seconds = start
        .seconds
        .saturating_add(i64::try_from(delay.as_secs()).unwrap_or(i64::MAX))
        .saturating_add(nanos / 1_000_000_000);
    if seconds > SECONDS_MAX {
        return Timestamp { seconds: SECONDS_MAX, nanos: 0 };
    }
    Timestamp { seconds, nanos: i32::try_from(nanos % 1_000_000_000).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_before_and_after_the_epoch() {
        for timestamp in [
            Timestamp { seconds: 1_700_000_000, nanos: 123_456_789 },
            Timestamp { seconds: 0, nanos: 0 },
            Timestamp { seconds: -5, nanos: 250_000_000 },
            Timestamp { seconds: -5, nanos: 0 },
        ] {
            assert_eq!(to_wire(to_system(&timestamp)), timestamp);
        }
    }

    #[test]
    fn a_delay_of_centuries_ends_at_the_last_time_there_is() {
        let start = Timestamp { seconds: 1_700_000_000, nanos: 999_999_999 };
        assert_eq!(after(&start, Duration::from_nanos(1)), Timestamp { seconds: 1_700_000_001, nanos: 0 });
        assert_eq!(after(&start, Duration::MAX).seconds, SECONDS_MAX);
    }
}

//! Times as text, RFC 3339 in UTC: how log lines and the HTTP API write and read them.
//!
//! Not here: clocks, and the calendar itself (`jiff`).

use std::time::Duration;

/// A wall clock's reading, to the millisecond.
pub fn since_1970(wall: Duration) -> String {
    let seconds = i64::try_from(wall.as_secs()).unwrap_or(i64::MAX);
    format_with(seconds, i32::try_from(wall.subsec_millis()).unwrap_or(0) * 1_000_000, 3)
}

/// A point in time to the microsecond; outside the years -9999 to 9999 the nearest that can be
/// written.
pub fn format(seconds: i64, nanos: i32) -> String {
    format_with(seconds, nanos / 1_000 * 1_000, 6)
}

fn format_with(seconds: i64, nanos: i32, digits: usize) -> String {
    let nearest = if seconds < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let time = jiff::Timestamp::new(seconds, nanos).unwrap_or(nearest);
    format!("{time:.digits$}")
}

/// Reads a time with its offset; `None` if it is none.
pub fn parse(text: &str) -> Option<(i64, i32)> {
    let time: jiff::Timestamp = text.parse().ok()?;
    // The API's times are whole seconds and nanoseconds counted upwards, also before 1970.
    let nanos = time.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
    Some((seconds, i32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?))
}

/// Reads a date, or a date and a time, as UTC; `None` if it is none.
pub fn parse_civil(text: &str) -> Option<(i64, i32)> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let time = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    parse(&time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_in_utc() {
        assert_eq!(format(1_700_000_000, 123_456_789), "2023-11-14T22:13:20.123456Z");
        assert_eq!(parse("2023-11-14T23:13:20.5+01:00"), Some((1_700_000_000, 500_000_000)));
        assert_eq!(parse("1969-12-31T23:59:59.25Z"), Some((-1, 250_000_000)));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse_civil("2023-11-14"), Some((1_699_920_000, 0)));
        assert_eq!(parse_civil("2023-11-14T22:13:20.5"), Some((1_700_000_000, 500_000_000)));
        assert!(format(i64::MAX, 0).starts_with("9999-"));
    }
}

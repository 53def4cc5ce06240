//! Cron expressions of five fields, and the ticks they mean in a time zone.
//!
//! Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday): `*`, numbers, names,
//! ranges, steps, lists. As in other crons, a day counts if either of two restricted day fields names
//! it.
//!
//! Where clocks change: an expression that names every hour ticks by real time, so that every quarter
//! of an hour stays one. Otherwise a tick at a time that does not exist comes when the clocks pass over
//! it, and one at a time that comes twice comes the first time only.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

/// Steps of a search: years of days that do not match, and then some.
const STEPS_MAX: u32 = 20_000;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A parsed expression: one bit for each value that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

/// All hours, days and days of the week.
const EVERY_HOUR: u64 = (1 << 24) - 1;
const EVERY_DAY: u64 = (1 << 32) - 2;
const EVERY_WEEKDAY: u64 = (1 << 7) - 1;

impl Cron {
    /// Reads an expression; the error says which field is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!(
                "{text:?} has {} fields, not 5: minute, hour, day, month, weekday",
                fields.len()
            ));
        };
        let weekday_bits = field("field 5, day of the week", weekdays, 0, 7, &DAYS)?;
        let cron = Self {
            minutes: field("field 1, minute", minutes, 0, 59, &[])?,
            hours: field("field 2, hour", hours, 0, 23, &[])?,
            days: field("field 3, day of the month", days, 1, 31, &[])?,
            months: field("field 4, month", months, 1, 12, &MONTHS)?,
            weekdays: (weekday_bits | weekday_bits >> 7) & EVERY_WEEKDAY,
        };
        let ever = cron.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        ever.map(|_| cron).ok_or_else(|| format!("{text:?} names no day that there is"))
    }

    /// The first tick after a time.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.hours == EVERY_HOUR {
            self.next_by_real_time(after, zone)
        } else {
            self.next_by_clock(after, zone)
        }
    }

    /// The next minute whose time on the clock is named.
    fn next_by_real_time(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut at = whole_minute_after(after)?.to_zoned(zone.clone());
        for _ in 0..STEPS_MAX {
            if !self.is_day(at.date()) {
                let next = self.next_date(at.date())?.to_datetime(Time::midnight());
                at = next.to_zoned(zone.clone()).ok()?;
            } else if bit(self.minutes, at.minute()) {
                return Some(at.timestamp());
            } else {
                at = at.checked_add(1.minute()).ok()?;
            }
        }
        None
    }

    /// The first time that a clock would show what is named, were it never set.
    fn next_by_clock(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut at = zone.to_datetime(whole_minute_after(after)?);
        at = at.with().second(0).subsec_nanosecond(0).build().ok()?;
        for _ in 0..STEPS_MAX {
            if !self.is_day(at.date()) {
                at = self.next_date(at.date())?.to_datetime(Time::midnight());
            } else if !bit(self.hours, at.hour()) {
                at = at.checked_add((60 - i64::from(at.minute())).minutes()).ok()?;
            } else {
                let tick = bit(self.minutes, at.minute()).then(|| first_time(at, zone)).flatten();
                if tick.is_some_and(|tick| tick > after) {
                    return tick;
                }
                at = at.checked_add(1.minute()).ok()?;
            }
        }
        None
    }

    /// The next day, or the first one of the next month where this one is not named.
    fn next_date(&self, date: Date) -> Option<Date> {
        if self.has_month(date) { date.tomorrow().ok() } else { date.last_of_month().tomorrow().ok() }
    }

    fn has_month(&self, date: Date) -> bool {
        bit(self.months, date.month())
    }

    fn is_day(&self, date: Date) -> bool {
        let day = bit(self.days, date.day());
        let weekday = bit(self.weekdays, date.weekday().to_sunday_zero_offset());
        let both_restrict = self.days != EVERY_DAY && self.weekdays != EVERY_WEEKDAY;
        let is_day = if both_restrict { day || weekday } else { day && weekday };
        is_day && self.has_month(date)
    }
}

fn whole_minute_after(after: Timestamp) -> Option<Timestamp> {
    let minute = after.as_second().div_euclid(60) + 1;
    Timestamp::from_second(minute.checked_mul(60)?).ok()
}

/// When a clock shows this for the first time; where it never does, when it passes over it.
fn first_time(at: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.compatible().ok(),
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|transition| transition.timestamp())
        }
    }
}

fn bit(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1)
}

fn field(name: &str, text: &str, min: u32, max: u32, names: &[&str]) -> Result<u64, String> {
    let wrong = || format!("{name}: {text:?} is not made of {min} to {max}");
    let number = |text: &str| {
        let named = names.iter().position(|known| text.eq_ignore_ascii_case(known));
        // Months are counted from 1, days of the week from 0, as their lists are.
        let named = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + min);
        named.or_else(|| text.parse().ok().filter(|number| (min..=max).contains(number)))
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step: u32 =
            step.map_or(Some(1), |step| step.parse().ok()).filter(|step| *step > 0).ok_or_else(wrong)?;
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (min, max),
            (_, Some((from, to))) => (number(from).ok_or_else(wrong)?, number(to).ok_or_else(wrong)?),
            (one, None) => {
                let one = number(one).ok_or_else(wrong)?;
                (one, if step > 1 { max } else { one })
            }
        };
        if from > to {
            return Err(wrong());
        }
        let steps = usize::try_from(step).map_err(|_| wrong())?;
        bits = (from..=to).step_by(steps).fold(bits, |bits, value| bits | 1 << value);
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(expression).expect("it parses");
        let zone = TimeZone::get(zone).expect("there is such a zone");
        let mut at: Timestamp = after.parse().expect("a time");
        let mut found = Vec::new();
        for _ in 0..count {
            at = cron.next_after(at, &zone).expect("there is a next one");
            found.push(at.to_string());
        }
        found
    }

    #[test]
    fn fields_take_numbers_names_ranges_steps_and_lists() {
        assert_eq!(
            ticks("*/20 9-10 * * mon-fri", "UTC", "2026-11-20T10:30:00Z", 3),
            ["2026-11-20T10:40:00Z", "2026-11-23T09:00:00Z", "2026-11-23T09:20:00Z"]
        );
        assert_eq!(
            ticks("0 0 29 FEB *", "UTC", "2026-11-21T00:00:00Z", 2),
            ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]
        );
        assert_eq!(
            ticks("30 6 1,15 * 7", "UTC", "2026-11-01T06:30:00Z", 2),
            ["2026-11-08T06:30:00Z", "2026-11-15T06:30:00Z"]
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_field() {
        for (text, field) in [
            ("* * * *", "4 fields"),
            ("60 * * * *", "field 1, minute: \"60\""),
            ("* 5-4 * * *", "field 2, hour"),
            ("* * 0 * *", "field 3, day of the month"),
            ("* * * foo *", "field 4, month"),
            ("* * * * 8", "field 5, day of the week"),
            ("*/0 * * * *", "field 1, minute"),
            ("0 0 31 2 *", "no day"),
        ] {
            let error = Cron::parse(text).expect_err("it cannot be");
            assert!(error.contains(field), "{text}: {error}");
        }
    }

    #[test]
    fn a_tick_at_a_time_that_does_not_exist_comes_when_clocks_pass_over_it() {
        // Clocks go from 02:00 to 03:00 on 2026-03-29.
        assert_eq!(
            ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
            ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        // Several that are passed over at once are one; one that comes at that moment anyway too.
        assert_eq!(
            ticks("*/20 2,3 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", 3),
            ["2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z", "2026-03-29T01:40:00Z"]
        );
        // At midnight: from 00:00 to 01:00 on 2026-04-24.
        assert_eq!(
            ticks("30 0 * * *", "Africa/Cairo", "2026-04-23T00:00:00Z", 2),
            ["2026-04-23T22:00:00Z", "2026-04-24T21:30:00Z"]
        );
        // By half an hour: from 02:00 to 02:30 on 2026-10-04.
        assert_eq!(
            ticks("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2),
            ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]
        );
        // A whole day: after the 29th came the 31st of December 2011.
        assert_eq!(
            ticks("0 12 * * *", "Pacific/Apia", "2011-12-29T23:00:00Z", 2),
            ["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]
        );
    }

    #[test]
    fn a_tick_in_the_hour_that_comes_twice_comes_once() {
        // Clocks go from 03:00 back to 02:00 on 2026-10-25.
        assert_eq!(
            ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            ticks("*/30 1-3 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
            ["2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"]
        );
        // By half an hour: from 02:00 back to 01:30 on 2026-04-05.
        assert_eq!(
            ticks("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", 2),
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]
        );
    }

    #[test]
    fn every_half_hour_stays_one_where_clocks_change() {
        assert_eq!(
            ticks("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4),
            ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"]
        );
    }
}

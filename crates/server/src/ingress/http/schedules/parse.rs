//! From what somebody asks for to a schedule that cannot be malformed, and back.
//!
//! Not here: ticks. An expression is read once here, so that whatever is stored has ticks.

use std::time::Duration;

use engine::partition::schedules::ScheduleView;
use engine::partition::schedules::command::{self as stored, Spec};

use super::super::extract::{parse_name, parse_span, parse_tags, parse_time, parse_value};
use super::super::model::stored_json;
use super::super::problem::Problem;
use super::super::shapes::time;
use super::{CatchUp, NewSchedule, Overlap, Schedule, ScheduleState};
use crate::observe::codes;
use crate::schedules::cron::Cron;
use crate::schedules::plan;

/// Bytes of an input: it is stored with the schedule, which each tick writes.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// The shortest and the longest interval.
const EVERY: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 3_600);
/// Bytes of a cron expression, and of a time zone's name.
const CRON_BYTES_MAX: usize = 256;
const ZONE_BYTES_MAX: usize = 64;
const GRACE: Duration = Duration::from_secs(60);
const GRACE_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// A schedule's name: it begins the ids of its runs, so it is short and plain.
pub(super) fn name(text: &str) -> Result<String, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=64).contains(&text.len()) || !text.bytes().all(plain) {
        let detail = "a schedule's name has 1 to 64 letters, digits, `-`, `_` or `.`";
        return Err(Problem::new(&codes::SCHEDULE_INVALID, detail));
    }
    Ok(text.to_owned())
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(&codes::SCHEDULE_INVALID, detail)
}

/// What and when.
pub(super) fn spec(new: NewSchedule) -> Result<Spec, Problem> {
    let every = new.every.as_deref().map(interval).transpose()?;
    let cron = new.cron.map(expression).transpose()?;
    if every.is_some() == cron.is_some() {
        return Err(invalid("cron, every: a schedule has one of them"));
    }
    let zone = new.zone.unwrap_or_default();
    if !zone.is_empty() && cron.is_none() {
        return Err(invalid("zone: it goes with cron; an interval has none"));
    }
    if zone.len() > ZONE_BYTES_MAX || plan::zone(&zone).is_none() {
        return Err(invalid("zone: it is not the IANA name of a time zone, such as Europe/Berlin"));
    }
    let input = parse_value("input", new.input)?;
    if input.as_ref().is_some_and(|input| input.len() > INPUT_BYTES_MAX) {
        return Err(Problem::new(&codes::PAYLOAD_TOO_LARGE, "input: it has more than 64 KiB"));
    }
    let moment = |field: &str, text: Option<String>| {
        text.map(|text| parse_time(field, &text).map(Into::into)).transpose()
    };
    let grace = new.grace.as_deref().map_or(Ok(GRACE), |text| parse_span("grace", text, GRACE_MAX))?;
    Ok(Spec {
        orchestration: parse_name("orchestration", &new.orchestration)?,
        version: new.version.map(|version| parse_name("version", &version)).transpose()?,
        input,
        tags: parse_tags(new.tags)?,
        cron,
        zone,
        every,
        start_at: moment("start_at", new.start_at)?,
        end_at: moment("end_at", new.end_at)?,
        catch_up: match new.catch_up {
            CatchUp::Skip => stored::CatchUp::Skip,
            CatchUp::One => stored::CatchUp::One,
            CatchUp::All => stored::CatchUp::All,
        }
        .into(),
        overlap: match new.overlap {
            Overlap::Skip => stored::Overlap::Skip,
            Overlap::Allow => stored::Overlap::Allow,
            Overlap::Wait => stored::Overlap::Wait,
        }
        .into(),
        grace: grace.as_secs(),
    })
}

fn expression(text: String) -> Result<String, Problem> {
    if text.len() > CRON_BYTES_MAX {
        return Err(invalid(format!("cron: it has more than {CRON_BYTES_MAX} bytes")));
    }
    Cron::parse(&text).map_err(|why| invalid(format!("cron: {why}")))?;
    Ok(text)
}

fn interval(text: &str) -> Result<u64, Problem> {
    let span = parse_span("every", text, *EVERY.end())?;
    if !EVERY.contains(&span) || span.subsec_nanos() != 0 {
        return Err(invalid(format!("every: {text:?} is not at least 1s, in whole seconds")));
    }
    Ok(span.as_secs())
}

/// A schedule in the API's shape.
pub(super) fn shown(view: ScheduleView) -> Schedule {
    let spec = view.spec;
    let state = match (&view.paused, view.next) {
        (Some(_), _) => ScheduleState::Paused,
        (None, Some(_)) => ScheduleState::Active,
        (None, None) => ScheduleState::Over,
    };
    let moment = |moment: Option<engine::partition::command::Moment>| moment.map(|at| time(at.into()));
    Schedule {
        name: view.name,
        orchestration: spec.orchestration,
        version: spec.version,
        input: spec.input.map(|text| stored_json(&text)),
        tags: spec.tags,
        cron: spec.cron,
        zone: Some(spec.zone).filter(|zone| !zone.is_empty()),
        every_seconds: spec.every,
        start_at: moment(spec.start_at),
        end_at: moment(spec.end_at),
        catch_up: match stored::CatchUp::try_from(spec.catch_up) {
            Ok(stored::CatchUp::One) => CatchUp::One,
            Ok(stored::CatchUp::All) => CatchUp::All,
            Ok(stored::CatchUp::Skip) | Err(_) => CatchUp::Skip,
        },
        overlap: match stored::Overlap::try_from(spec.overlap) {
            Ok(stored::Overlap::Allow) => Overlap::Allow,
            Ok(stored::Overlap::Wait) => Overlap::Wait,
            Ok(stored::Overlap::Skip) | Err(_) => Overlap::Skip,
        },
        grace_seconds: spec.grace,
        state,
        paused_because: view.paused.filter(|reason| !reason.is_empty()),
        next_at: view.next.map(time),
        last_at: view.last.map(time),
        fired_at: view.fired.map(time),
        last_instance: Some(view.last_instance).filter(|id| !id.is_empty()),
        started: view.started,
        skipped: view.skipped,
        created_at: time(view.created),
        updated_at: time(view.updated),
    }
}

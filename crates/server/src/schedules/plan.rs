//! What becomes of a tick that has come: run, passed over, or left waiting.
//!
//! Pure: the times are given. A server's ticker asks, and so does the simulation.

use std::time::Duration;

use engine::partition::command::Moment;
use engine::partition::schedules::ScheduleView;
use engine::partition::schedules::command::{CatchUp, FireSchedule, Overlap, Run, Spec};
use engine::time::Timestamp;
use jiff::tz::TimeZone;

use super::cron::Cron;

/// Ticks that one command passes over at most; the next goes on from there.
const SKIPPED_MAX: u32 = 10_000;

/// Whether the run before goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previous {
    /// It does.
    Open,
    /// It has ended, or there was none.
    Over,
}

/// The first tick after a time; `None`: there is none any more.
pub fn next_after(spec: &Spec, after: Timestamp) -> Option<Timestamp> {
    let start = spec.start_at.map(Timestamp::from);
    // A tick may be at the start itself.
    let after = start.map_or(after, |start| after.max(start.minus(Duration::from_nanos(1))));
    let next = match (&spec.cron, spec.every) {
        (Some(cron), _) => {
            let zone = zone(&spec.zone)?;
            let after = jiff::Timestamp::new(after.seconds(), after.nanos()).ok()?;
            let next = Cron::parse(cron).ok()?.next_after(after, &zone)?;
            Timestamp::new(next.as_second(), 0)
        }
        (None, Some(every)) => every_after(start, every, after)?,
        (None, None) => return None,
    };
    let end = spec.end_at.map(Timestamp::from);
    Some(next).filter(|next| end.is_none_or(|end| *next < end))
}

/// A time zone by its name; UTC where there is none.
pub fn zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
}

/// Intervals count from the start, or from 1970 where there is none, so that they do not drift.
fn every_after(start: Option<Timestamp>, every: u64, after: Timestamp) -> Option<Timestamp> {
    let anchor = start.unwrap_or(Timestamp::ZERO);
    if after < anchor {
        return Some(anchor);
    }
    let passed = after.since(anchor).as_secs() / every.max(1) + 1;
    Some(anchor.plus(Duration::from_secs(passed.checked_mul(every)?)))
}

/// What to propose for a schedule whose tick has come by `now`; `None`: nothing yet.
pub fn fire(view: &ScheduleView, previous: Previous, now: Timestamp) -> Option<FireSchedule> {
    let first = view.next.filter(|tick| *tick <= now)?;
    let overlap = Overlap::try_from(view.spec.overlap).unwrap_or(Overlap::Skip);
    if (overlap, previous) == (Overlap::Wait, Previous::Open) {
        return None;
    }
    let (run, mut skipped, next) = choose(&view.spec, first, now);
    let is_held = overlap == Overlap::Skip && previous == Previous::Open;
    skipped += u32::from(is_held && run.is_some());
    let run = run.filter(|_| !is_held).map(|tick| run_of(&view.name, tick));
    Some(FireSchedule {
        name: view.name.clone(),
        generation: view.generation,
        tick: first.into(),
        run,
        skipped,
        next: next.map(Moment::from),
    })
}

/// Which tick to run, how many to pass over, and the next.
fn choose(spec: &Spec, first: Timestamp, now: Timestamp) -> (Option<Timestamp>, u32, Option<Timestamp>) {
    let is_missed = |tick: Timestamp| tick.plus(Duration::from_secs(spec.grace)) < now;
    let catch_up = CatchUp::try_from(spec.catch_up).unwrap_or(CatchUp::Skip);
    let (mut tick, mut skipped) = (first, 0);
    loop {
        let next = next_after(spec, tick);
        let later_is_due = next.is_some_and(|next| next <= now);
        let runs = match catch_up {
            CatchUp::All => true,
            CatchUp::One => !later_is_due,
            CatchUp::Skip => !is_missed(tick),
        };
        match next {
            _ if runs => return (Some(tick), skipped, next),
            Some(next) if next <= now && skipped + 1 < SKIPPED_MAX => {
                skipped += 1;
                tick = next;
            }
            next => return (None, skipped + 1, next),
        }
    }
}

/// A tick's run: its id is the same whoever makes it.
fn run_of(name: &str, tick: Timestamp) -> Run {
    let instance = instance_id(name, tick);
    let execution = blake3::hash(instance.as_bytes()).to_hex().chars().take(32).collect();
    Run { tick: tick.into(), instance, execution }
}

/// The id of the instance that a tick starts.
pub fn instance_id(name: &str, tick: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(tick.seconds()).unwrap_or(jiff::Timestamp::MAX);
    format!("{name}:{at}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(catch_up: CatchUp, overlap: Overlap, next: i64) -> ScheduleView {
        let spec = Spec {
            every: Some(60),
            grace: 30,
            catch_up: catch_up.into(),
            overlap: overlap.into(),
            ..Spec::default()
        };
        ScheduleView {
            name: "nightly".to_owned(),
            spec,
            generation: 3,
            paused: None,
            next: Some(at(next)),
            last: None,
            fired: None,
            last_instance: String::new(),
            started: 0,
            skipped: 0,
            created: at(0),
            updated: at(0),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    /// Which tick is run, how many are passed over, the next.
    fn planned(view: &ScheduleView, previous: Previous, now: i64) -> Option<(Option<i64>, u32, Option<i64>)> {
        let fire = fire(view, previous, at(now))?;
        let seconds = |moment: Moment| moment.seconds;
        Some((fire.run.map(|run| seconds(run.tick)), fire.skipped, fire.next.map(seconds)))
    }

    #[test]
    fn a_tick_that_has_not_come_is_left_alone() {
        let view = view(CatchUp::All, Overlap::Allow, 120);
        assert_eq!(planned(&view, Previous::Over, 119), None);
        assert_eq!(planned(&view, Previous::Over, 120), Some((Some(120), 0, Some(180))));
    }

    #[test]
    fn missed_ticks_are_passed_over_run_once_or_all_run() {
        let missed = |catch_up| planned(&view(catch_up, Overlap::Allow, 60), Previous::Over, 300);
        assert_eq!(missed(CatchUp::All), Some((Some(60), 0, Some(120))));
        assert_eq!(missed(CatchUp::One), Some((Some(300), 4, Some(360))));
        assert_eq!(missed(CatchUp::Skip), Some((Some(300), 4, Some(360))));
        let late = planned(&view(CatchUp::Skip, Overlap::Allow, 60), Previous::Over, 350);
        assert_eq!(late, Some((None, 5, Some(360))), "the last one is missed too");
        let late = planned(&view(CatchUp::One, Overlap::Allow, 60), Previous::Over, 350);
        assert_eq!(late, Some((Some(300), 4, Some(360))));
    }

    #[test]
    fn a_run_that_goes_on_holds_the_next_or_not() {
        let held = |overlap| planned(&view(CatchUp::All, overlap, 60), Previous::Open, 60);
        assert_eq!(held(Overlap::Allow), Some((Some(60), 0, Some(120))));
        assert_eq!(held(Overlap::Skip), Some((None, 1, Some(120))));
        assert_eq!(held(Overlap::Wait), None);
    }

    #[test]
    fn ticks_keep_to_start_and_end() {
        let spec = Spec {
            every: Some(60),
            start_at: Some(at(90).into()),
            end_at: Some(at(200).into()),
            ..Spec::default()
        };
        assert_eq!(next_after(&spec, at(0)), Some(at(90)));
        assert_eq!(next_after(&spec, at(90)), Some(at(150)));
        assert_eq!(next_after(&spec, at(150)), None);
        assert_eq!(instance_id("nightly", at(90)), "nightly:1970-01-01T00:01:30Z");
    }
}

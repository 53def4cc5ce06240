//! Recurring starts: schedules with a cron expression or an interval.
//!
//! A schedule is a row and, while it has a next tick, a row by due time. The leader computes ticks
//! outside, where calendars and time zones are, and proposes [`command::FireSchedule`]; `apply` only
//! checks that the tick is the one that is due, not before its time and never again. A run is started
//! by a message through the outbox, so that it begins exactly once wherever its instance lives.
//! Not here: cron and zones (`server::schedules`).

pub(crate) mod apply;
pub mod command;
pub(crate) mod invariants;
pub(crate) mod rows;
mod view;

pub use view::{ScheduleView, due, schedule, schedules};

//! What is asked of schedules.
//!
//! Not here: doing it (`apply`). Part of the log's format: field numbers are never used again.

use std::collections::BTreeMap;

use crate::partition::command::{Moment, RequestId};

/// What to start, and when.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Spec {
    /// The orchestration's name.
    #[prost(string, tag = "1")]
    pub orchestration: String,
    /// Its version.
    #[prost(string, optional, tag = "2")]
    pub version: Option<String>,
    /// JSON text.
    #[prost(string, optional, tag = "3")]
    pub input: Option<String>,
    /// Labels.
    #[prost(btree_map = "string, string", tag = "4")]
    pub tags: BTreeMap<String, String>,
    /// Five fields; absent where there is an interval.
    #[prost(string, optional, tag = "5")]
    pub cron: Option<String>,
    /// The time zone of `cron`, by its IANA name.
    #[prost(string, tag = "6")]
    pub zone: String,
    /// Seconds between ticks; absent where there is a cron expression.
    #[prost(uint64, optional, tag = "7")]
    pub every: Option<u64>,
    /// No tick before.
    #[prost(message, optional, tag = "8")]
    pub start_at: Option<Moment>,
    /// No tick then or later.
    #[prost(message, optional, tag = "9")]
    pub end_at: Option<Moment>,
    /// What becomes of ticks that were missed.
    #[prost(enumeration = "CatchUp", tag = "10")]
    pub catch_up: i32,
    /// What becomes of a tick while the run before goes on.
    #[prost(enumeration = "Overlap", tag = "11")]
    pub overlap: i32,
    /// Seconds after which a tick counts as missed.
    #[prost(uint64, tag = "12")]
    pub grace: u64,
}

/// What becomes of ticks that were missed, because nobody was there at their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CatchUp {
    /// They are passed over.
    Skip = 0,
    /// The last of them is run.
    One = 1,
    /// All of them are run.
    All = 2,
}

/// What becomes of a tick while the run before goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Overlap {
    /// It is passed over.
    Skip = 0,
    /// It is run beside it.
    Allow = 1,
    /// It waits.
    Wait = 2,
}

/// Creates a schedule, or changes what it starts and when.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PutSchedule {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Set where a repeat of this call must not be a second one.
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// What and when; large, and so apart.
    #[prost(message, optional, boxed, tag = "3")]
    pub spec: Option<Box<Spec>>,
    /// Its first tick; absent where there is none.
    #[prost(message, optional, tag = "4")]
    pub next: Option<Moment>,
    /// Refuse one that exists; otherwise one that does not.
    #[prost(bool, tag = "5")]
    pub create: bool,
}

/// Does something to a schedule.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChangeSchedule {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// See [`PutSchedule::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// What.
    #[prost(oneof = "Change", tags = "10, 11, 12, 13")]
    pub change: Option<Change>,
}

/// What can be done to a schedule.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Change {
    /// No ticks until it is resumed.
    #[prost(message, tag = "10")]
    Pause(PauseSchedule),
    /// Ticks again.
    #[prost(message, tag = "11")]
    Resume(ResumeSchedule),
    /// Gone; its runs go on.
    #[prost(message, tag = "12")]
    Delete(DeleteSchedule),
    /// A run beside the ticks.
    #[prost(message, tag = "13")]
    Trigger(Run),
}

/// No ticks until it is resumed.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PauseSchedule {
    /// Why, for people.
    #[prost(string, tag = "1")]
    pub reason: String,
}

/// Ticks again.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ResumeSchedule {
    /// The first one.
    #[prost(message, optional, tag = "1")]
    pub next: Option<Moment>,
}

/// Gone.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct DeleteSchedule {}

/// One start of an instance.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Run {
    /// The tick it is for; for a trigger, when it was asked for.
    #[prost(message, required, tag = "1")]
    pub tick: Moment,
    /// The instance's id, made of the schedule's name and the tick.
    #[prost(string, tag = "2")]
    pub instance: String,
    /// 32 hex digits.
    #[prost(string, tag = "3")]
    pub execution: String,
}

/// The leader: a tick's time has come.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FireSchedule {
    /// The schedule.
    #[prost(string, tag = "1")]
    pub name: String,
    /// [`super::ScheduleView::generation`]: of another one nothing is known here.
    #[prost(uint64, tag = "2")]
    pub generation: u64,
    /// The tick that is due, as the row says.
    #[prost(message, required, tag = "3")]
    pub tick: Moment,
    /// What is started: this tick, or a later one that is due too.
    #[prost(message, optional, tag = "4")]
    pub run: Option<Run>,
    /// Ticks that are passed over.
    #[prost(uint32, tag = "5")]
    pub skipped: u32,
    /// The next tick; absent where there is none.
    #[prost(message, optional, tag = "6")]
    pub next: Option<Moment>,
}

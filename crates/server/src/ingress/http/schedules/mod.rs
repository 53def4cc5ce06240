//! Schedules in the API: recurring starts of an orchestration.
//!
//! `routes` are the handlers, `parse` reads what is asked for, `node` asks the partitions. Not here:
//! ticks (`crate::schedules`).

mod node;
mod parse;
pub(super) mod routes;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub(super) use node::{change, list, put, show};

/// What to start, and when: `cron` or `every`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    /// The orchestration's name.
    #[schema(min_length = 1, max_length = 1024)]
    pub orchestration: String,
    /// Its version.
    pub version: Option<String>,
    /// Any JSON of at most 64 KiB.
    #[schema(value_type = Option<serde_json::Value>)]
    pub input: Option<Box<RawValue>>,
    /// Labels of the instances.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: Option<String>,
    /// The time zone of `cron`, by its IANA name; UTC where absent.
    pub zone: Option<String>,
    /// Seconds, or a number with a unit like `5m`, between ticks.
    pub every: Option<String>,
    /// No tick before: RFC 3339.
    #[schema(format = DateTime)]
    pub start_at: Option<String>,
    /// No tick then or later: RFC 3339.
    #[schema(format = DateTime)]
    pub end_at: Option<String>,
    /// What becomes of ticks that were missed; `skip` where absent.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// What becomes of a tick while the run before goes on; `skip` where absent.
    #[serde(default)]
    pub overlap: Overlap,
    /// After which time a tick counts as missed; one minute where absent.
    pub grace: Option<String>,
}

/// What becomes of ticks that were missed because the server was not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// They are passed over.
    #[default]
    Skip,
    /// The last of them is run.
    One,
    /// All of them are run, one after the other.
    All,
}

/// What becomes of a tick while the run before goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// It is passed over.
    #[default]
    Skip,
    /// It is run beside it.
    Allow,
    /// It waits until that has ended.
    Wait,
}

/// A schedule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// The orchestration's name.
    pub orchestration: String,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What each run is given: any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub input: Option<Box<RawValue>>,
    /// Labels of the instances.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Five fields; absent where there is an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of `cron`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Seconds between ticks; absent where there is a cron expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u64>,
    /// No tick before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_at: Option<String>,
    /// No tick then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_at: Option<String>,
    /// What becomes of ticks that were missed.
    pub catch_up: CatchUp,
    /// What becomes of a tick while the run before goes on.
    pub overlap: Overlap,
    /// Seconds after which a tick counts as missed.
    pub grace_seconds: u64,
    /// `active`, `paused`, or `over` where no tick is to come.
    pub state: ScheduleState,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_because: Option<String>,
    /// The next tick.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// The last tick that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<String>,
    /// When that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fired_at: Option<String>,
    /// The last instance that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_instance: Option<String>,
    /// Runs so far, triggered ones included.
    pub started: u64,
    /// Ticks that were passed over so far.
    pub skipped: u64,
    /// When it was created.
    pub created_at: String,
    /// When it was last changed, other than by ticks.
    pub updated_at: String,
}

/// Whether a schedule has ticks to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleState {
    /// It has.
    Active,
    /// Not until somebody resumes it.
    Paused,
    /// Its end has come.
    Over,
}

/// A page of schedules.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScheduleList {
    /// Version of this shape.
    pub schema: u32,
    /// In the order of their names within each partition.
    pub schedules: Vec<Schedule>,
    /// Give it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A run beside the ticks was started.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Triggered {
    /// Version of this shape.
    pub schema: u32,
    /// The instance that starts.
    pub id: String,
}

//! The rows of schedules, and their keys: one by name, one by due time.
//!
//! Not here: when they change (`apply`).

use crate::partition::command::Moment;
use crate::partition::schedules::command::Spec;
use crate::rows::{Key, KeyBuilder, Row};

pub(crate) const SCHEDULE: u8 = 0x48;
pub(crate) const DUE: u8 = 0x49;

/// A schedule.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ScheduleRow {
    #[prost(message, required, tag = "1")]
    pub(crate) spec: Spec,
    /// The entry that last changed it, other than by ticks. Invariant: rises with each change.
    #[prost(uint64, tag = "2")]
    pub(crate) generation: u64,
    /// Why it is paused; absent where it is not.
    #[prost(string, optional, tag = "3")]
    pub(crate) paused: Option<String>,
    /// The next tick. Invariant: later than `last`; absent while paused.
    #[prost(message, optional, tag = "4")]
    pub(crate) next: Option<Moment>,
    /// The last tick that was run.
    #[prost(message, optional, tag = "5")]
    pub(crate) last: Option<Moment>,
    #[prost(string, tag = "6")]
    pub(crate) last_instance: String,
    #[prost(uint64, tag = "7")]
    pub(crate) started: u64,
    #[prost(uint64, tag = "8")]
    pub(crate) skipped: u64,
    #[prost(message, optional, tag = "9")]
    pub(crate) created: Option<Moment>,
    #[prost(message, optional, tag = "10")]
    pub(crate) updated: Option<Moment>,
    /// The entry's time when `last` was run. Invariant: not before `last`.
    #[prost(message, optional, tag = "11")]
    pub(crate) fired: Option<Moment>,
}

impl Row for ScheduleRow {}

/// Finds a schedule by its next tick.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct DueRow {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

impl Row for DueRow {}

pub(crate) fn schedule(name: &str) -> Key {
    KeyBuilder::room(SCHEDULE).text(name).key()
}

pub(crate) fn due(at: Moment, name: &str) -> Key {
    KeyBuilder::room(DUE).time(at.into()).text(name).key()
}

/// The name in the key of a schedule.
pub(crate) fn name_of(key: &Key) -> Option<&str> {
    key.as_bytes().get(1..).and_then(|name| std::str::from_utf8(name).ok())
}

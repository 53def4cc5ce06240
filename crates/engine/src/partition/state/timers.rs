//! Armed timers, by due time and by execution; a scheduled start is one too.
//!
//! Not here: waiting for the time (`server::partition`), which needs only the next due time. Each
//! timer is two rows: one to find what is due, one to find what an ended execution leaves behind.

use crate::id::LogId;
use crate::partition::command::Moment;
use crate::partition::effect::Effect;
use crate::partition::state::State;
use crate::partition::state::instances::Instance;
use crate::partition::state::keys::{self, TaskKey};
use crate::rows::{KeyBuilder, Loaded, Range, Row};
use crate::time::Timestamp;

/// The row found by due time.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DueRow {
    #[prost(string, tag = "1")]
    pub(crate) instance: String,
    /// The execution's number.
    #[prost(uint64, tag = "2")]
    pub(crate) number: u64,
    #[prost(message, required, tag = "3")]
    pub(crate) due: Moment,
    /// The creating action's id.
    #[prost(int32, tag = "4")]
    pub(crate) timer: i32,
    /// The start of a scheduled instance, not a timer of an orchestration.
    #[prost(bool, tag = "5")]
    pub(crate) start: bool,
    #[prost(uint64, tag = "6")]
    by_term: u64,
    #[prost(uint64, tag = "7")]
    by_index: u64,
    #[prost(uint32, tag = "8")]
    ordinal: u32,
}

impl Row for DueRow {}

/// The row found by execution.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct TimerRow {
    #[prost(message, required, tag = "1")]
    pub(crate) due: Moment,
    #[prost(uint64, tag = "2")]
    pub(crate) by_term: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) by_index: u64,
    #[prost(uint32, tag = "4")]
    pub(crate) ordinal: u32,
}

impl Row for TimerRow {}

impl TimerRow {
    pub(crate) fn task(&self) -> TaskKey {
        TaskKey { by: LogId { term: self.by_term, index: self.by_index }, ordinal: self.ordinal }
    }
}

impl DueRow {
    pub(crate) fn task(&self) -> TaskKey {
        TaskKey { by: LogId { term: self.by_term, index: self.by_index }, ordinal: self.ordinal }
    }
}

/// The first timers, due before `to`.
pub(crate) fn due_before(to: Timestamp, limit: usize) -> Range {
    let room = KeyBuilder::room(keys::TIMER_DUE);
    Range { from: room.clone().key(), to: room.time(to).key(), limit }
}

/// The first timers due at `from` or later.
pub(crate) fn due_from(from: Timestamp, limit: usize) -> Range {
    let room = KeyBuilder::room(keys::TIMER_DUE);
    Range { from: room.clone().time(from).key(), to: room.end(), limit }
}

impl State<'_> {
    /// Arms a timer of an orchestration (`Some(id)`) or a scheduled start.
    pub(crate) fn arm_timer(&mut self, instance: &mut Instance, due: Moment, timer: Option<i32>) {
        let task = self.next_task();
        let number = instance.row.number;
        let TaskKey { by, ordinal } = task;
        let row = DueRow {
            instance: instance.id.as_str().to_owned(),
            number,
            due,
            timer: timer.unwrap_or(-1),
            start: timer.is_none(),
            by_term: by.term,
            by_index: by.index,
            ordinal,
        };
        self.tx.insert(keys::timer_due(due.into(), number, task), &row);
        let owned = TimerRow { due, by_term: by.term, by_index: by.index, ordinal };
        self.tx.insert(keys::timer(number, task), &owned);
        instance.row.open_timers += 1;
        self.effect(Effect::WakeAt(due.into()));
    }

    /// Removes both rows of a timer; the count is the caller's.
    pub(crate) fn remove_timer(&mut self, number: u64, due: Timestamp, task: TaskKey) -> Loaded<()> {
        let (due, owned) = (keys::timer_due(due, number, task), keys::timer(number, task));
        self.tx.want([due.clone(), owned.clone()])?;
        self.tx.remove(due)?;
        self.tx.remove(owned)
    }
}

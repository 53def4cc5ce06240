//! Operations that are sent with a time, until it comes: found by it, and nowhere else visible.
//!
//! Not here: waiting for the time (`server::partition`), which needs only the first of them. The
//! entity need not exist before.

use crate::partition::command::{EntityOperation, Moment};
use crate::partition::effect::Effect;
use crate::partition::state::{State, keys};
use crate::rows::{Key, KeyBuilder, Loaded, Range, Row, decode};
use crate::time::Timestamp;

/// The stored row.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ScheduledRow {
    #[prost(message, required, tag = "1")]
    pub(crate) due: Moment,
    #[prost(message, required, tag = "2")]
    pub(crate) operation: EntityOperation,
}

impl Row for ScheduledRow {}

impl State<'_> {
    /// Keeps an operation until it is due.
    pub(crate) fn schedule_operation(&mut self, due: Timestamp, operation: EntityOperation) {
        let task = self.next_task();
        let row = ScheduledRow { due: due.into(), operation };
        self.tx.insert(keys::scheduled(due, task), &row);
        self.effect(Effect::WakeAt(due));
    }

    /// The first operations due before `to`.
    pub(crate) fn due_operations(&self, to: Timestamp, limit: usize) -> Loaded<Vec<(Key, ScheduledRow)>> {
        let room = KeyBuilder::room(keys::SCHEDULED);
        let range = Range { from: room.clone().key(), to: room.time(to).key(), limit };
        Ok(self.tx.range(&range)?.into_iter().map(|(key, row)| (key, decode(&row))).collect())
    }

    /// When the first operation is due that is due at `from` or later.
    pub(crate) fn next_due_operation(&self, from: Timestamp) -> Loaded<Option<Timestamp>> {
        let room = KeyBuilder::room(keys::SCHEDULED);
        let range = Range { from: room.clone().time(from).key(), to: room.end(), limit: 1 };
        let first = self.tx.range(&range)?;
        Ok(first.first().map(|(_, row)| decode::<ScheduledRow>(row).due.into()))
    }
}

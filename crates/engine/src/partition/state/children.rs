//! An execution's sub-orchestrations, as their parent sees them: a row each.
//!
//! Not here: the child instance, which may live in another partition. The row stays after the
//! child's end, because a recursive purge of the parent must still find the child.

use crate::partition::command::Parent;
use crate::partition::state::State;
use crate::partition::state::instances::Instance;
use crate::partition::state::keys::{self, TaskKey};
use crate::rows::{Loaded, Range, Row, decode};

/// The stored row.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ChildRow {
    /// The child instance; empty where its id was no id, so that no child exists.
    #[prost(string, tag = "1")]
    pub(crate) child: String,
    /// What the child was told about us.
    #[prost(message, required, tag = "2")]
    pub(crate) parent: Parent,
    /// It has not ended, as far as we know.
    #[prost(bool, tag = "3")]
    pub(crate) open: bool,
}

impl Row for ChildRow {}

impl State<'_> {
    pub(crate) fn open_child(&mut self, instance: &mut Instance, task: TaskKey, row: &ChildRow) {
        self.tx.insert(keys::child(instance.row.number, task), row);
        instance.row.children += 1;
        instance.row.open_children += u32::from(row.open);
    }

    /// All children of the execution, in the order in which they were asked for.
    pub(crate) fn children(&self, instance: &Instance) -> Loaded<Vec<(TaskKey, ChildRow)>> {
        let count = usize::try_from(instance.row.children).unwrap_or(usize::MAX);
        let room = keys::of(keys::CHILD, instance.row.number);
        let rows = if count == 0 { Vec::new() } else { self.tx.range(&Range::all(room, count))? };
        Ok(rows.iter().filter_map(|(key, bytes)| Some((keys::task_of(key)?, decode(bytes)))).collect())
    }

    /// Marks the child as ended. False where it was already, or never was ours.
    pub(crate) fn close_child(&mut self, instance: &mut Instance, task: TaskKey) -> Loaded<bool> {
        let key = keys::child(instance.row.number, task);
        let Some(mut row) = self.tx.get::<ChildRow>(&key)?.filter(|row| row.open) else { return Ok(false) };
        row.open = false;
        instance.row.open_children = instance.row.open_children.saturating_sub(1);
        self.tx.put(key, &row)?;
        Ok(true)
    }
}

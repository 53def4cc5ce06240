//! What is still to be removed or told after an execution or an instance ended, a row each.
//!
//! Not here: doing it, a page at a time (`apply::sweep`). The row stays until nothing is left, so
//! a stop in the middle loses nothing.

use crate::partition::command::{Command, Sweep};
use crate::partition::effect::Effect;
use crate::partition::state::instances::Instance;
use crate::partition::state::{State, keys};
use crate::rows::Row;

/// The stored row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct SweepRow {
    #[prost(string, tag = "1")]
    pub(crate) instance: String,
    /// The execution whose open tasks go; 0: none.
    #[prost(uint64, tag = "2")]
    pub(crate) execution: u64,
    /// The execution's history and list of children go too.
    #[prost(bool, tag = "3")]
    pub(crate) history: bool,
    /// The life whose inbox goes; 0: none.
    #[prost(uint64, tag = "4")]
    pub(crate) inbox: u64,
    /// The life whose texts go; 0: none.
    #[prost(uint64, tag = "5")]
    pub(crate) values: u64,
    /// The children are purged.
    #[prost(bool, tag = "6")]
    pub(crate) purge_children: bool,
    /// The open children are terminated, before anything of the list is removed.
    #[prost(bool, tag = "7")]
    pub(crate) terminate_children: bool,
    /// Which child is next, while they are told.
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) after: bytes::Bytes,
}

impl Row for SweepRow {}

impl State<'_> {
    /// Leaves rows to later entries to clear away.
    pub(crate) fn leave_to_sweep(&mut self, instance: &Instance, mut row: SweepRow) {
        row.instance = instance.id.as_str().to_owned();
        let number = self.meta.take_number();
        self.tx.insert(keys::sweep(&instance.id, number), &row);
        let follow_up = Sweep { instance: row.instance };
        self.effect(Effect::FollowUp(Command::Sweep(follow_up)));
    }
}

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
    /// A [`ChildrenFate`]'s number.
    #[prost(uint32, tag = "6")]
    pub(crate) children: u32,
    /// Which child is next, while they are told.
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) after: bytes::Bytes,
}

impl Row for SweepRow {}

/// What becomes of an execution's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildrenFate {
    /// Nothing: they live on.
    Left,
    /// Those that have ended are purged, when the list of them goes.
    Purged,
    /// The open ones are terminated, before anything is removed.
    Terminated,
}

impl SweepRow {
    pub(crate) fn children(&self) -> ChildrenFate {
        match self.children {
            1 => ChildrenFate::Purged,
            2 => ChildrenFate::Terminated,
            _ => ChildrenFate::Left,
        }
    }

    pub(crate) fn set_children(&mut self, fate: ChildrenFate) {
        self.children = match fate {
            ChildrenFate::Left => 0,
            ChildrenFate::Purged => 1,
            ChildrenFate::Terminated => 2,
        };
    }
}

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

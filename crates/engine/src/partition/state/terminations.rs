//! Terminations no worker has confirmed yet: a row each, to find them after a leader change.
//!
//! Not here: the patience (`server::partition`) and the end itself (`apply::terminate`).

use crate::partition::effect::Effect;
use crate::partition::state::instances::Instance;
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row};

/// The stored row; its key is the instance.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct TerminationRow {
    #[prost(string, tag = "1")]
    pub(crate) instance: String,
    #[prost(string, tag = "2")]
    pub(crate) execution: String,
}

impl Row for TerminationRow {}

impl State<'_> {
    pub(crate) fn await_termination(&mut self, instance: &Instance) {
        let execution = instance.row.execution.clone();
        let row = TerminationRow { instance: instance.id.as_str().to_owned(), execution: execution.clone() };
        self.tx.insert(keys::termination(&instance.id), &row);
        self.effect(Effect::AwaitTermination { instance: instance.id.clone(), execution });
    }

    pub(crate) fn end_termination(&mut self, instance: &Instance) -> Loaded<()> {
        self.tx.remove(keys::termination(&instance.id))
    }
}

//! Ended instances by the time they ended: an index.
//!
//! Not here: anything about them. Invariant: a row for each ended instance and for no other.

use crate::id::InstanceId;
use crate::partition::state::instances::Instance;
use crate::partition::state::status::StatusName;
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row};
use crate::time::Timestamp;

/// The stored row; its key is time and instance.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct FinishedRow {
    #[prost(string, tag = "1")]
    pub(crate) instance: String,
    #[prost(message, required, tag = "2")]
    pub(crate) at: crate::partition::command::Moment,
    /// The wire's status number.
    #[prost(int32, tag = "3")]
    pub(crate) status: i32,
}

impl Row for FinishedRow {}

impl State<'_> {
    pub(crate) fn list_finished(&mut self, id: &InstanceId, at: Timestamp, status: StatusName) {
        let row = FinishedRow { instance: id.as_str().to_owned(), at: at.into(), status: status.wire() };
        self.tx.insert(keys::finished(at, id), &row);
    }

    pub(crate) fn unlist_finished(&mut self, instance: &Instance) -> Loaded<()> {
        match instance.status().ended_at() {
            Some(at) => self.tx.remove(keys::finished(at, &instance.id)),
            None => Ok(()),
        }
    }
}

//! What must happen outside because of an entry of the catalog, and what its author is told.
//!
//! Not here: doing it (`server`). All of it waits until the entry is committed.

use bytes::Bytes;

use crate::catalog::{Mode, TOMBSTONE_SECONDS};
use crate::id::HubId;
use crate::time::Timestamp;

/// What must happen outside because of an entry, once it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Its partitions run from now on.
    Open(HubView),
    /// Its partitions stop; their data stays.
    Close(HubId),
    /// Its data goes.
    Remove(HubId),
    /// The answer to whoever asked.
    Reply(Reply),
}

/// All effects of one entry, in order.
pub type Effects = Vec<Effect>;

/// What an entry's author is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done, and this entry did it; the hub as it is now.
    Done(HubView),
    /// It was so already.
    Unchanged(HubView),
    /// The hub is gone for good.
    Removed(HubId),
    /// No, and nothing changed.
    Refused(Refusal),
}

/// A normal "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such hub.
    NotFound,
    /// A hub of this name exists.
    Exists,
    /// A deleted hub has this name: bring it back, or remove it for good.
    Deleted,
    /// Only a deleted hub can be removed.
    NotDeleted,
    /// The name, the number of partitions or the key is not allowed.
    Invalid,
}

/// A hub as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubView {
    /// Its number.
    pub id: HubId,
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// Signs its completion tokens.
    pub key: Bytes,
    /// When it was created.
    pub created: Timestamp,
    /// When it was deleted, if it is.
    pub deleted: Option<Timestamp>,
    /// When its activities may run.
    pub mode: Mode,
}

impl HubView {
    /// Until when a deleted hub is sure to be there.
    pub fn kept_until(&self) -> Option<Timestamp> {
        self.deleted.map(|at| at.plus(std::time::Duration::from_secs(TOMBSTONE_SECONDS)))
    }
}

//! Which deterministic machine a core runs: a partition of a task hub, or the catalog.
//!
//! One match per verb, so that the core is written once. Not here: what the machines decide.

use bytes::Bytes;
use engine::id::{Epoch, LogId, PartitionId};
use engine::partition::Cursor;
use engine::partition::command::{Command, Message, RaiseEpoch};
use engine::partition::effect::Effects;
use engine::partition::view;
use engine::payload::Reference;
use engine::rows::{Needs, WorkingSet};
use engine::time::Timestamp;
use engine::{catalog, partition};
use prost::Message as _;

use super::messages::Request;

/// See the file's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// This partition of a hub of so many.
    Partition {
        /// Which.
        id: PartitionId,
        /// Of how many.
        of: u32,
    },
    /// The catalog.
    Catalog,
}

/// A decoded log entry of either machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Of a partition.
    Partition(partition::command::Entry),
    /// Of the catalog.
    Catalog(catalog::Entry),
}

/// What came of an entry.
#[derive(Debug)]
pub(super) struct Applied {
    /// A partition's effects, its reply among them.
    pub effects: Effects,
    /// The catalog's reply.
    pub catalog: Option<catalog::Reply>,
}

impl Entry {
    /// When it was proposed.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Partition(entry) => entry.at.into(),
            Self::Catalog(entry) => entry.at.into(),
        }
    }

    /// The bytes that go into the log.
    pub(super) fn encode(&self) -> Bytes {
        match self {
            Self::Partition(entry) => entry.encode_to_vec().into(),
            Self::Catalog(entry) => entry.encode_to_vec().into(),
        }
    }
}

impl Machine {
    /// Which partition this is; the catalog counts as partition 0 of no hub.
    pub(crate) fn partition(self) -> PartitionId {
        match self {
            Self::Partition { id, .. } => id,
            Self::Catalog => PartitionId(0),
        }
    }

    pub(super) fn entry(self, at: Timestamp, request: Request) -> Entry {
        match request {
            Request::Partition(command) => {
                Entry::Partition(partition::command::Entry { at: at.into(), command: Some(command) })
            }
            Request::Catalog(command) => {
                Entry::Catalog(catalog::Entry { at: at.into(), command: Some(command) })
            }
        }
    }

    pub(super) fn decode(self, bytes: &Bytes) -> Result<Entry, prost::DecodeError> {
        match self {
            Self::Partition { .. } => partition::command::Entry::decode(bytes.clone()).map(Entry::Partition),
            Self::Catalog => catalog::Entry::decode(bytes.clone()).map(Entry::Catalog),
        }
    }

    /// Applies an entry, or says which rows are missing and changes nothing.
    pub(super) fn try_apply(self, rows: &mut WorkingSet, id: LogId, entry: &Entry) -> Result<Applied, Needs> {
        match entry {
            Entry::Partition(entry) => {
                let effects = partition::try_apply(rows, id, entry)?;
                Ok(Applied { effects, catalog: None })
            }
            Entry::Catalog(entry) => {
                let effects = catalog::try_apply(rows, id, entry)?;
                let reply = effects.into_iter().find_map(|effect| match effect {
                    catalog::Effect::Reply(reply) => Some(reply),
                    // Hubs are opened and closed by whoever asked, and by every start from the list.
                    catalog::Effect::Open(_) | catalog::Effect::Close(_) | catalog::Effect::Remove(_) => None,
                });
                Ok(Applied { effects: Effects::none(), catalog: reply })
            }
        }
    }

    pub(super) fn outstanding(
        self,
        rows: &WorkingSet,
        cursor: Cursor,
    ) -> Result<(Effects, Option<Cursor>), Needs> {
        match self {
            Self::Partition { .. } => partition::outstanding(rows, cursor),
            Self::Catalog => Ok((Effects::none(), None)),
        }
    }

    pub(super) fn outbox(
        self,
        rows: &WorkingSet,
        to: PartitionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Message)>, Needs> {
        match self {
            Self::Partition { .. } => view::outbox(rows, to, after, limit),
            Self::Catalog => Ok(Vec::new()),
        }
    }

    /// The large texts that messages name, each with the number of its message.
    pub(super) fn outbox_references(
        self,
        rows: &WorkingSet,
        to: PartitionId,
        numbers: (u64, u64),
    ) -> Result<Vec<(u64, Reference)>, Needs> {
        match self {
            Self::Partition { .. } => view::outbox_references(rows, to, numbers),
            Self::Catalog => Ok(Vec::new()),
        }
    }

    /// The first command of a new leadership.
    pub(super) fn raise_epoch(self, epoch: Epoch) -> Option<Request> {
        match self {
            Self::Partition { id, of } => Some(Request::Partition(Command::RaiseEpoch(RaiseEpoch {
                lineage: epoch.lineage.0,
                lease: epoch.lease.0,
                owner: String::new(),
                partition: id.0,
                partitions: of,
            }))),
            Self::Catalog => None,
        }
    }
}

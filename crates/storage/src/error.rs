//! What can go wrong on disk, by what the caller does about it, and the stable code of each.
//!
//! Not here: the texts behind the codes (`server`'s register). The one thing to know: `Full` is
//! the only fault after which the same log or table goes on; everything else stops its owner.

use std::io;
use std::path::{Path, PathBuf};

use crate::log::GroupKey;

/// Why storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A write or sync failed, now or earlier: nobody knows what is on disk. Stop the node.
    #[error("stopped after a failed write or sync: {why}")]
    Poisoned {
        /// The first failure.
        why: String,
    },
    /// The node log holds bytes that were durable and are damaged. Stop, repair.
    #[error("log is corrupt: {} at {offset}: {why}", file.display())]
    CorruptLog {
        /// The segment.
        file: PathBuf,
        /// Position in the segment.
        offset: u64,
        /// What does not fit.
        why: String,
    },
    /// A table's file or value is damaged. Stop this replica, rebuild it.
    #[error("table is corrupt: {}, key {}: {why}", file.display(), key.as_deref().unwrap_or("unknown"))]
    CorruptTable {
        /// The table's file.
        file: PathBuf,
        /// The key in hexadecimal, where known.
        key: Option<String>,
        /// What does not fit.
        why: String,
    },
    /// No room on disk; nothing was promised. Make room and try again.
    #[error("disk is full: {} needs {bytes} bytes", path.display())]
    Full {
        /// What could not grow.
        path: PathBuf,
        /// How much was asked for.
        bytes: u64,
    },
    /// The data was written in another format. Use the version that wrote it.
    #[error("{} has format {found}, this program knows {known}", path.display())]
    Format {
        /// The file that says so.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The formats known.
        known: String,
    },
    /// A file that other files prove must be there is not.
    #[error("{} is missing: {why}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// How its absence is known.
        why: String,
    },
    /// Another process has the data directory. Stop that one or choose another directory.
    #[error("data directory {} is in use by {holder}", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The group's log is damaged: it takes no records until it is repaired or destroyed.
    #[error("group {group} is quarantined")]
    Quarantined {
        /// The group.
        group: GroupKey,
    },
    /// The records contradict the group's log: a bug of the caller. Nothing was written.
    #[error("group {group} refuses the records: {why}")]
    Refused {
        /// The group.
        group: GroupKey,
        /// What does not fit.
        why: String,
    },
    /// The operating system refused while nothing was promised yet, as when opening.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// The stable code of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Poisoned { .. } => "OL-S001",
            Self::CorruptLog { .. } | Self::Quarantined { .. } => "OL-S002",
            Self::CorruptTable { .. } => "OL-S003",
            Self::Full { .. } => "OL-S004",
            Self::Format { .. } => "OL-S005",
            Self::Missing { .. } => "OL-S007",
            Self::Refused { .. } => "OL-S009",
            Self::InUse { .. } => "OL-1003",
            Self::Io { .. } => "OL-1004",
        }
    }

    /// Keeps an operating system error with what was being done; lack of space becomes `Full`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, bytes: 0 },
            io::ErrorKind::NotFound => Self::Missing { path, why: format!("{doing}: {source}") },
            // Open-ended by nature: the kinds of io::Error are not ours.
            _other => Self::Io { doing, path, source },
        }
    }
}

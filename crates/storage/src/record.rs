//! What the node log holds, and what of it is still alive when the log is opened again.
//!
//! Not here: frames, segments and recovery (`log`). The log knows groups, positions and bytes; what
//! an entry or a state means is the business of whoever wrote it.
//! The one thing to know: records of one group take effect in the order they were appended, and a
//! later `Entries` replaces everything from its first index on.

use bytes::Bytes;

/// One replica of one replicated log. Its parts are never reused: a wiped disk is a new replica,
/// a forced recovery a new lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// `hub << 32 | partition`; 0 is the catalog.
    pub partition: u64,
    /// Raised by a data-loss decision; logs of different lineages never mix.
    pub lineage: u64,
    /// This replica of the group.
    pub replica: u64,
}

/// One change to what the log holds for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The group exists on this node from here on.
    Opened {
        /// Whose record this is.
        group: GroupKey,
    },
    /// Contiguous entries; whatever was held from `first` on is replaced.
    Entries {
        /// Whose record this is.
        group: GroupKey,
        /// Index of the first entry.
        first: u64,
        /// The entries, opaque.
        entries: Vec<Bytes>,
    },
    /// The newest state of the group, opaque; replaces the one before.
    State {
        /// Whose record this is.
        group: GroupKey,
        /// The state, opaque.
        state: Bytes,
    },
    /// Entries up to and including `upto` are no longer needed.
    Compacted {
        /// Whose record this is.
        group: GroupKey,
        /// The last index that may go.
        upto: u64,
    },
    /// The group takes nothing more; what it holds stays readable.
    Sealed {
        /// Whose record this is.
        group: GroupKey,
    },
    /// The group is gone from this node.
    Destroyed {
        /// Whose record this is.
        group: GroupKey,
    },
}

impl Record {
    /// Whose record this is.
    pub fn group(&self) -> GroupKey {
        match self {
            Self::Opened { group }
            | Self::Entries { group, .. }
            | Self::State { group, .. }
            | Self::Compacted { group, .. }
            | Self::Sealed { group }
            | Self::Destroyed { group } => *group,
        }
    }
}

/// What the log holds of one group after opening.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupLog {
    /// The newest [`Record::State`].
    pub state: Option<Bytes>,
    /// The newest [`Record::Compacted`]; 0: none.
    pub compacted: u64,
    /// Index of `entries[0]`; `compacted + 1` where there are none.
    pub first: u64,
    /// The live entries, contiguous.
    pub entries: Vec<Bytes>,
    /// A [`Record::Sealed`] was found.
    pub sealed: bool,
}

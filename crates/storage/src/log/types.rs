//! What goes into the node log and what comes out of it after a restart.
//!
//! Not here: bytes on disk (`format`). The one thing to know: a group's log is what replaying its
//! records in order gives; a record that arrives later wins.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;

/// Names one replica's log of one partition in one lineage. Never used again after `Destroyed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// Hub id in the upper, partition id in the lower 32 bits; the catalog is 0.
    pub partition: u64,
    /// Raised by a recovery that may have lost data.
    pub lineage: u64,
    /// The replica, unique for ever.
    pub replica: u64,
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hub, partition) = (self.partition >> 32, self.partition & 0xffff_ffff);
        write!(f, "{hub}/{partition}.{}.{}", self.lineage, self.replica)
    }
}

/// One fact about one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The group exists from here on.
    Opened {
        /// The group.
        group: GroupKey,
    },
    /// Entries from index `first` on; everything the group had from there on is replaced.
    Entries {
        /// The group.
        group: GroupKey,
        /// Index of the first entry; at most one more than the last that the group has.
        first: u64,
        /// The entries; none just cuts the log off before `first`.
        entries: Vec<Bytes>,
    },
    /// The group's small state (vote, commit, membership); replaces the one before.
    State {
        /// The group.
        group: GroupKey,
        /// Bytes that only the owner understands.
        state: Bytes,
    },
    /// Entries up to and including `upto` are not needed any more. Beyond the last entry it says
    /// that a snapshot took the log's place: the next entry is `upto + 1`.
    Compacted {
        /// The group.
        group: GroupKey,
        /// The last index that is gone.
        upto: u64,
    },
    /// The group takes no more entries; what it has stays.
    Sealed {
        /// The group.
        group: GroupKey,
    },
    /// The group and all that it had is gone.
    Destroyed {
        /// The group.
        group: GroupKey,
    },
}

impl Record {
    /// The group that the record is about.
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

/// What became of the node log's end since a group's state was last written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tail {
    /// It is all there.
    #[default]
    Whole,
    /// It was cut off. What was in it passes for an unfinished write; if it was a durable one that
    /// rotted, records are missing.
    Cut,
}

/// A group's log as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupLog {
    /// The newest state, if one was ever written.
    pub state: Option<Bytes>,
    /// The last index that is compacted away; 0 if none.
    pub compacted: u64,
    /// Index of the first entry. Invariant: `compacted + 1`.
    pub first: u64,
    /// The entries from `first` on, without gaps.
    pub entries: Vec<Bytes>,
    /// Whether the group takes no more entries.
    pub sealed: bool,
    /// Whether records may be missing that no frame misses.
    pub tail: Tail,
}

impl GroupLog {
    /// Index of the last entry, or of the last compacted one where there is none.
    pub fn last(&self) -> u64 {
        self.compacted + u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }
}

/// Where the log is damaged, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The damaged segment.
    pub file: PathBuf,
    /// Where in it the first bytes that cannot be trusted begin.
    pub offset: u64,
    /// Sequence number of the first frame that is lost.
    pub sequence: u64,
    /// What was found, in words.
    pub why: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.file.display(), self.offset, self.why)
    }
}

/// What was found at the end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailReport {
    /// The newest segment.
    pub file: PathBuf,
    /// Where the next frame goes.
    pub offset: u64,
    /// Sequence number of the last frame that was kept; 0 in a new log.
    pub sequence: u64,
    /// Bytes of an unfinished write that were cut off.
    pub torn_bytes: u64,
}

/// Whether every group of the log is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roster {
    /// Each group is listed, as good or as quarantined.
    Complete,
    /// A damaged place may have held the only records of a group that is not listed.
    GroupsMayBeMissing,
}

/// All that opening the log found.
#[derive(Debug)]
pub struct Recovered {
    /// The groups that can go on.
    pub groups: BTreeMap<GroupKey, GroupLog>,
    /// The groups that lost records, or cannot be proven not to have.
    pub quarantined: BTreeMap<GroupKey, Damage>,
    /// Every damaged place, whether or not its groups are known.
    pub damage: Vec<Damage>,
    /// Whether a damaged place may have held the only records of a group that is not listed.
    pub roster: Roster,
    /// The end of the log.
    pub tail: TailReport,
    /// Whether the log was closed and nothing came after.
    pub was_clean: bool,
}

/// Settings of the node log.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size of a preallocated segment; a larger single append gets a larger segment.
    pub segment_bytes: u64,
    /// Bytes of records in one frame, at most 1 MiB.
    pub frame_bytes_max: usize,
    /// Bytes of one append, at most.
    pub append_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, frame_bytes_max: 1 << 20, append_bytes_max: 40 << 20 }
    }
}

impl Options {
    /// Small segments and frames, so that a simulation sees rolling and recycling often.
    pub fn small() -> Self {
        Self { segment_bytes: 16 << 10, frame_bytes_max: 2 << 10, append_bytes_max: 40 << 20 }
    }
}

/// Counters since the log was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Syncs of segments.
    pub syncs: u64,
    /// Bytes of frames written.
    pub bytes: u64,
    /// Frames written.
    pub frames: u64,
    /// Appends accepted.
    pub appends: u64,
    /// Segments given back for use.
    pub recycled: u64,
    /// Bytes carried forward out of recycled segments.
    pub carried_bytes: u64,
    /// Segments in use now, the spare one not counted.
    pub segments: u64,
}

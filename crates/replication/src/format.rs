//! What a group keeps in the node log: version 1 of its state record and of its entries.
//!
//! Not here: frames and checksums (`storage`), and the messages between replicas (`wire`), which
//! use the same form for an entry. Field numbers are never reused.
//! The one thing to know: the state carries the compaction point's term, because the entry that had
//! it is gone and log matching still needs it.

use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{Entry, EntryType, HardState};

use crate::membership::{Change, Membership};
use crate::types::{EntryKind, LogId, ReplicaId};

/// The only version so far.
const VERSION: u32 = 1;

/// An entry as it is stored and sent; its index is given by its place.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct EntryBytes {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) kind: u32,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) data: Bytes,
}

/// Numbers of [`EntryBytes::kind`]; never reused.
const KIND_COMMAND: u32 = 1;
const KIND_EMPTY: u32 = 2;
const KIND_CONFIGURATION: u32 = 3;

impl EntryBytes {
    pub(crate) fn of(entry: &Entry) -> Self {
        let kind = match kind_of(entry) {
            EntryKind::Command => KIND_COMMAND,
            EntryKind::Empty => KIND_EMPTY,
            EntryKind::Configuration => KIND_CONFIGURATION,
        };
        Self { term: entry.term, kind, data: entry.data.clone() }
    }

    /// The entry at `index`, or what is wrong with it.
    pub(crate) fn entry(self, index: u64) -> Result<Entry, &'static str> {
        if self.term == 0 {
            return Err("entry without a term");
        }
        let mut entry = Entry { term: self.term, index, ..Entry::default() };
        match (self.kind, self.data.is_empty()) {
            (KIND_COMMAND, false) => entry.data = self.data,
            (KIND_EMPTY, true) => {}
            (KIND_CONFIGURATION, _) if Change::decode(&self.data).is_some() => {
                entry.set_entry_type(EntryType::EntryConfChangeV2);
                entry.data = self.data;
            }
            _ => return Err("entry of unknown kind"),
        }
        Ok(entry)
    }
}

/// What an entry is for. A proposal is never empty, so the empty ones are the leaders' own.
pub(crate) fn kind_of(entry: &Entry) -> EntryKind {
    match entry.get_entry_type() {
        EntryType::EntryNormal if entry.data.is_empty() => EntryKind::Empty,
        EntryType::EntryNormal => EntryKind::Command,
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => EntryKind::Configuration,
    }
}

/// The state record of a group.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct StateBytes {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) vote: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) commit: u64,
    #[prost(uint64, repeated, tag = "5")]
    pub(crate) voters: Vec<u64>,
    #[prost(uint64, tag = "6")]
    pub(crate) compacted_index: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) compacted_term: u64,
    /// What this replica acknowledged in this term and before may be lost; 0: nothing may.
    #[prost(uint64, tag = "8")]
    pub(crate) doubted_term: u64,
    /// With `voters`, the membership as of the compaction point: later changes are in the entries.
    #[prost(uint64, repeated, tag = "9")]
    pub(crate) outgoing: Vec<u64>,
    #[prost(uint64, repeated, tag = "10")]
    pub(crate) learners: Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    pub(crate) learners_next: Vec<u64>,
}

impl StateBytes {
    pub(crate) fn of(hard: &HardState, members: &Membership, compacted: LogId, doubted_term: u64) -> Self {
        let conf = members.conf_state();
        Self {
            version: VERSION,
            term: hard.term,
            vote: hard.vote,
            commit: hard.commit,
            voters: conf.voters,
            compacted_index: compacted.index,
            compacted_term: compacted.term,
            doubted_term,
            outgoing: conf.voters_outgoing,
            learners: conf.learners,
            learners_next: conf.learners_next,
        }
    }

    pub(crate) fn encoded(&self) -> Bytes {
        Bytes::from(self.encode_to_vec())
    }

    /// The state in these bytes, or what is wrong with them.
    pub(crate) fn decoded(bytes: &Bytes) -> Result<Self, String> {
        let state = Self::decode(bytes.clone()).map_err(|error| format!("state record: {error}"))?;
        if state.version != VERSION {
            return Err(format!("state record has version {}, known is {VERSION}", state.version));
        }
        Ok(state)
    }

    pub(crate) fn hard_state(&self) -> HardState {
        HardState { term: self.term, vote: self.vote, commit: self.commit, ..HardState::default() }
    }

    pub(crate) fn membership(&self) -> Membership {
        let set = |numbers: &[u64]| numbers.iter().copied().map(ReplicaId).collect();
        Membership {
            voters: set(&self.voters),
            outgoing: set(&self.outgoing),
            learners: set(&self.learners),
            learners_next: set(&self.learners_next),
        }
    }

    pub(crate) fn compacted(&self) -> LogId {
        LogId { term: self.compacted_term, index: self.compacted_index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_record_of_version_one_reads_as_it_was_written() {
        let golden = Bytes::from_static(&[8, 1, 16, 7, 24, 2, 32, 9, 42, 3, 1, 2, 3, 48, 4, 56, 3]);
        let state = StateBytes {
            version: 1,
            term: 7,
            vote: 2,
            commit: 9,
            voters: vec![1, 2, 3],
            compacted_index: 4,
            compacted_term: 3,
            doubted_term: 0,
            ..StateBytes::default()
        };
        assert_eq!(state.encoded(), golden);
        assert_eq!(StateBytes::decoded(&golden).unwrap(), state);
        let golden = Bytes::from([&golden[..], &[64, 6]].concat());
        let state = StateBytes { doubted_term: 6, ..state };
        assert_eq!(state.encoded(), golden);
        assert_eq!(StateBytes::decoded(&golden).unwrap(), state);
        let golden = Bytes::from([&golden[..], &[74, 2, 1, 2, 82, 1, 5, 90, 1, 1]].concat());
        let state = StateBytes { outgoing: vec![1, 2], learners: vec![5], learners_next: vec![1], ..state };
        assert_eq!(state.encoded(), golden);
        assert_eq!(StateBytes::decoded(&golden).unwrap(), state);
        let again = StateBytes::of(&state.hard_state(), &state.membership(), state.compacted(), 6);
        assert_eq!(again, state);
    }

    #[test]
    fn state_record_of_an_unknown_version_is_refused() {
        assert!(StateBytes::decoded(&Bytes::from_static(&[8, 2])).is_err());
    }

    #[test]
    fn entry_keeps_its_kind_and_bytes() {
        let mut entry = Entry { term: 3, index: 5, ..Entry::default() };
        assert_eq!(EntryBytes::of(&entry).entry(5).unwrap(), entry);
        entry.data = Bytes::from_static(b"x");
        assert_eq!(EntryBytes::of(&entry).encode_to_vec(), [8, 3, 16, 1, 26, 1, b'x']);
        assert_eq!(EntryBytes::of(&entry).entry(5).unwrap(), entry);
    }
}

//! The entries since the compaction point, in memory, as the consensus library wants to read them.
//!
//! Not here: durability. What is in here has been given out as records; which of it is durable is
//! the driver's to know.
//! The one thing to know: there are no snapshots yet. Nothing is compacted before every voter has
//! it durably, so nobody ever needs one.

use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};

use crate::types::LogId;

/// Log, hard state and configuration of one replica.
#[derive(Debug)]
pub(crate) struct LogStore {
    /// The last entry that is gone; its term is still needed to match logs.
    compacted: LogId,
    /// Invariant: contiguous from `compacted.index + 1`, terms never fall.
    entries: VecDeque<Entry>,
    pub(crate) hard: HardState,
    pub(crate) conf: ConfState,
}

impl LogStore {
    pub(crate) fn new(compacted: LogId, entries: VecDeque<Entry>, hard: HardState, conf: ConfState) -> Self {
        Self { compacted, entries, hard, conf }
    }

    pub(crate) fn compacted(&self) -> LogId {
        self.compacted
    }

    pub(crate) fn last(&self) -> LogId {
        self.entries.back().map_or(self.compacted, |entry| LogId { term: entry.term, index: entry.index })
    }

    /// Replaces everything from the first given entry on.
    pub(crate) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        assert!(first.index > self.compacted.index, "append at {} is compacted", first.index);
        let keep = self.offset(first.index).expect("an append leaves no gap");
        self.entries.truncate(keep);
        self.entries.extend(entries.iter().cloned());
    }

    /// Forgets entries up to and including `upto`.
    pub(crate) fn compact(&mut self, upto: u64) {
        let Some(drop) = self.offset(upto + 1).filter(|drop| *drop > 0) else { return };
        let last = self.entries.drain(..drop).next_back().expect("at least one entry goes");
        self.compacted = LogId { term: last.term, index: last.index };
    }

    /// Where the entry at `index` is or would be next; `None` outside of that.
    fn offset(&self, index: u64) -> Option<usize> {
        let offset = usize::try_from(index.checked_sub(self.compacted.index + 1)?).ok()?;
        (offset <= self.entries.len()).then_some(offset)
    }
}

impl Storage for LogStore {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard.clone(), self.conf.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.compacted.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        let (Some(from), Some(to)) = (self.offset(low), self.offset(high)) else {
            return Err(Error::Store(StorageError::Unavailable));
        };
        let budget = max_size.into().unwrap_or(u64::MAX);
        let mut taken = Vec::new();
        let mut bytes = 0u64;
        for entry in self.entries.range(from..to) {
            bytes = bytes.saturating_add(entry.data.len() as u64 + ENTRY_OVERHEAD);
            if bytes > budget && !taken.is_empty() {
                break;
            }
            taken.push(entry.clone());
        }
        Ok(taken)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.compacted.index {
            return Ok(self.compacted.term);
        }
        if index < self.compacted.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        self.offset(index)
            .and_then(|offset| self.entries.get(offset))
            .map(|entry| entry.term)
            .ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.compacted.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last().index)
    }

    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}

/// What an entry costs in a message beside its data; only a size limit depends on it.
const ENTRY_OVERHEAD: u64 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> LogStore {
        let mut store =
            LogStore::new(LogId::default(), VecDeque::new(), HardState::default(), ConfState::default());
        store.append(&[entry(1, 1), entry(2, 1), entry(3, 2)]);
        store
    }

    fn entry(index: u64, term: u64) -> Entry {
        Entry { index, term, ..Entry::default() }
    }

    #[test]
    fn later_append_replaces_the_suffix() {
        let mut store = store();
        store.append(&[entry(2, 3)]);
        assert_eq!(store.last(), LogId { term: 3, index: 2 });
        assert_eq!(store.term(1).unwrap(), 1);
    }

    #[test]
    fn compacted_entries_are_gone_but_the_last_ones_term_is_known() {
        let mut store = store();
        store.compact(2);
        assert_eq!(store.first_index().unwrap(), 3);
        assert_eq!(store.term(2).unwrap(), 1);
        assert_eq!(store.term(1), Err(Error::Store(StorageError::Compacted)));
        assert!(store.entries(2, 3, None, GetEntriesContext::empty(false)).is_err());
        assert_eq!(store.entries(3, 4, None, GetEntriesContext::empty(false)).unwrap(), [entry(3, 2)]);
    }

    #[test]
    fn compacting_everything_keeps_the_position() {
        let mut store = store();
        store.compact(3);
        assert_eq!(store.last(), LogId { term: 2, index: 3 });
        store.append(&[entry(4, 2)]);
        assert_eq!(store.last().index, 4);
    }
}

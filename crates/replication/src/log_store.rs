//! The entries that may still be asked for, in memory, as the consensus library wants to read them.
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
    /// The last entry that is not in memory any more; `compacted` or later.
    forgotten: LogId,
    /// Where each term begins among the entries after `compacted` that are forgotten.
    terms: VecDeque<LogId>,
    /// Invariant: contiguous from `forgotten.index + 1`, terms never fall.
    entries: VecDeque<Entry>,
    pub(crate) hard: HardState,
    pub(crate) conf: ConfState,
}

impl LogStore {
    pub(crate) fn new(compacted: LogId, entries: VecDeque<Entry>, hard: HardState, conf: ConfState) -> Self {
        Self { compacted, forgotten: compacted, terms: VecDeque::new(), entries, hard, conf }
    }

    pub(crate) fn compacted(&self) -> LogId {
        self.compacted
    }

    pub(crate) fn last(&self) -> LogId {
        self.entries.back().map_or(self.forgotten, |entry| LogId { term: entry.term, index: entry.index })
    }

    /// Replaces everything from the first given entry on.
    pub(crate) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        assert!(first.index > self.forgotten.index, "append at {} is gone", first.index);
        let keep = self.offset(first.index).expect("an append leaves no gap");
        self.entries.truncate(keep);
        self.entries.extend(entries.iter().cloned());
    }

    /// Lets go of entries up to and including `upto`, which stay in the node log. Only for a replica
    /// whose log nobody else will ever ask for.
    pub(crate) fn forget(&mut self, upto: u64) {
        let Some(drop) = self.offset(upto + 1).filter(|drop| *drop > 0) else { return };
        for entry in self.entries.drain(..drop) {
            let id = LogId { term: entry.term, index: entry.index };
            if id.term != self.forgotten.term || self.terms.is_empty() {
                self.terms.push_back(id);
            }
            self.forgotten = id;
        }
        if self.entries.is_empty() {
            self.entries.shrink_to(ENTRIES_ROOM);
        }
    }

    /// Entries up to and including `upto` are needed nowhere any more.
    pub(crate) fn compact(&mut self, upto: u64) {
        self.forget(upto);
        if upto > self.forgotten.index || upto <= self.compacted.index {
            return;
        }
        // The first run may begin before `upto` and go on after it.
        while self.terms.get(1).is_some_and(|next| next.index <= upto) {
            self.terms.pop_front();
        }
        let Some(run) = self.terms.front().filter(|run| run.index <= upto) else { return };
        self.compacted = LogId { term: run.term, index: upto };
        if upto == self.forgotten.index {
            self.terms.clear();
        }
    }

    /// How many entries are in memory.
    pub(crate) fn held(&self) -> usize {
        self.entries.len()
    }

    /// Where the entry at `index` is or would be next; `None` outside of that.
    fn offset(&self, index: u64) -> Option<usize> {
        let offset = usize::try_from(index.checked_sub(self.forgotten.index + 1)?).ok()?;
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
        if low <= self.forgotten.index {
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
        if index == self.forgotten.index {
            return Ok(self.forgotten.term);
        }
        if index < self.forgotten.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        self.offset(index)
            .and_then(|offset| self.entries.get(offset))
            .map(|entry| entry.term)
            .ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.forgotten.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last().index)
    }

    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}

/// Places that an empty log keeps.
const ENTRIES_ROOM: usize = 256;

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

    #[test]
    fn what_is_forgotten_can_be_compacted_bit_by_bit_with_its_terms() {
        let mut store = store();
        store.append(&[entry(4, 2), entry(5, 4)]);
        store.forget(4);
        assert_eq!((store.held(), store.last()), (1, LogId { term: 4, index: 5 }));
        assert_eq!(store.compacted(), LogId::default());
        for (index, term) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4)] {
            store.compact(index);
            assert_eq!(store.compacted(), LogId { term, index });
        }
        assert_eq!((store.held(), store.terms.len()), (0, 0));
    }

    #[test]
    fn a_compaction_beyond_the_end_changes_nothing() {
        let mut store = store();
        store.forget(2);
        store.compact(9);
        assert_eq!((store.held(), store.compacted()), (1, LogId::default()));
    }
}

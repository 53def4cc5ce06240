//! The entries that may still be asked for, in memory, as the consensus library wants to read them.
//!
//! Not here: durability. What is in here has been given out as records; which of it is durable is
//! the driver's to know.
//! The one thing to know: the library never sees a snapshot's content. It is told that there is none
//! right now, the caller carries the state over, and `driver::members` installs it there.

use std::collections::{BTreeMap, VecDeque};

use raft::eraftpb::{Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};

use crate::format::kind_of;
use crate::membership::{Change, Membership};
use crate::mutants;
use crate::types::{EntryKind, LogId, ReplicaId};

/// Log, hard state and membership of one replica.
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
    /// Of the entries in memory.
    bytes: u64,
    pub(crate) hard: HardState,
    /// Who took part as of `compacted`, and what became of it, by the index of each change that has
    /// been given out since.
    base: Membership,
    changes: BTreeMap<u64, Membership>,
}

impl LogStore {
    pub(crate) fn new(compacted: LogId, entries: VecDeque<Entry>, hard: HardState, base: Membership) -> Self {
        let bytes = entries.iter().map(size).sum();
        let (terms, changes) = (VecDeque::new(), BTreeMap::new());
        Self { compacted, forgotten: compacted, terms, entries, bytes, hard, base, changes }
    }

    /// Who takes part, as far as entries were given out.
    pub(crate) fn members(&self) -> &Membership {
        self.changes.last_key_value().map_or(&self.base, |(_, members)| members)
    }

    /// Who took part as of the compaction point.
    pub(crate) fn base(&self) -> &Membership {
        &self.base
    }

    /// Who took part as of `index`, if that is known.
    pub(crate) fn members_at(&self, index: u64) -> Option<&Membership> {
        let change = self.changes.range(..=index).next_back().map(|(_, members)| members);
        (index >= self.compacted.index).then(|| change.unwrap_or(&self.base))
    }

    /// Since which index `replica` takes part without a break, as far as that is known.
    pub(crate) fn member_since(&self, replica: ReplicaId) -> u64 {
        let without = self.changes.iter().rev().find(|(_, members)| !members.contains(replica));
        let after = without.map(|(index, _)| *index);
        let mut with = self.changes.range(after.map_or(0, |index| index + 1)..);
        if after.is_none() && self.base.contains(replica) {
            0
        } else {
            with.next().map_or(0, |(index, _)| *index)
        }
    }

    /// From this entry on these take part.
    pub(crate) fn change(&mut self, index: u64, members: Membership) {
        self.changes.insert(index, members);
    }

    /// The changes of members up to and including `upto` among the entries in memory; `None`: not one
    /// that can be read.
    pub(crate) fn changes_upto(&self, upto: u64) -> Vec<(u64, Option<(Change, bool)>)> {
        let entries = self.entries.iter().take_while(|entry| entry.index <= upto);
        let changes = entries.filter(|entry| kind_of(entry) == EntryKind::Configuration);
        changes.map(|entry| (entry.index, Change::decode(&entry.data))).collect()
    }

    /// A state takes the place of the whole log.
    pub(crate) fn install(&mut self, id: LogId, members: Membership) {
        (self.compacted, self.forgotten, self.base) = (id, id, members);
        self.terms.clear();
        self.entries.clear();
        self.changes.clear();
        self.bytes = 0;
        self.hard.commit = self.hard.commit.max(id.index);
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
        self.bytes -= self.entries.drain(keep..).map(|entry| size(&entry)).sum::<u64>();
        self.bytes += entries.iter().map(size).sum::<u64>();
        self.entries.extend(entries.iter().cloned());
    }

    /// Lets go of entries up to and including `upto`, which stay in the node log. Only for a replica
    /// whose log nobody else will ever ask for.
    pub(crate) fn forget(&mut self, upto: u64) {
        let Some(drop) = self.offset(upto + 1).filter(|drop| *drop > 0) else { return };
        for entry in self.entries.drain(..drop) {
            let id = LogId { term: entry.term, index: entry.index };
            self.bytes -= size(&entry);
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
        let later = self.changes.split_off(&(upto + 1));
        if let Some((_, members)) = std::mem::replace(&mut self.changes, later).pop_last()
            && !mutants::active("change-forgotten-at-compaction")
        {
            self.base = members;
        }
        if upto == self.forgotten.index {
            self.terms.clear();
        }
    }

    /// The last entry that is not in memory any more.
    pub(crate) fn forgotten(&self) -> LogId {
        self.forgotten
    }

    /// Bytes of the entries in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
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
        Ok(RaftState::new(self.hard.clone(), self.members().conf_state()))
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
            bytes = bytes.saturating_add(size(entry));
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

/// What an entry costs in a message beside its data; only size limits depend on it.
const ENTRY_OVERHEAD: u64 = 24;

fn size(entry: &Entry) -> u64 {
    entry.data.len() as u64 + ENTRY_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> LogStore {
        let mut store =
            LogStore::new(LogId::default(), VecDeque::new(), HardState::default(), Membership::default());
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
    fn members_are_known_as_of_each_position_that_is_left() {
        let mut store = store();
        let of = |voters: &[u64]| Membership::of_voters(voters.iter().copied().map(ReplicaId));
        store.change(1, of(&[1]));
        store.change(2, of(&[1, 2]));
        store.change(3, of(&[1, 2, 3]));
        assert_eq!(store.members_at(2), Some(&of(&[1, 2])));
        assert_eq!((store.member_since(ReplicaId(1)), store.member_since(ReplicaId(3))), (1, 3));
        store.compact(2);
        assert_eq!((store.members_at(1), store.members_at(2)), (None, Some(&of(&[1, 2]))));
        assert_eq!((store.base(), store.members()), (&of(&[1, 2]), &of(&[1, 2, 3])));
        assert_eq!((store.member_since(ReplicaId(1)), store.member_since(ReplicaId(3))), (0, 3));
    }

    #[test]
    fn bytes_are_those_of_the_entries_that_are_held() {
        let mut store = store();
        assert_eq!(store.bytes(), 3 * ENTRY_OVERHEAD);
        store.append(&[entry(2, 3)]);
        assert_eq!(store.bytes(), 2 * ENTRY_OVERHEAD);
        store.forget(1);
        assert_eq!(store.bytes(), ENTRY_OVERHEAD);
        store.install(LogId { term: 4, index: 9 }, Membership::default());
        assert_eq!((store.bytes(), store.last()), (0, LogId { term: 4, index: 9 }));
    }

    #[test]
    fn a_compaction_beyond_the_end_changes_nothing() {
        let mut store = store();
        store.forget(2);
        store.compact(9);
        assert_eq!((store.held(), store.compacted()), (1, LogId::default()));
    }
}

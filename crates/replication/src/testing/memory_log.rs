//! What a node log keeps of one group, in memory, with a line between durable and not.
//!
//! Not here: frames, segments and damage. A crash keeps a prefix of what was not durable, which is
//! what a torn tail leaves.

use prost::Message as _;
use storage::{GroupLog, Record};

use crate::format::{EntryBytes, StateBytes};

/// The log of one group on one node.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    durable: Option<GroupLog>,
    pending: Vec<Record>,
}

impl MemoryLog {
    /// Writes records, not durable yet.
    pub fn append(&mut self, records: &[Record]) {
        self.pending.extend(records.iter().cloned());
    }

    /// Makes everything written durable.
    pub fn sync(&mut self) {
        self.crash(usize::MAX);
    }

    /// Loses what is not durable, apart from the first `kept` records.
    pub fn crash(&mut self, kept: usize) {
        for record in self.pending.drain(..).take(kept) {
            take(&mut self.durable, record);
        }
    }

    /// Records that are not durable.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What a restart would find.
    pub fn durable(&self) -> Option<&GroupLog> {
        self.durable.as_ref()
    }

    /// The term a restart would begin with.
    pub fn durable_term(&self) -> u64 {
        let Some(log) = &self.durable else { return 0 };
        let state = log.state.as_ref().and_then(|state| StateBytes::decoded(state).ok());
        let last = log.entries.last().and_then(|entry| EntryBytes::decode(entry.clone()).ok());
        state.map_or(0, |state| state.term).max(last.map_or(0, |entry| entry.term))
    }

    /// Whether the entry at `index` is durable, with exactly these bytes. A compacted one is.
    pub fn holds(&self, index: u64, bytes: &[u8]) -> bool {
        let Some(log) = &self.durable else { return false };
        if index <= log.compacted {
            return true;
        }
        let offset = index.checked_sub(log.first).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| log.entries.get(offset)).is_some_and(|held| held == bytes)
    }
}

fn take(log: &mut Option<GroupLog>, record: Record) {
    let log = log.get_or_insert_with(|| GroupLog { first: 1, ..GroupLog::default() });
    match record {
        Record::Opened { .. } => {}
        Record::Entries { first, entries, .. } => {
            let keep = usize::try_from(first.saturating_sub(log.first)).unwrap_or(usize::MAX);
            log.entries.truncate(keep);
            log.entries.extend(entries);
        }
        Record::State { state, .. } => log.state = Some(state),
        Record::Compacted { upto, .. } => {
            let gone = usize::try_from((upto + 1).saturating_sub(log.first)).unwrap_or(usize::MAX);
            log.entries.drain(..gone.min(log.entries.len()));
            log.compacted = log.compacted.max(upto);
            log.first = log.first.max(upto + 1);
        }
        Record::Sealed { .. } => log.sealed = true,
        Record::Destroyed { .. } => *log = GroupLog::default(),
    }
}

//! What a node log keeps of one group, in memory, with a line between durable and not.
//!
//! Not here: frames and segments. A crash keeps a prefix of what was not durable, which is what a torn
//! tail leaves. What the newest sync made durable may rot and pass for such a tail, unless it was
//! vouched for.

use prost::Message as _;
use storage::log::Tail;
use storage::{GroupLog, Record};

use crate::format::{EntryBytes, StateBytes};
use crate::types::LogId;

/// The log of one group on one node.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    durable: Option<GroupLog>,
    pending: Vec<Record>,
    /// What was durable before the newest sync; none where the log has vouched for that.
    before: Option<GroupLog>,
}

impl MemoryLog {
    /// Writes records, not durable yet.
    pub fn append(&mut self, records: &[Record]) {
        self.pending.extend(records.iter().cloned());
    }

    /// Makes everything written durable.
    pub fn sync(&mut self) {
        if !self.pending.is_empty() {
            self.before = self.durable.clone();
        }
        self.crash(usize::MAX);
    }

    /// Makes everything written durable, and vouches for it.
    pub fn vouch(&mut self) {
        self.sync();
        self.before = None;
    }

    /// Loses what is not durable, apart from the first `kept` records.
    pub fn crash(&mut self, kept: usize) {
        for record in self.pending.drain(..).take(kept) {
            take(&mut self.durable, record);
        }
    }

    /// What was lost has left a trace: a tail is cut off.
    pub fn cut(&mut self) {
        if let Some(log) = &mut self.durable {
            log.tail = Tail::Cut;
        }
    }

    /// What would be left if the newest sync's records rotted: where they are not vouched for, they
    /// pass for a torn tail.
    pub fn rotted(&self) -> Option<Self> {
        let durable = self.before.clone().map(|log| GroupLog { tail: Tail::Cut, ..log })?;
        Some(Self { durable: Some(durable), ..Self::default() })
    }

    /// Records that are not durable.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What a restart would find.
    pub fn durable(&self) -> Option<&GroupLog> {
        self.durable.as_ref()
    }

    /// Whether a restart would find an entry with this position, or its compaction.
    pub fn holds_id(&self, id: LogId) -> bool {
        let Some(log) = &self.durable else { return id.index == 0 };
        let offset = id.index.checked_sub(log.first).and_then(|offset| usize::try_from(offset).ok());
        let entry = offset.and_then(|offset| log.entries.get(offset));
        let term = entry.and_then(|bytes| EntryBytes::decode(bytes.clone()).ok()).map(|entry| entry.term);
        id.index <= log.compacted || term == Some(id.term)
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
        Record::State { state, .. } => (log.state, log.tail) = (Some(state), Tail::Whole),
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

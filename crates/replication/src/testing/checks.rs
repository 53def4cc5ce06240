//! What must hold of all replicas together, checked after every step of a toy cluster.
//!
//! | invariant              | sentence                                                               |
//! |------------------------|------------------------------------------------------------------------|
//! | ElectionSafety         | a term has at most one leader                                          |
//! | LogMatching            | entries of one index and term are equal, and so is all before them     |
//! | CommittedImmutable     | an index, once committed anywhere, is committed with the same entry    |
//! | CommittedOnQuorum      | what is given out as committed is durable on a majority, or was        |
//! | CommittedIsDurableHere | ... and on the replica that gives it out                               |
//! | LeaderCompleteness     | an established leader has given out all that was committed before      |
//! | CommittedAfterTerm     | ... which has its term on disk by then                                 |
//! | TermQuietWhileAlone    | a replica that nobody answers does not raise its term                  |
//!
//! Not here: the runs (`cluster`). A check reports; it never changes anything.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use storage::Record;

use super::MemoryLog;
use crate::format::EntryBytes;
use crate::types::{CommittedEntry, LogId, Role};

/// An invariant that does not hold, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {detail}")]
pub struct Violation {
    /// Its name in the table above.
    pub invariant: &'static str,
    /// Both values.
    pub detail: String,
}

fn require(holds: bool, invariant: &'static str, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, detail: detail() }) }
}

/// What has been seen of all replicas so far.
#[derive(Debug, Default)]
pub struct Checks {
    leaders: BTreeMap<u64, u64>,
    /// By position: the bytes, and the term of the entry before.
    entries: BTreeMap<LogId, (Bytes, u64)>,
    /// By index - 1.
    committed: Vec<CommittedEntry>,
    /// The term of the last entry each replica has written, by index.
    terms: BTreeMap<u64, BTreeMap<u64, u64>>,
    /// What replicas had before it rotted.
    rotted: BTreeMap<u64, MemoryLog>,
}

impl Checks {
    /// How many entries are known to be committed.
    pub fn committed(&self) -> &[CommittedEntry] {
        &self.committed
    }

    /// A replica has this role in this term.
    pub fn on_role(&mut self, replica: u64, role: Role, term: u64) -> Result<(), Violation> {
        if !matches!(role, Role::Elected | Role::Established) {
            return Ok(());
        }
        let first = *self.leaders.entry(term).or_insert(replica);
        require(first == replica, "ElectionSafety", || format!("{first} and {replica} lead in term {term}"))
    }

    /// A replica writes records.
    pub fn on_records(&mut self, replica: u64, records: &[Record]) -> Result<(), Violation> {
        for record in records {
            if let Record::Entries { first, entries, .. } = record {
                for (index, bytes) in (*first..).zip(entries) {
                    self.on_entry(replica, index, bytes)?;
                }
            }
        }
        Ok(())
    }

    fn on_entry(&mut self, replica: u64, index: u64, bytes: &Bytes) -> Result<(), Violation> {
        let term = EntryBytes::decode(bytes.clone()).map_or(0, |entry| entry.term);
        let terms = self.terms.entry(replica).or_default();
        terms.split_off(&index);
        let before = index.checked_sub(1).and_then(|before| terms.get(&before)).copied().unwrap_or(0);
        terms.insert(index, term);
        let id = LogId { term, index };
        let first = self.entries.entry(id).or_insert_with(|| (bytes.clone(), before));
        require(first.0 == bytes && first.1 == before, "LogMatching", || {
            format!("{id:?} on {replica} follows term {before}, elsewhere {}", first.1)
        })
    }

    /// A replica has crashed, and this is what its disk kept.
    pub fn on_crash(&mut self, replica: u64, log: &MemoryLog) {
        let Some(log) = log.durable() else { return };
        let terms = self.terms.entry(replica).or_default();
        terms.split_off(&log.first);
        let kept =
            log.entries.iter().map(|bytes| EntryBytes::decode(bytes.clone()).map_or(0, |entry| entry.term));
        terms.extend((log.first..).zip(kept));
    }

    /// What a replica had is about to rot.
    pub fn on_rot(&mut self, replica: u64, log: &MemoryLog) {
        self.rotted.insert(replica, log.clone());
    }

    /// A replica gives an entry out; `logs` are those of all voters.
    pub fn on_committed(
        &mut self,
        replica: u64,
        entry: &CommittedEntry,
        logs: &BTreeMap<u64, &MemoryLog>,
    ) -> Result<(), Violation> {
        let id = entry.id;
        let bytes = self.entries.get(&id).map(|(bytes, _)| bytes.clone()).unwrap_or_default();
        let here = logs.get(&replica).is_some_and(|log| log.holds(id.index, &bytes));
        require(here, "CommittedIsDurableHere", || format!("{id:?} on {replica}"))?;
        let known = usize::try_from(id.index - 1).ok().and_then(|offset| self.committed.get(offset));
        if let Some(known) = known {
            return require(known == entry, "CommittedImmutable", || {
                format!("{replica} gives out {id:?}, known is {:?}", known.id)
            });
        }
        let next = self.committed.len() + 1;
        require(u64::try_from(next) == Ok(id.index), "CommittedImmutable", || {
            format!("{replica} gives out {id:?}, next is {next}")
        })?;
        let holds = |(replica, log): &(&u64, &&MemoryLog)| {
            let had = self.rotted.get(*replica).is_some_and(|log| log.holds(id.index, &bytes));
            had || log.holds(id.index, &bytes)
        };
        let holders = logs.iter().filter(holds).count();
        require(2 * holders > logs.len(), "CommittedOnQuorum", || {
            format!("{id:?} is durable on {holders} of {}", logs.len())
        })?;
        self.committed.push(entry.clone());
        Ok(())
    }

    /// A replica is established in `term`, having given out everything up to `emitted`.
    pub fn on_established(&mut self, replica: u64, term: u64, emitted: u64) -> Result<(), Violation> {
        let earlier = self.committed.iter().rev().find(|entry| entry.id.term < term);
        let earlier = earlier.map_or(0, |entry| entry.id.index);
        require(emitted >= earlier, "LeaderCompleteness", || {
            format!("{replica} leads in term {term} with {emitted}, committed before is {earlier}")
        })
    }

    /// A replica gives entries out while its term is `term`, and `durable` on its disk.
    pub fn on_given_out(&self, replica: u64, term: u64, durable: u64) -> Result<(), Violation> {
        require(term == durable, "CommittedAfterTerm", || {
            format!("{replica} is in term {term}, its disk in {durable}")
        })
    }

    /// A replica was alone for some elections' time.
    pub fn on_alone(&self, replica: u64, before: u64, after: u64) -> Result<(), Violation> {
        require(before == after, "TermQuietWhileAlone", || {
            format!("{replica} went from term {before} to {after}")
        })
    }
}

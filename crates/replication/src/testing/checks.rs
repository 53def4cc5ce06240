//! What must hold of all replicas together, checked after every step of a toy cluster.
//!
//! | invariant              | sentence                                                               |
//! |------------------------|------------------------------------------------------------------------|
//! | ElectionSafety         | a term has at most one leader                                          |
//! | LogMatching            | entries of one index and term are equal, and so is all before them     |
//! | CommittedImmutable     | an index, once committed anywhere, is committed with the same entry    |
//! | CommittedOnQuorum      | what is given out as committed is durable on a majority, or was, of    |
//! |                        | each half of the membership, or of the one before the last change      |
//! | MembersAsCommitted     | who takes part is what the committed changes say, after restarts too   |
//! | CommittedIsDurableHere | ... and on the replica that gives it out                               |
//! | LeaderCompleteness     | an established leader has given out all that was committed before      |
//! | CommittedAfterTerm     | ... which has its term on disk by then                                 |
//! | TermQuietWhileAlone    | a replica that nobody answers does not raise its term                  |
//!
//! Not here: the runs (`cluster`). A check reports; it never changes anything.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use storage::Record;

use super::MemoryLog;
use crate::Group;
use crate::format::{EntryBytes, StateBytes};
use crate::membership::{Change, Membership};
use crate::types::{CommittedEntry, EntryKind, LogId, ReplicaId, Role};

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
    /// Who takes part, from which index on.
    members: BTreeMap<u64, Membership>,
}

impl Checks {
    /// For a group that begins with these voters.
    pub fn of(voters: &[ReplicaId]) -> Self {
        let first = Membership::of_voters(voters.iter().copied());
        Self { members: BTreeMap::from([(0, first)]), ..Self::default() }
    }

    /// Who took part, from which index on.
    pub fn members(&self) -> &BTreeMap<u64, Membership> {
        &self.members
    }

    /// The size of the smaller half of the newest membership.
    pub fn least_voters(&self) -> usize {
        let newest = self.members.last_key_value();
        newest.and_then(|(_, members)| members.halves().map(BTreeSet::len).min()).unwrap_or(0)
    }

    /// A replica takes these to be members as of `index`.
    pub fn on_members(&self, replica: u64, index: u64, members: &Membership) -> Result<(), Violation> {
        let known = self.members.range(..=index).next_back().map(|(_, members)| members);
        require(known == Some(members), "MembersAsCommitted", || {
            format!("{replica} has {members:?} as of {index}, committed are {known:?}")
        })
    }

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
            match record {
                Record::Entries { first, entries, .. } => {
                    for (index, bytes) in (*first..).zip(entries) {
                        self.on_entry(replica, index, bytes)?;
                    }
                }
                Record::State { state, .. } => {
                    let compacted = StateBytes::decoded(state).map(|state| state.compacted());
                    let compacted = compacted.unwrap_or_default();
                    self.terms.entry(replica).or_default().insert(compacted.index, compacted.term);
                }
                Record::Opened { .. }
                | Record::Compacted { .. }
                | Record::Sealed { .. }
                | Record::Destroyed { .. } => {}
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
        let compacted = Group::compacted(log);
        terms.insert(compacted.index, compacted.term);
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
        let holders: BTreeSet<_> =
            logs.iter().filter(holds).map(|(replica, _)| ReplicaId(*replica)).collect();
        // A change counts once a leader has given it out, so the last before this may not have.
        let mut in_force = self.members.range(..id.index).rev().take(2).map(|(_, members)| members);
        let is_majority = |half: &BTreeSet<ReplicaId>| 2 * half.intersection(&holders).count() > half.len();
        let agrees = in_force.any(|members| members.halves().all(is_majority));
        require(agrees, "CommittedOnQuorum", || {
            let members: Vec<_> = self.members.range(..id.index).rev().take(2).collect();
            format!("{id:?} is durable on {holders:?} only, of {members:?}")
        })?;
        if entry.kind == EntryKind::Configuration {
            self.on_change(id.index, &bytes)?;
        }
        self.committed.push(entry.clone());
        Ok(())
    }

    fn on_change(&mut self, index: u64, bytes: &Bytes) -> Result<(), Violation> {
        let change = EntryBytes::decode(bytes.clone()).ok().and_then(|entry| Change::decode(&entry.data));
        let newest = self.members.last_key_value().map(|(_, members)| members.clone()).unwrap_or_default();
        let members = change.and_then(|(change, _)| newest.after(&change).ok());
        let Some(members) = members else {
            let detail = format!("{index} changes {newest:?} in a way that cannot be");
            return Err(Violation { invariant: "MembersAsCommitted", detail });
        };
        self.members.insert(index, members);
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

//! What the log knows about each group while it runs: enough to refuse records that contradict,
//! and to say which segments are still needed and for what.
//!
//! Not here: the entries themselves. The one thing to know: a record is judged by `check` before
//! it is written and noted by `note` after, and replay after a restart notes the very same way.

use std::collections::{BTreeMap, BTreeSet};

use super::types::{Damage, GroupKey, Record, Tail};
use crate::error::Error;
use crate::format::v1::{self, Fact};
use crate::mutants;

/// The part of a group that decides whether a record fits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Number of the newest record.
    pub(super) number: u64,
    pub(super) compacted: u64,
    /// Index of the last entry, or `compacted`.
    pub(super) last: u64,
    pub(super) sealed: bool,
}

/// Entries that follow each other in one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) count: u64,
    pub(super) ordinal: u64,
    /// About how many bytes, for deciding what is worth recycling.
    bytes: u64,
}

/// A group and where its live records are.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) head: Head,
    /// Segment of the newest state.
    pub(super) state_at: Option<u64>,
    state_bytes: u64,
    /// Segment that proves the group's existence, compaction, sealing and cut; 0 while none was seen.
    pub(super) facts_at: u64,
    pub(super) tail: Tail,
    /// By index of the first entry. Invariant: disjoint; together `compacted + 1 ..= last`.
    pub(super) runs: BTreeMap<u64, Run>,
    /// Set when records were lost: nothing about the group can be believed.
    pub(super) damage: Option<Damage>,
}

/// All groups of the log.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) groups: BTreeMap<GroupKey, Group>,
}

impl Group {
    fn cut_from(&mut self, first: u64) {
        drop(self.runs.split_off(&first));
        if let Some((start, run)) = self.runs.range_mut(..first).next_back()
            && start + run.count > first
        {
            let kept = first - start;
            run.bytes = run.bytes / run.count * kept;
            run.count = kept;
        }
        self.head.last = self.head.last.min(first.saturating_sub(1)).max(self.head.compacted);
    }

    fn put(&mut self, first: u64, entries: &[bytes::Bytes], ordinal: u64) {
        if entries.is_empty() {
            return;
        }
        let (count, bytes) =
            (len_u64(entries.len()), entries.iter().map(|entry| len_u64(entry.len()) + 8).sum());
        if let Some((start, run)) = self.runs.range_mut(..first).next_back()
            && start + run.count == first
            && run.ordinal == ordinal
        {
            run.count += count;
            run.bytes += bytes;
        } else {
            self.runs.insert(first, Run { count, ordinal, bytes });
        }
        self.head.last = self.head.last.max(first + count - 1);
    }

    fn compact(&mut self, upto: u64) {
        if upto <= self.head.compacted {
            return;
        }
        let later = self.runs.split_off(&(upto + 1));
        if let Some((start, run)) = self.runs.pop_last()
            && start + run.count > upto + 1
        {
            let count = start + run.count - upto - 1;
            let bytes = run.bytes / run.count * count;
            self.runs = BTreeMap::from([(upto + 1, Run { count, bytes, ..run })]);
        } else {
            self.runs.clear();
        }
        self.runs.extend(later);
        self.head.compacted = upto;
        self.head.last = self.head.last.max(upto);
    }

    /// Moves entries that are carried forward to another segment.
    fn carry(&mut self, first: u64, entries: &[bytes::Bytes], ordinal: u64) {
        let next = first + len_u64(entries.len());
        let last = self.head.last;
        let mut later = self.runs.split_off(&next);
        if let Some((start, run)) = self.runs.range(..next).next_back().map(|(start, run)| (*start, *run))
            && start + run.count > next
        {
            // Only part of a run is carried, which happens where a reader lacks what came before.
            let count = start + run.count - next;
            later.insert(next, Run { count, bytes: run.bytes / run.count * count, ..run });
        }
        self.cut_from(first);
        self.put(first, entries, ordinal);
        self.runs.append(&mut later);
        self.head.last = self.head.last.max(last);
    }

    /// Whether a segment holds anything of this group that is still needed.
    pub(super) fn needs(&self, ordinal: u64) -> bool {
        self.state_at == Some(ordinal)
            || self.facts_at == ordinal
            || self.runs.values().any(|run| run.ordinal == ordinal)
    }

    fn live_bytes(&self, ordinal: u64) -> u64 {
        let state = if self.state_at == Some(ordinal) { self.state_bytes } else { 0 };
        let facts = if self.facts_at == ordinal { 64 } else { 0 };
        let runs = self.runs.values().filter(|run| run.ordinal == ordinal).map(|run| run.bytes);
        state + facts + runs.sum::<u64>()
    }
}

impl Head {
    /// Judges a record and says what the group looks like after it; `None` for a destroyed group.
    fn after(head: Option<Self>, record: &Record) -> Result<Option<Self>, String> {
        let Some(mut head) = head else {
            return match record {
                Record::Opened { .. } => Ok(Some(Self { number: 1, ..Self::default() })),
                Record::Entries { .. }
                | Record::State { .. }
                | Record::Compacted { .. }
                | Record::Sealed { .. }
                | Record::Destroyed { .. } => Err("the group was never opened".to_owned()),
            };
        };
        head.number += 1;
        match record {
            Record::Opened { .. } => return Err("the group exists already".to_owned()),
            Record::Destroyed { .. } => return Ok(None),
            Record::Entries { first, entries, .. } => {
                if head.sealed {
                    return Err("the group is sealed".to_owned());
                }
                if *first <= head.compacted || *first > head.last + 1 {
                    let (from, to) = (head.compacted + 1, head.last + 1);
                    return Err(format!("entries start at {first}, possible is {from} to {to}"));
                }
                head.last = first - 1 + len_u64(entries.len());
            }
            Record::Compacted { upto, .. } => {
                head.compacted = head.compacted.max(*upto);
                head.last = head.last.max(*upto);
            }
            Record::Sealed { .. } => head.sealed = true,
            Record::State { .. } => {}
        }
        Ok(Some(head))
    }
}

impl Index {
    /// Judges the records of one append, and gives each its number.
    pub(super) fn check(&self, records: &[Record]) -> Result<Vec<u64>, Error> {
        let mut heads: BTreeMap<GroupKey, Option<Head>> = BTreeMap::new();
        let mut numbers = Vec::with_capacity(records.len());
        for record in records {
            let group = record.group();
            let known = self.groups.get(&group);
            let destroyed = matches!(record, Record::Destroyed { .. });
            if known.is_some_and(|known| known.damage.is_some()) && !destroyed {
                return Err(Error::Quarantined { group });
            }
            let head = heads.get(&group).copied().unwrap_or_else(|| known.map(|known| known.head));
            let after = Head::after(head, record).map_err(|why| Error::Refused { group, why })?;
            numbers.push(head.map_or(1, |head| head.number + 1));
            heads.insert(group, after);
        }
        Ok(numbers)
    }

    /// Takes note of a record that lies in segment `ordinal`.
    pub(super) fn note(&mut self, record: &v1::Record, ordinal: u64) {
        let key = GroupKey::from(record.group);
        let group = self.groups.entry(key).or_default();
        group.head.number = record.number;
        match &record.fact {
            Some(Fact::Opened(_)) => group.facts_at = ordinal,
            Some(Fact::Entries(entries)) => {
                group.cut_from(entries.first);
                group.put(entries.first, &entries.entries, ordinal);
            }
            Some(Fact::State(state)) => {
                group.state_at = Some(ordinal);
                group.state_bytes = len_u64(state.len()) + 32;
                group.tail = Tail::Whole;
            }
            Some(Fact::Compacted(upto)) => {
                group.compact(*upto);
                group.facts_at = ordinal;
            }
            Some(Fact::Sealed(_)) => {
                group.head.sealed = true;
                group.facts_at = ordinal;
            }
            Some(Fact::Destroyed(_)) => drop(self.groups.remove(&key)),
            Some(Fact::Carried(carried)) => {
                group.facts_at = ordinal;
                group.head.sealed |= carried.sealed;
                if carried.cut {
                    group.tail = Tail::Cut;
                }
                group.compact(carried.compacted);
                if let Some(state) = &carried.state {
                    group.state_at = Some(ordinal);
                    group.state_bytes = len_u64(state.len()) + 32;
                }
                for run in &carried.runs {
                    group.carry(run.first, &run.entries, ordinal);
                }
            }
            None => {}
        }
    }

    /// Takes note of a tail that was cut off: every group may have lost something with it.
    pub(super) fn note_cut(&mut self, ordinal: u64) {
        if mutants::active("cut-tail-forgotten") {
            return;
        }
        for group in self.groups.values_mut() {
            (group.tail, group.facts_at) = (Tail::Cut, ordinal);
        }
    }

    /// See [`super::types::GroupLog::tail`].
    pub(super) fn tail(&self, key: &GroupKey) -> Tail {
        self.groups.get(key).map_or(Tail::Whole, |group| group.tail)
    }

    /// The groups that still need something of a segment, and about how many bytes.
    pub(super) fn live(&self, ordinal: u64) -> (BTreeSet<GroupKey>, u64) {
        let living = self.groups.iter().filter(|(_, group)| group.needs(ordinal));
        living.fold((BTreeSet::new(), 0), |(mut keys, bytes), (key, group)| {
            keys.insert(*key);
            (keys, bytes + group.live_bytes(ordinal))
        })
    }

    /// Every group with the number of its newest record.
    pub(super) fn roll_call(&self) -> v1::RollCall {
        let present = self.groups.iter().map(|(key, group)| v1::Present {
            group: (*key).into(),
            number: group.head.number,
            damaged: group.damage.is_some(),
        });
        v1::RollCall { present: present.collect() }
    }

    /// Whether any group is quarantined.
    pub(super) fn is_damaged(&self) -> bool {
        self.groups.values().any(|group| group.damage.is_some())
    }
}

fn len_u64(len: usize) -> u64 {
    u64::try_from(len).expect("a length in memory fits into 64 bits")
}

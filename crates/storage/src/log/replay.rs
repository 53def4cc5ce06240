//! Turns the appends that can be believed into the logs of the groups, and says which groups lost
//! records where some cannot be.
//!
//! Every group counts its records. After a loss each group is a suspect until its next record, a
//! roll call, or the word of the next append about the one before it shows that no number is missing.
//!
//! Not here: which appends can be believed (`recovery`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::index::{Group, Index};
use super::types::{Damage, GroupKey, GroupLog, Roster};
use crate::format::v1::{self, Append, Fact, Present};

/// What is rebuilt of one group besides the index.
#[derive(Debug, Default)]
struct Content {
    state: Option<Bytes>,
    entries: BTreeMap<u64, Bytes>,
}

/// The state of a replay.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) index: Index,
    contents: BTreeMap<GroupKey, Content>,
    /// Groups that may have lost records at the newest loss.
    suspects: BTreeMap<GroupKey, Damage>,
    /// A loss after which no list of all groups was seen.
    unlisted: Option<Damage>,
    /// First lost sequence of a loss that no append after it has explained yet.
    unexplained: Option<u64>,
    /// Segments below this ordinal are not needed.
    pub(super) oldest: u64,
    /// What the newest append touched, for the next one to say.
    pub(super) previous: Option<v1::Previous>,
    started: bool,
}

/// What replay leaves.
pub(super) struct Outcome {
    pub(super) index: Index,
    pub(super) groups: BTreeMap<GroupKey, GroupLog>,
    pub(super) quarantined: BTreeMap<GroupKey, Damage>,
    pub(super) roster: Roster,
    pub(super) oldest: u64,
    pub(super) previous: Option<v1::Previous>,
}

impl Replay {
    /// Records from sequence `from` on are gone.
    pub(super) fn lose(&mut self, from: u64, damage: &Damage) {
        for (key, group) in &self.index.groups {
            if group.damage.is_none() {
                self.suspects.entry(*key).or_insert_with(|| damage.clone());
            }
        }
        self.unlisted = Some(damage.clone());
        self.unexplained = Some(from);
        self.previous = None;
        self.started = true;
    }

    /// Replays one append that lies in segment `ordinal`.
    pub(super) fn take(&mut self, append: &Append, first_sequence: u64, ordinal: u64) {
        self.oldest = self.oldest.max(append.oldest);
        if let Some(previous) = &append.previous {
            self.explain(previous);
        }
        self.unexplained = None;
        if let Some(roll_call) = &append.roll_call {
            self.call(roll_call);
        }
        if append.cut {
            self.index.note_cut(ordinal);
        }
        self.started = true;
        let mut touched = BTreeMap::new();
        for record in &append.records {
            touched.insert(GroupKey::from(record.group), record.number);
            self.record(record, ordinal);
        }
        self.previous = Some(previous(first_sequence, &touched, &self.index));
    }

    /// The append before this one is lost, and this one says all that was in it.
    fn explain(&mut self, previous: &v1::Previous) {
        if self.unexplained.is_none_or(|from| previous.first_sequence > from) {
            return;
        }
        let touched: BTreeSet<GroupKey> =
            previous.touched.iter().map(|present| present.group.into()).collect();
        for present in &previous.touched {
            self.present(present);
        }
        self.suspects.retain(|key, _| touched.contains(key));
        self.unlisted = None;
    }

    /// Compares a list of all groups with those known here.
    fn call(&mut self, roll_call: &v1::RollCall) {
        let listed: BTreeSet<GroupKey> =
            roll_call.present.iter().map(|present| present.group.into()).collect();
        if !self.started {
            // The log begins here: what the groups had before comes later, carried forward.
            for present in &roll_call.present {
                let group = self.index.groups.entry(present.group.into()).or_default();
                group.head.number = present.number;
            }
        }
        for present in &roll_call.present {
            self.present(present);
        }
        // A known group that is not listed was destroyed in what is lost; it stays a suspect.
        self.suspects.retain(|key, _| !listed.contains(key));
        for (key, damage) in std::mem::take(&mut self.suspects) {
            self.damage(key, damage);
        }
        self.unlisted = None;
    }

    fn present(&mut self, present: &Present) {
        let key = GroupKey::from(present.group);
        let known = self.index.groups.get(&key).filter(|group| group.damage.is_none());
        let whole = known.is_some_and(|group| group.head.number == present.number) && !present.damaged;
        let suspicion = self.suspects.remove(&key);
        if !whole {
            let damage = suspicion.or_else(|| self.unlisted.clone()).unwrap_or_else(|| unproven(key));
            self.damage(key, damage);
        }
    }

    fn damage(&mut self, key: GroupKey, damage: Damage) {
        self.contents.remove(&key);
        let group = self.index.groups.entry(key).or_default();
        group.damage.get_or_insert(damage);
    }

    fn record(&mut self, record: &v1::Record, ordinal: u64) {
        let key = GroupKey::from(record.group);
        if let Some(Fact::Destroyed(_)) = &record.fact {
            self.suspects.remove(&key);
            self.contents.remove(&key);
            self.index.groups.remove(&key);
            return;
        }
        let known = self.index.groups.get(&key);
        let opens = known.is_none() && matches!(&record.fact, Some(Fact::Opened(_)));
        let follows = known.map_or(0, |group| group.head.number) + 1 == record.number;
        if known.is_some_and(|group| group.damage.is_some()) {
            return;
        }
        if !follows || (known.is_none() && !opens) {
            let suspicion = self.suspects.remove(&key).or_else(|| self.unlisted.clone());
            self.damage(key, suspicion.unwrap_or_else(|| unproven(key)));
            return;
        }
        self.suspects.remove(&key);
        self.index.note(record, ordinal);
        self.content(key, record);
    }

    fn content(&mut self, key: GroupKey, record: &v1::Record) {
        let content = self.contents.entry(key).or_default();
        match &record.fact {
            Some(Fact::Entries(entries)) => {
                drop(content.entries.split_off(&entries.first));
                content.entries.extend((entries.first..).zip(entries.entries.iter().cloned()));
            }
            Some(Fact::State(state)) => content.state = Some(state.clone()),
            Some(Fact::Compacted(upto)) => content.compact(*upto),
            Some(Fact::Carried(carried)) => {
                if let Some(state) = &carried.state {
                    content.state = Some(state.clone());
                }
                for run in &carried.runs {
                    content.entries.extend((run.first..).zip(run.entries.iter().cloned()));
                }
                content.compact(carried.compacted);
            }
            Some(Fact::Opened(_) | Fact::Sealed(_) | Fact::Destroyed(_)) | None => {}
        }
    }

    /// Ends the replay: who could not be proven whole is quarantined.
    pub(super) fn finish(mut self) -> Outcome {
        for (key, damage) in std::mem::take(&mut self.suspects) {
            self.damage(key, damage);
        }
        let mut groups = BTreeMap::new();
        for (key, group) in &mut self.index.groups {
            if group.damage.is_some() {
                continue;
            }
            let content = self.contents.remove(key).unwrap_or_default();
            match content.into_log(group) {
                Ok(log) => drop(groups.insert(*key, log)),
                Err(why) => group.damage = Some(Damage { why, ..unproven(*key) }),
            }
        }
        let damaged = |(key, group): (&GroupKey, &Group)| Some((*key, group.damage.clone()?));
        let quarantined = self.index.groups.iter().filter_map(damaged).collect();
        let roster = if self.unlisted.is_some() { Roster::GroupsMayBeMissing } else { Roster::Complete };
        let (oldest, previous) = (self.oldest, self.previous);
        Outcome { index: self.index, groups, quarantined, roster, oldest, previous }
    }
}

impl Content {
    fn compact(&mut self, upto: u64) {
        self.entries = self.entries.split_off(&(upto + 1));
    }

    fn into_log(self, group: &Group) -> Result<GroupLog, String> {
        let head = group.head;
        if group.facts_at == 0 {
            return Err("the segment with its beginning is gone".to_owned());
        }
        let first = head.compacted + 1;
        let gap = (first..).zip(self.entries.keys()).find(|(expected, index)| expected != *index);
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        if let Some((expected, _)) = gap {
            return Err(format!("entry {expected} is missing"));
        }
        if head.compacted + count != head.last {
            return Err(format!("entries end at {}, {} was known", head.compacted + count, head.last));
        }
        let entries = self.entries.into_values().collect();
        let (compacted, sealed, tail) = (head.compacted, head.sealed, group.tail);
        Ok(GroupLog { state: self.state, compacted, first, entries, sealed, tail })
    }
}

/// What an append touched, in the form in which the next one repeats it.
pub(super) fn previous(
    first_sequence: u64,
    touched: &BTreeMap<GroupKey, u64>,
    index: &Index,
) -> v1::Previous {
    // A group that was destroyed is named all the same: its loss must show too.
    let present = |(key, number): (&GroupKey, &u64)| Present {
        group: (*key).into(),
        number: *number,
        damaged: index.groups.get(key).is_some_and(|group| group.damage.is_some()),
    };
    v1::Previous { first_sequence, touched: touched.iter().map(present).collect() }
}

fn unproven(key: GroupKey) -> Damage {
    Damage {
        file: std::path::PathBuf::new(),
        offset: 0,
        sequence: 0,
        why: format!("records of group {key} are missing, and nothing says where they were"),
    }
}

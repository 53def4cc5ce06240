//! A node log by plain rules: what replaying records gives, without segments, frames or checksums.
//!
//! Not here: durability. Whoever compares keeps one model of what was promised and one of what was
//! attempted, and expects to find either or anything whole in between.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::log::{GroupKey, GroupLog, Record, Tail};

/// The groups that a log should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// Each group's log.
    pub groups: BTreeMap<GroupKey, GroupLog>,
}

impl Model {
    /// What was found, without the word on whether a tail was cut off.
    pub fn of(mut groups: BTreeMap<GroupKey, GroupLog>) -> Self {
        groups.values_mut().for_each(|group| group.tail = Tail::Whole);
        Self { groups }
    }

    /// Replays records that the log accepted.
    pub fn apply(&mut self, records: &[Record]) {
        for record in records {
            let group = record.group();
            match record {
                Record::Opened { .. } => {
                    self.groups.insert(group, GroupLog { first: 1, ..GroupLog::default() });
                }
                Record::Destroyed { .. } => drop(self.groups.remove(&group)),
                Record::Entries { .. }
                | Record::State { .. }
                | Record::Compacted { .. }
                | Record::Sealed { .. } => apply(self.groups.entry(group).or_default(), record),
            }
        }
    }
}

fn apply(log: &mut GroupLog, record: &Record) {
    match record {
        Record::Entries { first, entries, .. } => {
            log.entries.truncate(usize::try_from(first - log.first).expect("entries follow the first"));
            log.entries.extend(entries.iter().cloned());
        }
        Record::State { state, .. } => log.state = Some(state.clone()),
        Record::Compacted { upto, .. } if *upto > log.compacted => {
            let gone = usize::try_from(upto - log.compacted).unwrap_or(usize::MAX);
            log.entries.drain(..gone.min(log.entries.len()));
            log.compacted = *upto;
            log.first = upto + 1;
        }
        Record::Sealed { .. } => log.sealed = true,
        Record::Compacted { .. } | Record::Opened { .. } | Record::Destroyed { .. } => {}
    }
}

/// The key of test group `number`.
pub fn group(number: u64) -> GroupKey {
    GroupKey { partition: number, lineage: 1, replica: number * 10 + 1 }
}

/// Records that grow a log: opens, votes, appends, replaces and compacts, on a seed.
#[derive(Debug)]
pub struct Workload {
    random: platform::fault::SimEntropy,
    groups: u64,
    entry_bytes_max: u64,
    /// What the log should hold once all batches handed out so far are applied.
    pub model: Model,
}

impl Workload {
    /// A workload over `groups` groups with entries of up to `entry_bytes_max` bytes.
    pub fn new(seed: u64, groups: u64, entry_bytes_max: u64) -> Self {
        let random = platform::fault::SimEntropy::new(seed);
        Self { random, groups, entry_bytes_max, model: Model::default() }
    }

    /// The next records to append together; applied to the model already.
    pub fn next_batch(&mut self) -> Vec<Record> {
        let count = 1 + self.random.below(3);
        (0..count).flat_map(|_| self.next_records()).collect()
    }

    fn next_records(&mut self) -> Vec<Record> {
        // The last group idles: it votes once and is then only carried along.
        let number = self.random.below(self.groups);
        let group = group(number);
        let idle = number + 1 == self.groups;
        let records = match self.model.groups.get(&group) {
            None => vec![Record::Opened { group }, Record::State { group, state: self.bytes(8) }],
            Some(_) if idle && !self.random.chance(5) => return Vec::new(),
            Some(log) => {
                let (compacted, last) = (log.compacted, log.last());
                vec![self.next_record(group, compacted, last)]
            }
        };
        self.model.apply(&records);
        records
    }

    fn next_record(&mut self, group: GroupKey, compacted: u64, last: u64) -> Record {
        match self.random.below(10) {
            0..=1 => Record::State { group, state: self.bytes(8) },
            2 => Record::Compacted { group, upto: compacted + self.random.below(last - compacted + 1) },
            3 => {
                let first = compacted + 1 + self.random.below(last + 1 - compacted);
                Record::Entries { group, first, entries: self.entries() }
            }
            _more => Record::Entries { group, first: last + 1, entries: self.entries() },
        }
    }

    fn entries(&self) -> Vec<Bytes> {
        (0..=self.random.below(3)).map(|_| self.bytes(self.entry_bytes_max)).collect()
    }

    fn bytes(&self, max: u64) -> Bytes {
        use platform::Entropy as _;
        let mut bytes = vec![0; usize::try_from(1 + self.random.below(max)).unwrap_or(1)];
        self.random.fill(&mut bytes);
        bytes.into()
    }
}

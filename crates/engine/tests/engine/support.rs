//! A partition over a store in memory, and a world around it that performs effects.
//!
//! Not here: what is tested. The machine loads exactly what `needs` asks for, so a row that is
//! touched without being asked for is found.

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::id::LogId;
use engine::partition::command::{Command, Entry, RaiseEpoch, TokenEpoch};
use engine::partition::effect::{Effect, Effects};
use engine::partition::{self, Cursor, invariants, view};
use engine::rows::{Needs, WorkingSet, WriteSet};
use engine::time::Timestamp;

/// How the machine treats its memory between entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    Keeps,
    Forgets,
}

/// One partition and its store.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) rows: WorkingSet,
    pub(crate) store: BTreeMap<Bytes, Bytes>,
    pub(crate) memory: Memory,
    pub(crate) id: LogId,
    pub(crate) at: Timestamp,
}

pub(crate) const LINEAGE: u64 = 1;
pub(crate) const LEASE: u64 = 1;

impl Machine {
    pub(crate) fn new(memory: Memory) -> Self {
        let id = LogId { term: 1, index: 0 };
        let at = Timestamp::new(1_000, 0);
        Self { rows: WorkingSet::new(), store: BTreeMap::new(), memory, id, at }
    }

    /// With its first entry applied: partition 0 of 1.
    pub(crate) fn led(memory: Memory) -> Self {
        let mut machine = Self::new(memory);
        machine.apply(raise_epoch());
        machine
    }

    pub(crate) fn epoch(&self) -> TokenEpoch {
        TokenEpoch { lineage: LINEAGE, lease: LEASE, term: self.id.term }
    }

    pub(crate) fn load(&mut self, needs: &Needs) {
        assert!(!needs.is_empty(), "a question without an answer that needs nothing");
        for key in &needs.keys {
            let value = self.store.get(key.as_bytes()).cloned();
            self.rows.load(key.clone(), value).unwrap();
        }
        for range in &needs.ranges {
            let from = Bytes::copy_from_slice(range.from.as_bytes());
            let to = Bytes::copy_from_slice(range.to.as_bytes());
            let run = self.store.range(from..to).take(range.limit);
            let rows =
                run.map(|(key, value)| (engine::rows::Key::from_bytes(key.clone()), value.clone())).collect();
            self.rows.load_range(range, rows).unwrap();
        }
    }

    /// Asks until nothing is missing.
    pub(crate) fn ask<T>(&mut self, question: impl Fn(&WorkingSet) -> Result<T, Needs>) -> T {
        for _ in 0..10_000 {
            match question(&self.rows) {
                Ok(answer) => return answer,
                Err(needs) => self.load(&needs),
            }
        }
        panic!("needs without end");
    }

    pub(crate) fn apply(&mut self, command: Command) -> (Effects, WriteSet) {
        self.apply_entry(Some(command))
    }

    fn apply_entry(&mut self, command: Option<Command>) -> (Effects, WriteSet) {
        self.id.index += 1;
        if let Some(command) = &command {
            let at = self.at;
            self.ask(|rows| {
                let needs = partition::needs(command, at, rows);
                if needs.is_empty() { Ok(()) } else { Err(needs) }
            });
        }
        let entry = Entry { at: self.at.into(), command };
        let effects = partition::apply(&mut self.rows, self.id, &entry);
        let writes = self.rows.take_writes();
        for (key, value) in &writes {
            let key = Bytes::copy_from_slice(key.as_bytes());
            match value {
                Some(value) => self.store.insert(key, value.clone()),
                None => self.store.remove(&key),
            };
        }
        if self.memory == Memory::Forgets {
            self.rows.evict(0);
            assert_eq!(self.rows.bytes(), 0, "an evicted working set holds nothing");
        }
        (effects, writes)
    }

    /// The partition as a restarted replica would load it, wholly.
    pub(crate) fn whole(&self) -> WorkingSet {
        let mut rows = WorkingSet::new();
        for (key, value) in &self.store {
            rows.load(engine::rows::Key::from_bytes(key.clone()), Some(value.clone())).unwrap();
        }
        rows
    }

    pub(crate) fn check(&self) {
        assert_eq!(invariants::check(&self.whole()), None, "after entry {}", self.id);
    }

    /// Every effect that is not finished, as a new leader finds them.
    pub(crate) fn outstanding(&mut self) -> Vec<Effect> {
        let mut found = Vec::new();
        let mut cursor = Some(Cursor::START);
        while let Some(at) = cursor {
            let (effects, next) = self.ask(|rows| partition::outstanding(rows, at.clone()));
            found.extend(effects);
            cursor = next;
        }
        found
    }

    /// A new leader: the same state, a higher epoch, nothing in memory.
    pub(crate) fn fail_over(&mut self) {
        self.rows = WorkingSet::new();
        self.id.term += 1;
        self.apply(raise_epoch());
    }

    pub(crate) fn digest(&mut self) -> u64 {
        self.ask(view::meta).digest
    }
}

pub(crate) fn raise_epoch() -> Command {
    Command::RaiseEpoch(RaiseEpoch {
        lineage: LINEAGE,
        lease: LEASE,
        owner: String::new(),
        partition: 0,
        partitions: 1,
    })
}

/// Small and deterministic (xorshift64*): the same seed gives the same run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

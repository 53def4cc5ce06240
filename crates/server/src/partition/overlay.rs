//! Row changes that are applied but not yet in the tables.
//!
//! Truth is the tables plus this. The working set above it is only a cache of rows, so any row of the
//! working set may be dropped at any time. Of what is committed only the newest version of each row is
//! kept: an older one is freed while it is still warm. Not here: which changes are committed (the core
//! says so) and writing them (the store thread does).

use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use engine::id::LogId;
use engine::rows::{Key, WriteSet};

/// A value of a row and the entry that wrote it; `None` is a deletion.
#[derive(Debug, Clone)]
struct Version {
    index: u64,
    value: Option<Bytes>,
}

type Versions = BTreeMap<Key, Version>;

/// See the file's header.
#[derive(Debug, Default)]
pub struct Overlay {
    /// The newest committed version of each row that the tables lack.
    committed: Versions,
    /// What is not committed, by entry. Invariant: ids strictly ascend.
    tail: VecDeque<(LogId, WriteSet)>,
    /// Invariant: holds exactly the newest version of every key in `tail`.
    newest: Versions,
    bytes: usize,
}

/// What a row is, as far as the overlay knows.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The newest value.
    Value(Bytes),
    /// Deleted by an entry that is not in the tables yet.
    Deleted,
    /// Ask the tables.
    Unknown,
}

impl Overlay {
    /// Adds what the entry `id` changed.
    pub fn push(&mut self, id: LogId, writes: WriteSet) {
        debug_assert!(self.tail.back().is_none_or(|(last, _)| last.index < id.index), "sets ascend");
        for (key, value) in &writes {
            self.bytes += weight(key, value.as_ref());
            self.newest.insert(key.clone(), Version { index: id.index, value: value.clone() });
        }
        if !writes.is_empty() {
            self.tail.push_back((id, writes));
        }
    }

    /// Entries up to and including `upto` are committed.
    pub fn commit(&mut self, upto: u64) {
        while self.tail.front().is_some_and(|(id, _)| id.index <= upto) {
            let Some((id, writes)) = self.tail.pop_front() else { break };
            for (key, value) in writes {
                if self.newest.get(&key).is_some_and(|version| version.index == id.index) {
                    self.newest.remove(&key);
                }
                self.keep(key, Version { index: id.index, value });
            }
        }
    }

    fn keep(&mut self, key: Key, version: Version) {
        match self.committed.entry(key) {
            Entry::Vacant(place) => {
                place.insert(version);
            }
            Entry::Occupied(mut place) => {
                let older = place.insert(version);
                self.bytes = self.bytes.saturating_sub(weight(place.key(), older.value.as_ref()));
            }
        }
    }

    /// The newest version of one row.
    pub fn get(&self, key: &Key) -> Found {
        match self.newest.get(key).or_else(|| self.committed.get(key)) {
            Some(Version { value: Some(value), .. }) => Found::Value(value.clone()),
            Some(Version { value: None, .. }) => Found::Deleted,
            None => Found::Unknown,
        }
    }

    /// The overlay's rows in `[from, to)`, deletions included, in key order.
    pub fn range<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
    ) -> impl Iterator<Item = (&'a Key, Option<&'a Bytes>)> {
        let run = |versions: &'a Versions| {
            (from < to).then(|| versions.range(from.clone()..to.clone())).into_iter().flatten()
        };
        newer_over(run(&self.newest), run(&self.committed))
            .map(|(key, version)| (key, version.value.as_ref()))
    }

    /// The newest version, of entries up to and including `upto`, of each row they changed, for the
    /// tables, in key order. `upto` is what is committed, or beyond. They stay here until
    /// [`Overlay::stored`].
    pub fn upto(&self, upto: u64) -> WriteSet {
        let newest = self.newest.iter().filter(|(_, version)| version.index <= upto);
        newer_over(newest, self.committed.iter())
            .map(|(key, version)| (key.clone(), version.value.clone()))
            .collect()
    }

    /// The tables hold everything up to and including `upto` durably.
    pub fn stored(&mut self, upto: u64) {
        // Most go: building what is left costs less than taking them out one by one.
        let committed = std::mem::take(&mut self.committed);
        let bytes = &mut self.bytes;
        let stays = |(key, version): &(Key, Version)| {
            if version.index <= upto {
                *bytes = bytes.saturating_sub(weight(key, version.value.as_ref()));
            }
            version.index > upto
        };
        self.committed = committed.into_iter().filter(stays).collect();
    }

    /// Forgets what is not committed: those entries may never have happened.
    pub fn drop_tail(&mut self) {
        self.newest.clear();
        for (key, value) in self.tail.drain(..).flat_map(|(_, writes)| writes) {
            self.bytes = self.bytes.saturating_sub(weight(&key, value.as_ref()));
        }
    }

    /// Bytes of keys and values held, superseded versions of what is not committed included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.tail.is_empty()
    }

    /// Whether there is anything for the tables.
    pub fn has_committed(&self) -> bool {
        !self.committed.is_empty()
    }
}

/// Two runs in key order as one; where both have a key, the first run's is taken.
fn newer_over<'a>(
    newer: impl Iterator<Item = (&'a Key, &'a Version)>,
    older: impl Iterator<Item = (&'a Key, &'a Version)>,
) -> impl Iterator<Item = (&'a Key, &'a Version)> {
    let (mut newer, mut older) = (newer.peekable(), older.peekable());
    std::iter::from_fn(move || {
        let order = match (newer.peek(), older.peek()) {
            (Some((newer, _)), Some((older, _))) => newer.cmp(older),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => newer.next(),
            Ordering::Equal => {
                older.next();
                newer.next()
            }
            Ordering::Greater => older.next(),
        }
    })
}

/// Bookkeeping per row beside its bytes: map node, set slot, reference counts.
const ROW_OVERHEAD_BYTES: usize = 96;

fn weight(key: &Key, value: Option<&Bytes>) -> usize {
    ROW_OVERHEAD_BYTES + key.as_bytes().len() + value.map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::from_bytes(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn set(rows: &[(&str, Option<&str>)]) -> WriteSet {
        rows.iter().map(|(k, v)| (key(k), v.map(|v| Bytes::copy_from_slice(v.as_bytes())))).collect()
    }

    fn at(index: u64) -> LogId {
        LogId { term: 1, index }
    }

    #[test]
    fn the_newest_version_of_a_row_wins_until_it_is_stored() {
        let mut overlay = Overlay::default();
        overlay.push(at(1), set(&[("a", Some("1")), ("b", Some("1"))]));
        overlay.push(at(2), set(&[("a", None)]));
        for committed in [0, 1, 2] {
            overlay.commit(committed);
            assert_eq!(overlay.get(&key("a")), Found::Deleted);
            assert_eq!(overlay.get(&key("b")), Found::Value(Bytes::from_static(b"1")));
        }
        overlay.stored(1);
        assert_eq!(overlay.get(&key("a")), Found::Deleted);
        assert_eq!(overlay.get(&key("b")), Found::Unknown);
        overlay.stored(2);
        assert_eq!(overlay.get(&key("a")), Found::Unknown);
        assert!(overlay.is_empty());
        assert_eq!(overlay.bytes(), 0);
    }

    #[test]
    fn dropping_what_was_not_committed_brings_the_committed_version_back() {
        let mut overlay = Overlay::default();
        overlay.push(at(1), set(&[("a", Some("old"))]));
        overlay.commit(1);
        let bytes = overlay.bytes();
        overlay.push(at(2), set(&[("a", Some("new")), ("b", Some("new"))]));
        overlay.drop_tail();
        assert_eq!(overlay.get(&key("a")), Found::Value(Bytes::from_static(b"old")));
        assert_eq!(overlay.get(&key("b")), Found::Unknown);
        assert_eq!(overlay.bytes(), bytes);
    }

    #[test]
    fn only_committed_versions_go_to_the_tables() {
        let mut overlay = Overlay::default();
        overlay.push(at(1), set(&[("a", Some("1"))]));
        overlay.push(at(2), set(&[("a", Some("2")), ("b", None)]));
        overlay.push(at(3), set(&[("a", Some("3")), ("c", Some("3"))]));
        assert!(!overlay.has_committed());
        overlay.commit(2);
        assert_eq!(overlay.upto(2), set(&[("a", Some("2")), ("b", None)]));
        assert_eq!(overlay.upto(3), set(&[("a", Some("3")), ("b", None), ("c", Some("3"))]));
    }

    #[test]
    fn a_range_has_the_newest_version_of_each_row_in_order() {
        let mut overlay = Overlay::default();
        overlay.push(at(1), set(&[("a", Some("1")), ("b", Some("1")), ("d", Some("1")), ("z", Some("1"))]));
        overlay.commit(1);
        overlay.push(at(2), set(&[("b", None), ("c", Some("2"))]));
        let (from, to) = (key("a"), key("e"));
        let found: WriteSet = overlay.range(&from, &to).map(|(k, v)| (k.clone(), v.cloned())).collect();
        assert_eq!(found, set(&[("a", Some("1")), ("b", None), ("c", Some("2")), ("d", Some("1"))]));
        assert_eq!(overlay.range(&to, &from).count(), 0);
    }
}

//! Row changes that are applied but not yet in the tables, in log order.
//!
//! Truth is the tables plus this. The working set above it is only a cache of decoded rows, so any
//! row of the working set may be dropped at any time. Not here: which changes are committed (the
//! core says so) and writing them (the store thread does).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use engine::id::LogId;
use engine::rows::{Key, WriteSet};

/// The newest value of a row and the entry that wrote it; `None` is a deletion.
#[derive(Debug, Clone)]
struct Version {
    index: u64,
    value: Option<Bytes>,
}

/// See the file's header.
#[derive(Debug, Default)]
pub struct Overlay {
    /// Invariant: holds exactly the newest version of every key in `sets`.
    rows: BTreeMap<Key, Version>,
    /// Invariant: ids strictly ascend.
    sets: VecDeque<(LogId, WriteSet)>,
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
        debug_assert!(self.sets.back().is_none_or(|(last, _)| last.index < id.index), "sets ascend");
        for (key, value) in &writes {
            self.bytes += weight(key, value.as_ref());
            self.rows.insert(key.clone(), Version { index: id.index, value: value.clone() });
        }
        if !writes.is_empty() {
            self.sets.push_back((id, writes));
        }
    }

    /// The newest version of one row.
    pub fn get(&self, key: &Key) -> Found {
        match self.rows.get(key) {
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
        let bounds = (from < to).then(|| from.clone()..to.clone());
        bounds
            .into_iter()
            .flat_map(|bounds| self.rows.range(bounds))
            .map(|(key, version)| (key, version.value.as_ref()))
    }

    /// The newest committed version of each row changed up to and including `upto`, for the tables.
    /// They stay here until [`Overlay::stored`].
    pub fn committed(&self, upto: u64) -> BTreeMap<Key, Option<Bytes>> {
        self.sets
            .iter()
            .take_while(|(id, _)| id.index <= upto)
            .flat_map(|(_, writes)| writes.iter().cloned())
            .collect()
    }

    /// The tables hold everything up to and including `upto` durably.
    pub fn stored(&mut self, upto: u64) {
        while self.sets.front().is_some_and(|(id, _)| id.index <= upto) {
            let Some((_, writes)) = self.sets.pop_front() else { break };
            for (key, value) in writes {
                self.bytes = self.bytes.saturating_sub(weight(&key, value.as_ref()));
                if self.rows.get(&key).is_some_and(|version| version.index <= upto) {
                    self.rows.remove(&key);
                }
            }
        }
    }

    /// Forgets what was applied beyond `committed`: those entries may never have happened.
    pub fn drop_above(&mut self, committed: u64) {
        while self.sets.back().is_some_and(|(id, _)| id.index > committed) {
            self.sets.pop_back();
        }
        self.rows.clear();
        self.bytes = 0;
        for (id, writes) in &self.sets {
            for (key, value) in writes {
                self.bytes += weight(key, value.as_ref());
                self.rows.insert(key.clone(), Version { index: id.index, value: value.clone() });
            }
        }
    }

    /// Bytes of keys and values held, superseded versions included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Index of the oldest entry held, if any.
    pub fn oldest(&self) -> Option<u64> {
        self.sets.front().map(|(id, _)| id.index)
    }
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
        assert_eq!(overlay.get(&key("a")), Found::Deleted);
        overlay.stored(1);
        assert_eq!(overlay.get(&key("a")), Found::Deleted);
        assert_eq!(overlay.get(&key("b")), Found::Unknown);
        overlay.stored(2);
        assert_eq!(overlay.get(&key("a")), Found::Unknown);
        assert_eq!(overlay.bytes(), 0);
    }

    #[test]
    fn dropping_what_was_not_committed_brings_the_committed_version_back() {
        let mut overlay = Overlay::default();
        overlay.push(at(1), set(&[("a", Some("old"))]));
        overlay.push(at(2), set(&[("a", Some("new")), ("b", Some("new"))]));
        overlay.drop_above(1);
        assert_eq!(overlay.get(&key("a")), Found::Value(Bytes::from_static(b"old")));
        assert_eq!(overlay.get(&key("b")), Found::Unknown);
    }

    #[test]
    fn only_committed_versions_go_to_the_tables() {
        let mut overlay = Overlay::default();
        overlay.push(at(1), set(&[("a", Some("1"))]));
        overlay.push(at(2), set(&[("a", Some("2")), ("b", None)]));
        overlay.push(at(3), set(&[("a", Some("3"))]));
        let committed = overlay.committed(2);
        assert_eq!(committed.get(&key("a")), Some(&Some(Bytes::from_static(b"2"))));
        assert_eq!(committed.get(&key("b")), Some(&None));
    }
}

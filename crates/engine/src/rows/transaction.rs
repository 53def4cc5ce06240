//! One entry's reads and changes, kept apart from the working set until all of them are made.
//!
//! Not here: what the rows mean. The one thing to know: a question about an unknown row ends the
//! attempt with `Needs` and leaves the working set as it was, so asking for needs and applying are
//! the same code and cannot disagree.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use crate::rows::{Key, Needs, Range, WorkingSet};

/// An answer, or the rows without which there is none.
pub(crate) type Loaded<T> = Result<T, Needs>;

/// A kind of row: what is stored under the keys of one room.
pub(crate) trait Row: Message + Default {}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    rows: &'a WorkingSet,
    changes: BTreeMap<Key, Option<Bytes>>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(rows: &'a WorkingSet) -> Self {
        Self { rows, changes: BTreeMap::new() }
    }

    pub(crate) fn bytes(&self, key: &Key) -> Loaded<Option<Bytes>> {
        if let Some(changed) = self.changes.get(key) {
            return Ok(changed.clone());
        }
        match self.rows.cell(key) {
            Some(value) => Ok(value.cloned()),
            None => Err(Needs { keys: vec![key.clone()], ranges: Vec::new() }),
        }
    }

    pub(crate) fn get<R: Row>(&self, key: &Key) -> Loaded<Option<R>> {
        Ok(self.bytes(key)?.map(|bytes| decode(&bytes)))
    }

    /// Asks for all of these at once, so that they are not missed one by one.
    pub(crate) fn want(&self, keys: impl IntoIterator<Item = Key>) -> Loaded<()> {
        let unknown = |key: &Key| !self.changes.contains_key(key) && self.rows.cell(key).is_none();
        let keys: Vec<Key> = keys.into_iter().filter(unknown).collect();
        if keys.is_empty() { Ok(()) } else { Err(Needs { keys, ranges: Vec::new() }) }
    }

    /// The rows of a range as they stand, at most its limit.
    pub(crate) fn range(&self, range: &Range) -> Loaded<Vec<(Key, Bytes)>> {
        let known = self.rows.known_from(&range.from).min(range.to.clone());
        let mut found: BTreeMap<Key, Bytes> = BTreeMap::new();
        // A removed row takes no place, so rows behind the limit may move up: look further.
        let removed = self.changes.values().filter(|value| value.is_none()).count();
        for (key, value) in self.rows.between(&range.from, &known).take(range.limit.saturating_add(removed)) {
            if !self.changes.contains_key(key) {
                found.insert(key.clone(), value.clone());
            }
        }
        for (key, value) in self.changes.range(range.from.clone()..known.clone().max(range.from.clone())) {
            if let Some(value) = value {
                found.insert(key.clone(), value.clone());
            }
        }
        let rows: Vec<(Key, Bytes)> = found.into_iter().take(range.limit).collect();
        if rows.len() < range.limit && known < range.to {
            let missing = Range { from: known, to: range.to.clone(), limit: range.limit - rows.len() };
            return Err(Needs { keys: Vec::new(), ranges: vec![missing] });
        }
        Ok(rows)
    }

    /// Changes a row whose present state is known.
    pub(crate) fn put<R: Row>(&mut self, key: Key, row: &R) -> Loaded<()> {
        self.put_bytes(key, Bytes::from(row.encode_to_vec()))
    }

    pub(crate) fn put_bytes(&mut self, key: Key, bytes: Bytes) -> Loaded<()> {
        self.want([key.clone()])?;
        self.changes.insert(key, Some(bytes));
        Ok(())
    }

    /// Adds a row that cannot exist yet, because its key holds a number never used before.
    pub(crate) fn insert<R: Row>(&mut self, key: Key, row: &R) {
        self.insert_bytes(key, Bytes::from(row.encode_to_vec()));
    }

    pub(crate) fn insert_bytes(&mut self, key: Key, bytes: Bytes) {
        let present = match self.changes.get(&key) {
            Some(changed) => changed.is_some(),
            None => matches!(self.rows.cell(&key), Some(Some(_))),
        };
        debug_assert!(!present, "FreshRowsAreFresh: {key:?} exists");
        self.changes.insert(key, Some(bytes));
    }

    pub(crate) fn remove(&mut self, key: Key) -> Loaded<()> {
        if self.bytes(&key)?.is_some() {
            self.changes.insert(key, None);
        }
        Ok(())
    }

    /// Shows each row whose bytes are not what they were: before, and now.
    pub(crate) fn changed(&self, mut visit: impl FnMut(&Key, Option<&Bytes>, Option<&Bytes>)) {
        for (key, value) in &self.changes {
            let before = self.rows.cell(key).flatten();
            if before != value.as_ref() {
                visit(key, before, value.as_ref());
            }
        }
    }

    /// The changes to commit, free of the working set they were made from.
    pub(crate) fn seal(self) -> Changes {
        Changes(self.changes)
    }
}

/// What a finished transaction leaves behind.
#[derive(Debug)]
pub(crate) struct Changes(BTreeMap<Key, Option<Bytes>>);

impl Changes {
    /// Makes them the state. `own` is told by how much they move the state digest and gives the row
    /// that holds it, which is not part of it.
    pub(crate) fn commit(self, rows: &mut WorkingSet, own: impl FnOnce(u64) -> (Key, Bytes)) {
        rows.commit(self.0, own);
    }
}

pub(crate) fn decode<R: Row>(bytes: &Bytes) -> R {
    R::decode(bytes.clone()).expect("rows are decoded once when loaded and come from encode otherwise")
}

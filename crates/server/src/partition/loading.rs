//! Brings rows into the working set: from the overlay where it knows them, else from the tables.
//!
//! Synchronous, because a command must be applied at its place and at once. Not here: which rows are
//! needed; the engine names them, and is asked again until it names none.

use bytes::Bytes;
use engine::rows::{Key, Needs, Range, WorkingSet};
use storage::tables::Tables;

use super::core::Halt;
use super::overlay::{Found, Overlay};

/// Loads everything that `needs` names; how many rows were looked up in the tables.
pub(super) fn load(
    needs: &Needs,
    overlay: &Overlay,
    tables: &Tables,
    rows: &mut WorkingSet,
) -> Result<u64, Halt> {
    let mut read = 0;
    for key in &needs.keys {
        let value = match overlay.get(key) {
            Found::Value(value) => Some(value),
            Found::Deleted => None,
            Found::Unknown => {
                read += 1;
                tables.get(key.as_bytes())?
            }
        };
        rows.load(key.clone(), value)?;
    }
    for range in &needs.ranges {
        let found = scan(range, overlay, tables, &mut read)?;
        rows.load_range(range, found)?;
    }
    Ok(read)
}

/// The first `range.limit` rows of a range, overlay over tables.
fn scan(
    range: &Range,
    overlay: &Overlay,
    tables: &Tables,
    read: &mut u64,
) -> Result<Vec<(Key, Bytes)>, Halt> {
    let mut found = Vec::new();
    let mut newer = overlay.range(&range.from, &range.to).peekable();
    let mut from = range.from.as_bytes().to_vec();
    let page = range.limit.clamp(1, PAGE_ROWS);
    loop {
        let stored = tables.scan(&from, range.to.as_bytes(), page)?;
        *read += u64::try_from(stored.len()).unwrap_or(0);
        let last_page = stored.len() < page;
        let next = stored.last().map(|(key, _)| successor(key));
        for (key, value) in stored {
            let key = Key::from_bytes(key);
            while newer.peek().is_some_and(|(other, _)| **other < key) {
                push_newer(&mut newer, &mut found);
            }
            if newer.peek().is_some_and(|(other, _)| **other == key) {
                push_newer(&mut newer, &mut found);
            } else {
                found.push((key, value));
            }
            if found.len() >= range.limit {
                found.truncate(range.limit);
                return Ok(found);
            }
        }
        match next {
            Some(next) if !last_page => from = next,
            Some(_) | None => break,
        }
    }
    while newer.peek().is_some() && found.len() < range.limit {
        push_newer(&mut newer, &mut found);
    }
    found.truncate(range.limit);
    Ok(found)
}

/// Rows asked of the tables at once.
const PAGE_ROWS: usize = 512;

fn push_newer<'a>(
    newer: &mut impl Iterator<Item = (&'a Key, Option<&'a Bytes>)>,
    found: &mut Vec<(Key, Bytes)>,
) {
    if let Some((key, Some(value))) = newer.next() {
        found.push((key.clone(), value.clone()));
    }
}

/// The smallest key after `key`.
fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

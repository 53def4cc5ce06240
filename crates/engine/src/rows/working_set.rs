//! The rows of one machine that are in memory.
//!
//! Not here: reading and changing them (`transaction`), and the overlay of write sets on their way
//! to the disk (`server::partition`). A cell is present, known to be absent, or unknown; only the
//! first two answer a question.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::format;
use crate::id::fmix64;
use crate::rows::{Key, Range};

/// What an entry changed: each row's new bytes, or `None` where it was removed.
pub type WriteSet = Vec<(Key, Option<Bytes>)>;

/// A stored row that is no row: this replica must not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrupt {
    /// Which row.
    pub key: Key,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {:?} is corrupt: {}", self.key, self.reason)
    }
}

impl std::error::Error for Corrupt {}

/// The contribution of one row to the state digest, which is the wrapping sum over all rows but
/// the meta row that holds it.
pub fn row_digest(key: &Key, value: &[u8]) -> u64 {
    fmix64(mix(mix(0x6f75_746c_6173_7431, key.as_bytes()), value))
}

fn mix(seed: u64, bytes: &[u8]) -> u64 {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut hash = seed ^ length.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0xc4ce_b9fe_1a85_ec53).rotate_left(31);
    }
    fmix64(hash)
}

#[derive(Debug)]
struct Cell {
    /// `None`: known to be absent.
    value: Option<Bytes>,
    /// Of `value`, where it was computed already.
    digest: Option<u64>,
    /// The use counter when it was loaded or written last: small goes first.
    used: u64,
}

/// What memory a cell costs besides its bytes: tree node, two handles, counters.
const CELL_OVERHEAD_BYTES: usize = 160;

impl Cell {
    /// What the row adds to the state digest; 0 where there is none.
    fn digest(&self, key: &Key) -> u64 {
        let Some(value) = &self.value else { return 0 };
        self.digest.unwrap_or_else(|| row_digest(key, value))
    }

    fn bytes(&self, key_bytes: usize) -> usize {
        CELL_OVERHEAD_BYTES + key_bytes + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// The rows of one machine that are in memory. See the module's header for what a missing one means.
#[derive(Debug, Default)]
pub struct WorkingSet {
    cells: BTreeMap<Key, Cell>,
    /// Runs `[from, to)` of which every row is in `cells`.
    /// Invariant: holds only until the next change or eviction.
    covered: Vec<(Key, Key)>,
    written: WriteSet,
    bytes: usize,
    clock: u64,
}

impl WorkingSet {
    /// With nothing in memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a row from the store; `None`: the store has no such row. A row that is already in
    /// memory is newer and stays.
    pub fn load(&mut self, key: Key, value: Option<Bytes>) -> Result<(), Corrupt> {
        if self.cells.contains_key(&key) {
            return Ok(());
        }
        if let Some(value) = &value {
            format::check(&key, value).map_err(|reason| Corrupt { key: key.clone(), reason })?;
        }
        self.put(key, Cell { value, digest: None, used: self.clock });
        Ok(())
    }

    /// Takes the store's rows of `range`, in order. If there are fewer than the range's limit, the
    /// store has no more. The knowledge that no row is missing in between holds until the next change.
    pub fn load_range(&mut self, range: &Range, rows: Vec<(Key, Bytes)>) -> Result<(), Corrupt> {
        let full = rows.len() >= range.limit;
        let to = match rows.last() {
            Some((last, _)) if full => last.next(),
            Some(_) | None => range.to.clone(),
        };
        for (key, value) in rows {
            self.load(key, Some(value))?;
        }
        if range.limit > 0 {
            self.covered.push((range.from.clone(), to));
        }
        Ok(())
    }

    /// What the last applied entry changed, in key order; empty when asked again.
    pub fn take_writes(&mut self) -> WriteSet {
        std::mem::take(&mut self.written)
    }

    /// Forgets rows, longest unused first, until at most `bytes_max` are held. Not between `needs`
    /// and `apply`.
    pub fn evict(&mut self, bytes_max: usize) {
        if self.bytes <= bytes_max {
            return;
        }
        let mut order: Vec<(u64, Key)> =
            self.cells.iter().map(|(key, cell)| (cell.used, key.clone())).collect();
        order.sort_unstable();
        // A little more than asked, so that the next few loads do not sort again.
        let goal = bytes_max - bytes_max / 8;
        for (_, key) in order {
            if self.bytes <= goal {
                break;
            }
            self.forget(&key);
        }
        self.covered.clear();
    }

    /// About how much memory it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Every row in memory, in key order: for checks that loaded everything.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Bytes)> {
        self.cells.iter().filter_map(|(key, cell)| cell.value.as_ref().map(|value| (key, value)))
    }

    /// What the last applied entry changed, until it is taken.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&Key, Option<&Bytes>)> {
        self.written.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// `None`: unknown. `Some(None)`: known to be absent.
    pub(crate) fn cell(&self, key: &Key) -> Option<Option<&Bytes>> {
        self.cells.get(key).map(|cell| cell.value.as_ref())
    }

    /// The rows from `from` up to `to` that are in memory.
    pub(crate) fn between<'a>(
        &'a self,
        from: &Key,
        to: &Key,
    ) -> impl Iterator<Item = (&'a Key, &'a Bytes)> + use<'a> {
        let run = (from < to).then(|| self.cells.range(from.clone()..to.clone()));
        run.into_iter().flatten().filter_map(|(key, cell)| cell.value.as_ref().map(|value| (key, value)))
    }

    /// Up to where, from `from` on, no row can be missing.
    pub(super) fn known_from(&self, from: &Key) -> Key {
        let mut known = from.clone();
        // Few ranges are loaded between two entries; each pass extends by at least one or ends.
        while let Some((_, to)) = self.covered.iter().find(|(start, end)| *start <= known && known < *end) {
            known = to.clone();
        }
        known
    }

    /// Makes one entry's changes the state, without rows that end as they began; then the row that
    /// `own` makes of how much they move the state digest.
    pub(super) fn commit(
        &mut self,
        changes: BTreeMap<Key, Option<Bytes>>,
        own: impl FnOnce(u64) -> (Key, Bytes),
    ) {
        self.clock += 1;
        self.covered.clear();
        self.written = Vec::with_capacity(changes.len() + 1);
        let mut moved = 0_u64;
        for (key, value) in changes {
            let step = match &value {
                Some(new) => self.overwrite(&key, new),
                None => self.remove(&key),
            };
            if let Some(step) = step {
                moved = moved.wrapping_add(step);
                self.written.push((key, value));
            }
        }
        let (key, value) = own(moved);
        self.put(key.clone(), Cell { value: Some(value.clone()), digest: Some(0), used: self.clock });
        self.written.push((key, Some(value)));
    }

    /// Gives a row its new value; by how much that moves the state digest, `None` where it is the old
    /// value.
    fn overwrite(&mut self, key: &Key, new: &Bytes) -> Option<u64> {
        let key_bytes = key.as_bytes().len();
        let cell = self.cells.entry(key.clone()).or_insert_with(|| {
            self.bytes += CELL_OVERHEAD_BYTES + key_bytes;
            Cell { value: None, digest: None, used: 0 }
        });
        if cell.value.as_ref() == Some(new) {
            return None;
        }
        let (old_digest, digest) = (cell.digest(key), row_digest(key, new));
        self.bytes -= cell.bytes(key_bytes);
        *cell = Cell { value: Some(new.clone()), digest: Some(digest), used: self.clock };
        self.bytes += cell.bytes(key_bytes);
        Some(digest.wrapping_sub(old_digest))
    }

    /// Hardly anybody asks for a row that was removed; who does loads it again.
    fn remove(&mut self, key: &Key) -> Option<u64> {
        let digest = self.cells.get(key).filter(|cell| cell.value.is_some())?.digest(key);
        self.forget(key);
        Some(digest.wrapping_neg())
    }

    fn forget(&mut self, key: &Key) {
        if let Some(cell) = self.cells.remove(key) {
            self.bytes -= cell.bytes(key.as_bytes().len());
        }
    }

    fn put(&mut self, key: Key, cell: Cell) {
        let key_bytes = key.as_bytes().len();
        self.bytes += cell.bytes(key_bytes);
        if let Some(old) = self.cells.insert(key, cell) {
            self.bytes -= old.bytes(key_bytes);
        }
    }
}

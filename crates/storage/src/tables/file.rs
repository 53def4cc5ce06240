//! The verbs of a table file, and the wall between redb and the rest.
//!
//! Not here: the form of rows (`row`). The one thing to know: redb trusts what it reads and may
//! panic on rot, so every call into it passes `guarded`, which turns that into a typed error.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use platform::{Disk, Mode};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::backend::Backend;
use super::row::{self, Facts};
use super::{Applied, Batch, Durability, Options};
use crate::directory;
use crate::error::Error;
use crate::mutants;
use crate::scrub::ScrubReport;

pub(super) const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
pub(super) const FACTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("facts");

/// One open table file. Reads may run while another thread stores.
pub struct Tables {
    pub(super) database: Database,
    disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    options: Options,
    syncs: Arc<AtomicU64>,
    /// The first failed write or sync. Invariant: once set, nothing is read or written any more.
    poison: Mutex<Option<String>>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What happened inside redb.
pub(super) enum Trouble {
    Redb(redb::Error),
    /// A checksum or an order of ours does not fit; the key, if one is known, and why.
    Rot(Option<Vec<u8>>, String),
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

impl Tables {
    /// Opens or creates the file, with its name durable.
    pub fn open(disk: Arc<dyn Disk>, path: &Path, options: Options) -> Result<Self, Error> {
        let dir = path.parent().unwrap_or(Path::new(""));
        directory::create(&*disk, dir)?;
        if !disk.exists(path).map_err(Error::io("look for", path))? {
            return create(&disk, path, options);
        }
        let tables = open(disk, path.to_owned(), options, Mode::ReadWrite)?;
        let facts = tables.facts()?;
        if facts.format != row::FORMAT {
            let (found, known) = (facts.format.to_string(), row::FORMAT.to_string());
            return Err(Error::Format { path: path.to_owned(), found, known });
        }
        Ok(tables)
    }

    /// The value of a key, its checksum verified.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.guarded(|| {
            let rows = self.database.begin_read()?.open_table(ROWS)?;
            let Some(stored) = rows.get(key)? else { return Ok(None) };
            verified(key, stored.value()).map(|(_, value)| Some(value))
        })
    }

    /// Up to `limit` rows from `from` up to but excluding `to`, in key order.
    pub fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        if from >= to {
            return Ok(Vec::new());
        }
        self.guarded(|| {
            let rows = self.database.begin_read()?.open_table(ROWS)?;
            let mut found: Vec<(Bytes, Bytes)> = Vec::new();
            for row in rows.range::<&[u8]>(from..to)?.take(limit) {
                let (key, stored) = row?;
                let key = Bytes::copy_from_slice(key.value());
                in_order(found.last().map(|(last, _)| &last[..]), &key)?;
                let (_, value) = verified(&key, stored.value())?;
                found.push((key, value));
            }
            Ok(found)
        })
    }

    /// Writes a batch as one transaction. `Full` changes nothing and may be tried again; after any
    /// other error the tables are dead and must be opened again.
    #[expect(clippy::needless_pass_by_value, reason = "the caller is done with a stored batch")]
    pub fn store(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        self.check_room(&batch)?;
        let outcome = self.guarded(|| {
            if mutants::active("applied-index-outside-the-transaction") {
                let ahead = Batch { writes: Vec::new(), applied: batch.applied.clone() };
                self.write(&ahead, durability)?;
            }
            self.write(&batch, durability)
        });
        if let Err(error) = &outcome {
            self.poison(error);
        }
        outcome
    }

    /// The position of the newest store; after reopening, of the last checkpoint at least.
    pub fn applied(&self) -> Result<Applied, Error> {
        Ok(self.facts()?.applied())
    }

    /// Syncs of the file since it was opened.
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Reads every row and reports what is damaged, missing or too many.
    pub fn scrub(&self) -> Result<ScrubReport, Error> {
        self.guarded(|| {
            let transaction = self.database.begin_read()?;
            let rows = transaction.open_table(ROWS)?;
            let (mut report, mut seen) = (ScrubReport::default(), Facts::default());
            let mut last: Option<Vec<u8>> = None;
            for row in rows.iter()? {
                let (key, stored) = row?;
                let (key, stored) = (key.value(), stored.value());
                report.items += 1;
                report.bytes += len_u64(key.len() + stored.len());
                match in_order(last.as_deref(), key).and_then(|()| verified(key, stored)) {
                    Ok((checksum, _)) => seen.add(checksum),
                    Err(trouble) => report.damage.push(self.error(trouble).to_string()),
                }
                last = Some(key.to_vec());
            }
            let facts = facts_of(&transaction.open_table(FACTS)?)?;
            if report.damage.is_empty() && (facts.rows, facts.digest) != (seen.rows, seen.digest) {
                let why = format!("{} rows should be there, {} are, or others", facts.rows, seen.rows);
                report.damage.push(self.error(Trouble::Rot(None, why)).to_string());
            }
            Ok(report)
        })
    }

    pub(super) fn facts(&self) -> Result<Facts, Error> {
        self.guarded(|| facts_of(&self.database.begin_read()?.open_table(FACTS)?))
    }

    /// One transaction: rows and facts become visible, and durable, together or not at all.
    fn write(&self, batch: &Batch, durability: Durability) -> Result<(), Trouble> {
        let mut transaction = self.database.begin_write()?;
        match durability {
            Durability::Buffered => transaction.set_durability(redb::Durability::None)?,
            Durability::Checkpoint => transaction.set_quick_repair(true),
        }
        {
            let mut facts_table = transaction.open_table(FACTS)?;
            let mut facts = facts_of(&facts_table)?;
            let mut rows = transaction.open_table(ROWS)?;
            for (key, value) in &batch.writes {
                let stored = value.as_ref().map(|value| row::wrap(key, value));
                let old = match &stored {
                    Some(stored) => rows.insert(&key[..], &stored[..])?,
                    None => rows.remove(&key[..])?,
                };
                if let Some(old) = old {
                    facts.subtract(verified(key, old.value())?.0);
                }
                if let Some(stored) = &stored {
                    facts.add(verified(key, stored)?.0);
                }
            }
            facts.format = row::FORMAT;
            facts.index = batch.applied.index;
            facts.term = batch.applied.term;
            facts.meta = batch.applied.meta.clone();
            facts_table.insert(row::FACTS_KEY, &facts.wrapped()[..])?;
        }
        Ok(transaction.commit()?)
    }

    /// Refuses while there is little room, because redb cannot go on after a write that failed.
    fn check_room(&self, batch: &Batch) -> Result<(), Error> {
        let sizes = batch.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len));
        // Twice: a page is written anew for each change in it, and the allocator's notes as well.
        let bytes =
            len_u64(sizes.sum::<usize>()).saturating_mul(2).saturating_add(self.options.free_bytes_min);
        let dir = self.path.parent().unwrap_or(Path::new(""));
        let free = self.disk.free_bytes(dir).map_err(Error::io("ask for free space of", dir))?;
        if free < bytes { Err(Error::Full { path: self.path.clone(), bytes }) } else { Ok(()) }
    }

    fn poison(&self, error: &Error) {
        let mut poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        poison.get_or_insert_with(|| error.to_string());
    }

    pub(super) fn guarded<T>(&self, work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Error> {
        if let Some(why) = &*self.poison.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Error::Poisoned { why: why.clone() });
        }
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(outcome) => outcome.map_err(|trouble| self.error(trouble)),
            Err(_panic) => {
                let error = panicked(&self.path);
                self.poison(&error);
                Err(error)
            }
        }
    }

    fn error(&self, trouble: Trouble) -> Error {
        error(&self.path, trouble)
    }
}

fn panicked(path: &Path) -> Error {
    Error::CorruptTable { file: path.to_owned(), key: None, why: "redb panicked on what it read".to_owned() }
}

fn error(path: &Path, trouble: Trouble) -> Error {
    let file = path.to_owned();
    match trouble {
        Trouble::Rot(key, why) => Error::CorruptTable { file, key: key.as_deref().map(hex), why },
        Trouble::Redb(redb::Error::UpgradeRequired(found)) => {
            Error::Format { path: file, found: format!("redb {found}"), known: "redb 3".to_owned() }
        }
        Trouble::Redb(redb::Error::Io(source)) => match source.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                Error::CorruptTable { file, key: None, why: source.to_string() }
            }
            _other => Error::io("use", path)(source),
        },
        Trouble::Redb(redb::Error::PreviousIo) => Error::Poisoned { why: format!("{}", path.display()) },
        // Open-ended by nature: redb's errors are not ours, and what remains are contradictions.
        Trouble::Redb(other) => Error::CorruptTable { file, key: None, why: other.to_string() },
    }
}

/// Makes the file under another name first, so that a crash leaves no half-made table behind.
fn create(disk: &Arc<dyn Disk>, path: &Path, options: Options) -> Result<Tables, Error> {
    let unfinished = path.with_extension("new");
    if disk.exists(&unfinished).map_err(Error::io("look for", &unfinished))? {
        disk.remove(&unfinished).map_err(Error::io("remove", &unfinished))?;
    }
    let mut tables = open(Arc::clone(disk), unfinished.clone(), options, Mode::CreateNew)?;
    tables.guarded(|| {
        let mut transaction = tables.database.begin_write()?;
        transaction.set_quick_repair(true);
        let facts = Facts { format: row::FORMAT, ..Facts::default() };
        transaction.open_table(FACTS)?.insert(row::FACTS_KEY, &facts.wrapped()[..])?;
        transaction.open_table(ROWS)?;
        Ok(transaction.commit()?)
    })?;
    tables.path = path.to_owned();
    disk.rename(&unfinished, path).map_err(Error::io("rename", &unfinished))?;
    directory::sync(&**disk, path.parent().unwrap_or(Path::new("")))?;
    Ok(tables)
}

fn open(disk: Arc<dyn Disk>, path: PathBuf, options: Options, mode: Mode) -> Result<Tables, Error> {
    let file = disk.open(&path, mode).map_err(Error::io("open", &path))?;
    let len = file.len().map_err(Error::io("measure", &path))?;
    if len == 0 && mode == Mode::ReadWrite {
        let why = "the file is empty: it ends at byte 0".to_owned();
        return Err(Error::CorruptTable { file: path, key: None, why });
    }
    let syncs = Arc::new(AtomicU64::new(0));
    let backend = Backend { path: path.clone(), file, syncs: Arc::clone(&syncs) };
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(options.cache_bytes);
        builder.set_check_integrity_on_open(len > 0 && len <= options.verify_bytes_max);
        builder.create_with_backend(backend)
    }));
    let database = match opened {
        Ok(Ok(database)) => database,
        Ok(Err(trouble)) => return Err(error(&path, trouble.into())),
        Err(_panic) => return Err(panicked(&path)),
    };
    Ok(Tables { database, disk, path, options, syncs, poison: Mutex::new(None) })
}

pub(super) fn facts_of(
    table: &impl redb::ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Facts, Trouble> {
    let rot = |why| Trouble::Rot(Some(row::FACTS_KEY.to_vec()), why);
    let Some(stored) = table.get(row::FACTS_KEY)? else {
        return Err(rot("the table does not say what it is".to_owned()));
    };
    Facts::parse(stored.value()).map_err(rot)
}

/// A stored value's checksum and bytes, or where the rot is.
pub(super) fn verified(key: &[u8], stored: &[u8]) -> Result<(u32, Bytes), Trouble> {
    let (checksum, value) = row::unwrap(key, stored).map_err(|why| Trouble::Rot(Some(key.to_vec()), why))?;
    Ok((checksum, Bytes::copy_from_slice(value)))
}

pub(super) fn in_order(last: Option<&[u8]>, key: &[u8]) -> Result<(), Trouble> {
    if last.is_none_or(|last| last < key) {
        return Ok(());
    }
    Err(Trouble::Rot(Some(key.to_vec()), "the key is out of order".to_owned()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::fault::SimDisk;

    fn row(key: &str, value: &str) -> (Bytes, Option<Bytes>) {
        (Bytes::copy_from_slice(key.as_bytes()), Some(Bytes::copy_from_slice(value.as_bytes())))
    }

    #[test]
    fn rows_come_back_after_a_checkpoint() {
        let disk = SimDisk::new(1);
        let path = Path::new("/data/t.redb");
        let tables = Tables::open(Arc::new(disk.clone()), path, Options::default()).unwrap();
        let applied = Applied { index: 7, term: 2, meta: Bytes::from_static(b"m") };
        tables
            .store(
                Batch { writes: vec![row("a", "1"), row("b", "2")], applied: applied.clone() },
                Durability::Checkpoint,
            )
            .unwrap();
        drop(tables);
        let tables = Tables::open(Arc::new(disk.clone()), path, Options::default()).unwrap();
        assert_eq!(tables.get(b"b").unwrap().unwrap(), "2");
        assert_eq!(tables.applied().unwrap(), applied);
    }
}

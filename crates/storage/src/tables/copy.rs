//! A table file's rows at one moment, taken while others write, and the file that is made of them.
//!
//! The copy is made beside the file whose place it will take, and says what log position it has only
//! when all of it is there and durable. Not here: when it takes that place (the log says), and how
//! rows travel. The one thing to know: a half-made copy has position 0 and is thrown away.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use platform::Disk;
use redb::{ReadTransaction, ReadableDatabase as _};

use super::file::{FACTS, ROWS, Tables, facts_of, in_order, verified};
use super::row::Facts;
use super::{Applied, Batch, Durability, Options};
use crate::directory;
use crate::error::Error;
use crate::mutants;

/// What a whole copy has to have: rows, and the sum of their checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// How many rows.
    pub rows: u64,
    /// Sum of the checksums of all rows.
    pub digest: u64,
}

/// The rows of a table file as they were at one moment.
pub struct Rows {
    tables: Arc<Tables>,
    transaction: ReadTransaction,
    facts: Facts,
    last: Option<Bytes>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("applied", &self.facts.index).finish_non_exhaustive()
    }
}

impl Rows {
    /// All that `tables` holds now; later stores do not change it.
    pub fn of(tables: &Arc<Tables>) -> Result<Self, Error> {
        let (transaction, facts) = tables.guarded(|| {
            let transaction = tables.database.begin_read()?;
            let facts = facts_of(&transaction.open_table(FACTS)?)?;
            Ok((transaction, facts))
        })?;
        Ok(Self { tables: Arc::clone(tables), transaction, facts, last: None })
    }

    /// The log position of these rows.
    pub fn applied(&self) -> Applied {
        self.facts.applied()
    }

    /// What all of them together are.
    pub fn totals(&self) -> Totals {
        Totals { rows: self.facts.rows, digest: self.facts.digest }
    }

    /// The next rows in key order, of about this many bytes and at least one; none at the end.
    pub fn page(&mut self, bytes_max: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let from = self.last.clone().unwrap_or_default();
        let page = self.tables.guarded(|| {
            let rows = self.transaction.open_table(ROWS)?;
            let (mut page, mut bytes) = (Vec::new(), 0);
            for row in rows.range::<&[u8]>(&from[..]..)? {
                let (key, stored) = row?;
                let key = Bytes::copy_from_slice(key.value());
                if self.last.as_ref() == Some(&key) {
                    continue;
                }
                in_order(page.last().map(|(last, _): &(Bytes, Bytes)| &last[..]), &key)?;
                let (_, value) = verified(&key, stored.value())?;
                bytes += key.len() + value.len();
                page.push((key, value));
                if bytes >= bytes_max {
                    break;
                }
            }
            Ok(page)
        })?;
        if let Some((key, _)) = page.last() {
            self.last = Some(key.clone());
        }
        Ok(page)
    }
}

/// A copy in the making, beside the file whose place it is for.
#[derive(Debug)]
pub struct Copy {
    tables: Tables,
}

impl Copy {
    /// Begins a copy for the place of `path`; an earlier one is thrown away.
    pub fn begin(disk: Arc<dyn Disk>, path: &Path, options: Options) -> Result<Self, Error> {
        let beside = beside(path);
        if disk.exists(&beside).map_err(Error::io("look for", &beside))? {
            disk.remove(&beside).map_err(Error::io("remove", &beside))?;
        }
        Ok(Self { tables: Tables::open(disk, &beside, options)? })
    }

    /// Adds rows.
    pub fn put(&self, rows: Vec<(Bytes, Bytes)>) -> Result<(), Error> {
        let writes = rows.into_iter().map(|(key, value)| (key, Some(value))).collect();
        self.tables.store(Batch { writes, applied: Applied::default() }, Durability::Buffered)
    }

    /// All of it is there: checks that, and makes it durable with its position.
    pub fn finish(self, applied: Applied, totals: Totals) -> Result<Tables, Error> {
        let facts = self.tables.facts()?;
        let found = Totals { rows: facts.rows, digest: facts.digest };
        if found != totals {
            let why = format!("the copy has {found:?}, sent were {totals:?}");
            return Err(Error::CorruptTable { file: self.tables.path.clone(), key: None, why });
        }
        self.tables.store(Batch { writes: Vec::new(), applied }, Durability::Checkpoint)?;
        Ok(self.tables)
    }
}

/// Puts a whole copy in the place of `path`, durably. Whoever has the old file open keeps it.
pub fn adopt(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    let beside = beside(path);
    disk.rename(&beside, path).map_err(Error::io("rename", &beside))?;
    directory::sync(disk, path.parent().unwrap_or(Path::new("")))
}

/// Opens the file at `path` for a log of which everything up to `compacted` is gone. If the file is
/// older than that, the process stopped between the log's compaction and [`adopt`]: that is made up
/// for here. A copy that the log knows nothing of is thrown away.
pub fn open(disk: Arc<dyn Disk>, path: &Path, compacted: u64, options: Options) -> Result<Tables, Error> {
    let tables = Tables::open(Arc::clone(&disk), path, options.clone())?;
    let beside = beside(path);
    if !disk.exists(&beside).map_err(Error::io("look for", &beside))? {
        return Ok(tables);
    }
    if tables.applied()?.index >= compacted || mutants::active("copy-left-at-start") {
        disk.remove(&beside).map_err(Error::io("remove", &beside))?;
        return Ok(tables);
    }
    let copy = Tables::open(Arc::clone(&disk), &beside, options.clone())?;
    let (found, file) = (copy.applied()?.index, path.to_owned());
    if found != compacted {
        let why = format!("its log begins after {compacted}, and the copy beside it is at {found}");
        return Err(Error::CorruptTable { file, key: None, why });
    }
    drop((tables, copy));
    adopt(&*disk, path)?;
    Tables::open(disk, path, options)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("copy")
}

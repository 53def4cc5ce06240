//! The tables of one replica: committed rows in one file, each bound to its key by a checksum.
//!
//! Not here: what rows mean, and when to checkpoint. The one thing to know: a `Buffered` store is
//! visible at once and durable with the next `Checkpoint`; after a crash the log replays the rest.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use platform::Disk;

use crate::error::Error;

/// Settings of one table file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of pages kept in memory.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 1 << 20 }
    }
}

/// How far the rows in the table have come in the group's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Index of the newest entry whose writes are in the table.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Bytes that only the owner understands (membership).
    pub meta: Bytes,
}

/// What one store writes, all or nothing.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Key and new value; no value removes the key.
    pub writes: Vec<(Bytes, Option<Bytes>)>,
    /// The log position that these writes bring the table to.
    pub applied: Applied,
}

/// When a store must survive a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// With the next checkpoint.
    Buffered,
    /// Before the call returns, together with everything buffered before.
    Checkpoint,
}

/// What reading everything found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Rows or frames that were read.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Each damaged place, in words, with file and position or key.
    pub damage: Vec<String>,
}

/// One open table file. Reads may run while another thread stores.
#[derive(Debug)]
pub struct Tables {}

impl Tables {
    /// Opens or creates the file.
    pub fn open(_disk: Arc<dyn Disk>, path: &Path, _options: Options) -> Result<Self, Error> {
        Err(Error::Missing { path: path.to_owned(), why: "not built yet".to_owned() })
    }

    /// The value of a key, its checksum verified.
    pub fn get(&self, _key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }

    /// Up to `limit` rows from `from` up to but excluding `to`, in key order.
    pub fn scan(&self, _from: &[u8], _to: &[u8], _limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        Ok(Vec::new())
    }

    /// Writes a batch as one transaction.
    pub fn store(&self, _batch: Batch, _durability: Durability) -> Result<(), Error> {
        Ok(())
    }

    /// The position of the newest store; after reopening, of the last checkpoint.
    pub fn applied(&self) -> Result<Applied, Error> {
        Ok(Applied::default())
    }

    /// Reads every row and reports what is damaged.
    pub fn scrub(&self) -> Result<ScrubReport, Error> {
        Ok(ScrubReport::default())
    }
}

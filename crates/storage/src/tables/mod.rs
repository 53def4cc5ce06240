//! The tables of one replica: committed rows in one file, each bound to its key by a checksum.
//!
//! Not here: what rows mean, and when to checkpoint. The one thing to know: a `Buffered` store is
//! visible at once and durable with the next `Checkpoint`; after a crash the log replays the rest.

mod backend;
pub mod copy;
mod file;
mod row;

use bytes::Bytes;

pub use file::Tables;

/// Settings of one table file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of pages kept in memory.
    pub cache_bytes: usize,
    /// A file up to this size is verified page by page when it is opened; a larger one by `scrub`.
    pub verify_bytes_max: u64,
    /// A store is refused as `Full` where it would leave less than this free.
    pub free_bytes_min: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 1 << 20, verify_bytes_max: 32 << 20, free_bytes_min: 1 << 20 }
    }
}

/// How far the rows in the table have come in the group's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Index of the newest entry whose writes are in the table.
    pub index: u64,
    /// The `term` of its log position.
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

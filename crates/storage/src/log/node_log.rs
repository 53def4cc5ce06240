//! The node log's verbs.
//!
//! Not here: recovery's decisions and the layout of bytes.

use std::path::Path;
use std::sync::Arc;

use platform::Disk;

use super::types::{Options, Record, Recovered, Usage};
use crate::error::Error;

/// The log of one node. Invariant: after a failed write or sync it accepts nothing for ever.
#[derive(Debug)]
pub struct NodeLog {
    usage: Usage,
}

impl NodeLog {
    /// Opens or creates the log in `dir` and reads back all that it holds. What is handed out is
    /// durable, even what the process before did not live to sync.
    pub fn open(_disk: Arc<dyn Disk>, dir: &Path, _options: Options) -> Result<(Self, Recovered), Error> {
        Err(Error::Missing { path: dir.to_owned(), why: "not built yet".to_owned() })
    }

    /// Writes the records as one unit, not yet durable: after a crash all of them are there or none.
    /// `Full` and `Refused` leave the log as it was; any other error ends its life.
    pub fn append(&mut self, _records: &[Record]) -> Result<(), Error> {
        Ok(())
    }

    /// Makes all that was appended durable. A failure poisons the log for good.
    pub fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Writes a small frame that says how far the log is known to be durable, so that damage to
    /// the last synced append cannot pass for an unfinished write. To be called after idling and
    /// followed by nothing: its own loss is harmless.
    pub fn note_durable(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Syncs, and records that nothing comes after.
    pub fn close(self) -> Result<(), Error> {
        Ok(())
    }

    /// Counters since opening.
    pub fn usage(&self) -> Usage {
        self.usage
    }
}

//! Reads everything that is kept and says what is damaged and where. Changes nothing.
//!
//! [`log`] reads a log directory that no process has open; [`crate::NodeLog::scrub`] the open one;
//! [`crate::Tables::scrub`] a table file.
//!
//! Not here: repair. What rots is repaired from other replicas or a backup, never by guessing.

use std::path::Path;

use platform::Disk;

use crate::error::Error;
use crate::log::survey_report;

/// What reading everything found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Rows or frames that were read and are good.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Each damaged place, in words, with file and position or key.
    pub damage: Vec<String>,
}

/// Reads the node log in `dir`.
pub fn log(disk: &dyn Disk, dir: &Path) -> Result<ScrubReport, Error> {
    survey_report(disk, dir)
}

//! Where a node log is easiest to hurt: its last append, while nothing vouches for it.
//!
//! Not here: hurting it; the caller has the disk that can.

use std::ops::Range;
use std::path::{Path, PathBuf};

use platform::Disk;

/// The segment and the place in it of the newest append, if damage to it would pass for an
/// unfinished write. For a log that nobody has open.
pub fn unvouched(disk: &dyn Disk, dir: &Path) -> Option<(PathBuf, Range<usize>)> {
    crate::log::unvouched(disk, dir).ok().flatten()
}

//! Bytes of the node log, one file per version that was ever released.
//!
//! How to add a version: copy the newest file to `vN.rs`, change it there, let it convert to and
//! from the types of `log`, write golden files for it, and raise `VERSION`. The rest of the crate
//! knows the newest only. A released file, and its golden files, are never edited.

pub(crate) mod v1;

/// The version that this program writes, as it stands in the directory's format file.
pub(crate) const VERSION: &str = "outlast node log 1\n";

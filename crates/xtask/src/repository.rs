//! Where the repository is and which files it has.
//!
//! Not here: what the files say. The list is git's: tracked files and new ones that no ignore rule
//! covers, so a rule sees a file before it is committed.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::program;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |set| root().join(set))
}

/// Every file of the repository, as a path relative to its root, sorted.
pub(crate) fn files() -> Result<Vec<String>> {
    let listed =
        program("git").args(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output()?;
    let mut files: Vec<String> = listed
        .split('\0')
        .filter(|path| !path.is_empty() && root().join(path).is_file())
        .map(String::from)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

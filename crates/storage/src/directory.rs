//! Directories whose names survive a power cut.
//!
//! Not here: files. A created directory is durable only once the directory above it is synced, and
//! that one only once the one above it is; this walks the chain.

use std::path::Path;

use platform::Disk;

use crate::error::Error;
use crate::mutants;

/// Creates a directory and those above it, durably.
pub(crate) fn create(disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
    let mut created = Vec::new();
    for path in dir.ancestors() {
        if path.as_os_str().is_empty() || disk.exists(path).map_err(Error::io("look for", path))? {
            break;
        }
        created.push(path);
    }
    if created.is_empty() {
        // It may be there only in the cache, made by a process that died before its sync.
        return dir.parent().map_or(Ok(()), |parent| sync(disk, parent));
    }
    disk.create_dir_all(dir).map_err(Error::io("create", dir))?;
    created.into_iter().filter_map(Path::parent).try_for_each(|parent| sync(disk, parent))
}

/// Makes the names in a directory durable.
pub(crate) fn sync(disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
    if mutants::active("skip-directory-fsync") {
        return Ok(());
    }
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    disk.sync_dir(dir).map_err(Error::io("sync directory", dir))
}

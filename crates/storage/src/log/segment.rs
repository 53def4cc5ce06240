//! The files of the log: names, preallocation, and the spare one.
//!
//! A segment's name carries its ordinal, which is also the generation in each of its frames; an
//! ordinal is never used twice, so frames that a recycled file still holds are of no generation.
//!
//! Not here: frames and what they mean. A name counts only once its directory was synced.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform::{Disk, File, Mode};

use super::open::len_u64;
use crate::directory;
use crate::error::Error;

/// Bytes read with one call.
const PIECE: usize = 256 << 10;

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) ordinal: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// Where the next frame goes.
    pub(super) offset: u64,
    /// Size of the file.
    pub(super) size: u64,
}

/// A preallocated file that is no segment yet. Its bytes may be anything.
#[derive(Debug)]
pub(super) struct Spare {
    file: Arc<dyn File>,
    size: u64,
}

pub(super) fn path(dir: &Path, ordinal: u64) -> PathBuf {
    dir.join(format!("{ordinal:020}.log"))
}

fn spare_path(dir: &Path) -> PathBuf {
    dir.join("spare")
}

/// The ordinals of the segments in a directory, ascending.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, Error> {
    let paths = disk.list(dir).map_err(Error::io("list", dir))?;
    let ordinal = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
        name.parse::<u64>().ok().filter(|_| name.len() == 20)
    };
    let mut ordinals: Vec<u64> = paths.iter().filter_map(ordinal).collect();
    ordinals.sort_unstable();
    Ok(ordinals)
}

/// Opens a segment that must be there.
pub(super) fn open(disk: &dyn Disk, dir: &Path, ordinal: u64, mode: Mode) -> Result<Segment, Error> {
    let path = path(dir, ordinal);
    let file = disk.open(&path, mode).map_err(Error::io("open", &path))?;
    let size = file.len().map_err(Error::io("measure", &path))?;
    Ok(Segment { ordinal, path, file, offset: 0, size })
}

/// All bytes of a segment.
pub(super) fn read(segment: &Segment) -> Result<Vec<u8>, Error> {
    let size = usize::try_from(segment.size).map_err(|_| Error::CorruptLog {
        file: segment.path.clone(),
        offset: 0,
        why: format!("a size of {} bytes is not possible", segment.size),
    })?;
    let mut bytes = vec![0; size];
    // Most of a young segment is zero: what is not copied takes no memory.
    let mut piece = vec![0; PIECE.min(size)];
    for start in (0..size).step_by(PIECE) {
        let piece = &mut piece[..PIECE.min(size - start)];
        segment.file.read_at(piece, len_u64(start)).map_err(Error::io("read", &segment.path))?;
        if piece.iter().any(|byte| *byte != 0) {
            bytes[start..start + piece.len()].copy_from_slice(piece);
        }
    }
    Ok(bytes)
}

/// Finds the spare file or makes one. `Full` promises nothing and breaks nothing.
pub(super) fn spare(disk: &dyn Disk, dir: &Path, size: u64) -> Result<Spare, Error> {
    let path = spare_path(dir);
    let file = disk.open(&path, Mode::Create).map_err(full("create", &path, size))?;
    let found = file.len().map_err(Error::io("measure", &path))?;
    if found > size {
        file.set_len(size).map_err(Error::io("cut", &path))?;
    }
    file.allocate(0, size).map_err(full("reserve", &path, size))?;
    file.sync_all().map_err(Error::io("sync", &path))?;
    Ok(Spare { file, size })
}

fn full(doing: &'static str, path: &Path, bytes: u64) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| match Error::io(doing, &path)(error) {
        Error::Full { path, .. } => Error::Full { path, bytes },
        other => other,
    }
}

impl Spare {
    /// Makes room for at least `size` bytes; for appends larger than a usual segment.
    pub(super) fn grow(&mut self, dir: &Path, size: u64) -> Result<(), Error> {
        if size > self.size {
            let path = spare_path(dir);
            self.file.allocate(0, size).map_err(full("reserve", &path, size))?;
            self.file.sync_all().map_err(Error::io("sync", &path))?;
            self.size = size;
        }
        Ok(())
    }

    /// Turns the spare into the segment `ordinal`, with a durable name.
    pub(super) fn become_segment(self, disk: &dyn Disk, dir: &Path, ordinal: u64) -> Result<Segment, Error> {
        let path = path(dir, ordinal);
        disk.rename(&spare_path(dir), &path).map_err(Error::io("rename to", &path))?;
        directory::sync(disk, dir)?;
        Ok(Segment { ordinal, path, file: self.file, offset: 0, size: self.size })
    }
}

/// Takes a segment that nothing needs out of the log; it becomes the spare if there is none.
pub(super) fn retire(disk: &dyn Disk, dir: &Path, ordinal: u64) -> Result<(), Error> {
    let (path, spare) = (path(dir, ordinal), spare_path(dir));
    if disk.exists(&spare).map_err(Error::io("look for", &spare))? {
        disk.remove(&path).map_err(Error::io("remove", &path))?;
    } else {
        disk.rename(&path, &spare).map_err(Error::io("rename", &path))?;
    }
    // Before the spare gets its next name, so that no crash can leave one file under two names.
    directory::sync(disk, dir)
}

/// Removes a segment for good. Used where the file may not be what its name says.
pub(super) fn discard(disk: &dyn Disk, dir: &Path, ordinal: u64) -> Result<(), Error> {
    let path = path(dir, ordinal);
    disk.remove(&path).map_err(Error::io("remove", &path))
}

/// The spare left by the process before may be anything, even another name of a live segment on a
/// file system that lost half of its renames: it is made anew.
pub(super) fn forget_spare(disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
    let path = spare_path(dir);
    if disk.exists(&path).map_err(Error::io("look for", &path))? {
        disk.remove(&path).map_err(Error::io("remove", &path))?;
        directory::sync(disk, dir)?;
    }
    Ok(())
}

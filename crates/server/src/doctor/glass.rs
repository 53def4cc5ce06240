//! A disk under glass: everything can be read, and what is written stays in memory.
//!
//! So the code that opens a log or a table for real can examine one without changing a byte, and cannot
//! disagree with itself about what is damaged. Not here: who looks (`doctor`).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform::disk::{Disk, File, Lock, LockError, Mode};

/// Bytes that are copied when one of them is written.
const PAGE: u64 = 4096;
const PAGE_BYTES: usize = 4096;

/// Real files below, changes above.
#[derive(Debug)]
pub(super) struct Glass {
    below: Arc<dyn Disk>,
    /// Files that were opened, created or renamed; `None` hides a real one.
    above: Mutex<BTreeMap<PathBuf, Option<Arc<Copy>>>>,
}

impl Glass {
    pub(super) fn new(below: Arc<dyn Disk>) -> Self {
        Self { below, above: Mutex::default() }
    }

    fn above(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Option<Arc<Copy>>>> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn existing(&self, path: &Path) -> io::Result<Option<Arc<Copy>>> {
        if let Some(copy) = self.above().get(path) {
            return Ok(copy.clone());
        }
        if !self.below.exists(path)? {
            return Ok(None);
        }
        let copy = Arc::new(Copy::of(self.below.open(path, Mode::Read)?)?);
        self.above().insert(path.to_owned(), Some(Arc::clone(&copy)));
        Ok(Some(copy))
    }
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.display().to_string())
}

impl Disk for Glass {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let existing = self.existing(path)?;
        match (existing, mode) {
            (Some(_), Mode::CreateNew) => {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, path.display().to_string()))
            }
            (Some(copy), Mode::Read | Mode::ReadWrite | Mode::Create | Mode::CreatePrivate) => Ok(copy),
            (None, Mode::Create | Mode::CreatePrivate | Mode::CreateNew) => {
                let copy = Arc::new(Copy::empty());
                self.above().insert(path.to_owned(), Some(Arc::clone(&copy)));
                Ok(copy)
            }
            (None, Mode::Read | Mode::ReadWrite) => Err(missing(path)),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = if self.below.exists(dir)? { self.below.list(dir)? } else { Vec::new() };
        for (path, copy) in self.above().iter().filter(|(path, _)| path.parent() == Some(dir)) {
            paths.retain(|known| known != path);
            if copy.is_some() {
                paths.push(path.clone());
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let copy = self.existing(from)?.ok_or_else(|| missing(from))?;
        let mut above = self.above();
        above.insert(from.to_owned(), None);
        above.insert(to.to_owned(), Some(copy));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.existing(path)?.ok_or_else(|| missing(path))?;
        self.above().insert(path.to_owned(), None);
        Ok(())
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let known = self.above().get(path).map(Option::is_some);
        known.map_or_else(|| self.below.exists(path), Ok)
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        // Nothing written here needs room.
        Ok(u64::MAX >> 1)
    }

    fn lock(&self, _: &Path) -> Result<Box<dyn Lock>, LockError> {
        Ok(Box::new(NoLock))
    }
}

/// Nobody else can change what is in memory.
#[derive(Debug)]
struct NoLock;

impl Lock for NoLock {}

/// A file whose changed pages are in memory.
#[derive(Debug)]
struct Copy {
    below: Option<Arc<dyn File>>,
    changed: Mutex<Changed>,
}

#[derive(Debug)]
struct Changed {
    len: u64,
    /// Up to here the real file shows through; cutting lowers it for good.
    real_len: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Copy {
    fn of(below: Arc<dyn File>) -> io::Result<Self> {
        let len = below.len()?;
        let changed = Mutex::new(Changed { len, real_len: len, pages: BTreeMap::new() });
        Ok(Self { below: Some(below), changed })
    }

    fn empty() -> Self {
        let changed = Mutex::new(Changed { len: 0, real_len: 0, pages: BTreeMap::new() });
        Self { below: None, changed }
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The real bytes of a range, zero where there are none.
    fn real(&self, bytes: &mut [u8], offset: u64, real_len: u64) -> io::Result<()> {
        bytes.fill(0);
        let there = usize::try_from(real_len.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
        match &self.below {
            Some(below) if there > 0 => below.read_at(&mut bytes[..there], offset),
            Some(_) | None => Ok(()),
        }
    }
}

/// The part of a range that lies in one page: page, first byte in it, how many.
fn part(offset: u64, len: usize) -> (u64, usize, usize) {
    let start = usize::try_from(offset % PAGE).expect("less than a page");
    (offset / PAGE, start, len.min(PAGE_BYTES - start))
}

fn step(len: usize) -> u64 {
    u64::try_from(len).expect("a length in memory fits")
}

impl File for Copy {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let changed = self.changed();
        if offset + step(bytes.len()) > changed.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.real(bytes, offset, changed.real_len)?;
        let end = offset + step(bytes.len());
        for (page, content) in changed.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let start = (page * PAGE).max(offset);
            let stop = ((page + 1) * PAGE).min(end);
            let to = |at: u64, base: u64| usize::try_from(at - base).expect("inside the buffer");
            bytes[to(start, offset)..to(stop, offset)]
                .copy_from_slice(&content[to(start, page * PAGE)..to(stop, page * PAGE)]);
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut changed = self.changed();
        let (mut rest, mut at) = (bytes, offset);
        while !rest.is_empty() {
            let (page, start, len) = part(at, rest.len());
            if !changed.pages.contains_key(&page) {
                let mut content = vec![0; PAGE_BYTES];
                self.real(&mut content, page * PAGE, changed.real_len)?;
                changed.pages.insert(page, content);
            }
            if let Some(content) = changed.pages.get_mut(&page) {
                content[start..start + len].copy_from_slice(&rest[..len]);
            }
            rest = &rest[len..];
            at += step(len);
        }
        changed.len = changed.len.max(at);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.changed().len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut changed = self.changed();
        if len < changed.len {
            changed.real_len = changed.real_len.min(len);
            changed.pages.retain(|page, _| page * PAGE < len);
            let (page, start, _) = part(len, PAGE_BYTES);
            if let Some(content) = changed.pages.get_mut(&page) {
                content[start..].fill(0);
            }
        }
        changed.len = len;
        Ok(())
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let mut changed = self.changed();
        changed.len = changed.len.max(offset + len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use platform::fault::SimDisk;

    use super::*;

    fn read(file: &dyn File, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        file.read_at(&mut bytes, offset).expect("within the file");
        bytes
    }

    #[test]
    fn what_is_written_is_read_back_and_never_reaches_the_disk() {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
        let path = Path::new("/f");
        let real = disk.open(path, Mode::Create).expect("a new file");
        real.write_at(&[7; 10_000], 0).expect("room");
        let glass = Glass::new(Arc::clone(&disk));
        let file = glass.open(path, Mode::ReadWrite).expect("it is there");
        file.write_at(&[9; 5_000], 4_000).expect("memory");
        assert_eq!(read(&*file, 3_999, 2), [7, 9]);
        assert_eq!(read(&*file, 8_999, 2), [9, 7]);
        file.set_len(100).expect("memory");
        file.set_len(10_000).expect("memory");
        assert_eq!(read(&*file, 99, 2), [7, 0], "what was cut off does not come back");
        glass.remove(path).expect("memory");
        assert!(!glass.exists(path).expect("an answer"));
        assert_eq!(read(&*real, 0, 10_000), [7; 10_000]);
        assert!(disk.exists(path).expect("an answer"));
    }
}

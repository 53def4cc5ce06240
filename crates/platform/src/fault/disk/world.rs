//! The state of a simulated disk, and the faults that are armed.
//!
//! Not here: the traits (`mod`). The one thing to know: every call passes `io`, which counts it
//! and may halt the disk; a halted disk answers nothing until it is restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::inode::{Inode, len_u64};
use super::names::{InodeId, Names};
use super::{Counters, Restart};
use crate::Entropy as _;
use crate::Mode;
use crate::fault::SimEntropy;

/// What is set to go wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) crash_at: Option<u64>,
    pub(super) syncs_to_fail: u64,
    pub(super) writes_to_fail: u64,
    pub(super) slow_sync: Option<(u64, Duration)>,
    pub(super) corrupt_reads: u64,
    pub(super) capacity: Option<u64>,
}

/// Whether an operation goes on, or happens in the moment the disk stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    Halts,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) entropy: SimEntropy,
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    pub(super) halted: bool,
    /// Raised by each restart: handles of before are dead.
    pub(super) incarnation: u64,
    names: Names,
    inodes: BTreeMap<InodeId, Inode>,
    inode_last: InodeId,
    locks: BTreeSet<PathBuf>,
}

fn halted() -> io::Error {
    io::Error::other("the simulated disk is halted")
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full")
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no such file or directory: {}", path.display()))
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entropy: SimEntropy::new(seed),
            faults: Faults::default(),
            counters: Counters::default(),
            halted: false,
            incarnation: 0,
            names: Names::default(),
            inodes: BTreeMap::new(),
            inode_last: 0,
            locks: BTreeSet::new(),
        }
    }

    /// The same disk again, with a sequence of its own.
    pub(super) fn fork(&self, seed: u64) -> Self {
        Self {
            entropy: SimEntropy::new(seed),
            faults: Faults::default(),
            counters: Counters::default(),
            halted: false,
            incarnation: self.incarnation + 1,
            names: self.names.clone(),
            inodes: self.inodes.clone(),
            inode_last: self.inode_last,
            locks: BTreeSet::new(),
        }
    }

    /// Counts an operation and says whether the disk stops in it.
    fn io(&mut self) -> io::Result<Fate> {
        if self.halted {
            return Err(halted());
        }
        let number = self.counters.ios;
        self.counters.ios += 1;
        if self.faults.crash_at.is_some_and(|at| number >= at) {
            self.halted = true;
            return Ok(Fate::Halts);
        }
        Ok(Fate::Lives)
    }

    /// As `io`, for operations that leave no trace when the disk stops in them.
    fn io_traceless(&mut self) -> io::Result<()> {
        match self.io()? {
            Fate::Lives => Ok(()),
            Fate::Halts => Err(halted()),
        }
    }

    /// As `io`, for changes that may or may not have happened when the disk stops in them.
    /// True: do it. An error comes after it all the same if the disk halts.
    fn io_perhaps(&mut self) -> io::Result<bool> {
        match self.io()? {
            Fate::Lives => Ok(true),
            Fate::Halts => Ok(self.entropy.chance(500)),
        }
    }

    fn still_up(&self) -> io::Result<()> {
        if self.halted { Err(halted()) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        self.inodes.values().map(Inode::len).sum()
    }

    pub(super) fn free(&self) -> u64 {
        self.faults.capacity.map_or(1 << 40, |capacity| capacity.saturating_sub(self.used()))
    }

    fn room_for(&self, inode: InodeId, len: u64) -> io::Result<()> {
        let grows = len.saturating_sub(self.inode(inode)?.len());
        if grows > 0 && grows > self.free() { Err(full()) } else { Ok(()) }
    }

    fn inode(&self, inode: InodeId) -> io::Result<&Inode> {
        self.inodes.get(&inode).ok_or_else(halted)
    }

    fn inode_mut(&mut self, inode: InodeId) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or_else(halted)
    }

    /// The inode behind a name, without counting as an operation.
    pub(super) fn peek(&mut self, path: &Path) -> Option<&mut Inode> {
        let inode = self.names.get(path)?;
        self.inodes.get_mut(&inode)
    }

    pub(super) fn open(&mut self, path: &Path, mode: Mode) -> io::Result<InodeId> {
        match (self.names.get(path), mode) {
            (Some(_), Mode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), Mode::Read | Mode::ReadWrite | Mode::Create | Mode::CreatePrivate) => {
                self.io_traceless()?;
                return Ok(inode);
            }
            (None, Mode::Read | Mode::ReadWrite) => {
                self.io_traceless()?;
                return Err(missing(path));
            }
            (None, Mode::Create | Mode::CreatePrivate | Mode::CreateNew) => {}
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        if !self.names.has_dir(parent) {
            self.io_traceless()?;
            return Err(missing(parent));
        }
        let doing = self.io_perhaps()?;
        self.inode_last += 1;
        let inode = self.inode_last;
        if doing {
            self.inodes.insert(inode, Inode::default());
            self.names.link(path, inode);
        }
        self.still_up().map(|()| inode)
    }

    pub(super) fn read(&mut self, inode: InodeId, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.io_traceless()?;
        self.counters.reads += 1;
        let file = self.inode(inode)?;
        if offset.checked_add(len_u64(bytes.len())).is_none_or(|end| end > file.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.read(bytes, offset);
        if self.faults.corrupt_reads > 0
            && !bytes.is_empty()
            && self.entropy.chance(self.faults.corrupt_reads)
        {
            let at = usize::try_from(self.entropy.below(len_u64(bytes.len()))).unwrap_or(0);
            bytes[at] ^= 1 << self.entropy.below(8);
            self.counters.reads_corrupted += 1;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, inode: InodeId, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fate = self.io()?;
        let end = offset.checked_add(len_u64(bytes.len())).ok_or(io::ErrorKind::InvalidInput)?;
        self.room_for(inode, end)?;
        self.counters.writes += 1;
        self.counters.bytes_written += len_u64(bytes.len());
        if fate == Fate::Lives && self.faults.writes_to_fail > 0 {
            self.faults.writes_to_fail -= 1;
            self.counters.writes_failed += 1;
            let part = usize::try_from(self.entropy.below(len_u64(bytes.len()))).unwrap_or(0);
            self.inode_mut(inode)?.write(&bytes[..part], offset);
            return Err(io::Error::other("simulated write error"));
        }
        // A write in which the disk halts is in the cache like any other: the power cut tears it.
        self.inode_mut(inode)?.write(bytes, offset);
        self.still_up()
    }

    pub(super) fn sync(&mut self, inode: InodeId) -> io::Result<()> {
        // A sync in which the disk halts leaves all dirty: the power cut keeps any part of it.
        self.io_traceless()?;
        self.counters.syncs += 1;
        if let Some((per_mille, delay)) = self.faults.slow_sync
            && self.entropy.chance(per_mille)
        {
            self.counters.sync_delay += delay;
        }
        if self.faults.syncs_to_fail > 0 {
            self.faults.syncs_to_fail -= 1;
            self.counters.syncs_failed += 1;
            let entropy = SimEntropy::new(self.entropy.next_u64());
            self.inode_mut(inode)?.sync_fails(&entropy);
            return Err(io::Error::other("simulated sync error"));
        }
        self.inode_mut(inode)?.sync();
        Ok(())
    }

    pub(super) fn len(&mut self, inode: InodeId) -> io::Result<u64> {
        self.io_traceless()?;
        Ok(self.inode(inode)?.len())
    }

    pub(super) fn set_len(&mut self, inode: InodeId, len: u64) -> io::Result<()> {
        self.room_for(inode, len)?;
        if self.io_perhaps()? {
            self.inode_mut(inode)?.set_len(len);
        }
        self.still_up()
    }

    pub(super) fn list(&mut self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.io_traceless()?;
        if self.names.has_dir(dir) { Ok(self.names.list(dir)) } else { Err(missing(dir)) }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let doing = self.io_perhaps()?;
        let inode = self.names.get(from).ok_or_else(|| missing(from))?;
        if doing {
            self.names.rename(from, to, inode);
        }
        self.still_up()
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let doing = self.io_perhaps()?;
        self.names.get(path).ok_or_else(|| missing(path))?;
        if doing {
            self.names.unlink(path);
        }
        self.still_up()
    }

    pub(super) fn create_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        if self.io_perhaps()? {
            self.names.make_dirs(dir);
        }
        self.still_up()
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.io_traceless()?;
        self.counters.dir_syncs += 1;
        if !self.names.has_dir(dir) {
            return Err(missing(dir));
        }
        self.names.sync_dir(dir);
        Ok(())
    }

    pub(super) fn exists(&mut self, path: &Path) -> io::Result<bool> {
        self.io_traceless()?;
        Ok(self.names.get(path).is_some() || self.names.has_dir(path))
    }

    /// Takes a lock; false if it is held.
    pub(super) fn lock(&mut self, path: &Path) -> io::Result<bool> {
        self.io_traceless()?;
        Ok(self.locks.insert(path.to_owned()))
    }

    pub(super) fn unlock(&mut self, path: &Path) {
        self.locks.remove(path);
    }

    pub(super) fn restart(&mut self, how: Restart) {
        if how == Restart::PowerCut {
            let entropy = SimEntropy::new(self.entropy.next_u64());
            self.names.power_fails(&entropy);
            for inode in self.inodes.values_mut() {
                inode.power_fails(&entropy);
            }
            let named = self.names.inodes();
            self.inodes.retain(|inode, _| named.contains(inode));
        }
        self.locks.clear();
        self.incarnation += 1;
        self.halted = false;
        self.faults.crash_at = None;
    }
}

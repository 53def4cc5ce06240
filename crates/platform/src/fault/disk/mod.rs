//! A disk in memory that keeps the letter of the contract and nothing more.
//!
//! What is not synced may be lost, kept or torn at a power cut, sector by sector, name by name;
//! syncs fail, space runs out, bits flip, all on demand and on a seed.
//!
//! Not here: sleeping. A slow sync only adds to `sync_delay`, for the simulation to charge.

mod inode;
mod names;
mod world;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::world::World;
use crate::{Disk, Entropy as _, File, Lock, LockError, Mode};

/// How a halted or running disk comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// The machine lost power: what was not synced is at the mercy of the seed.
    PowerCut,
    /// Only the process died: the page cache, even what a failed sync left in it, is all there.
    ProcessKilled,
}

/// What was done so far. Restarts do not reset it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of any kind.
    pub ios: u64,
    /// Reads of files.
    pub reads: u64,
    /// Reads that handed out a flipped bit.
    pub reads_corrupted: u64,
    /// Writes to files.
    pub writes: u64,
    /// Writes that failed on demand.
    pub writes_failed: u64,
    /// Bytes written to files.
    pub bytes_written: u64,
    /// Syncs of files.
    pub syncs: u64,
    /// Syncs that failed on demand.
    pub syncs_failed: u64,
    /// Syncs of directories.
    pub dir_syncs: u64,
    /// What slow syncs would have taken.
    pub sync_delay: Duration,
}

/// The simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

impl SimDisk {
    /// An empty disk whose accidents follow `seed`.
    pub fn new(seed: u64) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(seed))) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the disk as it is, running, without locks, faults or open handles.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        Self { world: Arc::new(Mutex::new(self.world().fork(seed))) }
    }

    /// The disk halts at its I/O number `number` (counted from 0 since it was made): that call and
    /// all later ones fail until `restart`.
    pub fn crash_at_io(&self, number: u64) {
        self.world().faults.crash_at = Some(number);
    }

    /// The disk halts now.
    pub fn halt(&self) {
        self.world().halted = true;
    }

    /// Whether the disk is halted.
    pub fn is_halted(&self) -> bool {
        self.world().halted
    }

    /// Brings the disk back. Handles and locks of before are dead; so is an armed crash.
    pub fn restart(&self, how: Restart) {
        self.world().restart(how);
    }

    /// The next `count` syncs of files fail. What they should have synced stays readable, is never
    /// written, and a later sync succeeds without it: as on Linux.
    pub fn fail_syncs(&self, count: u64) {
        self.world().faults.syncs_to_fail = count;
    }

    /// The next `count` writes fail half-way.
    pub fn fail_writes(&self, count: u64) {
        self.world().faults.writes_to_fail = count;
    }

    /// This many of a thousand syncs are slow by `delay`.
    pub fn slow_syncs(&self, per_mille: u64, delay: Duration) {
        self.world().faults.slow_sync = Some((per_mille, delay));
    }

    /// This many of a thousand reads hand out one flipped bit.
    pub fn corrupt_reads(&self, per_mille: u64) {
        self.world().faults.corrupt_reads = per_mille;
    }

    /// Limits the disk to so many bytes of files; `None` is no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().faults.capacity = bytes;
    }

    /// Flips one bit of a file for good. False if the file is not there or shorter.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) -> bool {
        let mut world = self.world();
        let Some(inode) = world.peek(path).filter(|inode| offset < inode.len()) else { return false };
        inode.flip(offset, bit);
        true
    }

    /// Flips a random bit of a file for good and says in which byte; `None` if there is none.
    pub fn flip_random_bit(&self, path: &Path) -> Option<u64> {
        let len = self.world().peek(path)?.len();
        let (offset, bit) = (self.random_below(len), self.random_below(8));
        self.flip_bit(path, offset, u8::try_from(bit).ok()?).then_some(offset)
    }

    fn random_below(&self, bound: u64) -> u64 {
        self.world().entropy.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// The bytes of a file as a reader sees them, without counting as I/O.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let mut world = self.world();
        let inode = world.peek(path)?;
        let mut bytes = vec![0; usize::try_from(inode.len()).ok()?];
        inode.read(&mut bytes, 0);
        Some(bytes)
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.world().counters
    }
}

/// An open file; dead once the disk restarted.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: u64,
    incarnation: u64,
    mode: Mode,
}

impl SimFile {
    fn world(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.disk.world();
        if world.incarnation == self.incarnation {
            Ok(world)
        } else {
            Err(io::Error::other("this handle is from before the restart"))
        }
    }

    fn writable(&self) -> io::Result<MutexGuard<'_, World>> {
        match self.mode {
            Mode::Read => Err(io::ErrorKind::PermissionDenied.into()),
            Mode::ReadWrite | Mode::Create | Mode::CreatePrivate | Mode::CreateNew => self.world(),
        }
    }
}

impl File for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.world()?.read(self.inode, bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.writable()?.write(self.inode, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.world()?.sync(self.inode)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.world()?.sync(self.inode)
    }

    fn len(&self) -> io::Result<u64> {
        self.world()?.len(self.inode)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.writable()?.set_len(self.inode, len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
        let mut world = self.writable()?;
        let now = world.len(self.inode)?;
        if now < end { world.set_len(self.inode, end) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    incarnation: u64,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        // A restart already gave it back, and somebody else may hold it now.
        if world.incarnation == self.incarnation {
            world.unlock(&self.path);
        }
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut world = self.world();
        let inode = world.open(path, mode)?;
        let incarnation = world.incarnation;
        Ok(Arc::new(SimFile { disk: self.clone(), inode, incarnation, mode }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.world().list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world().remove(path)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.world().create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.world().sync_dir(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.world().exists(path)
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.world().free())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        let mut world = self.world();
        if !world.lock(path).map_err(LockError::Io)? {
            return Err(LockError::Busy { holder: "a simulated process".to_owned() });
        }
        let incarnation = world.incarnation;
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned(), incarnation }))
    }
}

//! Files and directories, with what a power cut may take away said in the contract.
//!
//! Not here: formats, checksums and retries (`storage`). The one thing to know: nothing written is
//! durable before a sync of the file, and no name is durable before a sync of its directory.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// A file for reading and writing, created empty where there is none.
    Create,
    /// The same; one that is created can be read and written by its owner alone.
    CreatePrivate,
    /// A new file for reading and writing; an existing one is an error.
    CreateNew,
}

/// One open file. Positions are absolute; there is no cursor to share.
pub trait File: Send + Sync + fmt::Debug {
    /// Fills `bytes` from `offset`; reading past the end is `UnexpectedEof`.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, growing the file if need be. Until the next successful
    /// sync, a crash may keep all of it, none, or any of its sectors.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable, and the length if it changed. After an error nobody knows
    /// what is on disk, and a second call that succeeds proves nothing.
    fn sync_data(&self) -> io::Result<()>;
    /// As `sync_data`, all metadata included.
    fn sync_all(&self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Cuts or extends the file; new bytes read as zero.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves disk space for `offset..offset + len` and extends the file to it, so that writes
    /// there neither run out of space nor change the file's length. Existing bytes stay.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;
    /// Whether the file holds no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A lock on a path, held until it is dropped or the process ends.
pub trait Lock: Send + Sync + fmt::Debug {}

/// Why a lock was not given.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else holds it; `holder` is what the holder wrote about itself (its process id).
    Busy {
        /// Who holds the lock, as far as known.
        holder: String,
    },
    /// The lock's file could not be opened or written.
    Io(io::Error),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { holder } => write!(f, "held by {holder}"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for LockError {}

/// A file system.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file. A created file's name is durable only after `sync_dir` of its directory.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>>;
    /// The files and directories directly in `dir`, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// Gives a file another name, replacing what has it. Durable after `sync_dir`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after `sync_dir`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and those above it; an existing one is fine.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Whether there is a file or directory of this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Bytes that may still be written in the file system of `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Takes the lock `path`, creating the file. Does not wait.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError>;
}

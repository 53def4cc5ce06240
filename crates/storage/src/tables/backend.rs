//! Lets redb keep its file on a `platform::Disk`.
//!
//! Not here: retries and checks of content. The one thing to know: space is reserved when the file
//! grows, so that a full disk shows there and not in the middle of a commit.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use platform::File;

/// One open file as redb wants it. Clones are the same file.
#[derive(Clone)]
pub(super) struct Backend {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) syncs: Arc<AtomicU64>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({})", self.path.display())
    }
}

impl redb::StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(out, offset).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                let why = format!("the file ends before byte {}", offset.saturating_add(len_u64(out.len())));
                io::Error::new(io::ErrorKind::UnexpectedEof, why)
            } else {
                error
            }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let now = self.file.len()?;
        if len > now {
            match self.file.allocate(now, len - now) {
                // The file grows in large steps; a small write may still fit into what is left.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
                outcome => return outcome,
            }
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(data, offset)
    }
}

fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

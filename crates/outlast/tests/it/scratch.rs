//! A directory for one test, removed when the test has passed.
//!
//! Not here: what is put into it. After a failure it stays, so that one can look, and its path is in
//! the test's output.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A fresh directory.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("it-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the target directory can be written to");
        Self(path)
    }

    /// A path within it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("left for inspection: {}", self.0.display());
        } else {
            // What cannot be removed is in the target directory and harms nobody.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

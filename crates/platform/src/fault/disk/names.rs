//! The names of a simulated disk: what is seen now, and what a power cut would leave of it.
//!
//! Not here: the bytes behind the names (`inode`). The one thing to know: each change of a name
//! waits until its directory is synced, and a crash keeps any subset of those that wait.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::fault::SimEntropy;

/// A file's identity behind its names.
pub(super) type InodeId = u64;

/// One change of names that is not durable yet.
#[derive(Debug, Clone)]
enum Change {
    Link(PathBuf, InodeId),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, InodeId),
    MakeDir(PathBuf),
}

/// Files by name, and directories.
#[derive(Debug, Clone, Default)]
struct Tree {
    files: BTreeMap<PathBuf, InodeId>,
    dirs: BTreeSet<PathBuf>,
}

/// The visible names, the durable ones, and the changes between the two in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    visible: Tree,
    durable: Tree,
    pending: Vec<Change>,
}

impl Tree {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Link(path, inode) => drop(self.files.insert(path, inode)),
            Change::Unlink(path) => drop(self.files.remove(&path)),
            Change::Rename(from, to, inode) => {
                if self.files.get(&from) == Some(&inode) {
                    self.files.remove(&from);
                }
                self.files.insert(to, inode);
            }
            Change::MakeDir(path) => drop(self.dirs.insert(path)),
        }
    }

    fn has_dir(&self, dir: &Path) -> bool {
        let here = dir.as_os_str().is_empty() || dir == Path::new(".");
        here || dir.parent().is_none() || self.dirs.contains(dir)
    }
}

impl Change {
    fn touches(&self, dir: &Path) -> bool {
        let dir = if dir == Path::new(".") { Path::new("") } else { dir };
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::MakeDir(path) => path.parent() == Some(dir),
            Self::Rename(from, to, _) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }
}

impl Names {
    pub(super) fn get(&self, path: &Path) -> Option<InodeId> {
        self.visible.files.get(path).copied()
    }

    pub(super) fn has_dir(&self, dir: &Path) -> bool {
        self.visible.has_dir(dir)
    }

    pub(super) fn list(&self, dir: &Path) -> Vec<PathBuf> {
        let files = self.visible.files.keys();
        let mut found: Vec<_> =
            files.chain(&self.visible.dirs).filter(|path| path.parent() == Some(dir)).cloned().collect();
        found.sort();
        found
    }

    pub(super) fn link(&mut self, path: &Path, inode: InodeId) {
        self.change(Change::Link(path.to_owned(), inode));
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        self.change(Change::Unlink(path.to_owned()));
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, inode: InodeId) {
        self.change(Change::Rename(from.to_owned(), to.to_owned(), inode));
    }

    pub(super) fn make_dirs(&mut self, dir: &Path) {
        let mut missing: Vec<_> = dir.ancestors().filter(|path| !self.has_dir(path)).collect();
        while let Some(path) = missing.pop() {
            self.change(Change::MakeDir(path.to_owned()));
        }
    }

    fn change(&mut self, change: Change) {
        self.visible.apply(change.clone());
        self.pending.push(change);
    }

    /// All changes in `dir` become durable.
    pub(super) fn sync_dir(&mut self, dir: &Path) {
        for change in std::mem::take(&mut self.pending) {
            if change.touches(dir) {
                self.durable.apply(change);
            } else {
                self.pending.push(change);
            }
        }
    }

    /// The power fails: any subset of the waiting changes survives.
    pub(super) fn power_fails(&mut self, entropy: &SimEntropy) {
        for change in std::mem::take(&mut self.pending) {
            if entropy.chance(400) {
                self.durable.apply(change);
            }
        }
        let dirs = self.durable.dirs.clone();
        let rooted = |path: &Path| {
            path.ancestors()
                .skip(1)
                .all(|dir| dir.parent().is_none() || dir.as_os_str().is_empty() || dirs.contains(dir))
        };
        self.durable.dirs.retain(|dir| rooted(dir));
        self.durable.files.retain(|path, _| rooted(path));
        self.visible = self.durable.clone();
    }

    /// Every file that still has a name, or could get one back.
    pub(super) fn inodes(&self) -> BTreeSet<InodeId> {
        self.visible.files.values().chain(self.durable.files.values()).copied().collect()
    }
}

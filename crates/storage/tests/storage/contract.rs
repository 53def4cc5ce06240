//! The contract suites on a real and on a simulated disk.
//!
//! Not here: the suites themselves (`storage::testing`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform::Disk;
use platform::fault::SimDisk;
use platform::real::RealDisk;

/// An empty directory of the build's own scratch space.
#[expect(clippy::disallowed_methods, reason = "tests clean up after themselves")]
fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).expect("the scratch space is writable");
    dir
}

#[test]
fn the_node_log_keeps_its_contract_on_a_real_disk() {
    let dir = scratch("log");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    storage::testing::log::suite(&disk, &dir);
}

#[test]
fn the_node_log_keeps_its_contract_on_a_simulated_disk() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    storage::testing::log::suite(&disk, Path::new("/data"));
}

#[test]
fn tables_keep_their_contract_on_a_real_disk() {
    let dir = scratch("tables");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    storage::testing::tables::suite(&disk, &dir);
}

#[test]
fn tables_keep_their_contract_on_a_simulated_disk() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    storage::testing::tables::suite(&disk, Path::new("/data"));
}

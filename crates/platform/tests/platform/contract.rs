//! The contract suite on a real and on a simulated disk.
//!
//! Not here: what only one of them can do.

use std::path::Path;

use platform::fault::SimDisk;
use platform::real::RealDisk;
use platform::testing::suite;
use platform::{Disk as _, Mode};

#[test]
fn a_real_disk_keeps_the_contract() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contract");
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).unwrap();
    suite(&RealDisk, &dir);
}

#[test]
fn a_private_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("private");
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("key");
    RealDisk.open(&path, Mode::CreatePrivate).unwrap().write_at(b"secret", 0).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_simulated_disk_keeps_the_contract() {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/data")).unwrap();
    suite(&disk, Path::new("/data"));
}

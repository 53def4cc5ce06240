//! The accidents of the simulated disk: what survives which restart, and that a seed decides it.
//!
//! Not here: what a disk without accidents does (`contract`).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platform::fault::{Restart, SimDisk};
use platform::{Disk as _, File, Mode};

const FILE: &str = "/file";

fn create(disk: &SimDisk) -> Arc<dyn File> {
    let file = disk.open(Path::new(FILE), Mode::Create).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file
}

/// What a power cut leaves of 64 sectors of ones that were written over synced zeros.
fn after_power_cut(seed: u64) -> Vec<u8> {
    let disk = SimDisk::new(seed);
    let file = create(&disk);
    file.write_at(&[0; 64 * 512], 0).unwrap();
    file.sync_data().unwrap();
    file.write_at(&[1; 64 * 512], 0).unwrap();
    disk.restart(Restart::PowerCut);
    disk.contents(Path::new(FILE)).unwrap()
}

#[test]
fn unsynced_sectors_are_kept_lost_or_torn_and_the_seed_decides() {
    let bytes = after_power_cut(1);
    let sums: Vec<usize> =
        bytes.chunks(512).map(|sector| sector.iter().map(|byte| usize::from(*byte)).sum()).collect();
    assert!(sums.contains(&0), "some are lost");
    assert!(sums.contains(&512), "some are kept");
    assert!(sums.iter().any(|sum| (1..512).contains(sum)), "some are torn");
    assert_eq!(bytes, after_power_cut(1), "the same seed, the same accident");
    assert_ne!(bytes, after_power_cut(2));
}

#[test]
fn synced_bytes_survive_and_a_killed_process_loses_nothing() {
    let disk = SimDisk::new(3);
    let file = create(&disk);
    file.write_at(b"synced", 0).unwrap();
    file.sync_data().unwrap();
    disk.restart(Restart::PowerCut);
    assert_eq!(disk.contents(Path::new(FILE)).unwrap(), b"synced");
    file.write_at(b"x", 0).unwrap_err();
    let file = disk.open(Path::new(FILE), Mode::ReadWrite).unwrap();
    file.write_at(b"cached", 0).unwrap();
    disk.restart(Restart::ProcessKilled);
    assert_eq!(disk.contents(Path::new(FILE)).unwrap(), b"cached");
}

#[test]
fn a_name_is_durable_only_once_its_directory_is_synced() {
    let lost = (0..20).filter(|seed| {
        let disk = SimDisk::new(*seed);
        disk.open(Path::new(FILE), Mode::Create).and_then(|file| file.sync_all()).unwrap();
        disk.restart(Restart::PowerCut);
        !disk.exists(Path::new(FILE)).unwrap()
    });
    assert!((1..20).contains(&lost.count()), "sometimes lost, sometimes not");
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        create(&disk);
        disk.restart(Restart::PowerCut);
        assert!(disk.exists(Path::new(FILE)).unwrap());
    }
}

#[test]
fn after_a_failed_sync_the_next_one_succeeds_without_the_data() {
    let lost = (0..20).filter(|seed| {
        let disk = SimDisk::new(*seed);
        let file = create(&disk);
        file.write_at(&[1; 512], 0).unwrap();
        file.sync_data().unwrap();
        file.write_at(&[2; 512], 0).unwrap();
        disk.fail_syncs(1);
        file.sync_data().unwrap_err();
        let mut read = [0];
        file.read_at(&mut read, 0).unwrap();
        assert_eq!(read, [2], "the cache still shows it");
        file.sync_data().unwrap();
        disk.restart(Restart::PowerCut);
        disk.contents(Path::new(FILE)).unwrap()[0] == 1
    });
    assert!(lost.count() > 5, "a sync tried again is a lie");
}

#[test]
fn a_crash_at_an_io_halts_everything_until_the_restart() {
    let disk = SimDisk::new(5);
    let file = create(&disk);
    disk.crash_at_io(disk.counters().ios + 1);
    file.write_at(b"before", 0).unwrap();
    file.write_at(b"during", 0).unwrap_err();
    assert!(disk.is_halted());
    disk.exists(Path::new(FILE)).unwrap_err();
    file.sync_data().unwrap_err();
    disk.restart(Restart::PowerCut);
    assert!(disk.exists(Path::new(FILE)).unwrap());
}

#[test]
fn a_full_disk_refuses_to_grow_but_not_to_overwrite() {
    let disk = SimDisk::new(6);
    let file = create(&disk);
    disk.set_capacity(Some(1000));
    file.allocate(0, 1001).unwrap_err();
    file.allocate(0, 1000).unwrap();
    file.write_at(&[1; 1000], 0).unwrap();
    let refused = file.write_at(b"x", 1000).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(disk.free_bytes(Path::new("/")).unwrap(), 0);
}

#[test]
fn bits_flip_and_reads_lie_and_syncs_dawdle_on_demand() {
    let disk = SimDisk::new(7);
    let file = create(&disk);
    file.write_at(&[0; 100], 0).unwrap();
    assert!(disk.flip_bit(Path::new(FILE), 41, 3));
    assert!(!disk.flip_bit(Path::new(FILE), 100, 0), "there is no such byte");
    assert_eq!(disk.contents(Path::new(FILE)).unwrap()[41], 8);
    disk.corrupt_reads(1000);
    let mut read = [0; 40];
    file.read_at(&mut read, 0).unwrap();
    assert_eq!(
        read.iter().map(|byte| byte.count_ones()).sum::<u32>(),
        1,
        "one bit of what was read is wrong"
    );
    disk.slow_syncs(1000, Duration::from_millis(300));
    file.sync_data().unwrap();
    assert_eq!(disk.counters().sync_delay, Duration::from_millis(300), "no time passes, it is only told");
}

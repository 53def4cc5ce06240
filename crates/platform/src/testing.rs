//! The contract of a disk as a suite, which every implementation must pass.
//!
//! Not here: crashes, which only a simulated disk can do on demand; its own tests are beside it.
//! Each check is a sentence, works below `dir`, and panics with the sentence when broken.

use std::io::ErrorKind;
use std::path::Path;

use crate::{Disk, LockError, Mode};

/// Runs the whole suite in an existing directory.
pub fn suite(disk: &dyn Disk, dir: &Path) {
    bytes_are_read_back_where_they_were_written(disk, &dir.join("bytes"));
    reading_past_the_end_is_an_error(disk, &dir.join("end"));
    cut_bytes_do_not_come_back(disk, &dir.join("cut"));
    allocating_extends_and_keeps(disk, &dir.join("allocate"));
    modes_are_kept(disk, &dir.join("modes"));
    names_can_be_listed_moved_and_removed(disk, &dir.join("names"));
    a_lock_is_given_once_until_it_is_dropped(disk, &dir.join("lock"));
}

fn bytes_are_read_back_where_they_were_written(disk: &dyn Disk, path: &Path) {
    let file = disk.open(path, Mode::CreateNew).expect("created");
    assert!(file.is_empty().expect("measured"), "a new file is empty");
    let long: Vec<u8> = (0..3000_u32).map(|n| n.to_le_bytes()[0]).collect();
    file.write_at(&long, 700).expect("written");
    file.write_at(b"xyz", 1023).expect("written");
    let mut read = vec![1; 3700];
    file.read_at(&mut read, 0).expect("read");
    assert!(read[..700].iter().all(|byte| *byte == 0), "what was never written is zero");
    assert_eq!(&read[1023..1026], b"xyz", "a later write wins");
    assert_eq!((&read[700..1023], &read[1026..]), (&long[..323], &long[326..]), "and touches nothing else");
    file.sync_data().expect("synced");
    file.sync_all().expect("synced");
    let again = disk.open(path, Mode::Read).expect("opened");
    assert_eq!(again.len().expect("measured"), 3700, "all handles see one file");
}

fn reading_past_the_end_is_an_error(disk: &dyn Disk, path: &Path) {
    let file = disk.open(path, Mode::Create).expect("created");
    file.write_at(b"four", 0).expect("written");
    let outcome = file.read_at(&mut [0; 2], 3).map_err(|error| error.kind());
    assert_eq!(outcome, Err(ErrorKind::UnexpectedEof), "reading past the end is an error");
    file.read_at(&mut [], 4).expect("nothing can be read anywhere");
}

fn cut_bytes_do_not_come_back(disk: &dyn Disk, path: &Path) {
    let file = disk.open(path, Mode::Create).expect("created");
    file.write_at(&[7; 2000], 0).expect("written");
    file.sync_data().expect("synced");
    file.set_len(600).expect("cut");
    file.set_len(2000).expect("extended");
    let mut read = vec![1; 2000];
    file.read_at(&mut read, 0).expect("read");
    assert_eq!((read[599], read[600], read[1999]), (7, 0, 0), "cut bytes do not come back");
}

fn allocating_extends_and_keeps(disk: &dyn Disk, path: &Path) {
    let file = disk.open(path, Mode::Create).expect("created");
    file.write_at(b"kept", 0).expect("written");
    file.allocate(0, 10_000).expect("reserved");
    assert_eq!(file.len().expect("measured"), 10_000, "allocating extends");
    file.allocate(0, 5).expect("reserved");
    assert_eq!(file.len().expect("measured"), 10_000, "and never cuts");
    let mut read = [1; 6];
    file.read_at(&mut read, 0).expect("read");
    assert_eq!(&read, b"kept\0\0", "bytes stay, new ones are zero");
}

fn modes_are_kept(disk: &dyn Disk, path: &Path) {
    let kind = |mode| disk.open(path, mode).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(kind(Mode::Read), Err(ErrorKind::NotFound), "a missing file is not made by reading");
    assert_eq!(kind(Mode::ReadWrite), Err(ErrorKind::NotFound), "nor by writing");
    assert_eq!(kind(Mode::Create), Ok(()), "but by creating");
    assert_eq!(kind(Mode::CreateNew), Err(ErrorKind::AlreadyExists), "a new file is new");
    disk.open(path, Mode::Create).and_then(|file| file.write_at(b"x", 0)).expect("written");
    let reader = disk.open(path, Mode::Read).expect("an existing file is not emptied");
    assert_eq!(reader.len().expect("measured"), 1, "an existing file is not emptied");
    reader.write_at(b"y", 0).expect_err("a reader does not write");
}

fn names_can_be_listed_moved_and_removed(disk: &dyn Disk, dir: &Path) {
    let deep = dir.join("a/b");
    disk.create_dir_all(&deep).expect("created");
    disk.create_dir_all(&deep).expect("an existing directory is fine");
    for name in ["2", "1", "3"] {
        disk.open(&deep.join(name), Mode::Create).and_then(|file| file.write_at(b"1", 0)).expect("written");
    }
    disk.rename(&deep.join("3"), &deep.join("1")).expect("renamed over another");
    disk.sync_dir(&deep).expect("synced");
    assert_eq!(disk.list(&deep).expect("listed"), [deep.join("1"), deep.join("2")], "names are sorted");
    disk.remove(&deep.join("2")).expect("removed");
    let exists = |name: &str| disk.exists(&deep.join(name)).expect("asked");
    assert_eq!((exists("1"), exists("2"), exists("3")), (true, false, false), "names come and go");
    assert!(disk.exists(dir).expect("asked"), "a directory exists");
    let missing = disk.list(&dir.join("none")).map_err(|error| error.kind());
    assert_eq!(missing, Err(ErrorKind::NotFound), "a missing directory is an error");
    disk.open(&dir.join("none/file"), Mode::Create).expect_err("and is not made by a file");
    assert!(disk.free_bytes(dir).expect("asked") > 0, "there is room");
}

fn a_lock_is_given_once_until_it_is_dropped(disk: &dyn Disk, path: &Path) {
    let held = disk.lock(path).expect("a free lock is given");
    match disk.lock(path) {
        Err(LockError::Busy { holder }) => assert!(holder.contains("process"), "{holder} names the holder"),
        Err(LockError::Io(error)) => panic!("a held lock is busy, not {error}"),
        Ok(_) => panic!("a held lock is not given again"),
    }
    drop(held);
    drop(disk.lock(path).expect("a dropped lock is free"));
}

//! A table file that rots or crashes.
//!
//! The rule checked: a flipped bit gives an error that names the file, or changes nothing; a crash
//! at any I/O leaves the last checkpoint or a later one, rows and position together.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use platform::Disk;
use platform::fault::{Restart, SimDisk};
use storage::tables::Options;
use storage::testing::tables::batch;
use storage::{Applied, Batch, Durability, Error, Tables};

const PATH: &str = "/data/tables/1.redb";

fn open(disk: &SimDisk) -> Result<Tables, Error> {
    Tables::open(Arc::new(disk.clone()) as Arc<dyn Disk>, Path::new(PATH), Options::default())
}

fn rows(tables: &Tables) -> Result<Vec<(Bytes, Bytes)>, Error> {
    tables.scan(b"", b"~", 1000)
}

/// Batch `number`: sets a row of its own and one that all set, removes the row before last.
fn numbered(number: u64) -> Batch {
    let text = format!("value {number} {}", "x".repeat(20));
    let gone = format!("row{:03}", number.saturating_sub(2));
    batch(number, &[(&format!("row{number:03}"), Some(&text)), ("last", Some(&text)), (&gone, None)])
}

fn checkpoint_of(number: u64) -> Durability {
    if number % 4 == 3 { Durability::Checkpoint } else { Durability::Buffered }
}

/// Stores batches until the end or the first error; says which checkpoint was promised last.
fn run(disk: &SimDisk, last: u64) -> u64 {
    let mut promised = 0;
    let Ok(tables) = open(disk) else { return promised };
    for number in 1..=last {
        if tables.store(numbered(number), checkpoint_of(number)).is_err() {
            break;
        }
        if checkpoint_of(number) == Durability::Checkpoint {
            promised = number;
        }
    }
    promised
}

/// The rows that a table must hold which has applied everything up to `index`.
fn expected(index: u64) -> Vec<(Bytes, Bytes)> {
    let disk = SimDisk::new(1);
    let tables = open(&disk).unwrap();
    for number in 1..=index {
        tables.store(numbered(number), Durability::Buffered).unwrap();
    }
    rows(&tables).unwrap()
}

#[test]
pub(crate) fn a_crash_at_any_io_leaves_rows_and_position_of_one_moment() {
    let last = 12;
    let calm = SimDisk::new(1);
    run(&calm, last);
    let ios = calm.counters().ios;
    let truth: Vec<_> = (0..=last).map(expected).collect();
    for io in 0..ios {
        for how in [Restart::PowerCut, Restart::ProcessKilled] {
            let disk = SimDisk::new(io * 7 + 1);
            disk.crash_at_io(io);
            let promised = run(&disk, last);
            disk.restart(how);
            let tables = open(&disk).unwrap_or_else(|error| panic!("{how:?} at I/O {io} of {ios}: {error}"));
            let Applied { index, .. } = tables.applied().unwrap();
            assert!(index >= promised, "{how:?} at I/O {io}: {promised} was promised, {index} is there");
            let found = rows(&tables).unwrap();
            assert_eq!(found, truth[usize::try_from(index).unwrap()], "{how:?} at I/O {io}: rows of {index}");
            assert_eq!(tables.scrub().unwrap().damage, Vec::<String>::new());
        }
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let disk = SimDisk::new(2);
    run(&disk, 11);
    let truth = expected(11);
    let bytes = disk.contents(Path::new(PATH)).unwrap();
    // Every byte that holds something, and a sample of those that do not.
    let interesting = |at: &usize| bytes[*at] != 0 || at.is_multiple_of(997);
    let (mut refused, mut harmless) = (0, 0);
    for at in (0..bytes.len()).filter(interesting).step_by(23) {
        let disk = disk.fork(1);
        assert!(disk.flip_bit(Path::new(PATH), u64::try_from(at).unwrap(), u8::try_from(at % 8).unwrap()));
        let outcome =
            open(&disk).and_then(|tables| Ok((rows(&tables)?, tables.applied()?.index, tables.scrub()?)));
        match outcome {
            Ok((found, index, report)) => {
                // An older checkpoint is honest: the log replays what is missing.
                let truth = if index == 11 { truth.clone() } else { expected(index) };
                assert_eq!(found, truth, "byte {at}: never wrong bytes");
                assert_eq!(report.damage, Vec::<String>::new(), "byte {at}");
                harmless += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains(PATH), "byte {at}: {error} names the file");
                refused += 1;
            }
        }
    }
    assert!(refused > 20 && harmless > 20, "{refused} refused, {harmless} harmless");
}

#[test]
fn rot_behind_an_open_table_is_never_wrong_bytes() {
    let disk = SimDisk::new(3);
    let options = Options { cache_bytes: 0, ..Options::default() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let tables = Tables::open(shared, Path::new(PATH), options).unwrap();
    for number in 1..=40 {
        tables.store(numbered(number), Durability::Checkpoint).unwrap();
    }
    let value = tables.get(b"row040").unwrap().unwrap();
    let bytes = disk.contents(Path::new(PATH)).unwrap();
    let places: Vec<_> =
        bytes.windows(value.len()).enumerate().filter(|(_, window)| *window == &value[..]).collect();
    assert!(!places.is_empty());
    for (at, _) in &places {
        disk.flip_bit(Path::new(PATH), u64::try_from(at + 3).unwrap(), 1);
    }
    let found = tables.get(b"row040");
    assert!(
        matches!(&found, Err(Error::CorruptTable { key: Some(key), .. }) if key == "726f77303430"),
        "the key is named: {found:?}"
    );
    assert!(tables.scrub().unwrap().damage.iter().any(|damage| damage.contains("726f77303430")));
    assert!(tables.get(b"row039").unwrap().is_some(), "other rows can still be read");
}

#[test]
fn a_truncated_table_is_refused_by_name_and_position() {
    let disk = SimDisk::new(4);
    run(&disk, 11);
    let whole = disk.contents(Path::new(PATH)).unwrap().len();
    for len in [0, 1, 100, 4096, whole / 2, whole - 1] {
        let disk = disk.fork(1);
        let file = disk.open(Path::new(PATH), platform::Mode::ReadWrite).unwrap();
        file.set_len(u64::try_from(len).unwrap()).unwrap();
        let error = open(&disk).and_then(|tables| tables.scrub()).unwrap_err();
        assert!(matches!(&error, Error::CorruptTable { .. }), "{len}: {error}");
        assert!(error.to_string().contains(PATH), "{len}: {error}");
    }
}

#[test]
fn a_full_disk_refuses_a_store_and_takes_it_when_there_is_room() {
    let disk = SimDisk::new(5);
    let tables = open(&disk).unwrap();
    tables.store(numbered(1), Durability::Checkpoint).unwrap();
    disk.set_capacity(Some(1 << 20));
    for durability in [Durability::Buffered, Durability::Checkpoint] {
        assert!(matches!(tables.store(numbered(2), durability), Err(Error::Full { .. })));
    }
    assert_eq!(tables.applied().unwrap().index, 1, "reading goes on");
    disk.set_capacity(None);
    tables.store(numbered(2), Durability::Checkpoint).unwrap();
    assert_eq!(rows(&tables).unwrap(), expected(2));
}

#[test]
fn a_failed_sync_ends_the_tables_and_the_last_checkpoint_stays() {
    for seed in 0..40 {
        let disk = SimDisk::new(seed);
        let tables = open(&disk).unwrap();
        tables.store(numbered(1), Durability::Checkpoint).unwrap();
        disk.fail_syncs(1);
        tables.store(numbered(2), Durability::Checkpoint).unwrap_err();
        assert!(matches!(tables.get(b"row001"), Err(Error::Poisoned { .. })));
        assert!(matches!(tables.store(numbered(2), Durability::Buffered), Err(Error::Poisoned { .. })));
        drop(tables);
        disk.restart(Restart::PowerCut);
        let tables = open(&disk).unwrap();
        let index = tables.applied().unwrap().index;
        assert!(index == 1 || index == 2, "seed {seed}");
        assert_eq!(rows(&tables).unwrap(), expected(index), "seed {seed}");
    }
}

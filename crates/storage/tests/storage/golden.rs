//! Golden files: what version 1 wrote must be readable for ever, and what is written as version 1
//! must stay what it is.
//!
//! Not here: a way to change the files. One that is missing is written and the test fails once;
//! `tests/formats/README.md` says when that is right.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use platform::fault::SimDisk;
use platform::real::RealDisk;
use platform::{Disk, Mode};
use storage::log::{NodeLog, Options, Record, Tail};
use storage::testing::model::{Model, group};
use storage::testing::tables::batch;
use storage::{Durability, Tables};

const TABLE_LEN: usize = 1_056_768;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/v1").join(name)
}

/// The bytes of a golden file. Trailing zeros are not kept.
fn read(name: &str, len: usize, fresh: &[u8]) -> Vec<u8> {
    let path = golden(name);
    if !RealDisk.exists(&path).unwrap() {
        let used = fresh.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        RealDisk.open(&path, Mode::CreateNew).unwrap().write_at(&fresh[..used], 0).unwrap();
        panic!("{} was missing and is written now: read it before it is committed", path.display());
    }
    let file = RealDisk.open(&path, Mode::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    bytes.resize(len.max(bytes.len()), 0);
    bytes
}

fn put(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    disk.create_dir_all(path.parent().unwrap()).unwrap();
    disk.open(path, Mode::CreateNew).unwrap().write_at(bytes, 0).unwrap();
}

/// One of each kind of record, one append over several frames, and a note.
fn records() -> Vec<Vec<Record>> {
    let (first, second) = (group(1), group(2));
    let entries = |group, first, texts: &[&'static str]| Record::Entries {
        group,
        first,
        entries: texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect(),
    };
    vec![
        vec![
            Record::Opened { group: first },
            Record::State { group: first, state: Bytes::from_static(b"vote 1") },
        ],
        vec![entries(first, 1, &["one", "two", "three"]), Record::Opened { group: second }],
        vec![entries(first, 3, &["other three", ""]), Record::Compacted { group: first, upto: 1 }],
        vec![
            Record::Entries { group: second, first: 1, entries: vec![Bytes::from(vec![0xab; 5000])] },
            Record::Sealed { group: second },
        ],
        vec![Record::Opened { group: group(3) }, Record::Destroyed { group: group(3) }],
    ]
}

#[test]
fn version_1_of_the_node_log_is_read_and_written_as_ever() {
    let (disk, dir) = (SimDisk::new(1), Path::new("/log"));
    let open = |disk: &SimDisk| NodeLog::open(Arc::new(disk.clone()), dir, Options::small()).unwrap();
    let (mut log, _) = open(&disk);
    let mut model = Model::default();
    for batch in records() {
        log.append(&batch).unwrap();
        log.sync().unwrap();
        model.apply(&batch);
    }
    log.note_durable().unwrap();
    log.close().unwrap();
    let kept = SimDisk::new(2);
    for (name, path) in [("segment", "00000000000000000001.log"), ("format", "format"), ("closed", "closed")]
    {
        let written = disk.contents(&dir.join(path)).unwrap();
        let bytes = read(&format!("log-{name}.bin"), written.len(), &written);
        assert!(bytes == written, "{name}: what is written as version 1 has changed");
        put(&kept, &dir.join(path), &bytes);
    }
    let (_log, found) = open(&kept);
    assert!(found.was_clean && found.damage.is_empty());
    assert_eq!(found.groups, model.groups);
}

#[test]
fn version_1_of_a_cut_is_read_and_written_as_ever() {
    let (disk, dir) = (SimDisk::new(1), Path::new("/log"));
    let open = |disk: &SimDisk| NodeLog::open(Arc::new(disk.clone()), dir, Options::small()).unwrap();
    let (segment, format) = (dir.join("00000000000000000001.log"), dir.join("format"));
    let (mut log, _) = open(&disk);
    log.append(&records()[0]).unwrap();
    log.append(&records()[1]).unwrap();
    log.sync().unwrap();
    let end = log.usage().bytes;
    drop(log);
    assert!(disk.flip_bit(&segment, end - 20, 0));
    drop(open(&disk));
    let written = disk.contents(&segment).unwrap();
    let bytes = read("log-cut.bin", written.len(), &written);
    assert!(bytes == written, "what is written as version 1 has changed");
    let kept = SimDisk::new(2);
    put(&kept, &segment, &bytes);
    put(&kept, &format, &disk.contents(&format).unwrap());
    let (_log, found) = open(&kept);
    assert!(found.groups[&group(1)].tail == Tail::Cut, "{found:?}");
}

#[test]
fn version_1_of_a_table_is_read_as_ever() {
    let path = Path::new("/tables/1.redb");
    let open =
        |disk: &SimDisk| Tables::open(Arc::new(disk.clone()), path, storage::tables::Options::default());
    let disk = SimDisk::new(1);
    let tables = open(&disk).unwrap();
    tables.store(batch(41, &[("a", Some("1")), ("b", Some("2"))]), Durability::Buffered).unwrap();
    tables.store(batch(42, &[("b", None), ("c", Some(""))]), Durability::Checkpoint).unwrap();
    drop(tables);
    let bytes = read("table.bin", TABLE_LEN, &disk.contents(path).unwrap());
    let kept = SimDisk::new(2);
    put(&kept, path, &bytes);
    let tables = open(&kept).unwrap();
    assert_eq!(tables.applied().unwrap(), batch(42, &[]).applied);
    let row = |key: &'static str, value: &'static str| (Bytes::from(key), Bytes::from(value));
    assert_eq!(tables.scan(b"", b"~", 9).unwrap(), [row("a", "1"), row("c", "")]);
    assert_eq!(tables.scrub().unwrap().damage, Vec::<String>::new());
}

#[test]
fn a_table_of_another_version_is_refused() {
    let (disk, path) = (SimDisk::new(3), Path::new("/tables/1.redb"));
    let open = || Tables::open(Arc::new(disk.clone()), path, storage::tables::Options::default());
    drop(open().unwrap());
    // The version byte of redb's file format.
    let file = disk.open(path, Mode::ReadWrite).unwrap();
    let mut head = [0; 128];
    file.read_at(&mut head, 0).unwrap();
    file.write_at(b"something else ", 0).unwrap();
    let refused = open().unwrap_err();
    assert!(refused.to_string().contains("/tables/1.redb"), "{refused}");
}

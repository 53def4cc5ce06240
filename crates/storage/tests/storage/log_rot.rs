//! A node log that rots: one flipped bit at every byte, in every place that matters.
//!
//! The rule checked: a group is either handed out as it was, or named as quarantined; and a flip in
//! an append costs no group that the append did not touch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use platform::Disk;
use platform::fault::{Restart, SimDisk};
use storage::Error;
use storage::log::{GroupKey, GroupLog, NodeLog, Options, Record, Recovered, Roster, Tail};
use storage::testing::model::{Model, Workload, group};

const DIR: &str = "/data/log";

fn open(disk: &SimDisk) -> Result<(NodeLog, Recovered), Error> {
    NodeLog::open(Arc::new(disk.clone()) as Arc<dyn Disk>, Path::new(DIR), Options::small())
}

fn segment(ordinal: u64) -> PathBuf {
    Path::new(DIR).join(format!("{ordinal:020}.log"))
}

/// Where an append lies in the first segment, and whom it touched.
struct Placed {
    end: u64,
    touched: BTreeSet<GroupKey>,
}

/// How the log was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Synced,
    Noted,
    Closed,
}

/// A log of a few appends in one segment.
fn small_log(left: Left) -> (SimDisk, Model, Vec<Placed>) {
    let disk = SimDisk::new(5);
    let (mut log, _) = open(&disk).unwrap();
    let mut workload = Workload::new(9, 4, 40);
    let mut placed = vec![Placed { end: log.usage().bytes, touched: BTreeSet::new() }];
    for _ in 0..18 {
        let batch = workload.next_batch();
        if batch.is_empty() {
            continue;
        }
        log.append(&batch).unwrap();
        log.sync().unwrap();
        placed.push(Placed { end: log.usage().bytes, touched: batch.iter().map(Record::group).collect() });
    }
    match left {
        Left::Synced => drop(log),
        Left::Noted => {
            log.note_durable().unwrap();
            drop(log);
        }
        Left::Closed => log.close().unwrap(),
    }
    (disk, workload.model, placed)
}

/// Every group is as it was or quarantined; returns those that are quarantined.
fn check(model: &Model, opened: &Recovered, label: &str) -> BTreeSet<GroupKey> {
    for (key, log) in &model.groups {
        match opened.groups.get(key) {
            Some(found) => {
                let found = GroupLog { tail: Tail::Whole, ..found.clone() };
                assert_eq!(found, *log, "{label}: group {key} is as it was");
            }
            None => {
                let named = opened.quarantined.contains_key(key);
                let warned = opened.roster == Roster::GroupsMayBeMissing;
                assert!(named || warned, "{label}: group {key} is not lost in silence");
            }
        }
    }
    let known = |key: &&GroupKey| !model.groups.contains_key(*key);
    assert_eq!(opened.groups.keys().find(known), None, "{label}: no group comes out of nowhere");
    opened.quarantined.keys().copied().collect()
}

fn flip_every_byte(left: Left) {
    let (disk, model, placed) = small_log(left);
    let mut start = 0;
    for (number, append) in placed.iter().enumerate() {
        for offset in start..append.end {
            let disk = disk.fork(offset);
            assert!(disk.flip_bit(&segment(1), offset, u8::try_from(offset % 8).unwrap()));
            let label = format!("{left:?}, append {number}, byte {offset}");
            let (_log, found) = open(&disk).unwrap();
            if left == Left::Synced && number + 1 == placed.len() {
                // Nobody had the time to vouch for the last append: the one ambiguous case. It is
                // taken for an unfinished write, and everybody is told that it may have been none.
                assert!(found.damage.is_empty(), "{label}: taken for an unfinished write");
                let told = found.groups.values().all(|group| group.tail == Tail::Cut);
                assert!(told || found.groups == model.groups, "{label}: {found:?}");
                continue;
            }
            let quarantined = check(&model, &found, &label);
            // The bytes between a frame and the next belong to nobody.
            assert!(quarantined.is_subset(&append.touched), "{label}: {quarantined:?} is too much");
            assert!(found.damage.len() <= 1, "{label}: one flip, one damage");
            if let Some(damage) = found.damage.first() {
                assert_eq!(damage.file, segment(1), "{label}");
                assert!(damage.offset >= start && damage.offset < append.end, "{label}: {damage:?}");
                assert!(found.roster == Roster::Complete || number + 1 == placed.len(), "{label}");
            }
        }
        start = append.end;
    }
}

#[test]
fn a_flip_in_a_synced_log_is_never_silent_before_the_last_append() {
    flip_every_byte(Left::Synced);
}

#[test]
pub(crate) fn a_flip_in_an_idle_log_is_never_silent() {
    flip_every_byte(Left::Noted);
}

/// What is found after a power cut and a flip in the last append of a log that was left so.
fn rots_after(seed: u64, left: impl Fn(&mut NodeLog)) -> Recovered {
    let disk = SimDisk::new(seed);
    let (mut log, _) = open(&disk).unwrap();
    let group = group(1);
    log.append(&[Record::Opened { group }]).unwrap();
    log.sync().unwrap();
    let before = log.usage().bytes;
    log.vouch().unwrap();
    // The note stands apart from what it vouches for, and the next append right behind it.
    let append = 4096 + log.usage().bytes - before;
    log.append(&[Record::State { group, state: Bytes::from_static(b"vote") }]).unwrap();
    left(&mut log);
    drop(log);
    disk.restart(Restart::PowerCut);
    assert!(disk.flip_bit(&segment(1), append + 60, 0));
    open(&disk).unwrap().1
}

#[test]
pub(crate) fn a_flip_in_what_was_vouched_for_never_passes_for_an_unfinished_write() {
    for seed in 0..20 {
        let found = rots_after(seed, |log| log.vouch().unwrap());
        assert_eq!(found.quarantined.keys().collect::<Vec<_>>(), [&group(1)]);
    }
    let found = rots_after(0, |log| log.sync().unwrap());
    assert!(found.groups[&group(1)].tail == Tail::Cut, "{found:?}");
}

#[test]
pub(crate) fn a_cut_is_known_until_the_group_writes_its_state_again() {
    let (disk, model, placed) = small_log(Left::Synced);
    assert!(disk.flip_bit(&segment(1), placed.last().unwrap().end - 9, 1));
    let (first, second) = (*model.groups.keys().next().unwrap(), *model.groups.keys().nth(1).unwrap());
    let cut = |found: &Recovered, key| found.groups[key].tail == Tail::Cut;
    for life in 0..3 {
        let (mut log, found) = open(&disk).unwrap();
        assert!(cut(&found, &first) && cut(&found, &second), "life {life}: {found:?}");
        let last = found.groups[&second].last();
        // Enough to let the segment go in which it was said first.
        for at in 1..60 {
            let entries = vec![Bytes::from(vec![7; 900])];
            log.append(&[Record::Entries { group: second, first: last + at, entries }]).unwrap();
            log.append(&[Record::Compacted { group: second, upto: last + at }]).unwrap();
            log.sync().unwrap();
        }
        assert!(log.usage().recycled > 0);
    }
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::State { group: first, state: Bytes::from_static(b"told") }]).unwrap();
    log.close().unwrap();
    let (_log, found) = open(&disk).unwrap();
    assert!(!cut(&found, &first) && cut(&found, &second), "{found:?}");
}

#[test]
fn a_cut_is_never_forgotten_by_a_crash_while_opening() {
    let (disk, model, placed) = small_log(Left::Synced);
    assert!(disk.flip_bit(&segment(1), placed.last().unwrap().end - 9, 1));
    for (io, how) in (0..12).flat_map(|io| [(io, Restart::PowerCut), (io, Restart::ProcessKilled)]) {
        for seed in 0..8 {
            let disk = disk.fork(seed);
            disk.crash_at_io(disk.counters().ios + io);
            let opened = open(&disk).is_ok();
            disk.restart(how);
            let (_log, found) = open(&disk).unwrap();
            let told = found.groups.values().all(|group| group.tail == Tail::Cut);
            assert!(told, "{how:?} at I/O {io}, opened {opened}: {found:?}, {model:?}");
        }
    }
}

#[test]
fn a_flip_in_the_last_append_of_an_idle_log_is_never_silent_at_a_segments_end() {
    let disk = SimDisk::new(5);
    let (mut log, _) = open(&disk).unwrap();
    let group = group(1);
    log.append(&[Record::Opened { group }]).unwrap();
    log.sync().unwrap();
    let start = log.usage().bytes;
    // What is left of the segment is too little for a note that stands apart.
    let entry = Bytes::from(vec![7; (16 << 10) - usize::try_from(start).unwrap() - 2_000]);
    log.append(&[Record::Entries { group, first: 1, entries: vec![entry] }]).unwrap();
    log.sync().unwrap();
    assert_eq!(log.usage().segments, 1, "the entry is in the first segment");
    let end = log.usage().bytes;
    log.note_durable().unwrap();
    drop(log);
    for offset in (start..end).step_by(37) {
        let disk = disk.fork(offset);
        assert!(disk.flip_bit(&segment(1), offset, 3));
        let (_log, found) = open(&disk).unwrap();
        let known = found.groups.get(&group).is_some_and(|log| log.entries.len() == 1);
        assert!(known || found.quarantined.contains_key(&group), "byte {offset}: lost in silence");
    }
}

#[test]
fn a_flip_behind_the_end_of_the_log_is_harmless() {
    let (disk, model, placed) = small_log(Left::Closed);
    let end = placed.last().unwrap().end;
    for offset in (end..16 << 10).step_by(61) {
        let disk = disk.fork(offset);
        assert!(disk.flip_bit(&segment(1), offset, 3));
        let (_log, found) = open(&disk).unwrap();
        assert_eq!(check(&model, &found, "behind the end"), BTreeSet::new());
    }
}

#[test]
fn a_flip_in_the_last_append_of_a_closed_log_is_never_silent() {
    let (disk, model, placed) = small_log(Left::Closed);
    let start = placed[placed.len() - 2].end;
    for offset in start..placed.last().unwrap().end {
        let disk = disk.fork(offset);
        assert!(disk.flip_bit(&segment(1), offset, 1));
        let (_log, found) = open(&disk).unwrap();
        let quarantined = check(&model, &found, &format!("byte {offset}"));
        assert_eq!(quarantined.is_empty(), found.damage.is_empty(), "byte {offset}: {found:?}");
    }
}

#[test]
fn a_flip_in_the_closing_record_or_the_format_is_harmless_or_refused() {
    let (disk, model, _) = small_log(Left::Closed);
    for name in ["closed", "format"] {
        let path = Path::new(DIR).join(name);
        for offset in 0..u64::try_from(disk.contents(&path).unwrap().len()).unwrap() {
            let disk = disk.fork(offset);
            assert!(disk.flip_bit(&path, offset, 5));
            match open(&disk) {
                Ok((_log, found)) => assert_eq!(check(&model, &found, name), BTreeSet::new()),
                Err(error) => assert!(matches!(error, Error::Format { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn a_flip_anywhere_in_a_log_of_many_segments_is_never_silent() {
    let disk = SimDisk::new(6);
    let mut workload = Workload::new(11, 4, 900);
    let (mut log, _) = open(&disk).unwrap();
    while log.usage().recycled < 2 || log.usage().segments < 3 {
        log.append(&workload.next_batch()).unwrap();
        log.sync().unwrap();
    }
    log.note_durable().unwrap();
    drop(log);
    let segments = disk.list(Path::new(DIR)).unwrap();
    for path in segments.iter().filter(|path| path.extension().is_some_and(|name| name == "log")) {
        for offset in (0..16 << 10).step_by(37) {
            let disk = disk.fork(offset);
            assert!(disk.flip_bit(path, offset, u8::try_from(offset % 8).unwrap()));
            let label = format!("{}, byte {offset}", path.display());
            match open(&disk) {
                Ok((_log, found)) => drop(check(&workload.model, &found, &label)),
                Err(error) => panic!("{label}: the healthy groups go on, not {error}"),
            }
        }
    }
}

#[test]
fn a_zeroed_page_is_never_silent() {
    let (disk, model, _) = small_log(Left::Noted);
    let bytes = disk.contents(&segment(1)).unwrap();
    for page in 0..bytes.len() / 512 {
        let disk = disk.fork(1);
        let file = disk.open(&segment(1), platform::Mode::ReadWrite).unwrap();
        file.write_at(&[0; 512], u64::try_from(page * 512).unwrap()).unwrap();
        file.sync_data().unwrap();
        let (_log, found) = open(&disk).unwrap();
        check(&model, &found, &format!("sector {page}"));
        assert_eq!(found.roster, Roster::Complete, "sector {page}: the note names every group");
    }
}

#[test]
fn damage_stays_known_and_the_other_groups_go_on() {
    let (disk, model, placed) = small_log(Left::Noted);
    let victim = placed.iter().position(|append| append.touched.len() == 1).unwrap();
    assert!(disk.flip_bit(&segment(1), placed[victim].end - 60, 0));
    let damaged = *placed[victim].touched.first().unwrap();
    let healthy = *model.groups.keys().find(|key| **key != damaged).unwrap();
    for life in 0..3 {
        let (mut log, found) = open(&disk).unwrap();
        assert_eq!(found.quarantined.keys().collect::<Vec<_>>(), [&damaged], "life {life}");
        let vote = |group| Record::State { group, state: Bytes::from_static(b"vote") };
        assert!(
            matches!(log.append(&[vote(damaged)]), Err(Error::Quarantined { group }) if group == damaged)
        );
        // Enough to roll: the damaged segment must not be recycled.
        for _ in 0..40 {
            log.append(&[Record::State { group: healthy, state: Bytes::from(vec![life; 1000]) }]).unwrap();
            log.sync().unwrap();
        }
        assert_eq!(log.usage().recycled, 0);
        drop(log);
        disk.restart(Restart::PowerCut);
    }
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Destroyed { group: damaged }]).unwrap();
    log.close().unwrap();
    let (_log, found) = open(&disk).unwrap();
    assert!(found.quarantined.is_empty() && found.groups.contains_key(&healthy), "{found:?}");
}

#[test]
fn a_missing_segment_is_refused_by_name() {
    let disk = SimDisk::new(6);
    let mut workload = Workload::new(12, 3, 900);
    let (mut log, _) = open(&disk).unwrap();
    for _ in 0..50 {
        log.append(&workload.next_batch()).unwrap();
    }
    log.close().unwrap();
    let paths = disk.list(Path::new(DIR)).unwrap();
    let segments: Vec<_> =
        paths.iter().filter(|path| path.extension().is_some_and(|name| name == "log")).collect();
    for missing in &segments[..segments.len() - 1] {
        let disk = disk.fork(1);
        disk.remove(missing).unwrap();
        let refused = open(&disk).map(|_| ());
        assert!(matches!(&refused, Err(Error::Missing { path, .. }) if path == *missing), "{refused:?}");
    }
    let disk = disk.fork(1);
    disk.remove(&Path::new(DIR).join("format")).unwrap();
    let refused = open(&disk).map(|_| ());
    assert!(matches!(&refused, Err(Error::Missing { path, .. }) if path.ends_with("format")), "{refused:?}");
}

#[test]
fn a_group_whose_only_append_is_lost_is_not_forgotten_in_silence() {
    let disk = SimDisk::new(7);
    let (mut log, _) = open(&disk).unwrap();
    let before = log.usage().bytes;
    log.append(&[Record::Opened { group: group(1) }]).unwrap();
    log.append(&[Record::Opened { group: group(2) }]).unwrap();
    log.close().unwrap();
    assert!(disk.flip_bit(&segment(1), before + 50, 0));
    let (_log, found) = open(&disk).unwrap();
    assert_eq!(found.quarantined.keys().collect::<Vec<_>>(), [&group(1)]);
    assert_eq!(found.groups.keys().collect::<Vec<_>>(), [&group(2)]);
}

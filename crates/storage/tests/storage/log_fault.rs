//! A node log whose disk refuses: failing syncs and writes, no room, stale frames, wrong readings.
//!
//! Not here: crashes (`log_crash`) and rot (`log_rot`).

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use platform::Disk;
use platform::fault::{Restart, SimDisk};
use storage::Error;
use storage::log::{NodeLog, Options, Record, Recovered};
use storage::testing::model::{Workload, group};

const DIR: &str = "/data/log";

fn open(disk: &SimDisk) -> Result<(NodeLog, Recovered), Error> {
    NodeLog::open(Arc::new(disk.clone()) as Arc<dyn Disk>, Path::new(DIR), Options::small())
}

fn entry(first: u64, bytes: usize) -> Record {
    Record::Entries { group: group(1), first, entries: vec![Bytes::from(vec![7; bytes])] }
}

fn vote(text: &'static str) -> Record {
    Record::State { group: group(1), state: Bytes::from_static(text.as_bytes()) }
}

#[test]
pub(crate) fn a_failed_sync_poisons_the_log_for_good() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Opened { group: group(1) }, vote("durable")]).unwrap();
    log.sync().unwrap();
    log.append(&[vote("lost")]).unwrap();
    disk.fail_syncs(1);
    for _ in 0..3 {
        assert!(matches!(log.sync(), Err(Error::Poisoned { .. })));
        assert!(matches!(log.append(&[vote("later")]), Err(Error::Poisoned { .. })));
        assert!(matches!(log.note_durable(), Err(Error::Poisoned { .. })));
    }
    assert_eq!(disk.counters().syncs_failed, 1, "the sync was tried once");
    assert!(matches!(log.close(), Err(Error::Poisoned { .. })));
}

#[test]
fn what_is_found_after_a_failed_sync_is_durable_before_it_is_handed_out() {
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let (mut log, _) = open(&disk).unwrap();
        log.append(&[Record::Opened { group: group(1) }, vote("old")]).unwrap();
        log.sync().unwrap();
        log.append(&[entry(1, 3000), vote("new")]).unwrap();
        disk.fail_syncs(1);
        log.sync().unwrap_err();
        drop(log);
        // The page cache still shows what the failed sync never wrote.
        disk.restart(Restart::ProcessKilled);
        let (log, found) = open(&disk).unwrap();
        drop(log);
        disk.restart(Restart::PowerCut);
        let (_log, again) = open(&disk).unwrap();
        assert_eq!(again.groups, found.groups, "seed {seed}");
        assert!(again.quarantined.is_empty(), "seed {seed}: {again:?}");
    }
}

#[test]
fn a_failed_write_poisons_the_log_and_loses_nothing_synced() {
    let disk = SimDisk::new(2);
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Opened { group: group(1) }, vote("durable")]).unwrap();
    log.sync().unwrap();
    disk.fail_writes(1);
    assert!(matches!(log.append(&[entry(1, 2000)]), Err(Error::Poisoned { .. })));
    assert!(matches!(log.sync(), Err(Error::Poisoned { .. })));
    drop(log);
    let (_log, found) = open(&disk).unwrap();
    assert_eq!(found.groups[&group(1)].state.as_deref(), Some(&b"durable"[..]));
    assert!(found.groups[&group(1)].entries.is_empty());
}

#[test]
fn a_full_disk_refuses_entries_keeps_votes_and_recovers_when_there_is_room() {
    let disk = SimDisk::new(3);
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Opened { group: group(1) }]).unwrap();
    disk.set_capacity(Some(40 << 10));
    let mut accepted = 0;
    let refused = loop {
        match log.append(&[entry(accepted + 1, 1000)]) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1000, "the disk is full at some point");
    };
    assert!(matches!(&refused, Error::Full { .. }), "{refused}");
    assert!(accepted > 10, "what fits is taken: {accepted}");
    log.append(&[vote("still"), Record::Compacted { group: group(1), upto: 3 }]).unwrap();
    log.sync().unwrap();
    log.append(&[entry(accepted + 1, 1000)]).unwrap_err();
    disk.set_capacity(Some(400 << 10));
    log.append(&[entry(accepted + 1, 1000)]).unwrap();
    log.close().unwrap();
    let (_log, found) = open(&disk).unwrap();
    let found = &found.groups[&group(1)];
    assert_eq!((found.compacted, found.last()), (3, accepted + 1));
    assert_eq!(found.state.as_deref(), Some(&b"still"[..]));
}

#[test]
fn compacting_on_a_full_disk_makes_room_in_the_log() {
    let disk = SimDisk::new(4);
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Opened { group: group(1) }]).unwrap();
    disk.set_capacity(Some(70 << 10));
    let mut last = 0;
    for _ in 0..400 {
        match log.append(&[entry(last + 1, 1000)]) {
            Ok(()) => last += 1,
            Err(Error::Full { .. }) => panic!("a log that is compacted stays within its segments"),
            Err(error) => panic!("{error}"),
        }
        log.append(&[Record::Compacted { group: group(1), upto: last }]).unwrap();
    }
    assert!(log.usage().recycled > 10);
}

#[test]
pub(crate) fn the_vote_of_an_idle_group_outlives_every_segment() {
    let disk = SimDisk::new(5);
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Opened { group: group(1) }, vote("long ago")]).unwrap();
    log.append(&[Record::Opened { group: group(2) }]).unwrap();
    for index in 1..400 {
        let record =
            Record::Entries { group: group(2), first: index, entries: vec![Bytes::from(vec![1; 900])] };
        log.append(&[record, Record::Compacted { group: group(2), upto: index }]).unwrap();
    }
    assert!(log.usage().recycled > 15, "{:?}", log.usage());
    log.sync().unwrap();
    drop(log);
    let (_log, found) = open(&disk).unwrap();
    assert_eq!(found.groups[&group(1)].state.as_deref(), Some(&b"long ago"[..]));
    assert_eq!(found.groups[&group(2)].compacted, 399);
}

#[test]
pub(crate) fn stale_frames_of_a_recycled_segment_are_never_replayed() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        let mut workload = Workload::new(seed, 3, 700);
        for life in 0..6 {
            let (mut log, found) = open(&disk).unwrap();
            assert_eq!(found.groups, workload.model.groups, "seed {seed}, life {life}");
            assert!(found.damage.is_empty() && found.quarantined.is_empty(), "seed {seed}: {found:?}");
            for _ in 0..40 {
                log.append(&workload.next_batch()).unwrap();
            }
            log.sync().unwrap();
        }
    }
}

#[test]
fn a_disk_that_misreads_once_costs_nothing_for_ever() {
    let disk = SimDisk::new(8);
    let mut workload = Workload::new(8, 3, 100);
    let (mut log, _) = open(&disk).unwrap();
    for _ in 0..12 {
        log.append(&workload.next_batch()).unwrap();
    }
    log.sync().unwrap();
    drop(log);
    for seed in 0..60 {
        let disk = disk.fork(seed);
        disk.corrupt_reads(400);
        drop(open(&disk));
        disk.corrupt_reads(0);
        let (_log, found) = open(&disk).unwrap();
        assert_eq!(found.groups, workload.model.groups, "seed {seed}");
    }
}

#[test]
fn a_sync_without_new_records_costs_nothing() {
    let disk = SimDisk::new(9);
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Opened { group: group(1) }]).unwrap();
    log.sync().unwrap();
    let before = disk.counters().syncs;
    log.sync().unwrap();
    log.note_durable().unwrap();
    log.note_durable().unwrap();
    log.sync().unwrap();
    assert_eq!(disk.counters().syncs, before);
}

#[test]
fn an_append_and_its_sync_are_one_write_and_one_sync() {
    let disk = SimDisk::new(10);
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[Record::Opened { group: group(1) }, entry(1, 10)]).unwrap();
    let before = disk.counters();
    log.append(&[entry(2, 5000), vote("with it")]).unwrap();
    log.sync().unwrap();
    let after = disk.counters();
    assert_eq!((after.writes - before.writes, after.syncs - before.syncs), (1, 1));
    assert_eq!(after.ios - before.ios, 2, "and nothing else");
}

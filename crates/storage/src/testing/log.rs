//! What every disk must let the node log do.
//!
//! Not here: crashes. Each check is a sentence, opens a log of its own below `dir`, and panics
//! with the sentence when broken.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use platform::Disk;

use super::model::{Workload, group};
use crate::error::Error;
use crate::log::{NodeLog, Options, Record, Recovered};

/// Runs the whole suite.
pub fn suite(disk: &Arc<dyn Disk>, dir: &Path) {
    a_new_log_is_empty_and_reopens_empty(disk, &dir.join("empty"));
    what_was_appended_comes_back_in_order(disk, &dir.join("order"));
    an_append_larger_than_a_segment_comes_back_whole(disk, &dir.join("large"));
    records_that_contradict_are_refused_and_change_nothing(disk, &dir.join("refused"));
    rolling_and_recycling_keep_every_live_record(disk, &dir.join("recycle"));
    a_second_process_is_refused_by_name(disk, &dir.join("busy"));
    a_closed_log_says_that_it_was_clean(disk, &dir.join("clean"));
    a_directory_of_another_version_is_refused(disk, &dir.join("version"));
}

/// Opens a log with small segments.
pub fn open(disk: &Arc<dyn Disk>, dir: &Path) -> (NodeLog, Recovered) {
    NodeLog::open(Arc::clone(disk), dir, Options::small()).expect("the log opens")
}

fn a_new_log_is_empty_and_reopens_empty(disk: &Arc<dyn Disk>, dir: &Path) {
    for _ in 0..2 {
        let (_log, found) = open(disk, dir);
        assert!(found.groups.is_empty() && found.damage.is_empty(), "a new log is empty: {found:?}");
    }
}

fn what_was_appended_comes_back_in_order(disk: &Arc<dyn Disk>, dir: &Path) {
    let (mut log, _) = open(disk, dir);
    let mut workload = Workload::new(1, 3, 200);
    for _ in 0..40 {
        log.append(&workload.next_batch()).expect("the batch is accepted");
    }
    log.sync().expect("the disk syncs");
    drop(log);
    let (_log, found) = open(disk, dir);
    assert_eq!(found.groups, workload.model.groups, "what was appended comes back in order");
}

fn an_append_larger_than_a_segment_comes_back_whole(disk: &Arc<dyn Disk>, dir: &Path) {
    let (mut log, _) = open(disk, dir);
    let entry = Bytes::from(vec![7; 100_000]);
    let entries = vec![entry.clone(), Bytes::new(), entry];
    let group = group(1);
    log.append(&[Record::Opened { group }]).expect("the group opens");
    log.append(&[Record::Entries { group, first: 1, entries: entries.clone() }])
        .expect("it fits nowhere but is taken");
    log.sync().expect("the disk syncs");
    drop(log);
    let (_log, found) = open(disk, dir);
    assert_eq!(found.groups[&group].entries, entries, "an append larger than a segment comes back whole");
}

fn records_that_contradict_are_refused_and_change_nothing(disk: &Arc<dyn Disk>, dir: &Path) {
    let (mut log, _) = open(disk, dir);
    let (known, unknown) = (group(1), group(2));
    let entries = |group, first| Record::Entries { group, first, entries: vec![Bytes::from_static(b"x")] };
    log.append(&[Record::Opened { group: known }, entries(known, 1), entries(known, 2)]).expect("fits");
    log.append(&[Record::Compacted { group: known, upto: 1 }]).expect("fits");
    let contradictions = [
        vec![Record::State { group: unknown, state: Bytes::new() }],
        vec![Record::Opened { group: known }],
        vec![entries(known, 4)],
        vec![entries(known, 1)],
        vec![Record::Sealed { group: known }, entries(known, 3)],
        vec![Record::Destroyed { group: known }, entries(known, 3)],
    ];
    for records in contradictions {
        let refused = log.append(&records);
        assert!(matches!(refused, Err(Error::Refused { .. })), "{records:?} is refused: {refused:?}");
    }
    log.append(&[entries(known, 3), Record::Sealed { group: known }]).expect("refusals changed nothing");
}

fn rolling_and_recycling_keep_every_live_record(disk: &Arc<dyn Disk>, dir: &Path) {
    let mut workload = Workload::new(2, 4, 600);
    for round in 0..4 {
        let (mut log, found) = open(disk, dir);
        assert_eq!(found.groups, workload.model.groups, "round {round} finds what the last one left");
        for _ in 0..120 {
            log.append(&workload.next_batch()).expect("the batch is accepted");
            log.sync().expect("the disk syncs");
        }
        assert!(log.usage().recycled > 0, "segments are recycled: {:?}", log.usage());
        assert!(log.usage().segments < 12, "the log does not grow for ever: {:?}", log.usage());
    }
}

fn a_second_process_is_refused_by_name(disk: &Arc<dyn Disk>, dir: &Path) {
    let (_log, _) = open(disk, dir);
    let second = NodeLog::open(Arc::clone(disk), dir, Options::small()).map(|_| ());
    assert!(
        matches!(&second, Err(Error::InUse { holder, .. }) if holder.contains("process")),
        "a second process is told who has the log: {second:?}"
    );
}

fn a_closed_log_says_that_it_was_clean(disk: &Arc<dyn Disk>, dir: &Path) {
    let (mut log, found) = open(disk, dir);
    assert!(!found.was_clean, "a new log was never closed");
    log.append(&[Record::Opened { group: group(1) }]).expect("fits");
    log.close().expect("the log closes");
    let (mut log, found) = open(disk, dir);
    assert!(found.was_clean, "a closed log is clean");
    log.append(&[Record::Opened { group: group(2) }]).expect("fits");
    drop(log);
    let (_log, found) = open(disk, dir);
    assert!(!found.was_clean, "a log that went on is not");
}

fn a_directory_of_another_version_is_refused(disk: &Arc<dyn Disk>, dir: &Path) {
    drop(open(disk, dir));
    let format = disk.open(&dir.join("format"), platform::Mode::ReadWrite).expect("there is a format file");
    format.write_at(b"outlast node log 9", 0).expect("it can be written");
    let refused = NodeLog::open(Arc::clone(disk), dir, Options::small()).map(|_| ());
    assert!(
        matches!(&refused, Err(Error::Format { found, .. }) if found.contains("log 9")),
        "another version is refused and named: {refused:?}"
    );
}

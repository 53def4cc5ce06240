//! A node log that crashes: at every I/O of a workload, by power cut and by killed process.
//!
//! The rule checked: what was synced is there, what was not is there as a whole prefix or not at
//! all, and nothing is quarantined, because a crash is no corruption.

use std::path::Path;
use std::sync::Arc;

use platform::Disk;
use platform::fault::{Restart, SimDisk};
use storage::log::{NodeLog, Options};
use storage::testing::model::{Model, Workload};

const DIR: &str = "/data/log";

/// What was promised, and all states that an unsynced suffix may have left.
struct Expectation {
    possible: Vec<Model>,
}

/// Runs the workload until it ends or the disk halts.
fn run(disk: &SimDisk, workload: &mut Workload, batches: usize) -> Expectation {
    let mut possible = vec![workload.model.clone()];
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok((mut log, found)) = NodeLog::open(shared, Path::new(DIR), Options::small()) else {
        return Expectation { possible };
    };
    assert_eq!(found.groups, workload.model.groups, "what is found is what is expected");
    for number in 0..batches {
        let batch = workload.next_batch();
        let accepted = log.append(&batch);
        possible.push(workload.model.clone());
        if accepted.is_err() {
            break;
        }
        if number % 3 == 2 {
            if log.sync().is_err() {
                break;
            }
            possible.clear();
            possible.push(workload.model.clone());
        }
        if number % 7 == 6 && log.note_durable().is_err() {
            break;
        }
    }
    if log.close().is_ok() {
        possible = vec![workload.model.clone()];
    }
    Expectation { possible }
}

/// Reopens after a restart and takes what is found as the truth of the next life.
fn verify(disk: &SimDisk, expected: &Expectation, label: &str) -> Model {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (log, found) = match NodeLog::open(shared, Path::new(DIR), Options::small()) {
        Ok(opened) => opened,
        Err(error) => panic!("{label}: the log opens after a crash, not {error}"),
    };
    assert!(
        found.quarantined.is_empty() && found.damage.is_empty(),
        "{label}: a crash is no corruption: {found:?}"
    );
    let model = Model::of(found.groups);
    assert!(expected.possible.contains(&model), "{label}: what was synced is there, and nothing torn");
    drop(log);
    model
}

fn crash_at_every_io(seed: u64, groups: u64, entry_bytes_max: u64, batches: usize) {
    let calm = SimDisk::new(seed);
    let last = {
        run(&calm, &mut Workload::new(seed, groups, entry_bytes_max), batches);
        calm.counters().ios
    };
    for io in 0..last {
        for how in [Restart::PowerCut, Restart::ProcessKilled] {
            let label = format!("seed {seed}, {how:?} at I/O {io} of {last}");
            let disk = SimDisk::new(seed ^ io << 8);
            disk.crash_at_io(io);
            let expected = run(&disk, &mut Workload::new(seed, groups, entry_bytes_max), batches);
            disk.restart(how);
            let found = verify(&disk, &expected, &label);
            // What was found once is durable: a second power cut takes nothing away.
            disk.restart(Restart::PowerCut);
            let again = verify(&disk, &Expectation { possible: vec![found.clone()] }, &label);
            assert_eq!(again, found, "{label}");
        }
    }
}

#[test]
fn a_crash_at_any_io_keeps_what_was_synced() {
    crash_at_every_io(1, 2, 60, 24);
}

#[test]
pub(crate) fn a_crash_at_any_io_while_recycling_keeps_what_was_synced() {
    crash_at_every_io(2, 3, 1500, 70);
}

#[test]
fn a_crash_at_any_io_of_large_appends_keeps_what_was_synced() {
    crash_at_every_io(3, 2, 9000, 16);
}

#[test]
pub(crate) fn a_crash_at_any_io_of_many_seeds_keeps_what_was_synced() {
    for seed in 10..14 {
        crash_at_every_io(seed, 5, 300, 40);
    }
}

#[test]
fn a_note_that_was_not_synced_is_durable_once_the_log_is_closed() {
    for seed in 0..30 {
        let disk = SimDisk::new(seed);
        let mut workload = Workload::new(seed, 2, 60);
        // Seven batches: the note is the last thing before closing.
        let expected = run(&disk, &mut workload, 7);
        disk.restart(Restart::PowerCut);
        verify(&disk, &expected, &format!("seed {seed}"));
    }
}

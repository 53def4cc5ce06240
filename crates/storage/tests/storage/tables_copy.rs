//! Copies of table files: one moment of rows, whole or not at all, and what a stop leaves.
//!
//! Not here: the log that says which file counts; crate `sim` joins the two.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use platform::fault::{Restart, SimDisk};
use storage::tables::Options;
use storage::tables::copy::{self, Copy, Rows};
use storage::{Applied, Batch, Durability, Error, Tables};

const PATH: &str = "/tables/one.redb";
const OTHER: &str = "/tables/other.redb";

fn applied(index: u64) -> Applied {
    Applied { index, term: 1, meta: Bytes::new() }
}

fn value(number: u32) -> Bytes {
    Bytes::from(vec![7; 100 + usize::try_from(number % 50).unwrap_or(0)])
}

/// A file with 300 rows at position 10.
fn filled(disk: &SimDisk) -> Arc<Tables> {
    let tables =
        Tables::open(Arc::new(disk.clone()), Path::new(PATH), Options::default()).expect("a new file");
    let writes = (0..300u32).map(|key| (key.to_be_bytes().to_vec().into(), Some(value(key)))).collect();
    tables.store(Batch { writes, applied: applied(10) }, Durability::Checkpoint).expect("there is room");
    Arc::new(tables)
}

/// A copy of those rows for the place of `OTHER`, not adopted yet.
fn copied(disk: &SimDisk, rows: &mut Rows) -> Result<Tables, Error> {
    let copy = Copy::begin(Arc::new(disk.clone()), Path::new(OTHER), Options::default())?;
    loop {
        let page = rows.page(2000)?;
        if page.is_empty() {
            return copy.finish(rows.applied(), rows.totals());
        }
        copy.put(page)?;
    }
}

fn all(tables: &Tables) -> Vec<(Bytes, Bytes)> {
    tables.scan(&[], &[255; 8], usize::MAX).expect("it is readable")
}

#[test]
fn a_copy_has_the_rows_of_one_moment_whatever_is_stored_meanwhile() {
    let disk = SimDisk::new(1);
    let tables = filled(&disk);
    let before = all(&tables);
    let mut rows = Rows::of(&tables).expect("it is readable");
    let writes =
        vec![(Bytes::from_static(&[0, 0, 0, 1]), None), (Bytes::from_static(b"new"), Some(value(1)))];
    tables.store(Batch { writes, applied: applied(11) }, Durability::Checkpoint).expect("there is room");
    let copy = copied(&disk, &mut rows).expect("all of it was sent");
    assert_eq!((all(&copy), copy.applied().expect("it is readable")), (before, applied(10)));
    assert!(copy.scrub().expect("it is readable").damage.is_empty());
}

#[test]
fn a_copy_that_lacks_a_row_is_not_finished() {
    let disk = SimDisk::new(1);
    let mut rows = Rows::of(&filled(&disk)).expect("it is readable");
    let lost = rows.page(2000).expect("it is readable");
    assert!(!lost.is_empty());
    let refused = copied(&disk, &mut rows).expect_err("a page is missing");
    assert!(matches!(refused, Error::CorruptTable { .. }), "{refused}");
}

/// The process stops after the log has let go of everything up to the copy, and before the copy took
/// its place.
#[test]
pub(crate) fn a_stop_before_the_copy_takes_its_place_is_made_up_for() {
    let disk = SimDisk::new(1);
    let tables = filled(&disk);
    let own = Tables::open(Arc::new(disk.clone()), Path::new(OTHER), Options::default()).expect("a new file");
    let copy = copied(&disk, &mut Rows::of(&tables).expect("it is readable")).expect("all was sent");
    drop((own, copy));
    disk.halt();
    disk.restart(Restart::PowerCut);
    let open = || copy::open(Arc::new(disk.clone()), Path::new(OTHER), 10, Options::default());
    let other = open().expect("the copy is whole");
    assert_eq!(other.applied().expect("it is readable"), applied(10));
    assert_eq!(all(&other).len(), 300);
    drop(other);
    disk.halt();
    disk.restart(Restart::PowerCut);
    assert_eq!(open().expect("it has its place").applied().expect("it is readable"), applied(10));
}

#[test]
fn a_copy_that_the_log_does_not_know_is_thrown_away() {
    let disk = SimDisk::new(1);
    let tables = filled(&disk);
    drop(copied(&disk, &mut Rows::of(&tables).expect("it is readable")).expect("all was sent"));
    let open =
        |compacted| copy::open(Arc::new(disk.clone()), Path::new(OTHER), compacted, Options::default());
    assert_eq!(open(0).expect("it opens").applied().expect("it is readable").index, 0);
    // And now there is none: a log that counts on one cannot be served.
    assert_eq!(open(10).expect("it opens").applied().expect("it is readable").index, 0);
}

#[test]
fn a_half_made_copy_never_takes_a_place() {
    let disk = SimDisk::new(1);
    let mut rows = Rows::of(&filled(&disk)).expect("it is readable");
    let copy = Copy::begin(Arc::new(disk.clone()), Path::new(OTHER), Options::default()).expect("room");
    copy.put(rows.page(2000).expect("it is readable")).expect("there is room");
    drop(copy);
    disk.halt();
    disk.restart(Restart::PowerCut);
    let open =
        |compacted| copy::open(Arc::new(disk.clone()), Path::new(OTHER), compacted, Options::default());
    let refused = open(10).expect_err("what the log counts on is not there");
    assert!(matches!(refused, Error::CorruptTable { .. }), "{refused}");
}

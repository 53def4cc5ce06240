//! What every disk must let a table file do.
//!
//! Not here: crashes and rot. Each check is a sentence and panics with it when broken.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use platform::Disk;

use crate::tables::{Applied, Batch, Durability, Options, Tables};

/// Runs the whole suite.
pub fn suite(disk: &Arc<dyn Disk>, dir: &Path) {
    rows_and_position_come_back_after_a_checkpoint(disk, &dir.join("rows.redb"));
    a_buffered_store_is_visible_at_once(disk, &dir.join("buffered.redb"));
    a_scan_is_ordered_bounded_and_limited(disk, &dir.join("scan.redb"));
    scrubbing_good_rows_finds_nothing(disk, &dir.join("scrub.redb"));
}

/// Opens a table file with usual settings.
pub fn open(disk: &Arc<dyn Disk>, path: &Path) -> Tables {
    Tables::open(Arc::clone(disk), path, Options::default()).expect("the table opens")
}

/// A batch that sets `rows` and says index `index`.
pub fn batch(index: u64, rows: &[(&str, Option<&str>)]) -> Batch {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let writes = rows.iter().map(|(key, value)| (bytes(key), value.map(bytes))).collect();
    Batch { writes, applied: Applied { index, term: 1, meta: Bytes::from_static(b"meta") } }
}

fn rows_and_position_come_back_after_a_checkpoint(disk: &Arc<dyn Disk>, path: &Path) {
    let tables = open(disk, path);
    assert_eq!(tables.applied().expect("readable"), Applied::default(), "a new table has applied nothing");
    let store = |batch| tables.store(batch, Durability::Checkpoint).expect("the batch is stored");
    store(batch(5, &[("a", Some("1")), ("b", Some("2")), ("empty", Some(""))]));
    store(batch(6, &[("a", None), ("b", Some("3"))]));
    drop(tables);
    let tables = open(disk, path);
    let get = |key: &str| tables.get(key.as_bytes()).expect("readable");
    assert_eq!((get("a"), get("b").as_deref()), (None, Some(&b"3"[..])), "rows come back");
    assert_eq!(get("empty").as_deref(), Some(&b""[..]), "an empty value is a value");
    assert_eq!(tables.applied().expect("readable"), batch(6, &[]).applied, "and so does the position");
}

fn a_buffered_store_is_visible_at_once(disk: &Arc<dyn Disk>, path: &Path) {
    let tables = open(disk, path);
    let syncs = tables.syncs();
    tables.store(batch(1, &[("k", Some("v"))]), Durability::Buffered).expect("the batch is stored");
    assert_eq!(tables.get(b"k").expect("readable").as_deref(), Some(&b"v"[..]), "a buffered row is visible");
    assert_eq!(tables.syncs(), syncs, "a buffered store does not sync");
}

fn a_scan_is_ordered_bounded_and_limited(disk: &Arc<dyn Disk>, path: &Path) {
    let tables = open(disk, path);
    let rows: Vec<_> = ["d", "a", "c", "b"].iter().map(|key| (*key, Some(*key))).collect();
    tables.store(batch(1, &rows), Durability::Buffered).expect("the batch is stored");
    let keys = |from: &str, to: &str, limit| {
        let rows = tables.scan(from.as_bytes(), to.as_bytes(), limit).expect("readable");
        rows.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>().concat()
    };
    assert_eq!(keys("a", "d", 9), "abc", "the end is excluded");
    assert_eq!(keys("b", "z", 2), "bc", "the limit holds");
    assert_eq!(keys("d", "a", 9), "", "an empty range is empty");
}

fn scrubbing_good_rows_finds_nothing(disk: &Arc<dyn Disk>, path: &Path) {
    let tables = open(disk, path);
    tables.store(batch(1, &[("a", Some("1")), ("b", Some("2"))]), Durability::Buffered).expect("stored");
    tables.store(batch(2, &[("a", Some("1")), ("b", None)]), Durability::Checkpoint).expect("stored");
    let report = tables.scrub().expect("readable");
    assert_eq!((report.items, report.damage.len()), (1, 0), "scrubbing good rows finds nothing: {report:?}");
}

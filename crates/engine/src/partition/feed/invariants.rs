//! What must always hold of a feed.
//!
//! Not here: when it is asked (`partition::invariants`): with all rows in memory.

use crate::partition::feed::rows::{self, CURSOR, CursorRow, EVENT};
use crate::partition::state::keys;
use crate::partition::state::meta::MetaRow;
use crate::rows::{KeyBuilder, WorkingSet, decode};

/// What is wrong with the feed, if anything: its numbers have a gap, or a count is not that of the
/// rows.
pub(crate) fn feed_is_contiguous(rows: &WorkingSet) -> Option<String> {
    let room = |builder: KeyBuilder| rows.between(&builder.clone().key(), &builder.end());
    let head = rows
        .cell(&keys::meta())
        .flatten()
        .and_then(|bytes| decode::<MetaRow>(bytes).feed)
        .unwrap_or_default();
    let numbers: Vec<u64> =
        room(KeyBuilder::room(EVENT)).filter_map(|(key, _)| rows::number_of(key)).collect();
    let expected: Vec<u64> = if head.first == 0 { Vec::new() } else { (head.first..=head.last).collect() };
    if numbers != expected {
        return Some(format!("the feed says {head:?} and has {numbers:?}"));
    }
    for (key, bytes) in room(KeyBuilder::room(CURSOR)) {
        let (name, cursor) = (rows::name_of(key)?, decode::<CursorRow>(bytes));
        let letters = u64::try_from(room(rows::letters(name)).count()).unwrap_or(u64::MAX);
        if letters != cursor.letters || cursor.upto > head.last {
            return Some(format!("{name} says {cursor:?} and has {letters} letters of {head:?}"));
        }
    }
    None
}

//! What must always hold of schedules.
//!
//! Not here: when it is asked (`partition::invariants`): with all rows in memory.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::partition::schedules::rows::{self, DUE, SCHEDULE, ScheduleRow};
use crate::partition::state::keys;
use crate::partition::state::meta::MetaRow;
use crate::rows::{Key, KeyBuilder, WorkingSet, decode};
use crate::time::Timestamp;

/// What is wrong with the schedules, if anything: one is not found by its next tick, another is, a
/// next tick is not later than the last, or there are more or fewer than are counted.
pub(crate) fn schedules_are_two_rows(rows: &WorkingSet) -> Option<String> {
    let mut expected: BTreeSet<Key> = BTreeSet::new();
    let mut count = 0;
    for (key, row) in schedules(rows) {
        let (next, last) = (row.next.map(Timestamp::from), row.last.map(Timestamp::from));
        if next.is_some() && (next <= last || row.paused.is_some()) {
            return Some(format!("schedule {key:?} is next due at {next:?} after {last:?}"));
        }
        expected.extend(row.next.and_then(|next| Some(rows::due(next, rows::name_of(key)?))));
        count += 1;
    }
    let meta = rows.cell(&keys::meta()).flatten();
    let counted = meta.map_or(0, |bytes| decode::<MetaRow>(bytes).schedules);
    if count != counted {
        return Some(format!("there are {count} schedules, and {counted} are counted"));
    }
    let found: BTreeSet<Key> = room(rows, DUE).map(|(key, _)| key.clone()).collect();
    (found != expected).then(|| format!("schedules are due at {expected:?} and found at {found:?}"))
}

/// The schedule whose last tick was run before its time, by the time of the entries, if any.
pub(crate) fn ticks_never_early(rows: &WorkingSet) -> Option<String> {
    schedules(rows).find_map(|(key, row)| {
        let (last, fired) = (row.last.map(Timestamp::from), row.fired.map(Timestamp::from));
        (last > fired).then(|| format!("schedule {key:?} ran {last:?} at {fired:?}"))
    })
}

fn schedules(rows: &WorkingSet) -> impl Iterator<Item = (&Key, ScheduleRow)> {
    room(rows, SCHEDULE).map(|(key, bytes)| (key, decode(bytes)))
}

fn room(rows: &WorkingSet, tag: u8) -> impl Iterator<Item = (&Key, &Bytes)> {
    let builder = KeyBuilder::room(tag);
    rows.between(&builder.clone().key(), &builder.end())
}

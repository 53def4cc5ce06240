//! Questions about schedules.
//!
//! Not here: any change. As in `partition::view`, an answer may hold what is not committed yet.

use crate::partition::command::Moment;
use crate::partition::schedules::command::Spec;
use crate::partition::schedules::rows::{self, DUE, DueRow, SCHEDULE, ScheduleRow};
use crate::partition::state::payloads::put_in_place;
use crate::rows::{KeyBuilder, Loaded, Needs, Range, Transaction, WorkingSet, decode};
use crate::time::Timestamp;

/// A schedule as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleView {
    /// Its name.
    pub name: String,
    /// What and when.
    pub spec: Spec,
    /// Another one after each change that is no tick.
    pub generation: u64,
    /// Why it is paused; `None`: it is not.
    pub paused: Option<String>,
    /// The next tick.
    pub next: Option<Timestamp>,
    /// The last tick that was run.
    pub last: Option<Timestamp>,
    /// When that was run, by the log's time.
    pub fired: Option<Timestamp>,
    /// The last instance that was started; empty where there was none.
    pub last_instance: String,
    /// Runs so far.
    pub started: u64,
    /// Ticks passed over so far.
    pub skipped: u64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed, other than by ticks.
    pub updated: Timestamp,
}

fn shown(tx: &Transaction, name: &str, mut row: ScheduleRow) -> Loaded<ScheduleView> {
    row.spec.input.as_mut().map_or(Ok(()), |input| put_in_place(tx, input))?;
    let time = |moment: Option<Moment>| moment.map(Timestamp::from);
    Ok(ScheduleView {
        name: name.to_owned(),
        generation: row.generation,
        paused: row.paused,
        next: time(row.next),
        last: time(row.last),
        fired: time(row.fired),
        last_instance: row.last_instance,
        started: row.started,
        skipped: row.skipped,
        created: time(row.created).unwrap_or_default(),
        updated: time(row.updated).unwrap_or_default(),
        spec: row.spec,
    })
}

/// One schedule.
pub fn schedule(rows: &WorkingSet, name: &str) -> Result<Option<ScheduleView>, Needs> {
    let tx = Transaction::new(rows);
    let row = tx.get::<ScheduleRow>(&rows::schedule(name))?;
    row.map(|row| shown(&tx, name, row)).transpose()
}

/// Schedules after the one named, in order of their names.
pub fn schedules(rows: &WorkingSet, after: Option<&str>, limit: usize) -> Result<Vec<ScheduleView>, Needs> {
    let all = Range::all(KeyBuilder::room(SCHEDULE), limit);
    let from = after.map_or(all.from.clone(), |after| rows::schedule(after).next());
    let tx = Transaction::new(rows);
    let page = tx.range(&Range { from, ..all })?;
    let named = page.iter().filter_map(|(key, bytes)| Some((rows::name_of(key)?, bytes)));
    named.map(|(name, bytes)| shown(&tx, name, decode(bytes))).collect()
}

/// The schedules whose next tick comes first.
pub fn due(rows: &WorkingSet, limit: usize) -> Result<Vec<ScheduleView>, Needs> {
    let tx = Transaction::new(rows);
    let page = tx.range(&Range::all(KeyBuilder::room(DUE), limit))?;
    let names: Vec<String> = page.iter().map(|(_, bytes)| decode::<DueRow>(bytes).name).collect();
    tx.want(names.iter().map(|name| rows::schedule(name)))?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let row = tx.get::<ScheduleRow>(&rows::schedule(&name))?;
        found.extend(row.map(|row| shown(&tx, &name, row)).transpose()?);
    }
    Ok(found)
}

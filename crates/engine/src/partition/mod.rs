//! Durable orchestrations of one partition: the machine's door.
//!
//! [`needs`] and [`apply`] turn an entry into a change of rows and [`Effects`]; [`outstanding`]
//! derives from rows alone every effect that is not finished; [`view`] answers questions.
//! Not here: any I/O. The one thing to know: an entry changes all of its rows or none.

mod again;
pub(crate) mod apply;
pub mod command;
pub mod effect;
pub mod entities;
pub mod feed;
pub mod invariants;
mod listing;
mod message;
mod outstanding;
mod payloads;
pub mod schedules;
pub(crate) mod state;
pub mod view;
mod waiting;

pub use outstanding::{Cursor, outstanding};
pub use state::status::StatusName;

use crate::id::LogId;
use crate::partition::command::{Command, Entry};
use crate::partition::effect::{Effect, Effects};
use crate::partition::state::keys;
use crate::partition::state::meta::MetaRow;
use crate::rows::{Needs, Transaction, WorkingSet};
use crate::time::Timestamp;

/// Which rows must be loaded before `command` can be applied at `at`. Asked again after loading
/// them, until nothing is missing: what is needed depends on what is found.
pub fn needs(command: &Command, at: Timestamp, rows: &WorkingSet) -> Needs {
    // The position only names new rows, which never need loading; any other does as well.
    let id = next_id(rows);
    id.and_then(|id| apply::run(rows, id, at, command)).err().unwrap_or_default()
}

fn next_id(rows: &WorkingSet) -> Result<LogId, Needs> {
    let meta: Option<MetaRow> = Transaction::new(rows).get(&keys::meta())?;
    let last = meta.map_or(LogId::default(), |meta| meta.last());
    Ok(LogId { term: last.term, index: last.index + 1 })
}

/// Applies an entry whose rows are loaded. Total: a "no" is a reply.
///
/// # Panics
/// Where a row is missing that [`needs`] asked for: the caller's error, and this replica must stop.
pub fn apply(rows: &mut WorkingSet, id: LogId, entry: &Entry) -> Effects {
    match try_apply(rows, id, entry) {
        Ok(effects) => effects,
        Err(needs) => panic!("entry {id} is applied without its rows: {needs:?}"),
    }
}

/// Applies an entry, or says which rows are missing and changes nothing: [`needs`] and [`apply`]
/// in one pass.
pub fn try_apply(rows: &mut WorkingSet, id: LogId, entry: &Entry) -> Result<Effects, Needs> {
    let (changes, effects) = match &entry.command {
        Some(command) => apply::run(rows, id, entry.at.into(), command)?,
        // A command of a later version: nothing happens, on every replica alike.
        None => (state::State::begin(rows, id, entry.at.into())?.finish().0, Effects::none()),
    };
    changes.commit(rows);
    debug_assert_eq!(invariants::check_changed(rows), None, "after entry {id}: {entry:?}");
    debug_assert!(
        effects.iter().filter(|effect| matches!(effect, Effect::Reply(_))).count() <= 1,
        "OneReply: entry {id}"
    );
    Ok(effects)
}

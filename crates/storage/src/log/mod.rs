//! The node log: one per node, for the entries and states of all its groups.
//!
//! - [`types`]: what goes in and comes out.
//! - `node_log`: [`NodeLog`], append, sync, close. `index`: what is known while it runs.
//! - `open` ← `survey` ← `scan`: reading back. `recovery`: the table of decisions. `replay`: whose
//!   records are there.
//! - `segment`: files. `recycle`: giving them back.
//!
//! Not here: who decides when to sync (the server's log thread). `docs/design/storage.md` draws the
//! layout and says what is durable when.

mod index;
mod node_log;
mod open;
mod recovery;
mod recycle;
mod replay;
mod scan;
mod segment;
mod survey;
pub mod types;

pub use node_log::NodeLog;
pub(crate) use survey::{report as survey_report, unvouched};
pub use types::{Damage, GroupKey, GroupLog, Options, Record, Recovered, Roster, Tail, TailReport, Usage};

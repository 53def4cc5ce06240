//! The node log: one per node, for the entries and states of all its groups.
//!
//! - [`types`]: what goes in and comes out.
//! - [`NodeLog`]: append, sync, close.
//!
//! Not here: who decides when to sync (the server's log thread). `docs/design/storage.md` draws the
//! layout and says what is durable when.

mod node_log;
pub mod types;

pub use node_log::NodeLog;
pub use types::{Damage, GroupKey, GroupLog, Options, Record, Recovered, Roster, TailReport, Usage};

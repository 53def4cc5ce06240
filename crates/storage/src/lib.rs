//! Keeps bytes safe on one node: the node log, the tables, recovery and scrubbing.
//!
//! - [`log`]: [`NodeLog`], one per node, every group's entries and state; one sync commits all.
//! - [`tables`]: [`Tables`], one file per replica: committed rows, each with a checksum.
//! - [`scrub`]: reads everything and says what is damaged and where.
//! - [`error`]: what can go wrong, by what the caller does about it.
//!
//! Not here: consensus, and what the bytes mean. Nothing damaged is ever handed out as good.

mod checksum;
mod directory;
pub mod error;
mod format;
pub mod log;
pub mod mutants;
pub mod scrub;
pub mod tables;
pub mod testing;

pub use error::Error;
pub use log::{Damage, GroupKey, GroupLog, NodeLog, Record, Recovered, Roster, TailReport, Usage};
pub use scrub::ScrubReport;
pub use tables::{Applied, Batch, Durability, Tables};

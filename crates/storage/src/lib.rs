//! Keeps bytes safe on one node: the node log, tables, recovery, scrubbing.
//!
//! - [`record`]: what the node log holds of a group.
//!
//! Not here: what the bytes mean, and how they reach other nodes (`replication`).

pub mod record;

pub use record::{GroupKey, GroupLog, Record};

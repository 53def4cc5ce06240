//! The contract of the node log and the tables as suites, for every disk they must run on.
//!
//! - [`model`]: what the groups of a log must look like, by plain rules.
//! - [`rot`]: where damage is hardest to tell from an unfinished write.
//! - [`log`]: the suite for the node log. [`tables`]: the suite for tables.
//!
//! Not here: accidents, which only a simulated disk can have; they are tested beside the code.

pub mod log;
pub mod model;
pub mod rot;
pub mod tables;

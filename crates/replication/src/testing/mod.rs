//! A toy world for groups: a log in memory, a network that misbehaves, and the checks that Raft
//! must pass in it. One seed, one run.
//!
//! - [`hostile`]: messages that no correct replica sends.
//! - [`memory_log`]: what a node log keeps, with a line between durable and not.
//! - [`random`]: the generator behind every choice.
//! - [`cluster`]: replicas, messages and faults; `churn`: members that come and go.
//! - [`checks`]: what must hold after every step.
//!
//! Not here: the real node log, tables and partitions; crate `sim` runs those.

pub mod checks;
mod churn;
pub mod cluster;
pub mod hostile;
pub mod memory_log;
pub mod random;

pub use checks::{Checks, Violation};
pub use cluster::{Cluster, Faults};
pub use memory_log::MemoryLog;
pub use random::Random;

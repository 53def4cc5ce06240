//! Black-box tests of disks: the contract suite on both kinds, and the simulated disk's accidents.
//!
//! Not here: the suite itself (`platform::testing`).

#![expect(clippy::unwrap_used, reason = "tests: a failure is a failed test")]

mod contract;
mod sim_disk;

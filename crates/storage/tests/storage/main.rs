//! Black-box tests of the node log and the tables: contract suites on both kinds of disk, crashes
//! at every I/O, flips at every byte, full disks, golden files.
//!
//! Not here: the unit tests, which stand beside the code.

#![expect(clippy::unwrap_used, reason = "tests: a failure is a failed test")]

mod contract;
mod golden;
mod log_crash;
mod log_fault;
mod log_rot;
#[cfg(feature = "mutants")]
mod mutants;
mod tables_copy;
mod tables_rot;

//! Deterministic simulation of Outlast: one seed, one run, one thread.
//!
//! - [`cluster`]: the world; [`faults`], [`workloads`]: what happens in it
//! - [`program`], [`workers`]: the orchestrations and those who run them
//! - [`checkers`], [`violation`]: what must hold
//! - [`trace`], [`marks`]: what happened, and which rare situations came up
//! - [`mutants`]: bugs put in on purpose, to see whether they are found
//!
//! Not here: the machines themselves. Engine, log, tables, groups and partition cores are the
//! real ones; only threads, disks, clocks, networks and people are played.

pub mod checkers;
pub mod cluster;
pub mod entities;
pub mod faults;
pub mod marks;
pub mod mutants;
pub mod program;
mod scenario;
pub mod trace;
pub mod violation;
pub mod workers;
pub mod workloads;

pub use scenario::{Failure, Options, Report, run};

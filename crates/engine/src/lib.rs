//! Decides: given a state and a command, what changes and what must happen outside.
//!
//! Two machines of one shape: [`partition`] (durable orchestrations of one partition) and
//! [`catalog`] (which task hubs and nodes exist, and which node holds what). A machine's state is a
//! set of [`rows`]; `needs` says which rows an entry touches, `apply` changes them, `outstanding`
//! derives again what must be done.
//!
//! Not here: any clock, randomness, file, thread or network. Time, ids and choices are fields of
//! the command, so every replica computes the same.

#![forbid(unsafe_code)]
#![deny(missing_docs, clippy::wildcard_enum_match_arm, clippy::indexing_slicing)]

pub mod catalog;
pub mod event;
mod format;
pub mod id;
pub mod limits;
pub mod mutants;
pub mod partition;
pub mod payload;
pub mod rows;
pub mod time;

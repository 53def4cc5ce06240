//! Running partitions: the log driver, the machine and the rows of each, and the threads they run on.
//!
//! - [`core`]: one replica of one partition, synchronous; [`messages`]: what goes in and comes out
//! - `proposing`, `chores`, `answers`, `storing`, `leader`, `reads`, `loading`, [`machine`], [`overlay`]: its parts
//! - [`runner`]: the thread that feeds cores; [`outside`]: performs their effects
//! - `replica`: a replica among others: members, messages, copies of rows
//! - [`address`], [`mailbox`], [`watch`], [`clock`]: how the rest of the server reaches and hears them
//!
//! Not here: what a command means (`engine`), how bytes stay safe (`storage`, `replication`).

pub mod address;
mod answers;
mod chores;
pub mod clock;
pub mod core;
mod leader;
mod loading;
pub mod machine;
pub mod mailbox;
pub mod messages;
pub mod mutants;
pub mod outside;
pub mod overlay;
mod proposing;
mod reads;
pub mod replica;
pub mod runner;
mod storing;
#[cfg(test)]
mod tests;
pub mod watch;

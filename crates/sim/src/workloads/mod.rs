//! What clients do: each has one orchestration, a program for it, and a script of calls that it
//! repeats until they are answered.
//!
//! - `clients`: the state of each client and what it calls next; [`scripts`]: drawn from the seed.
//!
//! Not here: delivering calls (`cluster`).

pub mod clients;
pub mod scripts;

pub use clients::Clients;

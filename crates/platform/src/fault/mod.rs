//! A simulated world: time that is set, randomness on a seed, and a disk that breaks on demand.
//!
//! Not here: when to break what, which the simulation's schedule decides. Everything is
//! deterministic: the same seed and the same calls give the same bytes.

mod clock;
mod disk;
mod entropy;

pub use clock::SimClock;
pub use disk::{Counters, Restart, SimDisk};
pub use entropy::SimEntropy;

//! The outside world as traits, the real thing behind them, and a simulated world that breaks.
//!
//! - [`clock`], [`disk`], [`entropy`]: the contracts, with what a crash may take away.
//! - [`real`]: the operating system.
//! - [`fault`]: in memory, on a seed, with power cuts, bit flips, failing syncs and full disks.
//! - [`testing`]: the suite that both must pass.
//!
//! Not here: what bytes mean, retries, and threads. All of it is synchronous and blocking.

pub mod clock;
pub mod disk;
pub mod entropy;
pub mod fault;
pub mod real;
pub mod testing;

pub use clock::Clock;
pub use disk::{Disk, File, Lock, LockError, Mode};
pub use entropy::Entropy;

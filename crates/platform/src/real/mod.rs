//! The operating system: clocks, files and randomness as they are.
//!
//! Not here: anything simulated (`fault`). The one thing to know: these types hold no state worth
//! sharing; make one at start-up and hand it down.

mod clock;
mod disk;
mod entropy;
mod ports;

pub use clock::RealClock;
pub use disk::RealDisk;
pub use entropy::RealEntropy;
pub use ports::listener_of;

//! What time it is, twice over: by the wall and by a clock that only goes forward.
//!
//! Not here: time as data (`engine::Timestamp`) and waiting, which belongs to whoever owns a thread.
//! The wall may jump either way; nothing safe may depend on it. Intervals come from `monotonic`.

use std::time::Duration;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Time since 1970-01-01T00:00:00Z by the wall clock; may jump in both directions.
    fn wall(&self) -> Duration;
    /// Time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;
}

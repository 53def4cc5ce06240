//! What became of instances, event by event, for those outside who want to be told: an outbox to
//! the world.
//!
//! A partition keeps a feed only where its hub asks for one ([`command::ConfigureFeed`]); otherwise
//! nothing here costs anything. Events are numbered without gaps and kept within a bound; each
//! subscription has a cursor, and letters for what could not be delivered. Not here: delivering
//! (`server::events`), and which subscriptions there are (the settings).
//!
//! The one thing to know: an event is appended by the very entry that changes the instance, so
//! there is never one without the other.

pub(crate) mod apply;
pub mod command;
pub(crate) mod invariants;
pub(crate) mod rows;
mod state;
mod view;

pub use view::{DeadLetter, LifecycleEvent, Standing, Subscription, dead_letters, events, standing};

/// What became of an instance. Numbers are stored and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Lifecycle {
    /// It was created, or its scheduled start has come.
    Started = 1,
    /// Somebody holds it.
    Suspended = 2,
    /// It goes on.
    Resumed = 3,
    /// No worker can take it.
    Stuck = 4,
    /// It finished with an output.
    Completed = 5,
    /// It finished with a failure.
    Failed = 6,
    /// Somebody ended it.
    Terminated = 7,
    /// It was removed.
    Purged = 8,
    /// It had failed and tries again.
    Rewound = 9,
}

impl Lifecycle {
    /// All, in the order of an instance's life.
    pub const ALL: [Self; 9] = [
        Self::Started,
        Self::Suspended,
        Self::Resumed,
        Self::Stuck,
        Self::Completed,
        Self::Failed,
        Self::Terminated,
        Self::Purged,
        Self::Rewound,
    ];
}

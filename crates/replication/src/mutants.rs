//! Bugs put in on purpose, one at a time, to show that the tests would see them.
//!
//! Not here: anything in a build without the feature `mutants`; there every question is answered
//! with a constant no.

/// The names of all bugs of this crate.
pub const ALL: &[&str] = &[
    "leader-starts-at-elected",
    "persisted-messages-sent-before-persisting",
    "persist-reported-early",
    "committed-before-hard-state-durable",
    "pre-vote-off",
    "vote-forgotten",
    "commit-on-sub-quorum",
    "own-ack-before-fsync",
];

#[cfg(feature = "mutants")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static ACTIVE: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Puts one bug in, or takes it out; a name of another crate takes it out here.
    pub fn set(name: Option<&str>) {
        let index = name.and_then(|name| super::ALL.iter().position(|known| *known == name));
        ACTIVE.store(index.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// Whether this bug is in.
    pub fn active(name: &str) -> bool {
        let index = ACTIVE.load(Ordering::Relaxed);
        super::ALL.get(index).is_some_and(|known| *known == name)
    }
}

#[cfg(feature = "mutants")]
pub use switch::{active, set};

#[cfg(not(feature = "mutants"))]
pub(crate) const fn active(_name: &str) -> bool {
    false
}

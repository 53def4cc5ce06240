//! Bugs put in on purpose, one at a time, to prove that tests and simulation find them.
//!
//! Not here: the bugs themselves; each sits at the line it breaks, behind `active("its-name")`.
//! Without the feature `mutants` the question is constantly answered with no.

/// The seeded bugs of this crate.
pub const ALL: &[&str] = &[
    "ack-before-fsync",
    "skip-directory-fsync",
    "mid-log-corruption-taken-for-tail",
    "fsync-retried-after-error",
    "recycling-loses-a-vote",
    "stale-frame-of-recycled-segment-accepted",
    "applied-index-outside-the-transaction",
    "cut-tail-forgotten",
    "vouched-without-sync",
    "copy-left-at-start",
];

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Switches one bug on for this thread, or all off.
#[cfg(feature = "mutants")]
pub fn set(name: Option<&'static str>) {
    assert!(name.is_none_or(|name| ALL.contains(&name)), "seeded bug {name:?} is in ALL");
    ACTIVE.set(name);
}

/// Whether the bug is switched on for this thread.
#[cfg(feature = "mutants")]
pub fn active(name: &str) -> bool {
    debug_assert!(ALL.contains(&name), "seeded bug {name} is in ALL");
    ACTIVE.get() == Some(name)
}

/// Whether the bug is switched on: never, without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn active(_name: &str) -> bool {
    false
}

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
    "doubt-not-taken-up",
    "doubtful-vote-counts-in-full",
    "vote-leaves-unvouched",
    "change-forgotten-at-compaction",
    "change-written-before-the-commit-of-the-last",
    "installed-before-durable",
    "members-of-snapshot-forgotten",
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

//! Bugs put in on purpose, one at a time, to prove that the simulation finds them.
//!
//! Not here: the bugs themselves; each sits at the line it breaks, behind `active("its-name")`.
//! Without the feature `mutants` the question is constantly answered with no.

/// The seeded bugs of the partition core, and of what other nodes are told and believed.
pub const ALL: &[&str] = &[
    "reply-before-commit",
    "activity-offered-before-commit",
    "reply-speculated",
    "read-before-commit",
    "read-without-quorum",
    "working-set-kept-on-deposition",
    "overlay-kept-on-deposition",
    "checkpoint-takes-proposed",
    "overlay-dropped-before-stored",
    "outstanding-forgotten",
    "messages-never-sent-again",
    "own-entry-applied-again",
    "messages-sent-without-their-payloads",
    "rows-kept-when-replaced",
    "wanted-members-forgotten",
    "older-leader-comes-back",
    "lost-node-still-leads",
    "worker-has-more-than-its-slots",
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

//! Bugs put in on purpose, in all crates that are simulated, and the runs that must find them.
//!
//! Not here: the bugs. Without the feature `mutants` there are none to switch on.

/// A seeded bug and the crate it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mutant {
    /// The crate.
    pub of: &'static str,
    /// Its name there.
    pub name: &'static str,
}

/// All seeded bugs of all crates.
pub fn all() -> Vec<Mutant> {
    let of = |of, names: &[&'static str]| -> Vec<Mutant> {
        names.iter().map(|name| Mutant { of, name }).collect()
    };
    let mut all = of("engine", engine::mutants::ALL);
    all.extend(of("storage", storage::mutants::ALL));
    all.extend(of("replication", replication::mutants::ALL));
    all.extend(of("server", server::partition::mutants::ALL));
    all.retain(|mutant| !ELSEWHERE.contains(&mutant.name));
    all
}

/// Seeded bugs that take more accidents in a row than random runs have, or members that come and go, or
/// that sit between nodes of a server: tests of their own crates play these.
const ELSEWHERE: &[&str] = &[
    "vouched-without-sync",
    "vote-leaves-unvouched",
    "change-forgotten-at-compaction",
    "change-written-before-the-commit-of-the-last",
    "installed-before-durable",
    "members-of-snapshot-forgotten",
    "copy-left-at-start",
    "replica-number-given-again",
    "domains-ignored",
    "drained-without-another",
    "older-leader-comes-back",
    "lost-node-still-leads",
    "worker-has-more-than-its-slots",
];

/// Switches one seeded bug on for this thread, and every other off.
#[cfg(feature = "mutants")]
pub fn set(mutant: Option<Mutant>) {
    let of = |of| mutant.filter(|mutant| mutant.of == of).map(|mutant| mutant.name);
    // Names come from `all`, so each crate knows its own.
    let _known = engine::mutants::activate(of("engine"));
    storage::mutants::set(of("storage"));
    replication::mutants::set(of("replication"));
    server::partition::mutants::set(of("server"));
}

/// Switches nothing: this program was built without seeded bugs.
#[cfg(not(feature = "mutants"))]
pub fn set(_mutant: Option<Mutant>) {}

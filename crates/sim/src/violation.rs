//! What a run ends with when something that must hold does not.
//!
//! Not here: the things that must hold (`checkers`).

/// An invariant that does not hold, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its name; see the table in `checkers`.
    pub invariant: &'static str,
    /// Both values.
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// Fails with `invariant` unless it holds.
pub fn require(
    holds: bool,
    invariant: &'static str,
    detail: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, detail: detail() }) }
}

/// Not a violation: damage that nothing can mend was noticed, and the run ends there.
pub const NOTICED: &str = "DamageIsNoticed";

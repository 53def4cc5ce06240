//! What must hold between rooms, one function per name.
//!
//! Not here: what one room keeps alone (a sentence at its field). A check looks at what is loaded:
//! after each entry in debug builds, and at everything in the simulation.

use crate::rows::WorkingSet;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {}

/// The first invariant that does not hold among the rows in memory.
pub fn check(_rows: &WorkingSet) -> Option<Violation> {
    None
}

//! The system's randomness, fit for keys.
//!
//! Not here: a fallback. A node that cannot get random bytes must not make keys or identities,
//! so it stops.

use crate::Entropy;

/// Random bytes from the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealEntropy;

impl Entropy for RealEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

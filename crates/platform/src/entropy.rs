//! Randomness: keys and identities on a real node, a seed's sequence in simulation.
//!
//! Not here: choices of the engine, which are fields of a command. The one thing to know: a real
//! source that fails has no safe replacement, so failing is a panic and not an error to forget.

/// Gives random bytes.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// Fills all of `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

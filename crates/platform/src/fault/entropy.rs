//! Randomness on a seed, by the SplitMix64 sequence.
//!
//! Not here: anything fit for keys outside simulation. Small on purpose, so that the sequence of
//! a seed never changes with a dependency.

use std::sync::{Mutex, PoisonError};

use crate::Entropy;

/// A seed's sequence of random numbers.
#[derive(Debug)]
pub struct SimEntropy {
    state: Mutex<u64>,
}

impl SimEntropy {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }

    /// A number below `bound`; 0 if the bound is 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// True in `per_mille` of a thousand cases.
    pub fn chance(&self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }
}

impl Entropy for SimEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }

    fn next_u64(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (mut a, mut b) = ([0; 21], [0; 21]);
        SimEntropy::new(7).fill(&mut a);
        SimEntropy::new(7).fill(&mut b);
        assert_eq!(a, b);
        SimEntropy::new(8).fill(&mut b);
        assert_ne!(a, b);
    }
}

//! How long a replica waits for a leader, drawn from a seed.
//!
//! Not here: elections. The consensus library draws timeouts from the operating system; this one's
//! draws replace them after every input, so the same seed gives the same run.

use crate::types::ReplicaId;

/// The generator of one replica's election timeouts.
#[derive(Debug)]
pub(crate) struct Timeouts {
    state: u64,
    ticks: u32,
}

impl Timeouts {
    pub(crate) fn new(seed: u64, replica: ReplicaId, ticks: u32) -> Self {
        Self { state: mix(seed ^ mix(replica.0)), ticks }
    }

    /// The next timeout: `ticks + 1 ..= 2 * ticks`.
    pub(crate) fn draw(&mut self) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let drawn = mix(self.state) % u64::from(self.ticks);
        usize::try_from(u64::from(self.ticks) + 1 + drawn).unwrap_or(usize::MAX)
    }
}

/// The finisher of splitmix64.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_and_replica_draw_the_same_timeouts() {
        let draws = |seed, replica| {
            let mut timeouts = Timeouts::new(seed, ReplicaId(replica), 10);
            (0..50).map(|_| timeouts.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1, 1), draws(1, 1));
        assert_ne!(draws(1, 1), draws(1, 2));
        assert_ne!(draws(1, 1), draws(2, 1));
        assert!(draws(7, 3).iter().all(|draw| (11..=20).contains(draw)));
    }
}

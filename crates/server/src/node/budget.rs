//! Memory that the partitions of a node share: one bound for all, no fixed part for each.
//!
//! A busy partition may hold what quiet ones do not need. Once all together hold too much, those
//! above an even share give up what they have beyond it, each in its own step; nobody waits for
//! anybody. Not here: what is held, and how it is given up (`core`, `storing`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
struct Pool {
    bytes_max: usize,
    held: AtomicUsize,
    members: AtomicUsize,
}

/// The bound. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Pool>);

/// What one member holds of it; given back when dropped.
#[derive(Debug)]
pub struct Share {
    pool: Arc<Pool>,
    held: usize,
}

impl Budget {
    /// At most about so many bytes for all members together.
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Pool { bytes_max, held: AtomicUsize::new(0), members: AtomicUsize::new(0) }))
    }

    /// What all members hold.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// A new member's share, empty.
    pub fn share(&self) -> Share {
        self.0.members.fetch_add(1, Ordering::Relaxed);
        Share { pool: Arc::clone(&self.0), held: 0 }
    }
}

impl Share {
    /// This member holds so much now. `Some`: all together hold too much, and this one more than an
    /// even part; so much of it may stay.
    pub fn hold(&mut self, bytes: usize) -> Option<usize> {
        let Pool { bytes_max, held, members } = &*self.pool;
        held.fetch_add(bytes, Ordering::Relaxed);
        let all = held.fetch_sub(self.held, Ordering::Relaxed) - self.held;
        self.held = bytes;
        let even = bytes_max / members.load(Ordering::Relaxed).max(1);
        let excess = all.saturating_sub(*bytes_max);
        (excess > 0 && bytes > even).then(|| even.max(bytes.saturating_sub(excess)))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.held.fetch_sub(self.held, Ordering::Relaxed);
        self.pool.members.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_may_hold_what_others_do_not_need() {
        let budget = Budget::new(100);
        let (mut busy, mut quiet) = (budget.share(), budget.share());
        assert_eq!(quiet.hold(10), None);
        assert_eq!(busy.hold(90), None);
        assert_eq!(busy.hold(95), Some(90));
        assert_eq!(budget.held(), 105);
    }

    #[test]
    fn who_has_an_even_part_or_less_keeps_it() {
        let budget = Budget::new(100);
        let (mut large, mut small) = (budget.share(), budget.share());
        assert_eq!(large.hold(120), Some(100));
        assert_eq!(small.hold(50), None);
        assert_eq!(large.hold(120), Some(50));
    }

    #[test]
    fn who_leaves_gives_everything_back() {
        let budget = Budget::new(100);
        let (mut stays, mut leaves) = (budget.share(), budget.share());
        leaves.hold(100);
        assert_eq!(stays.hold(60), Some(50));
        drop(leaves);
        assert_eq!((stays.hold(100), budget.held()), (None, 100));
    }
}

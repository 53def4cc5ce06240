//! Links between nodes: they delay, lose, double and thereby reorder, and can be cut one way.
//!
//! Not here: clients and workers, whose calls are only delayed; they repeat what is not answered.

use std::collections::BTreeSet;

use platform::fault::SimEntropy;

use super::queue::{MS, Micros};

/// How the links are.
#[derive(Debug)]
pub struct Network {
    random: SimEntropy,
    cut: BTreeSet<(usize, usize)>,
    /// Messages lost, of a thousand.
    pub lost: u64,
    /// Messages doubled, of a thousand.
    pub doubled: u64,
    /// Messages that take long, of a thousand.
    pub late: u64,
}

impl Network {
    /// Links whose accidents follow `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: SimEntropy::new(seed), cut: BTreeSet::new(), lost: 0, doubled: 0, late: 0 }
    }

    /// The delays after which a message arrives: none, one or two.
    pub fn deliveries(&self, from: usize, to: usize) -> Vec<Micros> {
        if self.cut.contains(&(from, to)) || self.random.chance(self.lost) {
            return Vec::new();
        }
        let copies = if self.random.chance(self.doubled) { 2 } else { 1 };
        (0..copies).map(|_| self.delay()).collect()
    }

    fn delay(&self) -> Micros {
        let usual = 100 + self.random.below(MS);
        if self.random.chance(self.late) { usual + self.random.below(100 * MS) } else { usual }
    }

    /// Cuts a node off from all others; each direction with its own chance, at least one of them.
    pub fn isolate(&mut self, node: usize, nodes: usize) {
        let way = self.random.below(3);
        for other in (0..nodes).filter(|other| *other != node) {
            if way != 1 {
                self.cut.insert((node, other));
            }
            if way != 2 {
                self.cut.insert((other, node));
            }
        }
    }

    /// Mends all links.
    pub fn mend(&mut self) {
        self.cut.clear();
    }

    /// Mends all links and makes them faultless.
    pub fn heal(&mut self) {
        self.mend();
        (self.lost, self.doubled, self.late) = (0, 0, 0);
    }
}

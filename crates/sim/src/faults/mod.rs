//! What breaks in a run, and when: data, drawn from the seed before the run begins.
//!
//! Not here: breaking it (`cluster::breaking`). Each kind has its share; a run has a few of them,
//! so that a failing one can be understood.

use std::collections::BTreeSet;

use platform::fault::{Restart, SimEntropy};

use crate::cluster::queue::{MS, Micros};

/// How a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// At once.
    Now(Restart),
    /// At the disk's next-but-so-many I/O.
    AtIo(u64),
}

/// One thing that breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A process dies.
    Kill {
        /// On this node.
        node: usize,
        /// How.
        death: Death,
    },
    /// All nodes lose power at once.
    PowerCut,
    /// The next sync fails.
    FailSync {
        /// On this node.
        node: usize,
    },
    /// Syncs are slow for a while.
    SlowDisk {
        /// On this node.
        node: usize,
        /// By so much.
        ms: u64,
    },
    /// There is no room on the disk for a while.
    FullDisk {
        /// On this node.
        node: usize,
        /// For so long.
        ms: u64,
    },
    /// The wall clock jumps.
    ClockJump {
        /// On this node.
        node: usize,
        /// Into the future.
        forward: bool,
        /// By so much.
        ms: u64,
    },
    /// Whoever leads a partition stands still for a while, as a stopped virtual machine does.
    PauseLeader {
        /// Of this partition.
        partition: u32,
        /// For so long.
        ms: u64,
    },
    /// One node is cut off from the others for a while; then all lose power, the last that another had
    /// made durable rots, and the third is late to come back. So what two had acknowledged is with
    /// one of those who may vote at first, or with none.
    RotTail {
        /// Whose disk rots.
        node: usize,
        /// Who was cut off.
        lacks: usize,
        /// For so long; the late one is as late again.
        ms: u64,
    },
    /// A node's links to the others are cut for a while.
    Isolate {
        /// This node's.
        node: usize,
        /// For so long.
        ms: u64,
    },
    /// Others than before should take part in a partition's group.
    Members {
        /// Of this partition.
        partition: u32,
        /// They.
        replicas: BTreeSet<u64>,
    },
    /// The links of whoever leads a partition are cut for a while.
    IsolateLeader {
        /// This partition.
        partition: u32,
        /// For so long.
        ms: u64,
    },
}

/// The faults of a run on `nodes` nodes that lasts until `end`.
pub fn plan(seed: u64, nodes: usize, partitions: u32, end: Micros) -> Vec<(Micros, Fault)> {
    let random = SimEntropy::new(seed ^ 0x6661_756c_7473_0000);
    let count = 1 + random.below(6);
    let mut plan: Vec<_> = (0..count)
        .map(|_| (20 * MS + random.below(end - 20 * MS), fault(&random, nodes, partitions)))
        .collect();
    plan.sort_by_key(|(at, _)| *at);
    plan
}

fn fault(random: &SimEntropy, nodes: usize, partitions: u32) -> Fault {
    let node = usize::try_from(random.below(nodes as u64)).unwrap_or(0);
    let ms = 20 + random.below(400);
    match random.below(if nodes > 1 { 24 } else { 12 }) {
        0 | 1 => Fault::Kill { node, death: Death::Now(Restart::ProcessKilled) },
        2 => Fault::Kill { node, death: Death::Now(Restart::PowerCut) },
        3..7 => Fault::Kill { node, death: Death::AtIo(random.below(60)) },
        7 => Fault::PowerCut,
        8 => Fault::FailSync { node },
        9 => Fault::SlowDisk { node, ms: 1 + ms / 4 },
        10 => Fault::FullDisk { node, ms },
        11 => Fault::ClockJump { node, forward: random.chance(500), ms: ms * 20 },
        12 => Fault::Isolate { node, ms },
        18 | 19 => {
            let other = 1 + usize::try_from(random.below(nodes as u64 - 1)).unwrap_or(0);
            Fault::RotTail { node, lacks: (node + other) % nodes, ms }
        }
        20.. => {
            // All but one of them, or all: never fewer than two.
            let replicas =
                (1..=nodes as u64).filter(|replica| *replica != node as u64 + 1 || ms.is_multiple_of(4));
            let partition = u32::try_from(random.below(u64::from(partitions))).unwrap_or(0);
            Fault::Members { partition, replicas: replicas.collect() }
        }
        kind => {
            let partition = u32::try_from(random.below(u64::from(partitions))).unwrap_or(0);
            let ms = ms + 200;
            if kind < 16 {
                Fault::IsolateLeader { partition, ms }
            } else {
                Fault::PauseLeader { partition, ms }
            }
        }
    }
}

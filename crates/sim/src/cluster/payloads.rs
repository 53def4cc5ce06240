//! Large texts on their way: on some seeds nearly every text is one, goes in tiny parts, and some of
//! them are lost.
//!
//! Not here: what a partition does with them (`engine`), and what they must come to: programs' sums and
//! ledgers are made of these texts, so a wrong byte changes them.

use std::time::Duration;

use engine::id::PartitionId;
use engine::partition::command::Command;
use engine::partition::view;
use server::node::payloads::{Apart, take_out};
use server::partition::messages::Request;

use super::World;
use super::queue::{Asker, Happening, MS, Micros};
use crate::violation::{Violation, require};

/// Rows of a partition that are looked at at once: more than any has.
const ALL: usize = 1_000_000;

/// Which texts are large in the run of this seed.
pub fn apart(seed: u64) -> Apart {
    let keep = Duration::from_millis(400);
    match seed % 4 {
        0 | 3 => Apart { keep, ..Apart::default() },
        1 => Apart { above_bytes: 8, part_bytes: 9, keep },
        _ => Apart { above_bytes: 20, part_bytes: 64, keep },
    }
}

impl World {
    /// Sends a command from outside to a node, its large texts first.
    pub(crate) fn bring(
        &mut self,
        mut at: Micros,
        (to, partition): (usize, PartitionId),
        mut command: Command,
        asker: Asker,
    ) {
        let apart = apart(self.setup.seed);
        let request = |command| Box::new(Request::Partition(command));
        for payload in take_out(&mut command, apart) {
            for part in payload.parts(apart) {
                if !self.healed && self.random.chance(10) {
                    self.marks.reach("part of a payload lost");
                    continue;
                }
                let (request, asker) = (request(part.into()), Asker::Peer);
                self.queue.push(at, Happening::Ask { to, partition, request, asker });
                at += self.random.below(MS / 4);
            }
        }
        self.queue.push(at, Happening::Ask { to, partition, request: request(command), asker });
    }

    /// How many large texts the leaders have that nothing names; one more for each partition without a
    /// leader. What is there and named must be whole.
    pub fn idle_payloads(&mut self) -> Result<u64, Violation> {
        let mut idle = 0;
        for partition in (0..self.setup.partitions).map(PartitionId) {
            let life = self.leader(partition).and_then(|node| self.life(node));
            let resident = life.and_then(|life| self.resident(life, partition));
            let Some(rows) = resident.and_then(|resident| resident.core.whole().ok()) else {
                idle += 1;
                continue;
            };
            let payloads = view::payloads(&rows, None, ALL).unwrap_or_default();
            for payload in &payloads {
                require(
                    payload.references == 0 || payload.stored == payload.bytes,
                    "PayloadsAreWhole",
                    || format!("{partition:?} names {payload:?}"),
                )?;
            }
            idle +=
                u64::try_from(payloads.iter().filter(|payload| payload.references == 0).count()).unwrap_or(0);
        }
        Ok(idle)
    }
}

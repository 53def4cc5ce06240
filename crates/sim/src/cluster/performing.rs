//! Effects of the cores: work is offered and handed out, partitions write to each other.
//!
//! Not here: running orchestrations (`workers`). This plays the server's dispatch in its simplest
//! form: one hand-out of a piece of work at a time, and again when nothing was heard for long.

use engine::id::PartitionId;
use engine::partition::command::{AcknowledgeMessages, Command};
use server::dispatch::{Ended, Work};
use server::partition::messages::{Event, Perform, Request};

use super::World;
use super::queue::{Asker, HandOut, Happening, Life, MS};
use crate::violation::Violation;

/// How long a worker may be silent.
const PATIENCE: u64 = 400 * MS;

impl World {
    pub(super) fn perform(&mut self, life: Life, partition: PartitionId, perform: Perform) {
        match perform {
            Perform::OfferTurn { instance, .. } => self.offer(life, partition, Work::Turn { instance }),
            Perform::OfferActivity { activity, .. } => {
                self.offer(life, partition, Work::Activity { key: activity });
            }
            Perform::OfferBatch(entity) => self.offer(life, partition, Work::Batch { entity }),
            Perform::BatchEnded(entity, ended) => {
                self.ended(life, partition, &Work::Batch { entity }, ended);
            }
            Perform::TurnEnded(instance, ended) => {
                self.ended(life, partition, &Work::Turn { instance }, ended);
            }
            Perform::ActivityEnded(key, ended) => self.ended(life, partition, &Work::Activity { key }, ended),
            Perform::Provide { to, part } => {
                self.marks.reach("payload for another partition");
                self.tell_peer(to, part.into());
            }
            Perform::Deliver { to, messages } => self.tell_peer(to, Command::ReceiveMessages(messages)),
            Perform::Acknowledge { to, upto } => {
                let lineage = self.resident(life, partition).map_or(0, |resident| resident.core.lineage().0);
                let acknowledged = AcknowledgeMessages { from: partition.0, from_lineage: lineage, upto };
                self.tell_peer(to, Command::AcknowledgeMessages(acknowledged));
            }
            Perform::LeadingEnded => {
                self.marks.reach("leader deposed with a dirty working set");
                if let Some(resident) = self.resident(life, partition) {
                    resident.out.clear();
                    resident.courier = None;
                    resident.ticker = None;
                }
            }
            Perform::Leading(_) => {
                self.begin_courier(life, partition);
                self.begin_ticker(life, partition);
            }
            Perform::ScheduleMoved => self.schedule_moved(life, partition),
            Perform::FeedGrew => self.feed_grew(life, partition),
            Perform::InstanceChanged(..) | Perform::TimersFired { .. } => {}
        }
    }

    fn offer(&mut self, life: Life, partition: PartitionId, work: Work) {
        let at = self.soon(20, MS);
        let Some(resident) = self.resident(life, partition) else { return };
        if resident.out.contains_key(&work) {
            return;
        }
        resident.out.insert(work.clone(), 1);
        self.queue.push(at, Happening::HandOut(HandOut { life, partition, work, generation: 1 }));
    }

    fn ended(&mut self, life: Life, partition: PartitionId, work: &Work, ended: Ended) {
        let Some(resident) = self.resident(life, partition) else { return };
        match ended {
            Ended::Accepted => drop(resident.out.remove(work)),
            Ended::Refused => self.marks.reach("completion refused as stale"),
        }
    }

    fn tell_peer(&mut self, to: PartitionId, command: Command) {
        let node = self.leader(to).unwrap_or(0);
        if self.random.chance(if self.healed { 0 } else { self.network.lost }) {
            return;
        }
        let request = Box::new(Request::Partition(command));
        let at = self.soon(50, MS);
        self.queue.push(at, Happening::Ask { to: node, partition: to, request, asker: Asker::Peer });
    }

    /// A worker has a free slot: builds the work as it stands now and hands it out.
    pub(super) fn hand_out(&mut self, hand_out: &HandOut) -> Result<(), Violation> {
        let HandOut { life, partition, work, generation } = hand_out;
        let now = self.now;
        let Some(machine) = self.nodes.get_mut(life.node) else { return Ok(()) };
        machine.catch_up(now);
        let Some(process) = machine.process(*life) else { return Ok(()) };
        let stamp = process.stamp();
        let Some(resident) = process.residents.get_mut(partition) else { return Ok(()) };
        if resident.out.get(work) != Some(generation) {
            return Ok(());
        }
        let item = match resident.core.build(work, stamp) {
            Ok(Some(item)) => item,
            Ok(None) => {
                resident.out.remove(work);
                return Ok(());
            }
            Err(halt) => return self.feed(*life, *partition, Event::Failed { why: halt.to_string() }),
        };
        let committed = resident.core.committed().index;
        if let Work::Activity { key } = work {
            let needed = self.setup.activities();
            if self.checkers.ahead.on_handed_out(*partition, key, committed, needed)? {
                self.marks.reach("activity ran ahead of its turn");
            }
        }
        self.queue.push(now + PATIENCE, Happening::Overdue(hand_out.clone()));
        let twice = !self.healed && self.random.chance(40);
        if twice {
            self.marks.reach("work item handed out twice");
        }
        for _ in 0..=usize::from(twice) {
            self.work(*partition, &item)?;
        }
        Ok(())
    }

    pub(super) fn overdue(&mut self, mut overdue: HandOut) -> Result<(), Violation> {
        let Some(resident) = self.resident(overdue.life, overdue.partition) else { return Ok(()) };
        let Some(generation) = resident.out.get_mut(&overdue.work) else { return Ok(()) };
        if *generation != overdue.generation {
            return Ok(());
        }
        *generation += 1;
        overdue.generation = *generation;
        self.marks.reach("turn handed out again");
        self.hand_out(&overdue)
    }
}

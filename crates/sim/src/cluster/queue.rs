//! What will happen, and when: one queue for the whole world.
//!
//! Not here: doing it. Two things due at one moment happen in the order in which they were put in,
//! so nothing depends on anything but the seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use engine::id::PartitionId;
use replication::ReplicaId;
use server::dispatch::Work;
use server::partition::messages::{Event, Question, Request, StoreOutput};
use storage::Tables;

use super::carrying::Carried;

/// Microseconds since the world began.
pub type Micros = u64;

/// A millisecond.
pub const MS: Micros = 1000;

/// One process of one node: what belongs to an earlier life is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    /// Which node.
    pub node: usize,
    /// Its how manieth process.
    pub number: u64,
}

/// Who hears what becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A client, by the number of its call.
    Client(u64),
    /// A worker, by the number of its work item.
    Worker(u64),
    /// The courier of the partition itself.
    Courier,
    /// The ticker of the partition itself.
    Ticker,
    /// Another partition; it hears through its messages.
    Peer,
}

/// A hand-out of work; `generation` tells it from an earlier one of the same work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOut {
    /// Whose leader handed it out.
    pub life: Life,
    /// The partition.
    pub partition: PartitionId,
    /// What.
    pub work: Work,
    /// The how manieth attempt.
    pub generation: u32,
}

/// Everything that can happen.
#[derive(Debug)]
pub enum Happening {
    /// A node starts.
    Start(usize),
    /// A tick of the groups' clock.
    Tick(Life),
    /// A batch of events ends.
    Settle(Life, PartitionId),
    /// A core hears something.
    Feed(Life, PartitionId, Box<Event>),
    /// The log thread writes what has gathered.
    LogWrite(Life),
    /// The log thread tells what is durable.
    LogDone(Life, Vec<(PartitionId, u64)>),
    /// The log thread has been idle, unless more than so many appends were made by now.
    LogIdle(Life, u64),
    /// The store thread writes a checkpoint, to the file that was the replica's when it was begun.
    Store(Life, PartitionId, Box<(Arc<Tables>, StoreOutput)>),
    /// Another replica's rows arrive.
    Rows {
        /// At which node.
        to: usize,
        /// For which partition.
        partition: PartitionId,
        /// What.
        carried: Arc<Carried>,
    },
    /// A message between replicas arrives.
    Message {
        /// At which node.
        to: usize,
        /// For which partition.
        partition: PartitionId,
        /// Who sent it.
        from: ReplicaId,
        /// What.
        bytes: Bytes,
    },
    /// A request arrives.
    Ask {
        /// At which node.
        to: usize,
        /// For which partition.
        partition: PartitionId,
        /// What.
        request: Box<Request>,
        /// Who asks.
        asker: Asker,
    },
    /// A question arrives.
    Question {
        /// At which node.
        to: usize,
        /// For which partition.
        partition: PartitionId,
        /// What.
        question: Box<Question>,
        /// How far the partition was committed when it was asked.
        committed: u64,
        /// Who asks.
        asker: Asker,
    },
    /// The courier of a leader does its next thing.
    Courier(Life, PartitionId),
    /// The ticker of a leader looks what is due.
    Ticker(Life, PartitionId),
    /// A worker takes a work item.
    HandOut(HandOut),
    /// Nothing was heard of a work item for a while.
    Overdue(HandOut),
    /// A client does its next thing.
    Client(usize),
    /// A client has waited long enough for an answer.
    Impatient {
        /// The call.
        call: u64,
        /// The try it waited for.
        tries: u32,
    },
    /// Something breaks, by its number in the plan.
    Fault(usize),
    /// What a fault began ends.
    FaultEnds(usize),
}

impl Happening {
    /// The node whose process has to run for this to happen.
    pub fn node(&self) -> Option<usize> {
        match self {
            Self::Tick(life)
            | Self::Settle(life, _)
            | Self::Courier(life, _)
            | Self::Ticker(life, _)
            | Self::Feed(life, ..)
            | Self::LogWrite(life)
            | Self::LogDone(life, _)
            | Self::LogIdle(life, _)
            | Self::Store(life, ..) => Some(life.node),
            Self::HandOut(hand_out) | Self::Overdue(hand_out) => Some(hand_out.life.node),
            Self::Message { to, .. }
            | Self::Rows { to, .. }
            | Self::Ask { to, .. }
            | Self::Question { to, .. } => Some(*to),
            Self::Start(_)
            | Self::Client(_)
            | Self::Impatient { .. }
            | Self::Fault(_)
            | Self::FaultEnds(_) => None,
        }
    }
}

/// See the file's header.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<(Micros, u64), Happening>,
    next: u64,
}

impl Queue {
    /// Something will happen at `at`.
    pub fn push(&mut self, at: Micros, happening: Happening) {
        self.next += 1;
        self.waiting.insert((at, self.next), happening);
    }

    /// The next thing to happen.
    pub fn pop(&mut self) -> Option<(Micros, Happening)> {
        self.waiting.pop_first().map(|((at, _), happening)| (at, happening))
    }
}

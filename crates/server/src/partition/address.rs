//! How a partition is reached: its address, what may be sent there, and how a sender waits for the
//! outcome.
//!
//! Sending never blocks. Whoever waits holds an admitted place, so the number of those who wait is
//! bounded where they enter. Not here: the thread at the other end (`runner`).

use tokio::sync::oneshot;

use super::core::Partition;
use super::mailbox::{Admitted, Mailbox};
use super::messages::{Answer, Event, Outcome, Question, Request, Unavailable};
use super::outside::Outside;
use crate::dispatch::{Grant, Work};

/// Where one partition is reached.
#[derive(Debug, Clone)]
pub struct Address {
    mailbox: Mailbox<Delivery>,
    slot: u64,
}

/// What a runner's mailbox holds.
#[derive(Debug)]
pub enum Delivery {
    /// For the core of one slot.
    Event {
        /// Which partition.
        slot: u64,
        /// What.
        event: Event,
    },
    /// A command whose author waits.
    Ask {
        /// Which partition.
        slot: u64,
        /// What.
        request: Box<Request>,
        /// Told the outcome.
        waiting: Waiting<Outcome>,
    },
    /// A read.
    Question {
        /// Which partition.
        slot: u64,
        /// What.
        question: Box<Question>,
        /// Told the answer.
        waiting: Waiting<Answer>,
    },
    /// A worker's slot is free for work that was offered before.
    Claim {
        /// Which partition.
        slot: u64,
        /// What was offered.
        work: Work,
        /// Where it may go.
        grant: Grant,
    },
    /// A partition to run from now on.
    Adopt {
        /// Its slot, unique in this runner.
        slot: u64,
        /// The partition.
        resident: Box<(Partition, Outside)>,
    },
    /// Stop running a partition; told its last checkpoint's outcome by the store thread, if any.
    Release {
        /// Its slot.
        slot: u64,
        /// Told when nothing of it is left.
        done: oneshot::Sender<()>,
    },
    /// End the thread.
    Stop,
}

/// Someone who waits outside.
#[derive(Debug)]
pub struct Waiting<T> {
    to: To<T>,
    _admitted: Admitted,
}

#[derive(Debug)]
enum To<T> {
    Here(oneshot::Sender<Result<T, Unavailable>>),
    Elsewhere(Box<dyn Tells<T>>),
}

/// Tells somebody on another node. Called from runner threads: implementations only post. Dropped, it
/// tells that nobody knows.
pub trait Tells<T>: Send + std::fmt::Debug {
    /// Tells it.
    fn tell(self: Box<Self>, outcome: Result<T, Unavailable>);
}

impl<T> Waiting<T> {
    /// A place to wait, and its other end.
    pub fn new(admitted: Admitted) -> (Self, oneshot::Receiver<Result<T, Unavailable>>) {
        let (answer, receiver) = oneshot::channel();
        (Self { to: To::Here(answer), _admitted: admitted }, receiver)
    }

    /// A place for somebody on another node.
    pub fn elsewhere(admitted: Admitted, caller: Box<dyn Tells<T>>) -> Self {
        Self { to: To::Elsewhere(caller), _admitted: admitted }
    }

    pub(super) fn tell(self, outcome: Result<T, Unavailable>) {
        match self.to {
            // Whoever went away meanwhile needs no answer.
            To::Here(answer) => drop(answer.send(outcome)),
            To::Elsewhere(caller) => caller.tell(outcome),
        }
    }
}

impl Address {
    /// Slot `slot` behind `mailbox`.
    pub fn new(mailbox: Mailbox<Delivery>, slot: u64) -> Self {
        Self { mailbox, slot }
    }

    /// Gives the partition an event.
    pub fn send(&self, event: Event) {
        self.mailbox.send(Delivery::Event { slot: self.slot, event });
    }

    /// Asks for a command, with someone waiting.
    pub fn ask(&self, request: Request, waiting: Waiting<Outcome>) {
        self.mailbox.send(Delivery::Ask { slot: self.slot, request: Box::new(request), waiting });
    }

    /// Asks a question.
    pub fn question(&self, question: Question, waiting: Waiting<Answer>) {
        self.mailbox.send(Delivery::Question { slot: self.slot, question: Box::new(question), waiting });
    }

    /// Claims offered work for a worker that is free now.
    pub fn claim(&self, work: Work, grant: Grant) {
        self.mailbox.send(Delivery::Claim { slot: self.slot, work, grant });
    }

    /// Hands a partition over to the runner.
    pub fn adopt(&self, partition: Partition, outside: Outside) {
        let resident = Box::new((partition, outside));
        self.mailbox.send(Delivery::Adopt { slot: self.slot, resident });
    }

    /// Takes a partition away from the runner.
    pub fn release(&self, done: oneshot::Sender<()>) {
        self.mailbox.send(Delivery::Release { slot: self.slot, done });
    }
}

//! The thread that feeds partitions: takes everything that waits, lets each touched partition step
//! and settle, sends its records to the log first, then performs its effects.
//!
//! Nothing is decided here. A runner holds several partitions, in slots; they share nothing but the
//! thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::id::PartitionId;
use engine::time::Timestamp;
use tokio::sync::oneshot;

use super::clock::StampClock;
use super::core::Partition;
use super::mailbox::{Admitted, Mailbox};
use super::messages::{Answer, Event, Outcome, Outputs, Question, Request, Settled, Ticket, Unavailable};
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
    answer: oneshot::Sender<Result<T, Unavailable>>,
    _admitted: Admitted,
}

impl<T> Waiting<T> {
    /// A place to wait, and its other end.
    pub fn new(admitted: Admitted) -> (Self, oneshot::Receiver<Result<T, Unavailable>>) {
        let (answer, receiver) = oneshot::channel();
        (Self { answer, _admitted: admitted }, receiver)
    }

    fn tell(self, outcome: Result<T, Unavailable>) {
        // Whoever went away meanwhile needs no answer.
        drop(self.answer.send(outcome));
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

#[derive(Debug)]
enum Waiter {
    Reply(Waiting<Outcome>),
    Answer(Waiting<Answer>),
}

#[derive(Debug)]
struct Resident {
    partition: Partition,
    outside: Outside,
    outputs: Outputs,
    waiters: BTreeMap<Ticket, Waiter>,
    next_ticket: u64,
    wake_at: Option<Timestamp>,
}

/// One runner thread's state.
#[derive(Debug)]
pub struct Runner {
    mailbox: Mailbox<Delivery>,
    residents: BTreeMap<u64, Resident>,
    clock: StampClock,
}

impl Runner {
    /// A runner without partitions.
    pub fn new(mailbox: Mailbox<Delivery>, clock: Arc<dyn platform::clock::Clock>) -> Self {
        Self { mailbox, residents: BTreeMap::new(), clock: StampClock::new(clock) }
    }

    /// Runs until told to stop.
    pub fn run(mut self) {
        let mut deliveries = Vec::new();
        let mut touched = BTreeSet::new();
        loop {
            let patience = self.patience();
            self.mailbox.receive(&mut deliveries, patience);
            let now = self.clock.now();
            for delivery in deliveries.drain(..) {
                if let Delivery::Stop = delivery {
                    return;
                }
                touched.extend(self.deliver(delivery, now));
            }
            touched.extend(self.woken(now));
            for slot in std::mem::take(&mut touched) {
                if let Some(resident) = self.residents.get_mut(&slot) {
                    resident.settle(now);
                }
            }
        }
    }

    /// How long to wait for a delivery: until the first partition wants to be woken.
    fn patience(&mut self) -> Option<Duration> {
        let earliest = self.residents.values().filter_map(|resident| resident.wake_at).min()?;
        Some(earliest.since(self.clock.now()))
    }

    fn woken(&mut self, now: Timestamp) -> Vec<u64> {
        let due = |resident: &Resident| resident.wake_at.is_some_and(|at| at <= now);
        self.residents.iter().filter(|(_, resident)| due(resident)).map(|(slot, _)| *slot).collect()
    }

    /// Gives one delivery to its partition; the slot, if it is to be settled.
    fn deliver(&mut self, delivery: Delivery, now: Timestamp) -> Option<u64> {
        match delivery {
            Delivery::Adopt { slot, resident } => {
                let (partition, outside) = *resident;
                self.residents.insert(slot, Resident::new(partition, outside));
                let resident = self.residents.get_mut(&slot)?;
                resident.partition.step(Event::Woke, now, &mut resident.outputs);
                Some(slot)
            }
            Delivery::Release { slot, done } => {
                if let Some(resident) = self.residents.remove(&slot) {
                    resident.leave();
                }
                // Whoever asked may have stopped waiting.
                let _gone = done.send(());
                None
            }
            Delivery::Event { slot, event } => {
                let resident = self.residents.get_mut(&slot)?;
                resident.partition.step(event, now, &mut resident.outputs);
                Some(slot)
            }
            Delivery::Ask { slot, request, waiting } => match self.residents.get_mut(&slot) {
                None => {
                    waiting.tell(Err(Unavailable::NotLeading));
                    None
                }
                Some(resident) => {
                    let ticket = Some(resident.ticket(Waiter::Reply(waiting)));
                    let event = Event::Asked { request: *request, ticket };
                    resident.partition.step(event, now, &mut resident.outputs);
                    Some(slot)
                }
            },
            Delivery::Question { slot, question, waiting } => match self.residents.get_mut(&slot) {
                None => {
                    waiting.tell(Err(Unavailable::NotLeading));
                    None
                }
                Some(resident) => {
                    let ticket = resident.ticket(Waiter::Answer(waiting));
                    let event = Event::Questioned { question: *question, ticket };
                    resident.partition.step(event, now, &mut resident.outputs);
                    Some(slot)
                }
            },
            Delivery::Claim { slot, work, grant } => match self.residents.get_mut(&slot) {
                None => {
                    grant.nothing();
                    None
                }
                Some(resident) => {
                    resident.outside.hand_out(&mut resident.partition, &work, grant, now);
                    Some(slot)
                }
            },
            Delivery::Stop => None,
        }
    }
}

impl Resident {
    fn new(partition: Partition, outside: Outside) -> Self {
        Self {
            partition,
            outside,
            outputs: Outputs::default(),
            waiters: BTreeMap::new(),
            next_ticket: 0,
            wake_at: None,
        }
    }

    fn ticket(&mut self, waiter: Waiter) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.waiters.insert(ticket, waiter);
        ticket
    }

    /// Ends a batch: records leave first, so that the disk works while effects are performed.
    fn settle(&mut self, now: Timestamp) {
        self.partition.settle(now, &mut self.outputs);
        let outputs = std::mem::take(&mut self.outputs);
        self.wake_at = outputs.wake_at;
        self.outside.write(outputs.log, outputs.flush);
        if let Some(store) = outputs.store {
            self.outside.store(&self.partition, store);
        }
        for perform in outputs.perform {
            self.outside.perform(&mut self.partition, perform, now);
        }
        for (ticket, settled) in outputs.settled {
            match (self.waiters.remove(&ticket), settled) {
                (Some(Waiter::Reply(waiting)), Settled::Reply(outcome)) => waiting.tell(outcome),
                (Some(Waiter::Answer(waiting)), Settled::Answer(outcome)) => waiting.tell(outcome),
                (Some(_) | None, Settled::Reply(_) | Settled::Answer(_)) => {}
            }
        }
        if let Some(why) = outputs.halted {
            self.outside.halted(&why);
        }
    }

    /// What is still waiting learns that nobody leads here any more.
    fn leave(mut self) {
        self.outside.write(Vec::new(), true);
        if let Some(store) = self.partition.last_store() {
            self.outside.store(&self.partition, store);
        }
        for waiter in self.waiters.into_values() {
            match waiter {
                Waiter::Reply(waiting) => waiting.tell(Err(Unavailable::Unknown)),
                Waiter::Answer(waiting) => waiting.tell(Err(Unavailable::NotLeading)),
            }
        }
    }
}

/// How partitions of one hub reach each other.
#[derive(Debug, Default)]
pub struct Peers(std::sync::OnceLock<Vec<Address>>);

impl Peers {
    /// Set once, when all of a hub's partitions have an address.
    pub fn set(&self, addresses: Vec<Address>) {
        // A hub is opened once; a second opening would bring the same addresses.
        drop(self.0.set(addresses));
    }

    /// Where a partition is reached; `None` before the hub is open or beyond its partitions.
    pub fn get(&self, partition: PartitionId) -> Option<&Address> {
        self.0.get()?.get(usize::try_from(partition.0).ok()?)
    }
}

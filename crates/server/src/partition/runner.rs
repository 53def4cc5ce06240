//! The thread that feeds partitions: takes everything that waits, lets each touched partition step
//! and settle, sends its records to the log first, then performs its effects.
//!
//! Nothing is decided here. A runner holds several partitions, in slots; they share nothing but the
//! thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::time::Timestamp;

use super::address::{Delivery, Waiting};
use super::clock::StampClock;
use super::core::Partition;
use super::mailbox::Mailbox;
use super::messages::{Answer, Event, Outcome, Outputs, Settled, Ticket, Unavailable};
use super::outside::Outside;

/// One tick of the groups' clock: a leader is heard of every two, and missed after ten to twenty.
const TICK: Duration = Duration::from_millis(100);

/// Room for outputs that is kept between batches; a larger batch's is given back.
const OUTPUTS_KEPT: usize = 1_024;

#[derive(Debug)]
enum Waiter {
    Reply(Waiting<Outcome>),
    Answer(Waiting<Answer>),
}

/// Whose rows a replica has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Its own.
    Own,
    /// Its own; and another replica's are here, about which the log has not decided.
    Brought,
}

#[derive(Debug)]
struct Resident {
    partition: Partition,
    outside: Outside,
    outputs: Outputs,
    waiters: BTreeMap<Ticket, Waiter>,
    next_ticket: u64,
    wake_at: Option<Timestamp>,
    /// It is one of several: time has to pass for it.
    ticks: bool,
    rows: Rows,
}

/// One runner thread's state.
#[derive(Debug)]
pub struct Runner {
    mailbox: Mailbox<Delivery>,
    residents: BTreeMap<u64, Resident>,
    clock: StampClock,
    /// What to do where there is nothing to do; see `Platform::calm`.
    calm: fn(),
    /// When the first partition wants to be woken.
    wake_at: Option<Timestamp>,
    /// When the next tick of the groups' clock is due, while any group needs it.
    tick_at: Option<Timestamp>,
}

impl Runner {
    /// A runner without partitions.
    pub fn new(mailbox: Mailbox<Delivery>, clock: Arc<dyn platform::clock::Clock>, calm: fn()) -> Self {
        Self {
            mailbox,
            residents: BTreeMap::new(),
            clock: StampClock::new(clock),
            calm,
            wake_at: None,
            tick_at: None,
        }
    }

    /// Runs until told to stop.
    pub fn run(mut self) {
        let mut deliveries = Vec::new();
        let mut touched = BTreeSet::new();
        loop {
            // The clock is asked again only where there is time to wait.
            let wake_at = self.wake_at.into_iter().chain(self.tick_at).min();
            let patience = || Some(wake_at?.since(self.clock.peek()));
            self.mailbox.receive_calmly(&mut deliveries, patience, self.calm);
            let now = self.clock.now();
            for delivery in deliveries.drain(..) {
                if let Delivery::Stop = delivery {
                    return;
                }
                touched.extend(self.deliver(delivery, now));
            }
            if self.wake_at.is_some_and(|at| at <= now) {
                touched.extend(self.woken(now));
            }
            if self.tick_at.is_some_and(|at| at <= now) {
                touched.extend(self.tick(now));
            }
            for slot in std::mem::take(&mut touched) {
                if let Some(resident) = self.residents.get_mut(&slot) {
                    resident.settle(now);
                }
            }
            self.wake_at = self.residents.values().filter_map(|resident| resident.wake_at).min();
            self.tick_at = match self.tick_at.filter(|at| *at > now) {
                None if self.residents.values().any(|resident| resident.ticks) => Some(now.plus(TICK)),
                later => later,
            };
        }
    }

    /// One tick for each replica that is one of several. After a pause there is one tick, not many: a
    /// process that stood still should not believe that others were silent.
    fn tick(&mut self, now: Timestamp) -> Vec<u64> {
        let mut ticked = Vec::new();
        for (slot, resident) in &mut self.residents {
            if resident.ticks {
                resident.partition.step(Event::Ticked, now, &mut resident.outputs);
                ticked.push(*slot);
            }
        }
        ticked
    }

    fn woken(&self, now: Timestamp) -> impl Iterator<Item = u64> {
        let due = move |resident: &Resident| resident.wake_at.is_some_and(|at| at <= now);
        self.residents.iter().filter(move |(_, resident)| due(resident)).map(|(slot, _)| *slot)
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
                if let Event::Brought { .. } = event {
                    resident.rows = Rows::Brought;
                }
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
            ticks: false,
            rows: Rows::Own,
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
        let Self { partition, outside, outputs, waiters, .. } = self;
        partition.settle(now, outputs);
        outside.metrics.partitions.rows_read.inc_by(partition.take_rows_read());
        self.wake_at = outputs.wake_at.take();
        self.ticks = partition.needs_ticks();
        if self.rows == Rows::Brought {
            outside.replace(outputs.replaced.take(), partition.is_replaced());
            self.rows = if partition.is_replaced() { Rows::Brought } else { Rows::Own };
        }
        outside.write(outputs.log.drain(..), std::mem::take(&mut outputs.flush));
        if let Some(store) = outputs.store.take() {
            outside.store(partition, store);
        }
        for (to, bytes) in outputs.messages.drain(..) {
            outside.seat.send(to, bytes);
        }
        outside.carry(partition, outputs.behind.drain(..));
        for perform in outputs.perform.drain(..) {
            outside.perform(partition, perform, now);
        }
        for (ticket, settled) in outputs.settled.drain(..) {
            match (waiters.remove(&ticket), settled) {
                (Some(Waiter::Reply(waiting)), Settled::Reply(outcome)) => waiting.tell(outcome),
                (Some(Waiter::Answer(waiting)), Settled::Answer(outcome)) => waiting.tell(outcome),
                (Some(_) | None, Settled::Reply(_) | Settled::Answer(_)) => {}
            }
        }
        outputs.perform.shrink_to(OUTPUTS_KEPT);
        outputs.settled.shrink_to(OUTPUTS_KEPT);
        if let Some(why) = outputs.halted.take() {
            outside.halted(&why);
        }
    }

    /// What is still waiting learns that nobody leads here any more.
    fn leave(mut self) {
        self.outside.write(std::iter::empty(), true);
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

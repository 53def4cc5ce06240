//! Customers and the warehouse: they start orders, raise `packed`, and wait for receipts.
//!
//! A call that brings no answer is made again. A start is made with an id of its own, so that "exists
//! already" after such a call means that the first one had arrived. Nothing here gives up before its
//! deadline, and nothing is taken for done that was not acknowledged.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outlast_sdk::{Client, Error, Instance};

use super::order::{self, Order};

/// How long one call may take before it is made again.
const CALL_MAX: Duration = Duration::from_secs(3);
/// How long an order may take until it counts as not finished.
const ORDER_MAX: Duration = Duration::from_secs(30);
/// The pause before a call is made again.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the warehouse takes.
const PACKING: Duration = Duration::from_millis(250);

/// What has become of an order, as its customer knows it.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// The start was never acknowledged: nothing was promised.
    NotAccepted(String),
    /// It was promised, and did not end in time.
    Lost(String),
    /// It has ended.
    Ended(Box<Instance>),
}

/// What goes on, for everybody to see.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    pub(super) acknowledged: AtomicU32,
    pub(super) finished: AtomicU32,
    pub(super) lost: AtomicU32,
    /// Kills that no call has got through after, by time.
    waiting: Mutex<Option<Instant>>,
    /// How long nobody was answered after each kill.
    outages: Mutex<Vec<Duration>>,
}

impl Pulse {
    /// The server has been killed just now.
    pub(super) fn killed(&self, at: Instant) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// A call that began then has been answered. One that began before the kill proves nothing: its
    /// answer may have been on the way.
    fn answered(&self, begun: Instant) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(killed) = waiting.take_if(|killed| begun > *killed) {
            self.outages.lock().unwrap_or_else(PoisonError::into_inner).push(killed.elapsed());
        }
    }

    /// Whether a kill has not been followed by an answer yet.
    pub(super) fn is_out(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn outages(&self) -> Vec<Duration> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One customer, and the warehouse's people who pack for them.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    client: Client,
    pulse: Arc<Pulse>,
}

impl Customer {
    pub(super) fn new(address: &str, pulse: &Arc<Pulse>) -> Result<Self, Error> {
        Ok(Self { client: Client::new(address)?.deadline(CALL_MAX), pulse: Arc::clone(pulse) })
    }

    /// Takes an order from its start to its end.
    pub(super) async fn order(&self, order: &Order) -> Outcome {
        let deadline = Instant::now() + ORDER_MAX;
        if let Err(error) = self.start(order, deadline).await {
            return Outcome::NotAccepted(error.to_string());
        }
        self.pulse.acknowledged.fetch_add(1, Ordering::Relaxed);
        let outcome = match self.pack_and_wait(order, deadline).await {
            Ok(instance) => Outcome::Ended(Box::new(instance)),
            Err(error) => Outcome::Lost(error.to_string()),
        };
        let counter = match outcome {
            Outcome::Ended(_) => &self.pulse.finished,
            Outcome::NotAccepted(_) | Outcome::Lost(_) => &self.pulse.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome
    }

    async fn start(&self, order: &Order, deadline: Instant) -> Result<(), Error> {
        let mut may_have_arrived = false;
        loop {
            let begun = Instant::now();
            let sent = self.client.start(order::fulfil, order).id(order.id()).await.map(|_| ());
            let sent = match sent {
                Err(Error::AlreadyExists(_)) if may_have_arrived => Ok(()),
                sent => sent,
            };
            may_have_arrived |= sent.as_ref().is_err_and(Error::is_outcome_unknown);
            if let Some(end) = self.settled(begun, deadline, sent).await {
                return end;
            }
        }
    }

    async fn pack(&self, order: &Order, deadline: Instant) -> Result<(), Error> {
        // The warehouse packs every other order before anybody asks for it.
        if order.number.is_multiple_of(2) {
            tokio::time::sleep(PACKING).await;
        }
        loop {
            let begun = Instant::now();
            let raised = self.client.raise(&order.id(), order::PACKED, order::packer(order.number)).await;
            if let Some(end) = self.settled(begun, deadline, raised).await {
                return end;
            }
        }
    }

    async fn pack_and_wait(&self, order: &Order, deadline: Instant) -> Result<Instance, Error> {
        if order.is_packed() {
            self.pack(order, deadline).await?;
        }
        loop {
            let begun = Instant::now();
            let ended = self.client.wait(&order.id(), CALL_MAX).await;
            if let Some(end) = self.settled(begun, deadline, ended).await {
                return end;
            }
        }
    }

    /// Whether a call is over: answered, refused for good, or too late to be made again.
    async fn settled<T>(
        &self,
        begun: Instant,
        deadline: Instant,
        answer: Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        match answer {
            Ok(answer) => {
                self.pulse.answered(begun);
                Some(Ok(answer))
            }
            Err(error) if error.is_outcome_unknown() && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Asks over and over whether the server answers, so that an outage is measured even when nobody
    /// else has a question.
    pub(super) async fn keep_asking(&self) {
        loop {
            let begun = Instant::now();
            if self.client.get("order-0001").await.is_ok() {
                self.pulse.answered(begun);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

//! What both runs of the demo share: a server, a worker, customers, the clock, and the kill.
//!
//! Not here: when orders come and when the server is killed (`script`, `keys`).

use std::future::Future;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use outlast_sdk::{Client, Running};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::child::{Child, Ports};
use super::customers::{Customer, Outcome, Pulse};
use super::order::{self, Order};
use super::verdict::Verdict;
use super::verify::Findings;
use crate::api::note;
use crate::failed::{Exit, Failed};

/// Orders that may be under way at a time.
const UNDER_WAY_MAX: usize = 64;

/// How long a kill waits for the outage before it to end.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(15);

/// Everything on stage.
pub(super) struct Scene {
    pub(super) child: Child,
    pub(super) pulse: Arc<Pulse>,
    customer: Customer,
    worker: Running,
    world: order::Shared,
    places: Arc<Semaphore>,
    orders: JoinSet<(Order, Outcome)>,
    begun: Instant,
    kills: usize,
    is_quiet: bool,
}

impl Scene {
    pub(super) async fn set(dir: &Path, ports: Ports, is_quiet: bool) -> Result<Self, Failed> {
        let begun = Instant::now();
        let child = Child::start(dir, ports).await?;
        let world = order::Shared::default();
        let pulse = Arc::new(Pulse::default());
        let worker = order::worker(&child.grpc(), &world).start().map_err(|error| sdk(&error))?;
        let customer = Customer::new(&child.grpc(), &pulse).map_err(|error| sdk(&error))?;
        let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        let orders = JoinSet::new();
        let scene = Self { child, pulse, customer, worker, world, places, orders, begun, kills: 0, is_quiet };
        scene.tell(&format!("server is up at {}, process {}", scene.child.grpc(), scene.child.pid()));
        Ok(scene)
    }

    /// Says something on standard error, with the time.
    pub(super) fn tell(&self, what: &str) {
        if !self.is_quiet {
            note(&format!("{:>7.3} s  {what}", self.begun.elapsed().as_secs_f64()));
        }
    }

    /// A place for one more order, when there is one.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// One more order comes in.
    pub(super) fn order(&mut self, number: u32, place: Option<OwnedSemaphorePermit>) {
        let customer = self.customer.clone();
        self.orders.spawn(async move {
            let order = Order::new(number);
            let outcome = customer.order(&order).await;
            drop(place);
            (order, outcome)
        });
    }

    /// Orders accepted, finished and lost so far.
    pub(super) fn counts(&self) -> (u32, u32, u32) {
        let of = |counter: &std::sync::atomic::AtomicU32| counter.load(Ordering::Relaxed);
        (of(&self.pulse.acknowledged), of(&self.pulse.finished), of(&self.pulse.lost))
    }

    /// Orders that the bank has booked twice so far.
    pub(super) fn charged_twice(&self) -> usize {
        self.world.lock().unwrap_or_else(PoisonError::into_inner).charged_twice()
    }

    /// Kills the server and starts it again at once. Two kills in one outage could not be told apart, so
    /// the second waits until the first is over.
    pub(super) async fn kill(&mut self) -> Result<(), Failed> {
        let patience = Instant::now() + OUTAGE_PATIENCE;
        while self.pulse.is_out() && Instant::now() < patience {
            tokio::time::sleep(LOOK).await;
        }
        let (accepted, finished, _) = self.counts();
        let killed = Instant::now();
        self.pulse.killed(killed);
        self.child.kill().await?;
        self.kills += 1;
        self.tell(&format!(
            "server killed (SIGKILL) with {} orders in flight",
            accepted.saturating_sub(finished)
        ));
        self.child.restart().await?;
        let took = killed.elapsed().as_secs_f64();
        self.tell(&format!("server is back after {took:.2} s, process {}, same data", self.child.pid()));
        Ok(())
    }

    /// Waits for all orders, looks at each, and stops the server.
    pub(super) async fn end(mut self) -> Result<Verdict, Failed> {
        let mut ended = Vec::new();
        while let Some(order) = self.orders.join_next().await {
            ended.push(order.map_err(|error| Failed::local(format!("a customer: {error}")))?);
        }
        ended.sort_by_key(|(order, _)| order.number);
        let took = self.begun.elapsed();
        self.tell("all customers are served; comparing results and histories");
        let client = Client::new(&self.child.grpc()).map_err(|error| sdk(&error))?;
        let mut findings = Findings::default();
        for (order, outcome) in &ended {
            findings.add(&client, order, outcome).await.map_err(|error| sdk(&error))?;
        }
        self.worker.stop().await;
        self.child.stop().await?;
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Verdict {
            findings,
            charged_twice: world.charged_twice(),
            repeated: world.repeated(),
            kills: self.kills,
            outages: self.pulse.outages(),
            took,
        })
    }

    /// A customer who only asks, for as long as the future is polled.
    pub(super) fn asking(&self) -> impl Future<Output = ()> + use<> {
        let customer = self.customer.clone();
        async move { customer.keep_asking().await }
    }
}

/// How often a run looks how far it is.
pub(super) const LOOK: Duration = Duration::from_millis(5);

fn sdk(error: &outlast_sdk::Error) -> Failed {
    let exit = if error.is_outcome_unknown() { Exit::Unavailable } else { Exit::Failure };
    Failed::told(
        exit,
        "OL-4001",
        &format!("the demo's server: {error}"),
        "look into server.log, kept for that",
    )
    .not_happened("the demo has no verdict")
}

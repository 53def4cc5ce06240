//! Runs orchestrations and activities for a server.
//!
//! - here: for whom a worker works, and how much at a time; `code`: what it runs;
//! - `session`: the life of its connection; `batched`: the stream of lists;
//! - `perform`: what becomes of one work item;
//! - `backoff`: how long to wait before the next attempt.

mod backoff;
mod batched;
mod code;
mod perform;
mod session;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::client::Link;
use crate::error::Error;
use crate::registry::Registry;

/// How many turns a worker takes at a time unless told otherwise. Turns are short.
const ORCHESTRATIONS_MAX_DEFAULT: u32 = 1000;
/// How many activities a worker runs at a time unless told otherwise.
const ACTIVITIES_MAX_DEFAULT: u32 = 200;
/// A server pings at least every 30 s; four missed pings are a dead connection.
const SILENCE_MAX_DEFAULT: Duration = Duration::from_secs(120);

/// A worker that has not been started: what it runs, and how much at a time.
///
/// ```no_run
/// # use outlast_sdk::{activity, orchestration, ActivityContext, Context, Failure, Worker};
/// # #[orchestration]
/// # async fn greet(ctx: Context, name: String) -> Result<String, Failure> { ctx.call(hello, name).await }
/// # #[activity]
/// # async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> { Ok(name) }
/// # async fn example() -> Result<(), outlast_sdk::Error> {
/// let worker = Worker::new("http://localhost:4001").orchestration(greet).activity(hello).start()?;
/// tokio::signal::ctrl_c().await.ok();
/// worker.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Worker {
    address: String,
    hub: Option<String>,
    registry: Registry,
    limits: Limits,
}

/// How much at a time, and how patiently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) orchestrations_max: u32,
    pub(crate) activities_max: u32,
    pub(crate) silence_max: Duration,
    pub(crate) takes_everything: bool,
    pub(crate) protocol: Protocol,
}

/// Which streams a worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Ours where the server has it, else the published one.
    Best,
    /// The published one only.
    Published,
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("address", &self.address)
            .field("hub", &self.hub)
            .field("orchestrations", &self.registry.orchestrations.keys())
            .field("activities", &self.registry.activities.keys())
            .field("entities", &self.registry.entities.keys())
            .field("limits", &self.limits)
            .finish()
    }
}

impl Worker {
    /// A worker for the hub `default` of the server at an address such as `http://localhost:4001`.
    ///
    /// ```
    /// let worker = outlast_sdk::Worker::new("http://localhost:4001");
    /// ```
    pub fn new(address: impl Into<String>) -> Self {
        let limits = Limits {
            orchestrations_max: ORCHESTRATIONS_MAX_DEFAULT,
            activities_max: ACTIVITIES_MAX_DEFAULT,
            silence_max: SILENCE_MAX_DEFAULT,
            takes_everything: false,
            protocol: Protocol::Best,
        };
        Self { address: address.into(), hub: None, registry: Registry::default(), limits }
    }

    /// Works for another task hub.
    ///
    /// ```
    /// let worker = outlast_sdk::Worker::new("http://localhost:4001").task_hub("staging");
    /// ```
    #[must_use]
    pub fn task_hub(mut self, name: impl Into<String>) -> Self {
        self.hub = Some(name.into());
        self
    }

    /// Takes at most so many orchestration turns at a time.
    ///
    /// ```
    /// let worker = outlast_sdk::Worker::new("http://localhost:4001").orchestrations_max(50);
    /// ```
    #[must_use]
    pub fn orchestrations_max(mut self, count: u32) -> Self {
        self.limits.orchestrations_max = count.max(1);
        self
    }

    /// Runs at most so many activities at a time.
    ///
    /// ```
    /// let worker = outlast_sdk::Worker::new("http://localhost:4001").activities_max(8);
    /// ```
    #[must_use]
    pub fn activities_max(mut self, count: u32) -> Self {
        self.limits.activities_max = count.max(1);
        self
    }

    /// Gives up a connection on which nothing, not even a ping, has come for so long.
    ///
    /// ```
    /// let patient = outlast_sdk::Worker::new("http://localhost:4001").silence_max(std::time::Duration::from_secs(300));
    /// ```
    #[must_use]
    pub fn silence_max(mut self, duration: Duration) -> Self {
        self.limits.silence_max = duration;
        self
    }

    /// Takes work of every name, and fails what is not registered, instead of leaving it to other workers.
    ///
    /// ```
    /// let only_one = outlast_sdk::Worker::new("http://localhost:4001").take_everything();
    /// ```
    #[must_use]
    pub fn take_everything(mut self) -> Self {
        self.limits.takes_everything = true;
        self
    }

    /// Speaks the published protocol only, as SDKs of other languages do.
    ///
    /// Otherwise the worker uses Outlast's own stream where the server has it: the same work and answers,
    /// many in one message.
    #[must_use]
    pub fn published_protocol(mut self) -> Self {
        self.limits.protocol = Protocol::Published;
        self
    }

    /// Starts working, on the current tokio runtime.
    ///
    /// ```
    /// # async fn example() -> Result<(), outlast_sdk::Error> {
    /// let running = outlast_sdk::Worker::new("http://localhost:4001").start()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The address or hub name is not one. A server that is not there is no error: the worker goes on
    /// trying.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self) -> Result<Running, Error> {
        let id = format!("{}:{:016x}", std::process::id(), backoff::random());
        let link = Link::new(&self.address, self.hub.as_deref(), Some(&id))?;
        let permits = usize::try_from(self.limits.activities_max).unwrap_or(Semaphore::MAX_PERMITS);
        let shared = Arc::new(session::Shared {
            link,
            registry: self.registry,
            limits: self.limits,
            activities: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
        });
        let (stop, stopping) = watch::channel(false);
        let (connected_at, connected) = watch::channel(false);
        let task = tokio::spawn(session::run(shared, stopping, connected_at));
        Ok(Running { stop, connected, task })
    }
}

/// A worker at work. Dropping it stops it at once; [`stop`](Running::stop) lets it finish.
///
/// ```
/// # async fn example(running: outlast_sdk::Running) {
/// running.connected().await;
/// running.stop().await;
/// # }
/// ```
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    connected: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Whether the server is sending work at this moment.
    ///
    /// ```
    /// # fn example(running: outlast_sdk::Running) {
    /// let is_healthy = running.is_connected();
    /// # }
    /// ```
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Waits until the server is sending work.
    ///
    /// ```
    /// # async fn example(running: outlast_sdk::Running) {
    /// running.connected().await;
    /// # }
    /// ```
    pub async fn connected(&self) {
        // An error means that the worker has ended, and there is nothing to wait for.
        let _ = self.connected.clone().wait_for(|connected| *connected).await;
    }

    /// Takes no more work, finishes what is in hand, and ends.
    ///
    /// ```
    /// # async fn example(running: outlast_sdk::Running) {
    /// tokio::signal::ctrl_c().await.ok();
    /// running.stop().await;
    /// # }
    /// ```
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A worker that panicked has stopped as well.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

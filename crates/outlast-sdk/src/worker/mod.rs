//! Runs orchestrations and activities for a server.
//!
//! - here: what a worker runs, and for whom;
//! - `session`: the life of its connection;
//! - `perform`: what becomes of one work item;
//! - `backoff`: how long to wait before the next attempt.

mod backoff;
mod perform;
mod session;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::activity::{self, ActivityContext};
use crate::client::Link;
use crate::error::Error;
use crate::failure::Failure;
use crate::orchestration;
use crate::orchestration::context::Context;
use crate::value;

/// How many turns a worker takes at a time unless told otherwise. Turns are short.
const ORCHESTRATIONS_MAX_DEFAULT: u32 = 1000;
/// How many activities a worker runs at a time unless told otherwise.
const ACTIVITIES_MAX_DEFAULT: u32 = 200;
/// A server pings at least every 30 s; four missed pings are a dead connection.
const SILENCE_MAX_DEFAULT: Duration = Duration::from_secs(120);

/// The code a worker runs, by name.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) orchestrations: BTreeMap<String, orchestration::Function>,
    pub(crate) activities: BTreeMap<String, activity::Function>,
}

/// A worker that has not been started: what it runs, and how much at a time.
///
/// ```no_run
/// # use outlast_sdk::{ActivityContext, Context, Failure, Worker};
/// # async fn example() -> Result<(), outlast_sdk::Error> {
/// let worker = Worker::new("http://localhost:4001")
///     .orchestration("greet", async |ctx: Context, name: String| {
///         ctx.call_activity::<String>("hello", &name).await
///     })
///     .activity("hello", |_: ActivityContext, name: String| async move {
///         Ok::<_, Failure>(format!("hello {name}"))
///     })
///     .start()?;
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
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("address", &self.address)
            .field("hub", &self.hub)
            .field("orchestrations", &self.registry.orchestrations.keys())
            .field("activities", &self.registry.activities.keys())
            .field("limits", &self.limits)
            .finish()
    }
}

impl Worker {
    /// A worker for the hub `default` of the server at an address such as `http://localhost:4001`.
    pub fn new(address: impl Into<String>) -> Self {
        let limits = Limits {
            orchestrations_max: ORCHESTRATIONS_MAX_DEFAULT,
            activities_max: ACTIVITIES_MAX_DEFAULT,
            silence_max: SILENCE_MAX_DEFAULT,
            takes_everything: false,
        };
        Self { address: address.into(), hub: None, registry: Registry::default(), limits }
    }

    /// Works for another task hub.
    #[must_use]
    pub fn task_hub(mut self, name: impl Into<String>) -> Self {
        self.hub = Some(name.into());
        self
    }

    /// Runs orchestrations of this name with this code. The code must be deterministic, see [`Context`].
    #[must_use]
    pub fn orchestration<I, O, E, F, Fut>(mut self, name: impl Into<String>, code: F) -> Self
    where
        I: DeserializeOwned + 'static,
        O: Serialize,
        E: Into<Failure>,
        F: Fn(Context, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + 'static,
    {
        let run: orchestration::Function = Box::new(move |ctx, input| match value::read(input.as_deref()) {
            Err(error) => Box::pin(std::future::ready(Err(input_failure(&error)))),
            Ok(input) => {
                let running = code(ctx, input);
                Box::pin(async move { output(running.await) })
            }
        });
        self.registry.orchestrations.insert(name.into(), run);
        self
    }

    /// Runs activities of this name with this code, each as a task of the tokio runtime.
    #[must_use]
    pub fn activity<I, O, E, F, Fut>(mut self, name: impl Into<String>, code: F) -> Self
    where
        I: DeserializeOwned + 'static,
        O: Serialize,
        E: Into<Failure>,
        F: Fn(ActivityContext, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        let run: activity::Function = Box::new(move |ctx, input| match value::read(input.as_deref()) {
            Err(error) => Box::pin(std::future::ready(Err(input_failure(&error)))),
            Ok(input) => {
                let running = code(ctx, input);
                Box::pin(async move { output(running.await) })
            }
        });
        self.registry.activities.insert(name.into(), run);
        self
    }

    /// Takes at most so many orchestration turns at a time.
    #[must_use]
    pub fn orchestrations_max(mut self, count: u32) -> Self {
        self.limits.orchestrations_max = count.max(1);
        self
    }

    /// Runs at most so many activities at a time.
    #[must_use]
    pub fn activities_max(mut self, count: u32) -> Self {
        self.limits.activities_max = count.max(1);
        self
    }

    /// Gives up a connection on which nothing, not even a ping, has come for so long.
    #[must_use]
    pub fn silence_max(mut self, duration: Duration) -> Self {
        self.limits.silence_max = duration;
        self
    }

    /// Takes work of every name, and fails what is not registered, instead of leaving it to other workers.
    #[must_use]
    pub fn take_everything(mut self) -> Self {
        self.limits.takes_everything = true;
        self
    }

    /// Starts working, on the current tokio runtime.
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

fn output<O: Serialize, E: Into<Failure>>(result: Result<O, E>) -> Result<String, Failure> {
    Ok(value::write(&result.map_err(Into::into)?)?)
}

/// The code was never reached: the input is not what it takes, and will not be next time.
fn input_failure(error: &serde_json::Error) -> Failure {
    Failure::new(crate::failure::SERIALIZATION, format!("input is not what the code takes: {error}"))
        .non_retriable()
}

/// A worker at work. Dropping it stops it at once; [`stop`](Running::stop) lets it finish.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    connected: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Whether the server is sending work at this moment.
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Waits until the server is sending work.
    pub async fn connected(&self) {
        // An error means that the worker has ended, and there is nothing to wait for.
        let _ = self.connected.clone().wait_for(|connected| *connected).await;
    }

    /// Takes no more work, finishes what is in hand, and ends.
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

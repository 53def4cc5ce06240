//! Starts orchestrations, asks after them, sends them events.
//!
//! - [`start`]: what a start can say besides name and input; [`handle`]: the end that is waited for;
//! - [`instance`]: what the server tells about an instance; [`query`]: about which ones;
//! - [`history`]: what has happened to it, step by step; [`entities`]: what they keep;
//! - `actions`: what can be done to it; `link`: the connection, by `transport`;
//!   `unary`: the calls that are made most.
//!
//! No call is repeated here: only the caller knows whether twice is harmless, and
//! [`Error::is_outcome_unknown`] tells when the question arises.

mod actions;
pub(crate) mod entities;
pub(crate) mod handle;
pub(crate) mod history;
pub(crate) mod instance;
mod link;
pub(crate) mod query;
pub(crate) mod start;
mod transport;
mod unary;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use outlast_proto::durable_task as pb;
use tonic::metadata::AsciiMetadataValue;

use crate::definition::{Given, Orchestration};
use crate::error::Error;
use crate::event::EventWith;
use handle::Handle;
use history::Step;
use instance::Instance;
pub(crate) use link::{Link, MESSAGE_BYTES_MAX};
use start::Start;

/// A client of one task hub.
///
/// Cheap to clone; all clones share one connection, which is made on first use and made again when lost.
///
/// ```no_run
/// # use outlast_sdk::{orchestration, Client, Context, Failure};
/// # use std::time::Duration;
/// # #[orchestration]
/// # async fn greet(_: Context, name: String) -> Result<String, Failure> { Ok(name) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new("http://localhost:4001")?;
/// let greeting = client.start(greet, "world").await?;
/// println!("{}", greeting.wait(Duration::from_secs(30)).await?.output()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    link: Link,
}

impl Client {
    /// A client of the hub `default` of the server at an address such as `http://localhost:4001`.
    ///
    /// ```
    /// # async fn example() -> Result<(), outlast_sdk::Error> {
    /// let client = outlast_sdk::Client::new("http://localhost:4001")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The address is not one. Whether anybody listens there shows with the first call.
    pub fn new(address: &str) -> Result<Self, Error> {
        Ok(Self { link: Link::new(address, None, None)? })
    }

    /// The same client for another task hub.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let staging = client.task_hub("staging")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The name cannot be that of a hub.
    pub fn task_hub(mut self, name: &str) -> Result<Self, Error> {
        let invalid = |_| Error::Invalid(format!("hub name '{name}'"));
        self.link.hub = Some(AsciiMetadataValue::try_from(name).map_err(invalid)?);
        self.link.describe();
        Ok(self)
    }

    /// The same client with another limit on how long a call may take; waiting has its own.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let hasty = client.deadline(std::time::Duration::from_secs(2));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.link.deadline = deadline;
        self.link.describe();
        self
    }

    /// Asks whether the server is there and takes work.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.hello().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It is not, or does not.
    pub async fn hello(&self) -> Result<(), Error> {
        let answer = self.link.stub().hello(self.link.unary(())).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Prepares the start of an orchestration; awaiting it performs it. When that returns, the server will
    /// not forget it.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, Client, Context, Error, Failure};
    /// # #[orchestration]
    /// # async fn greet(_: Context, name: String) -> Result<String, Failure> { Ok(name) }
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let greeting = client.start(greet, "world").id("greet-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start<O: Orchestration>(
        &self,
        orchestration: O,
        input: impl Given<O::Input>,
    ) -> Start<O::Output, O::Error> {
        Start::new(self.clone(), orchestration.name(), input.write())
    }

    /// An instance that is there already.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, Client, Context, Error, Failure};
    /// # #[orchestration]
    /// # async fn greet(_: Context, name: String) -> Result<String, Failure> { Ok(name) }
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let ended = client.handle(greet, "greet-1").wait(std::time::Duration::from_secs(30)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle<O: Orchestration>(
        &self,
        _orchestration: O,
        instance_id: impl Into<String>,
    ) -> Handle<O::Output, O::Error> {
        Handle::new(self.clone(), instance_id.into())
    }

    /// What the server knows of an instance; `None` if there is none with that id.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let status = client.get("order-1").await?.map(|instance| instance.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn get(&self, instance_id: &str) -> Result<Option<Instance>, Error> {
        let request =
            pb::GetInstanceRequest { instance_id: instance_id.to_owned(), get_inputs_and_outputs: true };
        let answer = self.link.stub().get_instance(self.link.unary(request)).await;
        let answer = answer.map_err(|status| self.link.error(&status))?.into_inner();
        Ok(answer.orchestration_state.filter(|_| answer.exists).map(Instance::from_wire))
    }

    /// Waits until the instance has ended in any way, and gives what has become of it.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let instance = client.wait("order-1", std::time::Duration::from_secs(30)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It had not ended in time, or the server did not answer.
    pub async fn wait(&self, instance_id: &str, timeout: Duration) -> Result<Instance, Error> {
        let request =
            pb::GetInstanceRequest { instance_id: instance_id.to_owned(), get_inputs_and_outputs: true };
        let answer =
            self.link.call("/TaskHubSidecarService/WaitForInstanceCompletion", &request, timeout).await;
        let answer: pb::GetInstanceResponse =
            answer.map_err(|status| Error::from_status(&status, timeout))?;
        let state = answer.orchestration_state.filter(|_| answer.exists);
        state.map(Instance::from_wire).ok_or_else(|| Error::NotFound(format!("instance '{instance_id}'")))
    }

    /// Raises an external event for an instance.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.raise("order-1", "packed", "ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such instance, the value cannot be written, or the server did not answer.
    pub async fn raise<D>(&self, instance_id: &str, event: impl EventWith<D>, data: D) -> Result<(), Error> {
        let (name, input) = event.write(data)?;
        let request = pb::RaiseEventRequest { instance_id: instance_id.to_owned(), name, input: Some(input) };
        let answer = self.link.stub().raise_event(self.link.unary(request)).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// What has happened to an instance in its current execution, oldest first.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// for step in client.history("order-1").await? {
    ///     println!("{} {}", step.kind, step.name.unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such instance, or the server did not answer.
    pub async fn history(&self, instance_id: &str) -> Result<Vec<Step>, Error> {
        let events = history::read(&self.link, instance_id, None, self.link.deadline).await;
        let events = events.map_err(|status| self.link.error(&status))?;
        Ok(events.into_iter().filter_map(Step::from_wire).collect())
    }
}

/// An id unlike any other. The standard library seeds its hash maps at random.
fn random_id() -> String {
    let half = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", half(), half())
}

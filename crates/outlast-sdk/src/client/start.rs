//! The start of an orchestration, put together piece by piece and awaited.
//!
//! A start with an id of the caller's own can be repeated after an unknown outcome: the server answers
//! [`Error::AlreadyExists`] if the first one arrived.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::SystemTime;

use outlast_proto::durable_task as pb;

use super::Client;
use super::handle::Handle;
use crate::error::Error;
use crate::time;

/// A start that is sent when it is awaited: [`Client::start`].
///
/// ```
/// # use outlast_sdk::{Client, Error, Named};
/// # use std::time::{Duration, SystemTime};
/// # const GREET: Named<String, String> = Named::new("greet");
/// # async fn example(client: Client) -> Result<(), Error> {
/// let greeting = client
///     .start(GREET, "world")
///     .id("greet-1")
///     .version("2.0")
///     .tag("customer", "ann")
///     .at(SystemTime::now() + Duration::from_secs(60))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing starts before it is awaited"]
pub struct Start<O, E> {
    client: Client,
    request: Result<pb::CreateInstanceRequest, serde_json::Error>,
    tags: BTreeMap<String, String>,
    result: PhantomData<fn() -> (O, E)>,
}

impl<O, E> fmt::Debug for Start<O, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Start").field("request", &self.request).field("tags", &self.tags).finish()
    }
}

impl<O, E> Start<O, E> {
    pub(super) fn new(client: Client, name: &str, input: Result<String, serde_json::Error>) -> Self {
        let request = input.map(|input| pb::CreateInstanceRequest {
            name: name.to_owned(),
            input: Some(input),
            ..Default::default()
        });
        Self { client, request, tags: BTreeMap::new(), result: PhantomData }
    }

    fn with(mut self, change: impl FnOnce(&mut pb::CreateInstanceRequest)) -> Self {
        if let Ok(request) = &mut self.request {
            change(request);
        }
        self
    }

    /// Sets the instance's id; without one the server makes it.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error, Named};
    /// # const GREET: Named<String, String> = Named::new("greet");
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.start(GREET, "world").id("greet-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(self, instance_id: impl Into<String>) -> Self {
        self.with(|request| request.instance_id = instance_id.into())
    }

    /// Sets the version of the orchestration.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error, Named};
    /// # const GREET: Named<String, String> = Named::new("greet");
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.start(GREET, "world").version("2.1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn version(self, version: impl Into<String>) -> Self {
        self.with(|request| request.version = Some(version.into()))
    }

    /// Adds a tag.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error, Named};
    /// # const GREET: Named<String, String> = Named::new("greet");
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.start(GREET, "world").tag("customer", "ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Sets a time before which it does not begin.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error, Named};
    /// # const GREET: Named<String, String> = Named::new("greet");
    /// # async fn example(client: Client, monday: std::time::SystemTime) -> Result<(), Error> {
    /// client.start(GREET, "world").at(monday).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn at(self, time: SystemTime) -> Self {
        self.with(|request| request.scheduled_start_timestamp = Some(time::to_wire(time)))
    }

    /// Takes the place of an instance with the same id if it has ended.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error, Named};
    /// # const GREET: Named<String, String> = Named::new("greet");
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.start(GREET, "world").id("greet-1").replace_ended().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn replace_ended(self) -> Self {
        use pb::OrchestrationStatus as Status;
        let ended = [Status::Completed, Status::Failed, Status::Terminated];
        let policy = pb::OrchestrationIdReusePolicy {
            replaceable_status: ended.into_iter().map(Into::into).collect(),
        };
        self.with(|request| request.orchestration_id_reuse_policy = Some(policy))
    }

    async fn send(self) -> Result<Handle<O, E>, Error> {
        let mut request = self.request?;
        request.tags = self.tags.into_iter().collect();
        request.request_time = Some(time::to_wire(SystemTime::now()));
        let link = &self.client.link;
        let answer = link.call("/TaskHubSidecarService/StartInstance", &request, link.deadline).await;
        let answer: pb::CreateInstanceResponse = answer.map_err(|status| link.error(&status))?;
        let id = answer.instance_id;
        Ok(Handle::new(self.client, id))
    }
}

impl<O: 'static, E: 'static> IntoFuture for Start<O, E> {
    type Output = Result<Handle<O, E>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

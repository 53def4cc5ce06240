//! One instance whose orchestration is known, and so the type of its end.
//!
//! Not here: what can be asked of any instance by its id, which is `Client`.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Client;
use super::instance::{Instance, Status};
use crate::error::Error;
use crate::failure::{Failure, TERMINATED};

/// An instance that was started, or is known by its id: [`Client::start`], [`Client::handle`].
///
/// ```
/// # use outlast_sdk::{Client, Error, Named};
/// # use std::time::Duration;
/// # const GREET: Named<String, String> = Named::new("greet");
/// # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let greeting = client.start(GREET, "world").await?;
/// println!("{} says {}", greeting.id(), greeting.wait(Duration::from_secs(30)).await?.output()?);
/// # Ok(())
/// # }
/// ```
pub struct Handle<O, E> {
    client: Client,
    id: String,
    result: PhantomData<fn() -> (O, E)>,
}

impl<O, E> Clone for Handle<O, E> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.id.clone())
    }
}

impl<O, E> fmt::Debug for Handle<O, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Handle").field(&self.id).finish()
    }
}

impl<O, E> Handle<O, E> {
    pub(super) fn new(client: Client, id: String) -> Self {
        Self { client, id, result: PhantomData }
    }

    /// The instance's id.
    ///
    /// ```
    /// # fn example(greeting: outlast_sdk::Handle<String, outlast_sdk::Failure>) {
    /// println!("outlast instance show {}", greeting.id());
    /// # }
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the server knows of it; `None` if it has been purged.
    ///
    /// ```
    /// # use outlast_sdk::{Error, Failure, Handle};
    /// # async fn example(greeting: Handle<String, Failure>) -> Result<(), Error> {
    /// let is_running = greeting.get().await?.is_some_and(|instance| !instance.status.is_final());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn get(&self) -> Result<Option<Instance>, Error> {
        self.client.get(&self.id).await
    }
}

impl<O: DeserializeOwned, E: From<Failure>> Handle<O, E> {
    /// Waits until it has ended in any way.
    ///
    /// ```
    /// # use outlast_sdk::{Ended, Error, Failure, Handle};
    /// # use std::time::Duration;
    /// # async fn example(greeting: Handle<String, Failure>) -> Result<(), Error> {
    /// match greeting.wait(Duration::from_secs(30)).await? {
    ///     Ended::Completed(text) => println!("{text}"),
    ///     Ended::Failed(why) => println!("failed: {why}"),
    ///     Ended::Terminated(_) => println!("somebody has ended it"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It had not ended in time, its output is not of this type, or the server did not answer.
    pub async fn wait(&self, timeout: Duration) -> Result<Ended<O, E>, Error> {
        Ended::of(self.client.wait(&self.id, timeout).await?)
    }
}

/// How an instance has ended.
///
/// ```
/// # use outlast_sdk::{Ended, Failure};
/// let ended: Ended<u32, Failure> = Ended::Completed(7);
/// assert_eq!(ended.output().unwrap(), 7);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Ended<O, E> {
    /// With an output.
    Completed(O),
    /// With an error, of its code or of something else.
    Failed(E),
    /// From outside, with the output given there.
    Terminated(Option<serde_json::Value>),
}

impl<O, E> Ended<O, E> {
    /// The output, or why there is none.
    ///
    /// ```
    /// # use outlast_sdk::{Ended, Failure};
    /// let ended: Ended<u32, Failure> = Ended::Terminated(None);
    /// assert_eq!(ended.output().unwrap_err().kind, "Terminated");
    /// ```
    ///
    /// # Errors
    /// It failed or was terminated.
    pub fn output(self) -> Result<O, Failure>
    where
        E: Into<Failure>,
    {
        match self {
            Self::Completed(output) => Ok(output),
            Self::Failed(error) => Err(error.into()),
            Self::Terminated(output) => {
                let output = output.unwrap_or_default();
                Err(Failure::new(TERMINATED, "ended from outside").property("output", output))
            }
        }
    }
}

impl<O: DeserializeOwned, E: From<Failure>> Ended<O, E> {
    pub(crate) fn of(instance: Instance) -> Result<Self, Error> {
        match instance.status {
            Status::Completed => Ok(Self::Completed(instance.output()?)),
            Status::Terminated => Ok(Self::Terminated(instance.output()?)),
            Status::Failed => {
                let unknown = || Failure::new("Unknown", "the server gave no details");
                Ok(Self::Failed(instance.failure.unwrap_or_else(unknown).into()))
            }
            Status::Pending | Status::Running | Status::Suspended => {
                Err(Error::Refused(format!("instance '{}' has not ended", instance.id)))
            }
        }
    }
}

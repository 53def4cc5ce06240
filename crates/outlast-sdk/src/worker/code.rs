//! What a worker runs: definitions and closures, entities, and what it hands to them.
//!
//! Not here: how work arrives (`session`).

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Worker;
use crate::activity::ActivityContext;
use crate::definition::{ActivityCode, OrchestrationCode};
use crate::entity::Entity;
use crate::failure::Failure;
use crate::observe::{Observer, WorkerEvent};
use crate::orchestration::context::Context;

impl Worker {
    /// Runs an orchestration.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, Context, Failure, Worker};
    /// #[orchestration]
    /// async fn answer(_: Context, _: ()) -> Result<u32, Failure> {
    ///     Ok(42)
    /// }
    /// let worker = Worker::new("http://localhost:4001").orchestration(answer);
    /// ```
    #[must_use]
    pub fn orchestration<O: OrchestrationCode>(self, orchestration: O) -> Self {
        let name = orchestration.name().to_owned();
        self.orchestration_fn(name, O::run)
    }

    /// Runs orchestrations of this name with this code, which must be deterministic: see [`Context`].
    ///
    /// ```
    /// # use outlast_sdk::{Context, Failure, Worker};
    /// let worker = Worker::new("http://localhost:4001")
    ///     .orchestration_fn("answer", async |_: Context, _: ()| Ok::<_, Failure>(42));
    /// ```
    #[must_use]
    pub fn orchestration_fn<I, O, E, F, Fut>(mut self, name: impl Into<String>, code: F) -> Self
    where
        I: DeserializeOwned + 'static,
        O: Serialize,
        E: Into<Failure>,
        F: Fn(Context, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + 'static,
    {
        self.registry.add_orchestration(name.into(), code);
        self
    }

    /// Runs an activity, each as a task of the tokio runtime.
    ///
    /// ```
    /// # use outlast_sdk::{activity, ActivityContext, Failure, Worker};
    /// #[activity]
    /// async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> {
    ///     Ok(format!("hello {name}"))
    /// }
    /// let worker = Worker::new("http://localhost:4001").activity(hello);
    /// ```
    #[must_use]
    pub fn activity<A: ActivityCode>(self, activity: A) -> Self {
        let name = activity.name().to_owned();
        self.activity_fn(name, A::run)
    }

    /// Runs activities of this name with this code.
    ///
    /// ```
    /// # use outlast_sdk::{ActivityContext, Failure, Worker};
    /// let worker = Worker::new("http://localhost:4001")
    ///     .activity_fn("hello", |_: ActivityContext, name: String| async move {
    ///         Ok::<_, Failure>(format!("hello {name}"))
    ///     });
    /// ```
    #[must_use]
    pub fn activity_fn<I, O, E, F, Fut>(mut self, name: impl Into<String>, code: F) -> Self
    where
        I: DeserializeOwned + 'static,
        O: Serialize,
        E: Into<Failure>,
        F: Fn(ActivityContext, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        self.registry.add_activity(name.into(), code);
        self
    }

    /// Keeps the state of entities and performs their operations.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Worker};
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Counter {
    ///     value: i64,
    /// }
    ///
    /// #[entity]
    /// impl Counter {
    ///     fn add(&mut self, amount: i64) -> i64 {
    ///         self.value += amount;
    ///         self.value
    ///     }
    /// }
    /// let worker = Worker::new("http://localhost:4001").entity::<Counter>();
    /// ```
    #[must_use]
    pub fn entity<N: Entity>(mut self) -> Self {
        self.registry.add_entity::<N>();
        self
    }

    /// Hands something to activities and entities, which ask for it by its type: a connection, settings.
    ///
    /// ```
    /// # use outlast_sdk::{activity, ActivityContext, Failure, Worker};
    /// struct Shop {
    ///     name: String,
    /// }
    ///
    /// #[activity]
    /// async fn welcome(ctx: ActivityContext) -> Result<String, Failure> {
    ///     Ok(format!("welcome to {}", ctx.resource::<Shop>().name))
    /// }
    /// let worker = Worker::new("http://localhost:4001")
    ///     .resource(Shop { name: "Pens & Ink".to_owned() })
    ///     .activity(welcome);
    /// ```
    #[must_use]
    pub fn resource<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.registry.resources.insert(value);
        self
    }

    /// Tells of everything the worker does, for metrics.
    ///
    /// ```
    /// # use outlast_sdk::{Worker, WorkerEvent};
    /// let worker = Worker::new("http://localhost:4001").on_event(|event| match event {
    ///     WorkerEvent::ActivityDone { name, took, failed } => println!("{name} {took:?} {failed}"),
    ///     _ => {}
    /// });
    /// ```
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&WorkerEvent<'_>) + Send + Sync + 'static) -> Self {
        self.registry.observer = Observer::new(observer);
        self
    }
}

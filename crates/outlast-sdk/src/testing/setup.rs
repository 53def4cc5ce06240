//! What a hub in memory runs: code as it is, and closures in its place.
//!
//! Not here: running it (`hub`, `server`).

use std::future::ready;

use super::TestHub;
use crate::definition::{Activity, ActivityCode, Orchestration, OrchestrationCode};
use crate::entity::Entity;
use crate::failure::Failure;

impl TestHub {
    /// Draws the order in which results arrive from a seed, instead of first come, first served.
    ///
    /// ```
    /// # use outlast_sdk::testing::TestHub;
    /// # use outlast_sdk::{orchestration, Context, Ended, Failure};
    /// # #[orchestration]
    /// # async fn race(_: Context, _: ()) -> Result<u32, Failure> { Ok(1) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// for seed in 0..20 {
    ///     let mut hub = TestHub::new().seed(seed).orchestration(race);
    ///     assert_eq!(hub.run(race, ()).await, Ended::Completed(1), "seed {seed}");
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.server.lots = Some(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        self
    }

    /// Runs an orchestration.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, testing::TestHub, Context, Failure};
    /// # #[orchestration]
    /// # async fn greet(_: Context, name: String) -> Result<String, Failure> { Ok(name) }
    /// let hub = TestHub::new().orchestration(greet);
    /// ```
    #[must_use]
    pub fn orchestration<O: OrchestrationCode>(mut self, orchestration: O) -> Self {
        self.registry().add_orchestration(orchestration.name().to_owned(), O::run);
        self
    }

    /// Runs an activity as it is.
    ///
    /// ```
    /// # use outlast_sdk::{activity, testing::TestHub, ActivityContext, Failure};
    /// # #[activity]
    /// # async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> { Ok(name) }
    /// let hub = TestHub::new().activity(hello);
    /// ```
    #[must_use]
    pub fn activity<A: ActivityCode>(mut self, activity: A) -> Self {
        self.registry().add_activity(activity.name().to_owned(), A::run);
        self
    }

    /// Answers an activity with a closure.
    ///
    /// ```
    /// # use outlast_sdk::{activity, testing::TestHub, ActivityContext, Failure};
    /// # #[activity]
    /// # async fn charge(_: ActivityContext, cents: u64) -> Result<String, Failure> { Ok(String::new()) }
    /// let hub = TestHub::new().mock(charge, |cents| match cents {
    ///     0..=1000 => Ok("receipt".to_owned()),
    ///     _ => Err(Failure::new("CardDeclined", "over the limit")),
    /// });
    /// ```
    #[must_use]
    pub fn mock<A, F>(mut self, activity: A, answer: F) -> Self
    where
        A: Activity,
        F: Fn(A::Input) -> Result<A::Output, A::Error> + Send + Sync + 'static,
    {
        let code = move |_, input| ready(written(answer(input)));
        self.registry().add_activity(activity.name().to_owned(), code);
        self
    }

    /// Answers a sub-orchestration with a closure.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, testing::TestHub, Context, Failure};
    /// # #[orchestration]
    /// # async fn ship(_: Context, order: u32) -> Result<String, Failure> { Ok(String::new()) }
    /// let hub = TestHub::new().mock_orchestration(ship, |order| Ok(format!("parcel of {order}")));
    /// ```
    #[must_use]
    pub fn mock_orchestration<O, F>(mut self, orchestration: O, answer: F) -> Self
    where
        O: Orchestration,
        F: Fn(O::Input) -> Result<O::Output, O::Error> + Send + Sync + 'static,
    {
        let code = move |_, input| ready(written(answer(input)));
        self.registry().add_orchestration(orchestration.name().to_owned(), code);
        self
    }

    /// Keeps entities of a type.
    ///
    /// ```
    /// # use outlast_sdk::{entity, testing::TestHub};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Counter { value: i64 }
    /// # #[entity]
    /// # impl Counter { fn add(&mut self, amount: i64) { self.value += amount; } }
    /// let hub = TestHub::new().entity::<Counter>();
    /// ```
    #[must_use]
    pub fn entity<N: Entity>(mut self) -> Self {
        self.registry().add_entity::<N>();
        self
    }

    /// Hands something to activities and entities, as a worker does.
    ///
    /// ```
    /// let hub = outlast_sdk::testing::TestHub::new().resource("a connection".to_owned());
    /// ```
    #[must_use]
    pub fn resource<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.registry().resources.insert(value);
        self
    }
}

/// The answer of a mock as it travels.
fn written<O: serde::Serialize, E: Into<Failure>>(
    answer: Result<O, E>,
) -> Result<serde_json::Value, Failure> {
    Ok(serde_json::to_value(answer.map_err(Into::into)?)?)
}

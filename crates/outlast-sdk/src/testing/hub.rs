//! A task hub in memory, from the side of a test: start, raise, let time pass, look.
//!
//! Not here: which code it runs (`setup`) and how (`server`).

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::server::Server;
use crate::client::handle::Ended;
use crate::definition::{Activity, Given, Orchestration};
use crate::entity::{Entity, EntityId};
use crate::event::EventWith;
use crate::failure::Failure;
use crate::registry::Registry;
use crate::{time, value};

/// A task hub in memory, which runs orchestrations with the code they would have with a server.
///
/// Activities are run, or replaced by closures; timers cost no time, because the clock jumps. Every turn
/// replays the whole history, so that code which is not deterministic is found out.
///
/// ```
/// use std::time::Duration;
///
/// use outlast_sdk::testing::TestHub;
/// use outlast_sdk::{ActivityContext, Context, Ended, Event, Failure, activity, orchestration};
///
/// const APPROVED: Event<String> = Event::new("approved");
///
/// #[activity]
/// async fn pay(_: ActivityContext, cents: u64) -> Result<String, Failure> {
///     Err(Failure::new("NoBank", "there is no bank in a test"))
/// }
///
/// #[orchestration]
/// async fn expense(ctx: Context, cents: u64) -> Result<String, Failure> {
///     let day = Duration::from_secs(86_400);
///     match ctx.timeout(day, ctx.wait_event(APPROVED)).await {
///         Ok(who) => Ok(format!("{} by {}", ctx.call(pay, cents).await?, who?)),
///         Err(_elapsed) => Ok("nobody answered".to_owned()),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut hub = TestHub::new().orchestration(expense).mock(pay, |cents| Ok(format!("paid {cents}")));
///
/// let nobody = hub.start(expense, 500);
/// assert_eq!(hub.finish(&nobody).await, Ended::Completed("nobody answered".to_owned()));
///
/// let approved = hub.start(expense, 500);
/// hub.advance(Duration::from_secs(3600)).await;
/// hub.raise(&approved, APPROVED, "ann");
/// assert_eq!(hub.finish(&approved).await, Ended::Completed("paid 500 by ann".to_owned()));
/// assert_eq!(hub.inputs_of(pay), [500]);
/// # }
/// ```
#[derive(Debug)]
pub struct TestHub {
    pub(super) server: Server,
}

/// An instance in a [`TestHub`], with the types of its end.
///
/// ```
/// # use outlast_sdk::{Failure, testing::TestRun};
/// fn name(run: &TestRun<u32, Failure>) -> &str {
///     run.id()
/// }
/// ```
pub struct TestRun<O, E> {
    id: String,
    result: PhantomData<fn() -> (O, E)>,
}

impl<O, E> fmt::Debug for TestRun<O, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TestRun").field(&self.id).finish()
    }
}

impl<O, E> TestRun<O, E> {
    /// The instance's id.
    ///
    /// ```
    /// # fn example(run: outlast_sdk::testing::TestRun<u32, outlast_sdk::Failure>) {
    /// println!("{}", run.id());
    /// # }
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Default for TestHub {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHub {
    /// An empty hub at midnight of the first of January 2026.
    ///
    /// ```
    /// let hub = outlast_sdk::testing::TestHub::new();
    /// ```
    pub fn new() -> Self {
        Self { server: Server::new() }
    }

    pub(super) fn registry(&mut self) -> &mut Registry {
        &mut self.server.registry
    }

    /// Starts an orchestration. It begins when the hub is told to go on.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, testing::TestHub, Context, Failure};
    /// # #[orchestration]
    /// # async fn greet(_: Context, name: String) -> Result<String, Failure> { Ok(name) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut hub = TestHub::new().orchestration(greet);
    /// let greeting = hub.start(greet, "ann");
    /// # }
    /// ```
    ///
    /// # Panics
    /// The input cannot be written as JSON.
    pub fn start<O: Orchestration>(
        &mut self,
        orchestration: O,
        input: impl Given<O::Input>,
    ) -> TestRun<O::Output, O::Error> {
        let input = input.write().expect("an input is written as JSON");
        let id = self.server.start(orchestration.name(), Some(input));
        TestRun { id, result: PhantomData }
    }

    /// Starts an orchestration and runs it to its end.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, testing::TestHub, Context, Ended, Failure};
    /// # #[orchestration]
    /// # async fn greet(_: Context, name: String) -> Result<String, Failure> { Ok(name) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut hub = TestHub::new().orchestration(greet);
    /// assert_eq!(hub.run(greet, "ann").await, Ended::Completed("ann".to_owned()));
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`finish`](Self::finish) does.
    pub async fn run<O: Orchestration>(
        &mut self,
        orchestration: O,
        input: impl Given<O::Input>,
    ) -> Ended<O::Output, O::Error> {
        let run = self.start(orchestration, input);
        self.finish(&run).await
    }

    /// Raises an external event.
    ///
    /// ```
    /// # use outlast_sdk::{testing::{TestHub, TestRun}, Event, Failure};
    /// # const PAID: Event<u64> = Event::new("paid");
    /// # fn example(mut hub: TestHub, order: TestRun<(), Failure>) {
    /// hub.raise(&order, PAID, 500);
    /// # }
    /// ```
    ///
    /// # Panics
    /// The data cannot be written as JSON.
    pub fn raise<O, E, D>(&mut self, run: &TestRun<O, E>, event: impl EventWith<D>, data: D) {
        let (name, data) = event.write(data).expect("an event's data is written as JSON");
        self.server.raise(&run.id, &name, data);
    }

    /// Lets everything happen that is due now.
    ///
    /// ```
    /// # async fn example(mut hub: outlast_sdk::testing::TestHub) {
    /// hub.settle().await;
    /// # }
    /// ```
    pub async fn settle(&mut self) {
        while self.server.step().await {}
    }

    /// Lets time pass, and everything happen that is due in it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn example(mut hub: outlast_sdk::testing::TestHub) {
    /// hub.advance(Duration::from_secs(24 * 3600)).await;
    /// # }
    /// ```
    pub async fn advance(&mut self, duration: Duration) {
        let end = time::after(&self.server.now, duration);
        self.settle().await;
        while self.server.jump(Some(&end)) {
            self.settle().await;
        }
        self.server.now = end;
    }

    /// Lets time pass until an instance has ended.
    ///
    /// ```
    /// # use outlast_sdk::{testing::{TestHub, TestRun}, Failure};
    /// # async fn example(mut hub: TestHub, order: TestRun<u32, Failure>) {
    /// let output = hub.finish(&order).await.output().unwrap();
    /// # }
    /// ```
    ///
    /// # Panics
    /// It waits for something that will not come, such as an event that nobody raises.
    pub async fn finish<O: DeserializeOwned, E: From<Failure>>(
        &mut self,
        run: &TestRun<O, E>,
    ) -> Ended<O, E> {
        loop {
            self.settle().await;
            if let Some(ended) = self.ended(run) {
                return ended;
            }
            assert!(self.server.jump(None), "{} waits for ever{}", run.id, self.server.waits_for(&run.id));
        }
    }

    /// How an instance has ended, if it has.
    ///
    /// ```
    /// # use outlast_sdk::{testing::{TestHub, TestRun}, Failure};
    /// # fn example(hub: TestHub, order: TestRun<u32, Failure>) {
    /// assert!(hub.ended(&order).is_none(), "it waits for the packers");
    /// # }
    /// ```
    ///
    /// # Panics
    /// The output is not of this type.
    pub fn ended<O: DeserializeOwned, E: From<Failure>>(&self, run: &TestRun<O, E>) -> Option<Ended<O, E>> {
        let instance = self.server.as_seen(&run.id)?;
        instance.status.is_final().then(|| Ended::of(instance).expect("the output is of the declared type"))
    }

    /// What an instance says of itself.
    ///
    /// ```
    /// # use outlast_sdk::{testing::{TestHub, TestRun}, Failure};
    /// # fn example(hub: TestHub, order: TestRun<u32, Failure>) {
    /// assert_eq!(hub.custom_status::<String, _, _>(&order).as_deref(), Some("packed"));
    /// # }
    /// ```
    pub fn custom_status<T: DeserializeOwned, O, E>(&self, run: &TestRun<O, E>) -> Option<T> {
        self.server.as_seen(&run.id)?.custom_status().ok()
    }

    /// With which inputs an activity has been run, retries included.
    ///
    /// ```
    /// # use outlast_sdk::{activity, testing::TestHub, ActivityContext, Failure};
    /// # #[activity]
    /// # async fn charge(_: ActivityContext, cents: u64) -> Result<(), Failure> { Ok(()) }
    /// # fn example(hub: TestHub) {
    /// assert_eq!(hub.inputs_of(charge), [500]);
    /// # }
    /// ```
    ///
    /// # Panics
    /// An input is not of the declared type.
    pub fn inputs_of<A: Activity>(&self, activity: A) -> Vec<A::Input> {
        let of_name = self.server.ran.iter().filter(|(name, _)| name == activity.name());
        let read = |(_, input): &(String, Option<String>)| {
            value::read(input.as_deref()).expect("the input is of the declared type")
        };
        of_name.map(read).collect()
    }

    /// The state of an entity, if it has one.
    ///
    /// ```
    /// # use outlast_sdk::{entity, testing::TestHub};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Counter { value: i64 }
    /// # #[entity]
    /// # impl Counter { fn add(&mut self, amount: i64) { self.value += amount; } }
    /// # fn example(hub: TestHub) {
    /// assert_eq!(hub.state_of::<Counter>("visits").unwrap().value, 3);
    /// # }
    /// ```
    ///
    /// # Panics
    /// The state is not of this type.
    pub fn state_of<N: Entity>(&self, key: &str) -> Option<N> {
        let state = self.server.entities.state(&EntityId::of::<N>(key).to_string())?;
        Some(value::read(Some(state)).expect("the state is of this type"))
    }

    /// The time in the hub.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut hub = outlast_sdk::testing::TestHub::new();
    /// let before = hub.now();
    /// hub.advance(Duration::from_secs(60)).await;
    /// assert_eq!(hub.now().duration_since(before).unwrap(), Duration::from_secs(60));
    /// # }
    /// ```
    pub fn now(&self) -> SystemTime {
        time::to_system(&self.server.now)
    }
}

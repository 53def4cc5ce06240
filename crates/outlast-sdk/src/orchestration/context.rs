//! What orchestration code is and when it is: identity, time, ids, status, the next generation.
//!
//! Every answer is the same when the code runs again, so the code must take time, ids and chance from
//! here. Not here: calls and waits (`calls`), entities (`entities`), changed code (`patches`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::SystemTime;

use serde::Serialize;

use super::ids;
use super::turn::{Phase, Turn};
use crate::failure::Failure;
use crate::{time, value};

/// The hand of an orchestration: schedules work, waits, tells the time.
///
/// Calls take effect when they are made, not when their future is awaited: two calls made before the
/// first is awaited run side by side, and a call whose future is dropped still runs.
///
/// ```
/// # use outlast_sdk::{activity, all, orchestration, ActivityContext, Context, Failure};
/// # #[activity]
/// # async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> { Ok(name) }
/// #[orchestration]
/// async fn greet(ctx: Context, names: Vec<String>) -> Result<Vec<String>, Failure> {
///     let calls = names.iter().map(|name| ctx.call(hello, name));
///     all(calls).await.into_iter().collect()
/// }
/// ```
#[derive(Clone)]
pub struct Context {
    pub(super) turn: Rc<RefCell<Turn>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Context").field("identity", &self.turn.borrow().identity).finish()
    }
}

impl Context {
    pub(super) fn new(turn: Rc<RefCell<Turn>>) -> Self {
        Self { turn }
    }

    /// The id of this instance.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let parcel_id = format!("{}-parcel-1", ctx.instance_id());
    /// # }
    /// ```
    pub fn instance_id(&self) -> String {
        self.turn.borrow().identity.instance.clone()
    }

    /// The id of this execution; it changes when the instance continues as new.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// tracing::info!(execution = ctx.execution_id(), "a new month begins");
    /// # }
    /// ```
    pub fn execution_id(&self) -> String {
        self.turn.borrow().identity.execution.clone()
    }

    /// The name under which this orchestration was started.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// assert_eq!(ctx.name(), "fulfil-order");
    /// # }
    /// ```
    pub fn name(&self) -> String {
        self.turn.borrow().identity.name.clone()
    }

    /// The version with which this orchestration was started, if any.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let is_old = ctx.version().is_none();
    /// # }
    /// ```
    pub fn version(&self) -> Option<String> {
        self.turn.borrow().identity.version.clone()
    }

    /// The id of the instance that called this one, if any.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let is_called = ctx.parent_id().is_some();
    /// # }
    /// ```
    pub fn parent_id(&self) -> Option<String> {
        self.turn.borrow().identity.parent.clone()
    }

    /// The tags with which this instance was started.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let is_urgent = ctx.tags().get("priority").is_some_and(|tag| tag == "urgent");
    /// # }
    /// ```
    pub fn tags(&self) -> BTreeMap<String, String> {
        self.turn.borrow().identity.tags.clone()
    }

    /// The time of the current turn: the same in every replay, and never going back.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let deadline = ctx.now() + Duration::from_secs(24 * 3600);
    /// # }
    /// ```
    pub fn now(&self) -> SystemTime {
        time::to_system(&self.turn.borrow().now)
    }

    /// A new id in the form of a UUID: unlike any other, and the same in every replay.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let reservation = ctx.new_id();
    /// # }
    /// ```
    pub fn new_id(&self) -> String {
        let mut turn = self.turn.borrow_mut();
        turn.ids_made += 1;
        ids::uuid(&turn)
    }

    /// A number as if drawn at random: the same in every replay, and no secret.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let winner = ctx.random() % 100;
    /// # }
    /// ```
    pub fn random(&self) -> u64 {
        let mut turn = self.turn.borrow_mut();
        turn.ids_made += 1;
        ids::number(&turn)
    }

    /// Whether the code is going over what has happened already.
    ///
    /// Logs need no such question: events of `tracing` are not recorded while this is so.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// if !ctx.is_replaying() {
    ///     println!("this is shown once, more or less");
    /// }
    /// # }
    /// ```
    pub fn is_replaying(&self) -> bool {
        self.turn.borrow().phase == Phase::Replaying
    }

    /// Sets what a client sees as the state of this instance while it runs.
    ///
    /// A value that cannot be written as JSON leaves the status as it was.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// ctx.set_custom_status("waiting for the warehouse");
    /// # }
    /// ```
    pub fn set_custom_status<T: Serialize>(&self, status: T) {
        match value::write(&status) {
            Ok(status) => self.turn.borrow_mut().custom_status = Some(status),
            Err(error) => tracing::warn!(%error, "custom status cannot be written as JSON"),
        }
    }

    /// Ends this execution and begins the next one with a new input and an empty history.
    ///
    /// Await it as the last thing; it never comes back. Events that nobody has waited for go along.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, Context, Failure};
    /// # use std::time::Duration;
    /// #[orchestration]
    /// async fn every_hour(ctx: Context, count: u64) -> Result<(), Failure> {
    ///     ctx.timer(Duration::from_secs(3600)).await;
    ///     ctx.continue_as_new(count + 1).await
    /// }
    /// ```
    ///
    /// # Errors
    /// Only for an input that cannot be written as JSON.
    pub async fn continue_as_new<T, E: From<Failure>>(&self, input: impl Serialize) -> Result<T, E> {
        let input = value::write(&input).map_err(|error| E::from(error.into()))?;
        self.turn.borrow_mut().continue_as_new = Some(input);
        std::future::pending().await
    }
}

//! The end of an activity or sub-orchestration, waited for once or tried again.
//!
//! The server knows nothing of retries: one is a timer and another task in history. What ties the
//! attempts of an activity together is two tags, which the worker turns into attempt number and
//! idempotency key.

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Poller, Poll, ready};

use outlast_proto::durable_task as pb;
use pb::orchestrator_action::OrchestratorActionType as Action;
use prost_types::Timestamp;
use serde::de::DeserializeOwned;

use super::future::Task;
use super::retry::{Retry, TAG_ATTEMPT, TAG_FIRST_TASK};
use super::turn::Turn;
use crate::failure::Failure;
use crate::{time, value};

/// The result of a call, when it has one: [`Context::call`](crate::Context::call).
///
/// Dropping it changes nothing: the call has been made.
///
/// ```
/// # use outlast_sdk::{activity, ActivityContext, Context, Failure};
/// # #[activity]
/// # async fn quote(_: ActivityContext, shop: String) -> Result<u64, Failure> { Ok(1) }
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// let (here, there) = (ctx.call(quote, "here"), ctx.call(quote, "there"));
/// let cheaper = here.await?.min(there.await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the call has been made, but only awaiting it gives its result"]
pub struct Call<T, E = Failure> {
    task: Task,
    attempts: Option<Box<Attempts>>,
    value: PhantomData<fn() -> (T, E)>,
}

/// What is known of a call that is tried again.
#[derive(Debug)]
struct Attempts {
    policy: Retry,
    action: Action,
    place: &'static Location<'static>,
    begun: Timestamp,
    first: i32,
    number: u32,
    is_pausing: bool,
}

impl<T, E> Call<T, E> {
    pub(super) fn new(turn: Rc<RefCell<Turn>>, id: i32) -> Self {
        Self { task: Task { turn, id }, attempts: None, value: PhantomData }
    }

    /// The number of this task within its execution; the first is 1.
    ///
    /// ```
    /// # use outlast_sdk::{activity, ActivityContext, Context, Failure};
    /// # #[activity]
    /// # async fn quote(_: ActivityContext, shop: String) -> Result<u64, Failure> { Ok(1) }
    /// # fn example(ctx: Context) {
    /// let task = ctx.call(quote, "here").task_id();
    /// # }
    /// ```
    pub fn task_id(&self) -> i32 {
        self.task.id
    }

    /// Tries again as the policy says when it fails. Say so where the call is made.
    ///
    /// All attempts share one [idempotency key](crate::ActivityContext::idempotency_key).
    ///
    /// ```
    /// # use outlast_sdk::{activity, ActivityContext, Context, Failure, Retry};
    /// # use std::time::Duration;
    /// # #[activity]
    /// # async fn quote(_: ActivityContext, shop: String) -> Result<u64, Failure> { Ok(1) }
    /// # async fn example(ctx: Context) -> Result<u64, Failure> {
    /// ctx.call(quote, "here").retry(Retry::new(5, Duration::from_secs(1))).await
    /// # }
    /// ```
    ///
    /// # Panics
    /// The call was made in an earlier turn, so that it is too late to say how.
    #[track_caller]
    pub fn retry(mut self, policy: Retry) -> Self {
        self.change(|action| {
            if let Action::ScheduleTask(task) = action {
                task.tags.insert(TAG_ATTEMPT.to_owned(), "1".to_owned());
            }
        });
        let (id, turn) = (self.task.id, self.task.turn.borrow());
        // A call whose input cannot be written has failed already, and would again.
        let attempts = turn.pending.get(&id).map(|action| Attempts {
            policy,
            action: action.clone(),
            place: Location::caller(),
            begun: turn.now,
            first: id,
            number: 1,
            is_pausing: false,
        });
        drop(turn);
        self.attempts = attempts.map(Box::new);
        self
    }

    /// Adds a tag, which the activity sees and a person looking at history.
    ///
    /// ```
    /// # use outlast_sdk::{activity, ActivityContext, Context, Failure};
    /// # #[activity]
    /// # async fn quote(_: ActivityContext, shop: String) -> Result<u64, Failure> { Ok(1) }
    /// # async fn example(ctx: Context) -> Result<u64, Failure> {
    /// ctx.call(quote, "here").tag("priority", "low").await
    /// # }
    /// ```
    ///
    /// # Panics
    /// The call was made in an earlier turn, so that it is too late to say how.
    #[track_caller]
    pub fn tag(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.change(|action| match action {
            Action::ScheduleTask(task) => drop(task.tags.insert(name.into(), value.into())),
            Action::CreateSubOrchestration(child) => drop(child.tags.insert(name.into(), value.into())),
            _ => {}
        });
        self
    }

    /// Changes the action before it is sent. There is none when the input could not be written.
    #[track_caller]
    fn change(&self, change: impl FnOnce(&mut Action)) {
        let mut turn = self.task.turn.borrow_mut();
        let has_failed = turn.is_done(self.task.id);
        match turn.pending.get_mut(&self.task.id) {
            Some(action) => change(action),
            None => assert!(has_failed, "say how a call is made where it is made, not in a later turn"),
        }
    }
}

impl<T: DeserializeOwned, E: From<Failure>> Future for Call<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        loop {
            let result = ready!(self.task.poll(poller));
            let call = &mut *self;
            match (result, call.attempts.as_deref_mut()) {
                (_, Some(attempts)) if attempts.is_pausing => {
                    let next = attempts.next_attempt(&call.task.turn);
                    call.task.id = next;
                }
                (Ok(output), _) => {
                    let read = value::read(output.as_deref()).map_err(Failure::from);
                    return Poll::Ready(read.map_err(E::from));
                }
                (Err(failure), attempts) => {
                    let pause = attempts.and_then(|attempts| attempts.pause(&call.task.turn, &failure));
                    let Some(pause) = pause else { return Poll::Ready(Err(E::from(failure))) };
                    call.task.id = pause;
                }
            }
        }
    }
}

impl Attempts {
    /// Schedules the timer before the next attempt, if there is to be one.
    fn pause(&mut self, turn: &RefCell<Turn>, failure: &Failure) -> Option<i32> {
        let mut turn = turn.borrow_mut();
        let delay = self.policy.pause(self.number, failure)?;
        let fire_at = time::after(&turn.now, delay);
        if self.policy.is_too_late(&self.begun, &fire_at) {
            return None;
        }
        self.is_pausing = true;
        let timer = Action::CreateTimer(pb::CreateTimerAction { fire_at: Some(fire_at) });
        Some(turn.schedule_at(timer, self.place))
    }

    fn next_attempt(&mut self, turn: &RefCell<Turn>) -> i32 {
        self.is_pausing = false;
        self.number += 1;
        let mut action = self.action.clone();
        if let Action::ScheduleTask(task) = &mut action {
            task.tags.insert(TAG_ATTEMPT.to_owned(), self.number.to_string());
            task.tags.insert(TAG_FIRST_TASK.to_owned(), self.first.to_string());
        }
        turn.borrow_mut().schedule_at(action, self.place)
    }
}

/// The result of a sub-orchestration: [`Context::sub_orchestration`](crate::Context::sub_orchestration).
#[derive(Debug)]
#[must_use = "the call has been made, but only awaiting it gives its result"]
pub struct SubOrchestration<T, E = Failure> {
    call: Call<T, E>,
}

impl<T, E> SubOrchestration<T, E> {
    pub(super) fn new(call: Call<T, E>) -> Self {
        Self { call }
    }

    /// Gives it an instance id of one's own.
    ///
    /// ```
    /// # use outlast_sdk::{Context, Failure, Named};
    /// # const SHIP: Named<u32, ()> = Named::new("ship");
    /// # async fn example(ctx: Context) -> Result<(), Failure> {
    /// ctx.sub_orchestration(SHIP, 7).id("shipping-7").await
    /// # }
    /// ```
    ///
    /// # Panics
    /// The call was made in an earlier turn, so that it is too late to say how.
    #[track_caller]
    pub fn id(self, instance_id: impl Into<String>) -> Self {
        self.change(|child| child.instance_id = instance_id.into())
    }

    /// Starts it with a version.
    ///
    /// ```
    /// # use outlast_sdk::{Context, Failure, Named};
    /// # const SHIP: Named<u32, ()> = Named::new("ship");
    /// # async fn example(ctx: Context) -> Result<(), Failure> {
    /// ctx.sub_orchestration(SHIP, 7).version("2.0").await
    /// # }
    /// ```
    ///
    /// # Panics
    /// The call was made in an earlier turn, so that it is too late to say how.
    #[track_caller]
    pub fn version(self, version: impl Into<String>) -> Self {
        self.change(|child| child.version = Some(version.into()))
    }

    /// Adds a tag to the instance.
    ///
    /// ```
    /// # use outlast_sdk::{Context, Failure, Named};
    /// # const SHIP: Named<u32, ()> = Named::new("ship");
    /// # async fn example(ctx: Context) -> Result<(), Failure> {
    /// ctx.sub_orchestration(SHIP, 7).tag("customer", "ann").await
    /// # }
    /// ```
    ///
    /// # Panics
    /// The call was made in an earlier turn, so that it is too late to say how.
    #[track_caller]
    pub fn tag(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { call: self.call.tag(name, value) }
    }

    /// Starts it again as the policy says when it fails.
    ///
    /// ```
    /// # use outlast_sdk::{Context, Failure, Named, Retry};
    /// # use std::time::Duration;
    /// # const SHIP: Named<u32, ()> = Named::new("ship");
    /// # async fn example(ctx: Context) -> Result<(), Failure> {
    /// ctx.sub_orchestration(SHIP, 7).retry(Retry::new(3, Duration::from_secs(60))).await
    /// # }
    /// ```
    ///
    /// # Panics
    /// The call was made in an earlier turn, so that it is too late to say how.
    #[track_caller]
    pub fn retry(self, policy: Retry) -> Self {
        Self { call: self.call.retry(policy) }
    }

    #[track_caller]
    fn change(self, change: impl FnOnce(&mut pb::CreateSubOrchestrationAction)) -> Self {
        self.call.change(|action| {
            if let Action::CreateSubOrchestration(child) = action {
                change(child);
            }
        });
        self
    }
}

impl<T: DeserializeOwned, E: From<Failure>> Future for SubOrchestration<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.call).poll(poller)
    }
}

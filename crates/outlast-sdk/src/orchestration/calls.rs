//! What an orchestration asks for: activities, sub-orchestrations, timers, events.
//!
//! Each of these schedules a step at once and gives a future for its end. Not here: the futures
//! themselves (`call`, `future`).

use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use outlast_proto::durable_task as pb;
use pb::orchestrator_action::OrchestratorActionType as Action;

use super::call::{Call, SubOrchestration};
use super::context::Context;
use super::future::{Timer, WaitEvent};
use super::timeout::Timeout;
use crate::definition::{Activity, Given, Orchestration};
use crate::event::{Event, EventWith};
use crate::failure::Failure;
use crate::time;

impl Context {
    /// Runs an activity on some worker, at least once.
    ///
    /// ```
    /// # use outlast_sdk::{activity, orchestration, ActivityContext, Context, Failure, Retry};
    /// # use std::time::Duration;
    /// # #[activity]
    /// # async fn charge(_: ActivityContext, cents: u64) -> Result<String, Failure> { Ok(cents.to_string()) }
    /// #[orchestration]
    /// async fn pay(ctx: Context, cents: u64) -> Result<String, Failure> {
    ///     ctx.call(charge, cents).retry(Retry::new(5, Duration::from_secs(1))).await
    /// }
    /// ```
    #[track_caller]
    pub fn call<A: Activity>(&self, activity: A, input: impl Given<A::Input>) -> Call<A::Output, A::Error> {
        let mut turn = self.turn.borrow_mut();
        let id = match input.write() {
            Err(error) => turn.schedule_failed(error.into()),
            Ok(input) => turn.schedule(Action::ScheduleTask(pb::ScheduleTaskAction {
                name: activity.name().to_owned(),
                input: Some(input),
                ..Default::default()
            })),
        };
        drop(turn);
        Call::new(Rc::clone(&self.turn), id)
    }

    /// Runs another orchestration and waits for it; the server gives it an id unless told otherwise.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, Context, Failure};
    /// # #[orchestration]
    /// # async fn ship(_: Context, order: u32) -> Result<Vec<String>, Failure> { Ok(vec![]) }
    /// #[orchestration]
    /// async fn fulfil(ctx: Context, order: u32) -> Result<Vec<String>, Failure> {
    ///     ctx.sub_orchestration(ship, order).id(format!("shipping-{order}")).await
    /// }
    /// ```
    #[track_caller]
    pub fn sub_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: impl Given<O::Input>,
    ) -> SubOrchestration<O::Output, O::Error> {
        let mut turn = self.turn.borrow_mut();
        let id = match turn.refuse_in_section() {
            Some(failure) => turn.schedule_failed(failure),
            None => match input.write() {
                Err(error) => turn.schedule_failed(error.into()),
                Ok(input) => {
                    turn.schedule(Action::CreateSubOrchestration(pb::CreateSubOrchestrationAction {
                        name: orchestration.name().to_owned(),
                        input: Some(input),
                        ..Default::default()
                    }))
                }
            },
        };
        drop(turn);
        SubOrchestration::new(Call::new(Rc::clone(&self.turn), id))
    }

    /// A durable timer: it goes on through restarts and never fires early.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn example(ctx: outlast_sdk::Context) {
    /// ctx.timer(Duration::from_secs(7 * 24 * 3600)).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn timer(&self, delay: Duration) -> Timer {
        let fire_at = time::after(&self.turn.borrow().now, delay);
        self.schedule_timer(fire_at)
    }

    /// A durable timer that fires at a time, or in the next turn if that has passed.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # async fn example(ctx: outlast_sdk::Context, new_year: SystemTime) {
    /// ctx.timer_at(new_year).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn timer_at(&self, at: SystemTime) -> Timer {
        self.schedule_timer(time::to_wire(at))
    }

    /// Waits for anything, but not longer than so long.
    ///
    /// ```
    /// # use outlast_sdk::{orchestration, Context, Event, Failure};
    /// # use std::time::Duration;
    /// const APPROVED: Event<String> = Event::new("approved");
    ///
    /// #[orchestration]
    /// async fn ask(ctx: Context, _: ()) -> Result<String, Failure> {
    ///     match ctx.timeout(Duration::from_secs(24 * 3600), ctx.wait_event(APPROVED)).await {
    ///         Ok(who) => Ok(format!("approved by {}", who?)),
    ///         Err(_elapsed) => Ok("nobody answered".to_owned()),
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        Timeout::new(future, self.timer(limit))
    }

    /// Waits for an external event. Names are compared without case; an event that came earlier counts.
    ///
    /// ```
    /// # use outlast_sdk::{Context, Event, Failure};
    /// const PAID: Event<u64> = Event::new("paid");
    ///
    /// # async fn example(ctx: Context) -> Result<(), Failure> {
    /// let cents = ctx.wait_event(PAID).await?;
    /// let note = ctx.wait_event::<String>("note").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_event<T>(&self, event: impl Into<Event<T>>) -> WaitEvent<T> {
        WaitEvent::new(Rc::clone(&self.turn), event.into().name())
    }

    /// Sends an external event to another instance, or to this one.
    ///
    /// ```
    /// # use outlast_sdk::{Context, Event, Failure};
    /// # const PACKED: Event<String> = Event::new("packed");
    /// # fn example(ctx: Context) -> Result<(), Failure> {
    /// ctx.send_event("order-0001", PACKED, "ann")
    /// # }
    /// ```
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    #[track_caller]
    pub fn send_event<D>(&self, instance_id: &str, event: impl EventWith<D>, data: D) -> Result<(), Failure> {
        let (name, data) = event.write(data)?;
        let instance = pb::OrchestrationInstance { instance_id: instance_id.to_owned(), execution_id: None };
        let sent = pb::SendEventAction { instance: Some(instance), name, data: Some(data) };
        self.turn.borrow_mut().schedule(Action::SendEvent(sent));
        Ok(())
    }

    #[track_caller]
    fn schedule_timer(&self, fire_at: prost_types::Timestamp) -> Timer {
        let action = Action::CreateTimer(pb::CreateTimerAction { fire_at: Some(fire_at) });
        let id = self.turn.borrow_mut().schedule(action);
        Timer::new(Rc::clone(&self.turn), id)
    }
}

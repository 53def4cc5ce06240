//! What orchestration code can do.
//!
//! Every call is answered from history when the code runs again, so the code must be deterministic:
//! time, ids and everything from the outside come from here. Not here: waiting (`future`) and running
//! (`replay`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use outlast_proto::durable_task as pb;
use pb::orchestrator_action::OrchestratorActionType as Action;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::future::{Call, Timer, WaitEvent};
use super::retry::{self, Retry, Retrying};
use super::turn::Turn;
use crate::failure::Failure;
use crate::{time, value};

/// The hand of an orchestration: schedules work, waits, tells the time.
///
/// Calls take effect when they are made, not when their future is awaited: two calls made before the
/// first is awaited run side by side, and a call whose future is dropped still runs.
///
/// ```
/// # use outlast_sdk::{Context, Failure};
/// async fn greet(ctx: Context, names: Vec<String>) -> Result<Vec<String>, Failure> {
///     let calls: Vec<_> = names.iter().map(|name| ctx.call_activity("hello", name)).collect();
///     outlast_sdk::all(calls).await.into_iter().collect()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    turn: Rc<RefCell<Turn>>,
}

/// How to schedule an activity.
pub(super) struct ActivityCall<'a> {
    pub(super) name: &'a str,
    pub(super) input: &'a Result<String, Failure>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Context {
    pub(super) fn new(turn: Rc<RefCell<Turn>>) -> Self {
        Self { turn }
    }

    /// The id of this instance.
    pub fn instance_id(&self) -> String {
        self.turn.borrow().identity.instance.clone()
    }

    /// The id of this execution; it changes when the instance continues as new.
    pub fn execution_id(&self) -> String {
        self.turn.borrow().identity.execution.clone()
    }

    /// The name under which this orchestration was started.
    pub fn name(&self) -> String {
        self.turn.borrow().identity.name.clone()
    }

    /// The version with which this orchestration was started, if any.
    pub fn version(&self) -> Option<String> {
        self.turn.borrow().identity.version.clone()
    }

    /// The id of the instance that called this one, if any.
    pub fn parent_id(&self) -> Option<String> {
        self.turn.borrow().identity.parent.clone()
    }

    /// The tags with which this instance was started.
    pub fn tags(&self) -> BTreeMap<String, String> {
        self.turn.borrow().identity.tags.clone()
    }

    /// The time of the current turn: the same in every replay, and never going back.
    pub fn now(&self) -> SystemTime {
        time::to_system(&self.turn.borrow().now)
    }

    /// A new id in the form of a UUID: unlike any other, and the same in every replay.
    pub fn new_id(&self) -> String {
        let mut turn = self.turn.borrow_mut();
        turn.ids_made += 1;
        make_id(&turn)
    }

    /// Whether the code is going over what has happened already; for logs that shall be written once.
    pub fn is_replaying(&self) -> bool {
        self.turn.borrow().is_replaying
    }

    /// Sets what a client sees as the state of this instance while it runs.
    ///
    /// A value that cannot be written as JSON leaves the status as it was.
    pub fn set_custom_status<T: Serialize + ?Sized>(&self, status: &T) {
        match value::write(status) {
            Ok(status) => self.turn.borrow_mut().custom_status = Some(status),
            Err(error) => tracing::warn!(%error, "custom status cannot be written as JSON"),
        }
    }

    /// Runs an activity on some worker, at least once.
    pub fn call_activity<T: DeserializeOwned>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
    ) -> Call<T> {
        let input = value::write(input).map_err(Failure::from);
        Call::new(
            Rc::clone(&self.turn),
            self.schedule_activity(&ActivityCall { name, input: &input, tags: BTreeMap::new() }),
        )
    }

    /// Runs an activity and, if it fails, runs it again as the policy says.
    ///
    /// All attempts share one [idempotency key](crate::ActivityContext::idempotency_key).
    pub fn call_activity_with_retry<T: DeserializeOwned + 'static>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
        policy: Retry,
    ) -> Retrying<T> {
        let input = value::write(input).map_err(Failure::from);
        Box::pin(retry::activity(self.clone(), name.to_owned(), input, policy))
    }

    /// Runs another orchestration as a child; the server gives it an id.
    pub fn call_sub_orchestration<T: DeserializeOwned>(
        &self,
        name: &str,
        input: &(impl Serialize + ?Sized),
    ) -> Call<T> {
        self.call_sub_orchestration_as("", name, input)
    }

    /// Runs another orchestration as a child with the given instance id.
    pub fn call_sub_orchestration_as<T: DeserializeOwned>(
        &self,
        instance_id: &str,
        name: &str,
        input: &(impl Serialize + ?Sized),
    ) -> Call<T> {
        let mut turn = self.turn.borrow_mut();
        let id = match value::write(input) {
            Err(error) => turn.schedule_failed(error.into()),
            Ok(input) => turn.schedule(Action::CreateSubOrchestration(pb::CreateSubOrchestrationAction {
                instance_id: instance_id.to_owned(),
                name: name.to_owned(),
                input: Some(input),
                ..Default::default()
            })),
        };
        drop(turn);
        Call::new(Rc::clone(&self.turn), id)
    }

    /// A durable timer: it goes on through restarts and never fires early.
    pub fn timer(&self, delay: Duration) -> Timer {
        let fire_at = time::after(&self.turn.borrow().now, delay);
        self.schedule_timer(fire_at)
    }

    /// A durable timer that fires at a time, or in the next turn if that has passed.
    pub fn timer_at(&self, at: SystemTime) -> Timer {
        self.schedule_timer(time::to_wire(at))
    }

    /// Waits for an external event. Names are compared without case; an event that came earlier counts.
    pub fn wait_event<T: DeserializeOwned>(&self, name: &str) -> WaitEvent<T> {
        WaitEvent::new(Rc::clone(&self.turn), name)
    }

    /// Sends an external event to another instance, or to this one.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn send_event(
        &self,
        instance_id: &str,
        name: &str,
        data: &(impl Serialize + ?Sized),
    ) -> Result<(), Failure> {
        let data = value::write(data)?;
        let instance = pb::OrchestrationInstance { instance_id: instance_id.to_owned(), execution_id: None };
        self.turn.borrow_mut().schedule(Action::SendEvent(pb::SendEventAction {
            instance: Some(instance),
            name: name.to_owned(),
            data: Some(data),
        }));
        Ok(())
    }

    /// Ends this execution and begins the next one with a new input and an empty history.
    ///
    /// Await it as the last thing: `return ctx.continue_as_new(&next).await`. It never comes back. Events
    /// that nobody has waited for go along.
    ///
    /// # Errors
    /// Only for an input that cannot be written as JSON.
    pub async fn continue_as_new<T>(&self, input: &(impl Serialize + ?Sized)) -> Result<T, Failure> {
        let input = value::write(input)?;
        self.turn.borrow_mut().continue_as_new = Some(input);
        std::future::pending().await
    }

    pub(super) fn schedule_activity(&self, call: &ActivityCall<'_>) -> i32 {
        let mut turn = self.turn.borrow_mut();
        match call.input {
            Err(failure) => turn.schedule_failed(failure.clone()),
            Ok(input) => turn.schedule(Action::ScheduleTask(pb::ScheduleTaskAction {
                name: call.name.to_owned(),
                input: Some(input.clone()),
                tags: call.tags.clone().into_iter().collect(),
                ..Default::default()
            })),
        }
    }

    pub(super) fn call<T: DeserializeOwned>(&self, id: i32) -> Call<T> {
        Call::new(Rc::clone(&self.turn), id)
    }

    fn schedule_timer(&self, fire_at: prost_types::Timestamp) -> Timer {
        let action = Action::CreateTimer(pb::CreateTimerAction { fire_at: Some(fire_at) });
        let id = self.turn.borrow_mut().schedule(action);
        Timer::new(Rc::clone(&self.turn), id)
    }
}

/// Two 64-bit FNV-1a hashes of everything that tells this id from others, in the shape of a UUID of
/// version 8, the one for makers' own schemes.
fn make_id(turn: &Turn) -> String {
    let half = |seed: u64| {
        let mut hash = seed;
        let parts = [turn.identity.instance.as_bytes(), &[0], turn.identity.execution.as_bytes(), &[0]];
        let numbers = [
            turn.now.seconds.to_le_bytes(),
            i64::from(turn.now.nanos).to_le_bytes(),
            turn.ids_made.to_le_bytes(),
        ];
        for byte in parts.into_iter().flatten().chain(numbers.iter().flatten()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // FNV mixes its last bytes badly; this spreads them over all bits.
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    };
    let high = half(0xcbf2_9ce4_8422_2325) & 0xffff_ffff_ffff_0fff | 0x8000;
    let low = half(0x9ae1_6a3b_2f90_404f) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

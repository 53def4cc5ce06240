//! Entities from an orchestration: call, signal, lock.
//!
//! Not here: what an entity is (`crate::entity`) and which locks may be held (`section`).

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Poller, Poll, ready};
use std::time::SystemTime;

use outlast_proto::durable_task as pb;
use pb::send_entity_message_action::EntityMessageType as Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::Call;
use super::context::Context;
use super::future::Task;
use super::section::message;
use crate::entity::{Entity, EntityId, Via, sealed};
use crate::failure::Failure;
use crate::{time, value};

impl Context {
    /// An entity, to call its operations and wait for what they give.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Context, Failure};
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Stock {
    ///     left: u32,
    /// }
    ///
    /// #[entity]
    /// impl Stock {
    ///     fn add(&mut self, pieces: u32) -> u32 {
    ///         self.left += pieces;
    ///         self.left
    ///     }
    /// }
    ///
    /// async fn restock(ctx: Context) -> Result<u32, Failure> {
    ///     ctx.entity::<Stock>("pens").add(12).await
    /// }
    /// ```
    pub fn entity<N: Entity>(&self, key: &str) -> N::Operations<Called> {
        N::operations(Called { ctx: self.clone(), id: EntityId::of::<N>(key) })
    }

    /// An entity, to send it operations without waiting for them.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Context};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Stock { left: u32 }
    /// # #[entity]
    /// # impl Stock { fn add(&mut self, pieces: u32) { self.left += pieces; } }
    /// # fn example(ctx: Context) {
    /// ctx.signal::<Stock>("pens").add(12);
    /// # }
    /// ```
    pub fn signal<N: Entity>(&self, key: &str) -> N::Operations<Signalled> {
        N::operations(Signalled { ctx: self.clone(), id: EntityId::of::<N>(key), at: None })
    }

    /// The same, not delivered before a time.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Context};
    /// # use serde::{Deserialize, Serialize};
    /// # use std::time::Duration;
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Stock { left: u32 }
    /// # #[entity]
    /// # impl Stock { fn add(&mut self, pieces: u32) { self.left += pieces; } }
    /// # fn example(ctx: Context) {
    /// ctx.signal_at::<Stock>("pens", ctx.now() + Duration::from_secs(3600)).add(12);
    /// # }
    /// ```
    pub fn signal_at<N: Entity>(&self, key: &str, at: SystemTime) -> N::Operations<Signalled> {
        N::operations(Signalled { ctx: self.clone(), id: EntityId::of::<N>(key), at: Some(at) })
    }

    /// Waits for locks on entities: while they are held, only this orchestration's operations run there.
    ///
    /// All that are needed are taken at once. Dropping the guard releases them, also on the way out of an
    /// error; the server does if this orchestration ends without.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Context, EntityId, Failure};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Account { cents: i64 }
    /// # #[entity]
    /// # impl Account { fn add(&mut self, cents: i64) -> i64 { self.cents += cents; self.cents } }
    /// async fn transfer(ctx: Context) -> Result<(), Failure> {
    ///     let guard = ctx.lock(["ann", "bob"].map(EntityId::of::<Account>)).await;
    ///     ctx.entity::<Account>("ann").add(-100).await?;
    ///     ctx.entity::<Account>("bob").add(100).await?;
    ///     drop(guard);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Panics
    /// No entity is named, or other locks are held or waited for.
    #[track_caller]
    pub fn lock(&self, entities: impl IntoIterator<Item = EntityId>) -> Lock {
        let section = self.new_id();
        let mut set: Vec<String> = entities.into_iter().map(|id| id.to_string()).collect();
        set.sort_unstable();
        set.dedup();
        let id = self.turn.borrow_mut().ask_for_section(&section, set, Location::caller());
        let guard = Guard { ctx: self.clone(), section };
        Lock { task: Task { turn: Rc::clone(&self.turn), id }, guard: Some(guard) }
    }
}

/// Operations of an entity that are called, with an answer: [`Context::entity`].
#[derive(Debug, Clone)]
pub struct Called {
    ctx: Context,
    id: EntityId,
}

impl sealed::Sealed for Called {}

impl Via for Called {
    type Answer<O: DeserializeOwned + 'static, E: From<Failure> + 'static> = EntityCall<O, E>;

    #[track_caller]
    fn ask<I: Serialize, O: DeserializeOwned + 'static, E: From<Failure> + 'static>(
        &self,
        operation: &'static str,
        input: &I,
    ) -> EntityCall<O, E> {
        let request_id = self.ctx.new_id();
        let target = self.id.to_string();
        let mut turn = self.ctx.turn.borrow_mut();
        let task = match (turn.refuse_call(&target), value::write(input)) {
            (Some(failure), _) => turn.schedule_failed(failure),
            (None, Err(error)) => turn.schedule_failed(error.into()),
            (None, Ok(input)) => {
                let call = pb::EntityOperationCalledEvent {
                    request_id: request_id.clone(),
                    operation: operation.to_owned(),
                    scheduled_time: None,
                    input: Some(input),
                    parent_instance_id: Some(turn.identity.instance.clone()),
                    parent_execution_id: Some(turn.identity.execution.clone()),
                    target_instance_id: Some(target),
                };
                turn.schedule_request(request_id, message(Message::EntityOperationCalled(call)))
            }
        };
        drop(turn);
        EntityCall { call: Call::new(Rc::clone(&self.ctx.turn), task) }
    }
}

/// The answer of an entity's operation.
#[derive(Debug)]
#[must_use = "the operation is called, but only awaiting it gives its answer"]
pub struct EntityCall<O, E = Failure> {
    call: Call<O, E>,
}

impl<O: DeserializeOwned, E: From<Failure>> Future for EntityCall<O, E> {
    type Output = Result<O, E>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.call).poll(poller)
    }
}

/// Operations of an entity that are sent, without an answer: [`Context::signal`].
#[derive(Debug, Clone)]
pub struct Signalled {
    ctx: Context,
    id: EntityId,
    at: Option<SystemTime>,
}

impl sealed::Sealed for Signalled {}

impl Via for Signalled {
    type Answer<O: DeserializeOwned + 'static, E: From<Failure> + 'static> = ();

    #[track_caller]
    fn ask<I: Serialize, O: DeserializeOwned + 'static, E: From<Failure> + 'static>(
        &self,
        operation: &'static str,
        input: &I,
    ) {
        let request_id = self.ctx.new_id();
        let input = match value::write(input) {
            Ok(input) => input,
            Err(error) => panic!("the input of `{operation}` cannot be written as JSON: {error}"),
        };
        let signal = pb::EntityOperationSignaledEvent {
            request_id,
            operation: operation.to_owned(),
            scheduled_time: self.at.map(time::to_wire),
            input: Some(input),
            target_instance_id: Some(self.id.to_string()),
        };
        self.ctx.turn.borrow_mut().schedule(message(Message::EntityOperationSignaled(signal)));
    }
}

/// Locks that are waited for: [`Context::lock`].
#[derive(Debug)]
#[must_use = "the locks are asked for, and held from when they are granted"]
pub struct Lock {
    task: Task,
    guard: Option<Guard>,
}

impl Future for Lock {
    type Output = Guard;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Guard> {
        // Granting has no other outcome; whatever else ends the wait ends the orchestration.
        let _ = ready!(self.task.poll(poller));
        Poll::Ready(self.guard.take().expect("a lock is polled until it is ready and not again"))
    }
}

/// Locks that are held until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it releases the locks"]
pub struct Guard {
    ctx: Context,
    section: String,
}

impl Guard {
    /// Releases the locks, as dropping does.
    ///
    /// ```
    /// # use outlast_sdk::{Context, EntityId};
    /// # async fn example(ctx: Context, account: EntityId) {
    /// let guard = ctx.lock([account]).await;
    /// guard.release();
    /// # }
    /// ```
    pub fn release(self) {}
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.ctx.turn.borrow_mut().leave_section(&self.section);
    }
}

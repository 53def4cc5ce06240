//! What an operation can do besides changing its state: delete it, signal others, start orchestrations.
//!
//! All of it happens when the operation succeeds, together with the change; of a failed operation nothing
//! remains.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use outlast_proto::durable_task as pb;
use pb::operation_action::OperationActionType as Action;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entity, EntityId, Via, sealed};
use crate::definition::{Given, Orchestration};
use crate::failure::Failure;
use crate::resources::Resources;
use crate::{time, value};

/// The hand of an operation. It is asked for by a parameter `ctx: &mut EntityContext`.
///
/// ```
/// # use outlast_sdk::{entity, EntityContext};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Default, Serialize, Deserialize)]
/// struct Cart {
///     items: Vec<String>,
/// }
///
/// #[entity]
/// impl Cart {
///     fn check_out(&mut self, ctx: &mut EntityContext) -> Vec<String> {
///         ctx.delete();
///         std::mem::take(&mut self.items)
///     }
/// }
/// ```
#[derive(Debug)]
pub struct EntityContext {
    id: EntityId,
    resources: Resources,
    actions: Arc<Mutex<Vec<Action>>>,
    is_deleted: bool,
}

impl EntityContext {
    pub(super) fn new(id: EntityId, resources: Resources) -> Self {
        Self { id, resources, actions: Arc::default(), is_deleted: false }
    }

    /// What was asked for, and whether the state is to be deleted.
    pub(super) fn end(self) -> (Vec<Action>, bool) {
        let actions = std::mem::take(&mut *self.actions.lock().unwrap_or_else(PoisonError::into_inner));
        (actions, self.is_deleted)
    }

    /// Which entity this is.
    ///
    /// ```
    /// # fn example(ctx: &mut outlast_sdk::EntityContext) {
    /// println!("{}", ctx.id().key());
    /// # }
    /// ```
    pub fn id(&self) -> &EntityId {
        &self.id
    }

    /// Deletes the state: the next operation begins with the default one.
    ///
    /// ```
    /// # fn example(ctx: &mut outlast_sdk::EntityContext) {
    /// ctx.delete();
    /// # }
    /// ```
    pub fn delete(&mut self) {
        self.is_deleted = true;
    }

    /// Something the worker was given with [`Worker::resource`](crate::Worker::resource).
    ///
    /// ```
    /// # struct Database;
    /// # fn example(ctx: &mut outlast_sdk::EntityContext) {
    /// let database = ctx.resource::<Database>();
    /// # }
    /// ```
    ///
    /// # Panics
    /// The worker was given nothing of that type.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Arc<T> {
        self.resources.get()
    }

    /// Another entity, to send it operations.
    ///
    /// ```
    /// # use outlast_sdk::{entity, EntityContext};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Total { value: i64 }
    /// # #[entity]
    /// # impl Total { fn add(&mut self, amount: i64) { self.value += amount; } }
    /// # fn example(ctx: &mut EntityContext) {
    /// ctx.signal::<Total>("all").add(1);
    /// # }
    /// ```
    pub fn signal<N: Entity>(&self, key: &str) -> N::Operations<Sent> {
        N::operations(Sent { id: EntityId::of::<N>(key), actions: Arc::clone(&self.actions), at: None })
    }

    /// The same, not delivered before a time; to oneself it is a clock.
    ///
    /// ```
    /// # use outlast_sdk::{entity, EntityContext};
    /// # use serde::{Deserialize, Serialize};
    /// # use std::time::{Duration, SystemTime};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Lamp { is_on: bool }
    /// # #[entity]
    /// # impl Lamp { fn off(&mut self) { self.is_on = false; } }
    /// # fn example(ctx: &mut EntityContext) {
    /// ctx.signal_at::<Lamp>("hall", SystemTime::now() + Duration::from_secs(60)).off();
    /// # }
    /// ```
    pub fn signal_at<N: Entity>(&self, key: &str, at: SystemTime) -> N::Operations<Sent> {
        N::operations(Sent { id: EntityId::of::<N>(key), actions: Arc::clone(&self.actions), at: Some(at) })
    }

    /// Starts an orchestration with an id, unless one with that id is there.
    ///
    /// ```
    /// # use outlast_sdk::{EntityContext, Failure, Named};
    /// const REORDER: Named<u32, ()> = Named::new("reorder");
    ///
    /// # fn example(ctx: &mut EntityContext) -> Result<(), Failure> {
    /// ctx.start(REORDER, "reorder-pens", 100)
    /// # }
    /// ```
    ///
    /// # Errors
    /// The input cannot be written as JSON.
    pub fn start<O: Orchestration>(
        &mut self,
        orchestration: O,
        instance_id: &str,
        input: impl Given<O::Input>,
    ) -> Result<(), Failure> {
        let start = pb::StartNewOrchestrationAction {
            instance_id: instance_id.to_owned(),
            name: orchestration.name().to_owned(),
            input: Some(input.write()?),
            request_time: Some(time::to_wire(SystemTime::now())),
            ..Default::default()
        };
        let mut actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        actions.push(Action::StartNewOrchestration(start));
        Ok(())
    }
}

/// Operations that one entity sends another: [`EntityContext::signal`].
#[derive(Debug, Clone)]
pub struct Sent {
    id: EntityId,
    actions: Arc<Mutex<Vec<Action>>>,
    at: Option<SystemTime>,
}

impl sealed::Sealed for Sent {}

impl Via for Sent {
    type Answer<O: DeserializeOwned + 'static, E: From<Failure> + 'static> = ();

    fn ask<I: Serialize, O: DeserializeOwned + 'static, E: From<Failure> + 'static>(
        &self,
        operation: &'static str,
        input: &I,
    ) {
        let input = match value::write(input) {
            Ok(input) => input,
            Err(error) => panic!("the input of `{operation}` cannot be written as JSON: {error}"),
        };
        let signal = pb::SendSignalAction {
            instance_id: self.id.to_string(),
            name: operation.to_owned(),
            input: Some(input),
            scheduled_time: self.at.map(time::to_wire),
            request_time: Some(time::to_wire(SystemTime::now())),
            parent_trace_context: None,
        };
        self.actions.lock().unwrap_or_else(PoisonError::into_inner).push(Action::SendSignal(signal));
    }
}

//! What the HTTP API needs of a node: a narrow door, so that the API can be tested without one.
//!
//! `node` is the real one. Answers come once they are durable; an error is a [`Problem`] already,
//! because only the node knows whether something may have happened.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use engine::catalog::{self, NodeView};
use engine::id::{EntityId, InstanceId};
use engine::partition::command::Command;
use engine::partition::effect::Reply;
use engine::partition::schedules::command::{ChangeSchedule, PutSchedule};
use engine::time::Timestamp;

use super::entities::{Entity, EntityFilter, EntityPage};
use super::feed::{Letter, Resend, SubscriptionStatus};
use super::model::{History, Hub, Instance, NewHub, NodeStatus, Status};
use super::problem::Problem;
use super::schedules::Schedule;
use crate::node::layout::Layout;

/// An answer to come.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

/// Which instances of a hub are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these; empty: all.
    pub statuses: Vec<Status>,
    /// Beginning of the id.
    pub prefix: String,
    /// Created then or later.
    pub created_from: Option<Timestamp>,
    /// Created before.
    pub created_before: Option<Timestamp>,
    /// Whether inputs, outputs and custom statuses are wanted.
    pub values: bool,
}

/// A page of instances and where the next one begins.
#[derive(Debug, Default)]
pub struct Page {
    /// The instances.
    pub instances: Vec<Instance>,
    /// What to ask for the next page with; `None` on the last one.
    pub next: Option<String>,
}

/// A node, as the HTTP API sees it.
pub trait Backend: Send + Sync + 'static {
    /// Whether queries work.
    fn is_ready(&self) -> bool;
    /// Time since some fixed point, never going back.
    fn monotonic(&self) -> Duration;
    /// 32 random hex digits: a new execution's or instance's id.
    fn fresh_id(&self) -> String;
    /// The node's state.
    fn status(&self) -> Answer<'_, NodeStatus>;
    /// All hubs by name, deleted ones too.
    fn hubs(&self) -> Answer<'_, Vec<Hub>>;
    /// Creates a hub; the node's settings say what `new` leaves open.
    fn create_hub(&self, new: NewHub) -> Answer<'_, Hub>;
    /// Deletes a hub so that it can be brought back.
    fn delete_hub(&self, name: String) -> Answer<'_, Hub>;
    /// Brings a deleted hub back.
    fn undelete_hub(&self, name: String) -> Answer<'_, Hub>;
    /// Removes a deleted hub for good.
    fn remove_hub(&self, name: String) -> Answer<'_, ()>;
    /// The cluster's nodes, hubs and placements.
    fn layout(&self) -> Answer<'_, Layout>;
    /// The same, with the replicas that vote in each partition of a hub, where its leader answers soon.
    fn layout_of(&self, hub: String) -> Answer<'_, Layout>;
    /// Changes what the catalog says of a node.
    fn change_node(&self, command: catalog::Command) -> Answer<'_, NodeView>;
    /// Carries out a command for an instance.
    fn ask(&self, hub: String, id: InstanceId, command: Command) -> Answer<'_, Reply>;
    /// An instance, values included.
    fn instance(&self, hub: String, id: InstanceId) -> Answer<'_, Option<Instance>>;
    /// The instance once it has finished, or as it is after `timeout`.
    fn wait(&self, hub: String, id: InstanceId, timeout: Duration) -> Answer<'_, Option<Instance>>;
    /// A page of instances after a place that an earlier page named.
    fn instances(&self, hub: String, filter: Filter, after: Option<String>, limit: usize)
    -> Answer<'_, Page>;
    /// A page of a hub's schedules beyond a place, and where the next begins.
    fn schedules(
        &self,
        hub: String,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, (Vec<Schedule>, Option<String>)>;
    /// A schedule, or `None`.
    fn schedule(&self, hub: String, name: String) -> Answer<'_, Option<Schedule>>;
    /// Creates or changes a schedule, whose first tick is found here.
    fn put_schedule(&self, hub: String, command: PutSchedule) -> Answer<'_, ()>;
    /// Does something to a schedule.
    fn change_schedule(&self, hub: String, command: ChangeSchedule) -> Answer<'_, ()>;
    /// An entity with its state.
    fn entity(&self, hub: String, id: EntityId) -> Answer<'_, Option<Entity>>;
    /// A page of entities after a place that an earlier page named.
    fn entities(
        &self,
        hub: String,
        filter: EntityFilter,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, EntityPage>;
    /// A page of a hub's lifecycle events beyond a place, and the place behind it.
    fn events(
        &self,
        hub: String,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, (Vec<serde_json::Value>, String)>;
    /// Who is told about a hub's lifecycle events.
    fn subscriptions(&self, hub: String) -> Answer<'_, Vec<SubscriptionStatus>>;
    /// A page of events that could not be delivered, and where the next begins.
    fn letters(
        &self,
        hub: String,
        subscription: String,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, (Vec<Letter>, Option<String>)>;
    /// Sends events again; whether there was any to send.
    fn resend(&self, hub: String, resend: Resend) -> Answer<'_, bool>;
    /// A page of an instance's history after a place that an earlier page named in its `next`.
    fn history(
        &self,
        hub: String,
        id: InstanceId,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, Option<History>>;
}

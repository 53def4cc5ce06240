//! What an orchestration asks for at the end of a turn: the wire's `OrchestratorAction`.
//!
//! Not here: what is done about it (`partition::apply::complete_orchestration_turn`). Action ids
//! are not unique: retries use them again.

use std::collections::BTreeMap;

use crate::event::{
    EntityLockRequested, EntityOperationCalled, EntityOperationSignaled, EntityUnlockSent, FailureDetails,
    HistoryEvent, OrchestrationInstance, TraceContext,
};
use crate::partition::command::Moment;

/// One thing an orchestration asks for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Action {
    /// The orchestration's own number: not unique.
    #[prost(int32, tag = "1")]
    pub id: i32,
    /// What it is.
    #[prost(oneof = "ActionKind", tags = "2, 3, 4, 5, 6, 7, 8, 9")]
    pub kind: Option<ActionKind>,
}

/// The kinds of [`Action`], with the wire's numbers.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ActionKind {
    /// Run an activity.
    #[prost(message, tag = "2")]
    ScheduleTask(ScheduleTask),
    /// Start a sub-orchestration.
    #[prost(message, tag = "3")]
    CreateSubOrchestration(CreateSubOrchestration),
    /// Set a timer.
    #[prost(message, tag = "4")]
    CreateTimer(CreateTimer),
    /// Send an event to another instance.
    #[prost(message, tag = "5")]
    SendEvent(SendEvent),
    /// End, or continue as new.
    #[prost(message, tag = "6")]
    CompleteOrchestration(CompleteOrchestration),
    /// Terminate another instance.
    #[prost(message, tag = "7")]
    TerminateOrchestration(TerminateOrchestration),
    /// Talk to an entity.
    #[prost(message, tag = "8")]
    SendEntityMessage(SendEntityMessage),
    /// Go on with another history.
    #[prost(message, tag = "9")]
    RewindOrchestration(RewindOrchestration),
}

/// Run an activity.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScheduleTask {
    /// The name, as given.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The version; absent where none was given.
    #[prost(message, optional, tag = "2")]
    pub version: Option<String>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "4")]
    pub tags: BTreeMap<String, String>,
    /// W3C trace context of the cause.
    #[prost(message, optional, tag = "5")]
    pub parent_trace_context: Option<TraceContext>,
}

/// Start a sub-orchestration.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateSubOrchestration {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance_id: String,
    /// The name, as given.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The version; absent where none was given.
    #[prost(message, optional, tag = "3")]
    pub version: Option<String>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
    /// W3C trace context of the cause.
    #[prost(message, optional, tag = "5")]
    pub parent_trace_context: Option<TraceContext>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "6")]
    pub tags: BTreeMap<String, String>,
}

/// Set a timer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateTimer {
    /// When it is due.
    #[prost(message, optional, tag = "1")]
    pub fire_at: Option<Moment>,
}

/// Send an event to another instance.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SendEvent {
    /// The target.
    #[prost(message, optional, tag = "1")]
    pub instance: Option<OrchestrationInstance>,
    /// The name, as given.
    #[prost(string, tag = "2")]
    pub name: String,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "3")]
    pub data: Option<String>,
}

/// End, or continue as new.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CompleteOrchestration {
    /// Number of the status.
    #[prost(int32, tag = "1")]
    pub orchestration_status: i32,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "2")]
    pub result: Option<String>,
    /// Legacy text of a failure.
    #[prost(message, optional, tag = "3")]
    pub details: Option<String>,
    /// The version to go on with; absent: the same.
    #[prost(message, optional, tag = "4")]
    pub new_version: Option<String>,
    /// Events the worker had not used.
    #[prost(message, repeated, tag = "5")]
    pub carryover_events: Vec<HistoryEvent>,
    /// What went wrong.
    #[prost(message, optional, tag = "6")]
    pub failure_details: Option<FailureDetails>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "7")]
    pub tags: BTreeMap<String, String>,
}

/// Terminate another instance.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TerminateOrchestration {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance_id: String,
    /// Why, for people.
    #[prost(message, optional, tag = "2")]
    pub reason: Option<String>,
    /// Children too.
    #[prost(bool, tag = "3")]
    pub recurse: bool,
}

/// Talk to an entity.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SendEntityMessage {
    /// What it is.
    #[prost(oneof = "EntityMessage", tags = "1, 2, 3, 4")]
    pub kind: Option<EntityMessage>,
}

/// The kinds of [`SendEntityMessage`], with the wire's numbers.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum EntityMessage {
    /// An entity was signalled.
    #[prost(message, tag = "1")]
    EntityOperationSignaled(EntityOperationSignaled),
    /// An entity was called.
    #[prost(message, tag = "2")]
    EntityOperationCalled(EntityOperationCalled),
    /// Locks on entities were asked for.
    #[prost(message, tag = "3")]
    EntityLockRequested(EntityLockRequested),
    /// A lock was given back.
    #[prost(message, tag = "4")]
    EntityUnlockSent(EntityUnlockSent),
}

/// Go on with another history.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RewindOrchestration {
    /// The history to go on with.
    #[prost(message, repeated, tag = "1")]
    pub new_history: Vec<HistoryEvent>,
}

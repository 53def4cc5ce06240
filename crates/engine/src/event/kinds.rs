//! The kinds of history events, each with the fields of the wire.
//!
//! Not here: entity events (`entity`), failures (`failure`).

use std::collections::BTreeMap;

use crate::event::{FailureDetails, TraceContext};
use crate::partition::command::Moment;

/// An instance and one of its executions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrchestrationInstance {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance_id: String,
    /// The execution.
    #[prost(message, optional, tag = "2")]
    pub execution_id: Option<String>,
}

/// Who started a sub-orchestration.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ParentInstanceInfo {
    /// The scheduling action's id.
    #[prost(int32, tag = "1")]
    pub task_scheduled_id: i32,
    /// The name, as given.
    #[prost(message, optional, tag = "2")]
    pub name: Option<String>,
    /// The version; absent where none was given.
    #[prost(message, optional, tag = "3")]
    pub version: Option<String>,
    /// Instance and execution.
    #[prost(message, optional, tag = "4")]
    pub orchestration_instance: Option<OrchestrationInstance>,
}

/// An execution begins: delivered once.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutionStarted {
    /// The name, as given.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The version; absent where none was given.
    #[prost(message, optional, tag = "2")]
    pub version: Option<String>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    /// Instance and execution.
    #[prost(message, optional, tag = "4")]
    pub orchestration_instance: Option<OrchestrationInstance>,
    /// Who started this orchestration.
    #[prost(message, optional, tag = "5")]
    pub parent_instance: Option<ParentInstanceInfo>,
    /// Not before this time.
    #[prost(message, optional, tag = "6")]
    pub scheduled_start_timestamp: Option<Moment>,
    /// W3C trace context of the cause.
    #[prost(message, optional, tag = "7")]
    pub parent_trace_context: Option<TraceContext>,
    /// The span of all its turns.
    #[prost(message, optional, tag = "8")]
    pub orchestration_span_id: Option<String>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "9")]
    pub tags: BTreeMap<String, String>,
}

/// An execution has ended; shown to people only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutionCompleted {
    /// Number of the status.
    #[prost(int32, tag = "1")]
    pub orchestration_status: i32,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "2")]
    pub result: Option<String>,
    /// What went wrong.
    #[prost(message, optional, tag = "3")]
    pub failure_details: Option<FailureDetails>,
}

/// Somebody wants the instance to end.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutionTerminated {
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "1")]
    pub input: Option<String>,
    /// Children too.
    #[prost(bool, tag = "2")]
    pub recurse: bool,
}

/// An activity was scheduled.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskScheduled {
    /// The name, as given.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The version; absent where none was given.
    #[prost(message, optional, tag = "2")]
    pub version: Option<String>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    /// W3C trace context of the cause.
    #[prost(message, optional, tag = "4")]
    pub parent_trace_context: Option<TraceContext>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "5")]
    pub tags: BTreeMap<String, String>,
}

/// An activity succeeded.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskCompleted {
    /// The scheduling action's id.
    #[prost(int32, tag = "1")]
    pub task_scheduled_id: i32,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "2")]
    pub result: Option<String>,
}

/// An activity failed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskFailed {
    /// The scheduling action's id.
    #[prost(int32, tag = "1")]
    pub task_scheduled_id: i32,
    /// What went wrong.
    #[prost(message, optional, tag = "2")]
    pub failure_details: Option<FailureDetails>,
}

/// A sub-orchestration was asked for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SubOrchestrationInstanceCreated {
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

/// A sub-orchestration succeeded.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SubOrchestrationInstanceCompleted {
    /// The scheduling action's id.
    #[prost(int32, tag = "1")]
    pub task_scheduled_id: i32,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "2")]
    pub result: Option<String>,
}

/// A sub-orchestration failed or was terminated.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SubOrchestrationInstanceFailed {
    /// The scheduling action's id.
    #[prost(int32, tag = "1")]
    pub task_scheduled_id: i32,
    /// What went wrong.
    #[prost(message, optional, tag = "2")]
    pub failure_details: Option<FailureDetails>,
}

/// A timer was set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TimerCreated {
    /// When it is due.
    #[prost(message, optional, tag = "1")]
    pub fire_at: Option<Moment>,
}

/// A timer is due.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TimerFired {
    /// When it is due.
    #[prost(message, optional, tag = "1")]
    pub fire_at: Option<Moment>,
    /// The creating action's id.
    #[prost(int32, tag = "2")]
    pub timer_id: i32,
}

/// A turn begins; its timestamp is the orchestration's clock.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrchestratorStarted {}

/// A turn ended; never stored.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrchestratorCompleted {}

/// An event was sent to another instance.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EventSent {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance_id: String,
    /// The name, as given.
    #[prost(string, tag = "2")]
    pub name: String,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
}

/// An external event arrived.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EventRaised {
    /// The name, as given.
    #[prost(string, tag = "1")]
    pub name: String,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "2")]
    pub input: Option<String>,
}

/// Unused by SDKs; decoded only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Generic {
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "1")]
    pub data: Option<String>,
}

/// Unused by SDKs; decoded only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HistoryState {
    /// What the instance looked like.
    #[prost(message, optional, tag = "1")]
    pub orchestration_state: Option<OrchestrationState>,
}

/// Unused by SDKs; decoded only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContinueAsNew {
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "1")]
    pub input: Option<String>,
}

/// The inbox is held; shown to people only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutionSuspended {
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "1")]
    pub input: Option<String>,
}

/// The inbox is released; shown to people only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutionResumed {
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "1")]
    pub input: Option<String>,
}

/// A failed execution was rewound.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutionRewound {
    /// Why, for people.
    #[prost(message, optional, tag = "1")]
    pub reason: Option<String>,
    /// The asking orchestration's execution.
    #[prost(message, optional, tag = "2")]
    pub parent_execution_id: Option<String>,
    /// The instance.
    #[prost(message, optional, tag = "3")]
    pub instance_id: Option<String>,
    /// W3C trace context of the cause.
    #[prost(message, optional, tag = "4")]
    pub parent_trace_context: Option<TraceContext>,
    /// The name, as given.
    #[prost(message, optional, tag = "5")]
    pub name: Option<String>,
    /// The version; absent where none was given.
    #[prost(message, optional, tag = "6")]
    pub version: Option<String>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "7")]
    pub input: Option<String>,
    /// Who started this orchestration.
    #[prost(message, optional, tag = "8")]
    pub parent_instance: Option<ParentInstanceInfo>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "9")]
    pub tags: BTreeMap<String, String>,
}

/// An instance as the wire shows it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrchestrationState {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance_id: String,
    /// The name, as given.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The version; absent where none was given.
    #[prost(message, optional, tag = "3")]
    pub version: Option<String>,
    /// Number of the status.
    #[prost(int32, tag = "4")]
    pub orchestration_status: i32,
    /// Not before this time.
    #[prost(message, optional, tag = "5")]
    pub scheduled_start_timestamp: Option<Moment>,
    /// When it was created.
    #[prost(message, optional, tag = "6")]
    pub created_timestamp: Option<Moment>,
    /// When it last changed.
    #[prost(message, optional, tag = "7")]
    pub last_updated_timestamp: Option<Moment>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "8")]
    pub input: Option<String>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "9")]
    pub output: Option<String>,
    /// What the orchestration says of itself.
    #[prost(message, optional, tag = "10")]
    pub custom_status: Option<String>,
    /// What went wrong.
    #[prost(message, optional, tag = "11")]
    pub failure_details: Option<FailureDetails>,
    /// The execution.
    #[prost(message, optional, tag = "12")]
    pub execution_id: Option<String>,
    /// When it ended.
    #[prost(message, optional, tag = "13")]
    pub completed_timestamp: Option<Moment>,
    /// The asking orchestration.
    #[prost(message, optional, tag = "14")]
    pub parent_instance_id: Option<String>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "15")]
    pub tags: BTreeMap<String, String>,
}

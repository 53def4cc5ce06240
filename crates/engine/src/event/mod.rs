//! History events and actions: what orchestrations are told and what they ask for, with the field
//! numbers of the Durable Task wire, so that stored bytes go to workers as they are.
//!
//! Not here: gRPC messages (`outlast-proto`) and what an event does to the state (`partition`).
//! Kinds we never store are declared too, so that a worker that sends one gets a refusal, not silence.

mod action;
mod entity;
mod failure;
mod kinds;
mod texts;

use crate::partition::command::Moment;

pub use action::*;
pub use entity::*;
pub use failure::*;
pub use kinds::*;
pub use texts::*;

/// One event of a history or an inbox.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HistoryEvent {
    /// The id of the action it confirms, or -1.
    #[prost(int32, tag = "1")]
    pub event_id: i32,
    /// When it was recorded.
    #[prost(message, optional, tag = "2")]
    pub timestamp: Option<Moment>,
    /// What it is.
    #[prost(
        oneof = "EventKind",
        tags = "3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30"
    )]
    pub kind: Option<EventKind>,
}

/// The kinds of [`HistoryEvent`], with the wire's numbers.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum EventKind {
    /// An execution begins: delivered once.
    #[prost(message, tag = "3")]
    ExecutionStarted(ExecutionStarted),
    /// An execution has ended; shown to people only.
    #[prost(message, tag = "4")]
    ExecutionCompleted(ExecutionCompleted),
    /// Somebody wants the instance to end.
    #[prost(message, tag = "5")]
    ExecutionTerminated(ExecutionTerminated),
    /// An activity was scheduled.
    #[prost(message, tag = "6")]
    TaskScheduled(TaskScheduled),
    /// An activity succeeded.
    #[prost(message, tag = "7")]
    TaskCompleted(TaskCompleted),
    /// An activity failed.
    #[prost(message, tag = "8")]
    TaskFailed(TaskFailed),
    /// A sub-orchestration was asked for.
    #[prost(message, tag = "9")]
    SubOrchestrationInstanceCreated(SubOrchestrationInstanceCreated),
    /// A sub-orchestration succeeded.
    #[prost(message, tag = "10")]
    SubOrchestrationInstanceCompleted(SubOrchestrationInstanceCompleted),
    /// A sub-orchestration failed or was terminated.
    #[prost(message, tag = "11")]
    SubOrchestrationInstanceFailed(SubOrchestrationInstanceFailed),
    /// A timer was set.
    #[prost(message, tag = "12")]
    TimerCreated(TimerCreated),
    /// A timer is due.
    #[prost(message, tag = "13")]
    TimerFired(TimerFired),
    /// A turn begins; its timestamp is the orchestration's clock.
    #[prost(message, tag = "14")]
    OrchestratorStarted(OrchestratorStarted),
    /// A turn ended; never stored.
    #[prost(message, tag = "15")]
    OrchestratorCompleted(OrchestratorCompleted),
    /// An event was sent to another instance.
    #[prost(message, tag = "16")]
    EventSent(EventSent),
    /// An external event arrived.
    #[prost(message, tag = "17")]
    EventRaised(EventRaised),
    /// Unused by SDKs; decoded only.
    #[prost(message, tag = "18")]
    Generic(Generic),
    /// Unused by SDKs; decoded only.
    #[prost(message, tag = "19")]
    HistoryState(HistoryState),
    /// Unused by SDKs; decoded only.
    #[prost(message, tag = "20")]
    ContinueAsNew(ContinueAsNew),
    /// The inbox is held; shown to people only.
    #[prost(message, tag = "21")]
    ExecutionSuspended(ExecutionSuspended),
    /// The inbox is released; shown to people only.
    #[prost(message, tag = "22")]
    ExecutionResumed(ExecutionResumed),
    /// An entity was signalled.
    #[prost(message, tag = "23")]
    EntityOperationSignaled(EntityOperationSignaled),
    /// An entity was called.
    #[prost(message, tag = "24")]
    EntityOperationCalled(EntityOperationCalled),
    /// An entity call succeeded.
    #[prost(message, tag = "25")]
    EntityOperationCompleted(EntityOperationCompleted),
    /// An entity call failed.
    #[prost(message, tag = "26")]
    EntityOperationFailed(EntityOperationFailed),
    /// Locks on entities were asked for.
    #[prost(message, tag = "27")]
    EntityLockRequested(EntityLockRequested),
    /// All locks are held.
    #[prost(message, tag = "28")]
    EntityLockGranted(EntityLockGranted),
    /// A lock was given back.
    #[prost(message, tag = "29")]
    EntityUnlockSent(EntityUnlockSent),
    /// A failed execution was rewound.
    #[prost(message, tag = "30")]
    ExecutionRewound(ExecutionRewound),
}

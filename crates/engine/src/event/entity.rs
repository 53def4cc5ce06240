//! Entity events: what orchestrations ask of entities and what they hear, with the wire's numbers.
//!
//! Not here: what an operation means, which only workers know.

use crate::event::FailureDetails;
use crate::partition::command::Moment;

/// An entity was signalled.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityOperationSignaled {
    /// Which request it answers or makes.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// The operation's name.
    #[prost(string, tag = "2")]
    pub operation: String,
    /// Not before this time.
    #[prost(message, optional, tag = "3")]
    pub scheduled_time: Option<Moment>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
    /// The entity.
    #[prost(message, optional, tag = "5")]
    pub target_instance_id: Option<String>,
}

/// An entity was called.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityOperationCalled {
    /// Which request it answers or makes.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// The operation's name.
    #[prost(string, tag = "2")]
    pub operation: String,
    /// Not before this time.
    #[prost(message, optional, tag = "3")]
    pub scheduled_time: Option<Moment>,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
    /// The asking orchestration.
    #[prost(message, optional, tag = "5")]
    pub parent_instance_id: Option<String>,
    /// The asking orchestration's execution.
    #[prost(message, optional, tag = "6")]
    pub parent_execution_id: Option<String>,
    /// The entity.
    #[prost(message, optional, tag = "7")]
    pub target_instance_id: Option<String>,
}

/// An entity call succeeded.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityOperationCompleted {
    /// Which request it answers or makes.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// JSON text; absent is not empty.
    #[prost(message, optional, tag = "2")]
    pub output: Option<String>,
}

/// An entity call failed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityOperationFailed {
    /// Which request it answers or makes.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// What went wrong.
    #[prost(message, optional, tag = "2")]
    pub failure_details: Option<FailureDetails>,
}

/// Locks on entities were asked for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityLockRequested {
    /// Which critical section.
    #[prost(string, tag = "1")]
    pub critical_section_id: String,
    /// Entities to lock, sorted.
    #[prost(string, repeated, tag = "2")]
    pub lock_set: Vec<String>,
    /// How many of them are locked.
    #[prost(int32, tag = "3")]
    pub position: i32,
    /// The asking orchestration.
    #[prost(message, optional, tag = "4")]
    pub parent_instance_id: Option<String>,
}

/// All locks are held.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityLockGranted {
    /// Which critical section.
    #[prost(string, tag = "1")]
    pub critical_section_id: String,
}

/// A lock was given back.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntityUnlockSent {
    /// Which critical section.
    #[prost(string, tag = "1")]
    pub critical_section_id: String,
    /// The asking orchestration.
    #[prost(message, optional, tag = "2")]
    pub parent_instance_id: Option<String>,
    /// The entity.
    #[prost(message, optional, tag = "3")]
    pub target_instance_id: Option<String>,
}

//! Answers of workers, decoded straight into the engine's types: a turn's answer may be large, and
//! the engine's events and actions have the wire's numbers anyway.
//!
//! Field numbers are those of `orchestrator_service.proto`; a test holds them together.

use engine::event::{Action, FailureDetails, OrchestrationTraceContext};

/// `OrchestratorResponse`.
#[expect(clippy::struct_excessive_bools, reason = "the wire's fields")]
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TurnAnswer {
    #[prost(message, repeated, tag = "2")]
    pub(super) actions: Vec<Action>,
    #[prost(message, optional, tag = "3")]
    pub(super) custom_status: Option<String>,
    #[prost(string, tag = "4")]
    pub(super) completion_token: String,
    #[prost(message, optional, tag = "5")]
    pub(super) events_processed: Option<i32>,
    #[prost(message, optional, tag = "6")]
    pub(super) trace: Option<OrchestrationTraceContext>,
    #[prost(bool, tag = "7")]
    pub(super) requires_history: bool,
    #[prost(bool, tag = "8")]
    pub(super) is_partial: bool,
    #[prost(message, optional, tag = "9")]
    pub(super) chunk_index: Option<i32>,
}

/// `ActivityResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ActivityAnswer {
    #[prost(message, optional, tag = "3")]
    pub(super) result: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub(super) failure: Option<FailureDetails>,
    #[prost(string, tag = "5")]
    pub(super) completion_token: String,
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;

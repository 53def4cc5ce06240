//! Answers of workers, decoded straight into the engine's types: a turn's answer may be large, and
//! the engine's events and actions have the wire's numbers anyway.
//!
//! Field numbers are those of `orchestrator_service.proto`; a test holds them together.

use engine::event::{Action, FailureDetails, OrchestrationTraceContext};
use outlast_proto::durable_task::{EntityBatchResult, GetWorkItemsRequest};

/// `OrchestratorResponse`.
#[expect(clippy::struct_excessive_bools, reason = "the wire's fields")]
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::ingress::grpc) struct TurnAnswer {
    #[prost(string, tag = "1")]
    pub(in crate::ingress::grpc) instance: String,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::ingress::grpc) actions: Vec<Action>,
    #[prost(message, optional, tag = "3")]
    pub(in crate::ingress::grpc) custom_status: Option<String>,
    #[prost(string, tag = "4")]
    pub(in crate::ingress::grpc) completion_token: String,
    #[prost(message, optional, tag = "5")]
    pub(in crate::ingress::grpc) events_processed: Option<i32>,
    #[prost(message, optional, tag = "6")]
    pub(in crate::ingress::grpc) trace: Option<OrchestrationTraceContext>,
    #[prost(bool, tag = "7")]
    pub(in crate::ingress::grpc) requires_history: bool,
    #[prost(bool, tag = "8")]
    pub(in crate::ingress::grpc) is_partial: bool,
    #[prost(message, optional, tag = "9")]
    pub(in crate::ingress::grpc) chunk_index: Option<i32>,
}

/// `ActivityResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::ingress::grpc) struct ActivityAnswer {
    #[prost(string, tag = "1")]
    pub(in crate::ingress::grpc) instance: String,
    #[prost(message, optional, tag = "3")]
    pub(in crate::ingress::grpc) result: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub(in crate::ingress::grpc) failure: Option<FailureDetails>,
    #[prost(string, tag = "5")]
    pub(in crate::ingress::grpc) completion_token: String,
}

/// `outlast.v1.FromWorker`.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::ingress::grpc) struct FromWorker {
    #[prost(message, optional, tag = "1")]
    pub(in crate::ingress::grpc) opening: Option<GetWorkItemsRequest>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::ingress::grpc) turns: Vec<TurnAnswer>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::ingress::grpc) activities: Vec<ActivityAnswer>,
    #[prost(string, repeated, tag = "4")]
    pub(in crate::ingress::grpc) returned: Vec<String>,
    #[prost(uint64, tag = "5")]
    pub(in crate::ingress::grpc) number: u64,
    #[prost(message, repeated, tag = "6")]
    pub(in crate::ingress::grpc) batches: Vec<EntityBatchResult>,
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;

//! Commands and the message that give an ended instance another life.
//!
//! Not here: replacing an instance by a start of the same id ([`crate::partition::command::ReusePolicy`]).

use crate::partition::command::{RequestId, StartChild};

/// Begins an ended instance anew: same id, name, version, input and tags, nothing else of it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Restart {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// See [`crate::partition::command::StartOrchestration::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// 32 hex digits, minted at ingress.
    #[prost(string, tag = "3")]
    pub execution: String,
}

/// Lets a failed instance go on: what failed is taken out of its history and asked for again.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Rewind {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// See [`crate::partition::command::StartOrchestration::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// Why, for people.
    #[prost(string, optional, tag = "3")]
    pub reason: Option<String>,
}

/// A rewound parent waits again for a child that had failed, or that it had stopped waiting for.
/// One that failed is rewound too; one that is gone or was terminated is created again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RewindChild {
    /// The child as it would be created, with the parent's new execution.
    #[prost(message, required, tag = "1")]
    pub start: StartChild,
    /// Why, for people.
    #[prost(string, optional, tag = "2")]
    pub reason: Option<String>,
}

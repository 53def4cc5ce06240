//! Ways in: each turns requests into commands and queries, and answers into its own format.
//!
//! Not here: deciding; and the partitions that carry commands out (`partition`).

pub(crate) mod accept;
pub mod auth;
pub mod bind;
pub mod grpc;
pub mod http;

//! What people and machines can see of a node: codes, log lines, metrics, health.
//!
//! `codes` is the register behind every error and warning, `log` writes lines, `metrics` holds the
//! counters that the rooms increment, `health` says what is wrong now.
//!
//! Not here: serving any of it (`ingress::http`). Nothing is sent anywhere that was not configured.

pub mod codes;
#[cfg(test)]
pub(crate) mod docs;
pub mod health;
pub mod log;
pub mod metrics;
pub mod rfc3339;

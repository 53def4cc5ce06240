//! One running node: turns requests into commands, runs the machines over their logs, performs
//! effects.
//!
//! Not here: anything that must be the same on all replicas (`engine` decides that).

pub mod config;
pub mod dispatch;
pub mod doctor;
pub mod events;
pub mod ingress;
mod membership;
pub mod node;
pub mod observe;
pub mod partition;
pub mod peers;
pub mod schedules;
pub mod serve;
#[cfg(test)]
mod testing;

//! Recurring starts: when schedules are due, and who proposes it.
//!
//! [`cron`] reads expressions and finds ticks in a time zone, [`plan`] decides what becomes of a tick
//! that has come, [`ticker`] waits for it and proposes it. The engine sees to it that a tick counts
//! once, whoever proposes it and how often (`engine::partition::schedules`).
//!
//! Not here: the API (`ingress::http`).

pub mod cron;
pub mod plan;
#[cfg(test)]
mod tests;
mod ticker;

pub use ticker::run;

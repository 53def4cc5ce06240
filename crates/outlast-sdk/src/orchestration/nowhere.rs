//! A runtime in which nothing ever happens, entered while orchestration code runs.
//!
//! Code that would sleep, open a connection or spawn a task by way of tokio must not find the worker's
//! own runtime: it would seem to work and differ from replay to replay. Here timers and sockets refuse
//! on the spot, and a spawned task never runs, so that whoever waits for it is found out.

use std::sync::OnceLock;

use tokio::runtime::{Builder, EnterGuard, Runtime};

static NOWHERE: OnceLock<Option<Runtime>> = OnceLock::new();

/// Leaves the worker's runtime until the guard is dropped.
pub(super) fn enter() -> Option<EnterGuard<'static>> {
    // A system that cannot make a runtime has greater worries than code that breaks the rules.
    NOWHERE.get_or_init(|| Builder::new_current_thread().build().ok()).as_ref().map(Runtime::enter)
}

/// Whether a panic is that of a tokio timer or socket that found no driver.
pub(super) fn is_refusal(message: &str) -> bool {
    message.starts_with("A Tokio 1.x context was found, but")
}

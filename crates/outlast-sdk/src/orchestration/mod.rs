//! Orchestrations: what their code can do, and how it is run again over its history.
//!
//! - [`context`]: what orchestration code calls;
//! - [`future`]: what those calls give back;
//! - [`join`], [`retry`]: waiting for several, trying again;
//! - `turn`: the state that context and futures share while a turn runs;
//! - `replay`: feeds history to the code and collects what it wants done;
//! - `confirm`: compares what the code wants with what history says it wanted.

mod confirm;
pub(crate) mod context;
pub(crate) mod future;
pub(crate) mod join;
pub(crate) mod replay;
pub(crate) mod retry;
#[cfg(test)]
mod tests;
mod turn;

use std::future::Future;
use std::pin::Pin;

use crate::failure::Failure;
use context::Context;

/// A running orchestration. It never leaves the thread that replays it, so it need not be `Send`.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<String, Failure>>>>;

/// Starts an orchestration's code on a context and the JSON text of its input.
pub(crate) type Function = Box<dyn Fn(Context, Option<String>) -> Running + Send + Sync>;

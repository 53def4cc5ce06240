//! Orchestrations: what their code can do, and how it is run again over its history.
//!
//! - [`context`], [`calls`], [`patches`], [`entities`]: what orchestration code calls;
//! - [`call`], [`future`], [`timeout`], [`join`]: what it waits for, [`retry`]: how often;
//! - `turn`, `section`: the state that all these share while a turn runs;
//! - `replay`: feeds history to the code and collects what it wants done;
//! - `confirm`: compares what the code wants with what history says it wanted;
//! - `ids`, `nowhere`: what the code gets for chance and for a runtime.

pub(crate) mod call;
mod calls;
pub(crate) mod confirm;
pub(crate) mod context;
pub(crate) mod entities;
#[cfg(test)]
mod entities_tests;
pub(crate) mod future;
mod ids;
pub(crate) mod join;
mod nowhere;
mod patches;
pub(crate) mod replay;
pub(crate) mod retry;
#[cfg(test)]
mod script;
mod section;
#[cfg(test)]
mod tests;
pub(crate) mod timeout;
mod turn;

use std::future::Future;
use std::pin::Pin;

use crate::failure::Failure;
use context::Context;

/// A running orchestration. It never leaves the thread that replays it, so it need not be `Send`.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<String, Failure>>>>;

/// Starts an orchestration's code on a context and the JSON text of its input.
pub(crate) type Function = Box<dyn Fn(Context, Option<String>) -> Running + Send + Sync>;

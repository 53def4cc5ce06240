//! The SDK's map; what it is and how to use it stands in `README.md`, which is its front page too.
//!
//! `client` asks the server · `worker` works for it · `orchestration` (context, futures, replay) and
//! `activity` are what user code sees · `failure` is of user code, `error` of calls · `value` and `time`
//! are how things travel. Not here: anything of the server's inside.

#![doc = ""]
#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod activity;
mod client;
mod error;
mod failure;
mod orchestration;
mod time;
mod value;
mod worker;

pub use activity::ActivityContext;
pub use client::Client;
pub use client::history::Step;
pub use client::instance::{Instance, Status};
pub use client::start::Start;
pub use error::Error;
pub use failure::{FOREIGN_AWAIT, Failure, NON_DETERMINISM, PANIC, SERIALIZATION};
pub use orchestration::context::Context;
pub use orchestration::future::{Call, Timer, WaitEvent};
pub use orchestration::join::{All, Either, Select2, all, select2};
pub use orchestration::retry::{Retry, Retrying};
pub use worker::{Running, Worker};

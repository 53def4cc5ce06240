//! Durable orchestrations in Rust: write them, run them, start them.
//!
//! An *orchestration* is an `async fn` that survives its process. Whatever it waits for is kept by the
//! server; when something arrives, a [`Worker`] runs the code again from the beginning, with the answers of
//! history, up to where it was. An *activity* is an ordinary `async fn` that does one step in the outside
//! world. A [`Client`] starts orchestrations and asks after them. Works with Outlast and with any other
//! server that speaks the Durable Task protocol.
//!
//! ```no_run
//! use outlast_sdk::{ActivityContext, Client, Context, Failure, Worker};
//! use std::time::Duration;
//!
//! async fn greet(ctx: Context, name: String) -> Result<String, Failure> {
//!     ctx.timer(Duration::from_secs(1)).await;
//!     ctx.call_activity("hello", &name).await
//! }
//!
//! async fn hello(_ctx: ActivityContext, name: String) -> Result<String, Failure> {
//!     Ok(format!("hello {name}"))
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let worker = Worker::new("http://localhost:4001")
//!     .orchestration("greet", greet)
//!     .activity("hello", hello)
//!     .start()?;
//! let client = Client::new("http://localhost:4001")?;
//! let id = client.start("greet", "world").send().await?;
//! let instance = client.wait(&id, Duration::from_secs(30)).await?;
//! println!("{}", instance.output::<String>()?);
//! worker.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Rules for orchestration code
//!
//! The code runs many times and must do the same each time: take time, ids and delays from its
//! [`Context`], put everything that touches the world into activities, and do not change the steps of
//! orchestrations that are running. The SDK notices code that breaks these rules, and says where.
//!
//! # Map
//!
//! `client` · `worker` · `orchestration` (context, futures, replay) · `activity` · `failure` (of user code)
//! · `error` (of calls) · `value` and `time` (as they travel).

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

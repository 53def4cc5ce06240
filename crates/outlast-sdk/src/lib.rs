//! The SDK's map; what it is and how to use it stands in `README.md`, which is its front page too.
//!
//! `definition` and `event` are what both sides know of each other · `orchestration` (context, futures,
//! replay), `activity` and `entity` are what user code sees · `worker` runs it, `registry` by name, and
//! `client` asks for it · `testing` is a server in memory · `failure` is of user code, `error` of calls ·
//! `value` and `time` are how things travel. Not here: anything of the server's inside.

#![doc = ""]
#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

// The macros name this crate from outside, also when it is built for its own tests.
extern crate self as outlast_sdk;

mod activity;
mod client;
mod definition;
mod entity;
mod error;
mod event;
mod failure;
mod observe;
mod orchestration;
mod registry;
mod resources;
pub mod testing;
mod time;
#[cfg(test)]
mod typed_tests;
mod value;
mod worker;

pub use activity::ActivityContext;
pub use client::Client;
pub use client::entities::{EntityState, FromClient, Sending};
pub use client::handle::{Ended, Handle};
pub use client::history::Step;
pub use client::instance::{Instance, Status};
pub use client::query::Query;
pub use client::start::Start;
pub use definition::{
    Activity, ActivityCode, ActivityDefinition, Definition, Given, Named, Orchestration, OrchestrationCode,
    OrchestrationDefinition, Signature,
};
pub use entity::context::{EntityContext, Sent};
pub use entity::id::EntityId;
pub use entity::{Entity, Via};
pub use error::Error;
pub use event::{Event, EventWith};
pub use failure::{
    ELAPSED, FOREIGN_AWAIT, Failure, LOCK_RULES, NON_DETERMINISM, PANIC, SERIALIZATION, TERMINATED,
};
pub use observe::WorkerEvent;
pub use orchestration::call::{Call, SubOrchestration};
pub use orchestration::context::Context;
pub use orchestration::entities::{Called, EntityCall, Guard, Lock, Signalled};
pub use orchestration::future::{Timer, WaitEvent};
pub use orchestration::join::{All, Either, First, Select2, all, first, select2};
pub use orchestration::retry::Retry;
pub use orchestration::timeout::{Elapsed, Timeout};
pub use outlast_sdk_macros::{Failure, activity, entity, orchestration};
pub use worker::{Running, Worker};

/// The program of the comparison page must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/comparison/rust-sdks.md")]
mod comparison {}

/// What the macros write; not for anybody else.
#[doc(hidden)]
pub mod __private {
    use crate::failure::Failure;

    /// A `Result`, whatever name it goes by.
    pub trait Returned {
        /// What it is when all is well.
        type Output;
        /// What it is otherwise.
        type Error;
    }

    impl<O, E> Returned for Result<O, E> {
        type Output = O;
        type Error = E;
    }

    /// Reads an operation's input.
    pub fn read<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Result<T, Failure> {
        crate::value::read(text).map_err(|error| {
            let message = format!("input is not what the operation takes: {error}");
            Failure::new(crate::failure::SERIALIZATION, message)
        })
    }

    /// Writes an operation's output.
    pub fn write<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
        Ok(crate::value::write(value)?)
    }

    /// An operation that the entity does not have.
    pub fn no_operation(entity: &str, operation: &str) -> Failure {
        Failure::new("NoSuchOperation", format!("entity '{entity}' has no operation '{operation}'"))
    }
}

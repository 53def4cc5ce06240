//! gRPC: the Durable Task SDKs' own protocol, as they speak it.
//!
//! - `server`: listeners, health and reflection; `connection`: one connection, its limits and calls
//! - `service`: one call, from path to handler; [`rpc`](self) names every call and what it needs
//! - `unary`: one message in, one out; `codec`: messages that are copied as they are stored
//! - `call`: what a handler knows of its call; `status`: what a caller is told
//! - `instances`, `entities`, `query`, `history`, `hubs`: clients · `workers`: workers
//! - `check`: what may come in; `convert`: between the wire's types and the engine's
//!
//! Not here: deciding. A call becomes a command or a question; its answer goes back once durable.

mod again;
mod call;
mod check;
mod codec;
mod connection;
mod convert;
mod cursor;
mod deadline;
mod entities;
mod history;
mod hubs;
mod instances;
mod query;
mod rpc;
mod server;
mod service;
mod status;
mod unary;
mod workers;

#[cfg(test)]
mod tests;

pub use server::{Error, Options, Phase, serve};

//! One file per command: its arguments, what it asks the server, what it shows.
//!
//! Not here: forms of output (`output`), talking (`api`), telling errors (`failed`).

pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod consent;
pub(crate) mod demo;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod entity;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod hub;
pub(crate) mod instance;
pub(crate) mod node;
mod pages;
pub(crate) mod partition;
mod plan;
pub(crate) mod schedule;
pub(crate) mod serve;
pub(crate) mod status;

use std::future::Future;

use crate::cli::{Cli, Command};
use crate::failed::{Exit, Failed};

/// Does what was typed.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failed> {
    let global = &cli.global;
    match cli.command {
        Command::Dev(dev) => dev.run(global),
        Command::Serve(serve) => serve.run(global),
        Command::Demo(demo) => demo.run(global),
        Command::Status(status) => ask(status.run(global)),
        Command::Hub(hub) => ask(hub.run(global)),
        Command::Instance(instance) => ask(instance.run(global)),
        Command::Entity(entity) => ask(entity.run(global)),
        Command::Events(events) => ask(events.run(global)),
        Command::Node(node) => ask(node.run(global)),
        Command::Partition(partition) => ask(partition.run(global)),
        Command::Schedule(schedule) => ask(schedule.run(global)),
        Command::Cluster(cluster) => cluster.run(global),
        Command::Explain(explain) => explain.run(global),
        Command::Config(config) => config.run(global),
        Command::Doctor(doctor) => doctor.run(global),
        Command::Completions(completions) => completions.run(),
    }
}

/// Runs a command that only waits for a server: one thread is enough.
fn ask(command: impl Future<Output = Result<Exit, Failed>>) -> Result<Exit, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failed::local(format!("start the runtime: {error}")))?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = command => done,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    })
}

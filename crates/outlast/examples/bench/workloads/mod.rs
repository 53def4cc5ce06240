//! The workloads, one a file. Each takes a fresh server and gives one line of figures, or says which
//! count is over its bound.
//!
//! Not here: times as bounds. A slow machine is not a failure; one commit too many is.

mod entity;
mod event;
mod fan_out;
mod hello;
mod idle;
mod latency;
mod lists;
mod long;
mod timers;
mod waiting;

use std::time::Duration;

use outlast_sdk::{
    ActivityContext, Client, Context, Failure, Given, Orchestration, Worker, activity, orchestration,
};
use tokio::task::JoinSet;

use crate::process::Server;

/// All of them, in the order in which they run: the short ones first.
pub(crate) const NAMES: [&str; 14] = [
    "idle",
    "latency",
    "latency_batched",
    "latency_speculative",
    "event",
    "entity",
    "fan_out",
    "fan_out_batched",
    "timers",
    "hello",
    "hello_batched",
    "long",
    "waiting",
    "lists",
];

/// Syncs of the log counted by the server.
const SYNCS: &str = "outlast_log_syncs_total";
/// Turns of orchestrations counted by the server.
const TURNS: &str = "outlast_orchestration_turns_total";
/// How long an orchestration may take.
const WAIT: Duration = Duration::from_secs(60);

/// Runs one workload on a server of its own.
pub(crate) async fn run(name: &str) -> anyhow::Result<String> {
    let server = match name {
        "latency_speculative" => Server::start_with(&[("OUTLAST_HUBS__MODE", "speculative")])?,
        _ => Server::start()?,
    };
    match name {
        "idle" => idle::run(server).await,
        "latency" => latency::run(server, Protocol::Published, 7.0).await,
        "latency_batched" => latency::run(server, Protocol::Batched, 7.0).await,
        "latency_speculative" => latency::run(server, Protocol::Batched, 2.0).await,
        "event" => event::run(server).await,
        "entity" => entity::run(server).await,
        "fan_out" => fan_out::run(server, Protocol::Published).await,
        "fan_out_batched" => fan_out::run(server, Protocol::Batched).await,
        "timers" => timers::run(server).await,
        "hello" => hello::run(server, Protocol::Published).await,
        "hello_batched" => hello::run(server, Protocol::Batched).await,
        "long" => long::run(server).await,
        "waiting" => waiting::run(server).await,
        "lists" => lists::run(server).await,
        other => anyhow::bail!("no benchmark is named {other}; there are {}", NAMES.join(", ")),
    }
}

#[orchestration]
async fn hello_sequence(ctx: Context, name: String) -> Result<u32, Failure> {
    for _ in 0..5 {
        ctx.call(hello_to, &name).await?;
    }
    Ok(5)
}

#[activity(name = "hello")]
async fn hello_to(_: ActivityContext, name: String) -> Result<String, Failure> {
    Ok(format!("hello {name}"))
}

#[orchestration]
async fn wait_for_go(ctx: Context, _: u32) -> Result<u32, Failure> {
    ctx.wait_event::<u32>("go").await
}

/// How a worker speaks.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    /// As SDKs of other languages do: each answer is a call.
    Published,
    /// Outlast's own stream of lists.
    Batched,
}

/// A worker with what most workloads run.
fn worker(server: &Server, protocol: Protocol) -> Worker {
    let worker = match protocol {
        Protocol::Published => Worker::new(&server.grpc).published_protocol(),
        Protocol::Batched => Worker::new(&server.grpc),
    };
    worker.orchestration(hello_sequence).orchestration(wait_for_go).activity(hello_to)
}

/// Starts one orchestration and waits until it has completed.
async fn one<O: Orchestration>(
    client: &Client,
    orchestration: O,
    input: impl Given<O::Input>,
) -> anyhow::Result<()> {
    let instance = client.start(orchestration, input).await?;
    completed(client, instance.id()).await
}

/// Waits until an instance has completed.
async fn completed(client: &Client, id: &str) -> anyhow::Result<()> {
    let instance = client.wait(id, WAIT).await?;
    anyhow::ensure!(instance.status == outlast_sdk::Status::Completed, "{id} ended as {:?}", instance.status);
    Ok(())
}

/// Does `work` for each number below `total`, `in_flight` of them at once.
async fn many<Work, Done>(total: usize, in_flight: usize, work: Work) -> anyhow::Result<()>
where
    Work: Fn(usize) -> Done,
    Done: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for number in 0..total {
        if running.len() >= in_flight {
            running.join_next().await.transpose()?.transpose()?;
        }
        running.spawn(work(number));
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

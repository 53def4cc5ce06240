//! The workloads. Each takes a fresh server and gives one line of figures, or says which count is
//! over its bound.
//!
//! Not here: times as bounds. A slow machine is not a failure; one commit too many is.

use std::time::{Duration, Instant};

use outlast_sdk::{ActivityContext, Client, Context, Failure, Worker};
use tokio::task::JoinSet;

use crate::process::{Server, used};

/// Syncs of the log counted by the server.
const SYNCS: &str = "outlast_log_syncs_total";
/// Commits on the critical path of one hello sequence: the start, five activities, the end.
const COMMITS_MAX: f64 = 7.0;
const WAIT: Duration = Duration::from_secs(60);

async fn hello_sequence(ctx: Context, name: String) -> Result<u32, Failure> {
    for _ in 0..5 {
        ctx.call_activity::<String>("hello", &name).await?;
    }
    Ok(5)
}

async fn say_hello(_: ActivityContext, name: String) -> Result<String, Failure> {
    Ok(format!("hello {name}"))
}

async fn wait_for_go(ctx: Context, _: u32) -> Result<u32, Failure> {
    ctx.wait_event::<u32>("go").await
}

fn worker(server: &Server) -> anyhow::Result<outlast_sdk::Running> {
    let worker = Worker::new(&server.grpc)
        .orchestration("hello_sequence", hello_sequence)
        .orchestration("wait_for_go", wait_for_go)
        .activity("hello", say_hello);
    Ok(worker.start()?)
}

async fn one(client: &Client, name: &str, input: impl serde::Serialize) -> anyhow::Result<()> {
    let id = client.start(name, &input).send().await?;
    let instance = client.wait(&id, WAIT).await?;
    anyhow::ensure!(instance.status == outlast_sdk::Status::Completed, "{id} ended as {:?}", instance.status);
    Ok(())
}

/// A server that nobody uses.
pub(crate) async fn idle(server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server)?;
    let began = Instant::now();
    one(&client, "hello_sequence", "a").await?;
    let first = began.elapsed();
    worker.stop().await;
    let before = server.used()?;
    let watched = Duration::from_secs(10);
    tokio::time::sleep(watched).await;
    let after = server.used()?;
    let share = (after.cpu - before.cpu).as_secs_f64() / watched.as_secs_f64();
    Ok(format!(
        "RSS {:.1} MiB · {:.2} % of a core · first orchestration after {first:.0?}",
        after.resident_bytes as f64 / f64::from(1 << 20),
        share * 100.0
    ))
}

/// One hello sequence at a time: commits are counted, latency is reported.
pub(crate) async fn latency(server: Server) -> anyhow::Result<String> {
    const RUNS: u32 = 200;
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server)?;
    for _ in 0..20 {
        one(&client, "hello_sequence", "a").await?;
    }
    let syncs = server.counter(SYNCS)?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        one(&client, "hello_sequence", "a").await?;
        times.push(began.elapsed());
    }
    let commits = (server.counter(SYNCS)? - syncs) as f64 / f64::from(RUNS);
    worker.stop().await;
    times.sort();
    // A sync now and then belongs to a checkpoint or to an acknowledgement that waited alone.
    anyhow::ensure!(commits <= COMMITS_MAX + 0.5, "{commits:.2} commits a sequence, more than {COMMITS_MAX}");
    Ok(format!("{commits:.2} commits a sequence · p50 {:.2?} · p99 {:.2?}", times[100], times[198]))
}

/// 512 hello sequences in flight.
pub(crate) async fn hello(server: Server) -> anyhow::Result<String> {
    const IN_FLIGHT: usize = 512;
    const TOTAL: usize = 10_000;
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server)?;
    run_many(&client, 1_000, IN_FLIGHT).await?;
    let (server_before, own_before, syncs) = (server.used()?, used("self")?, server.counter(SYNCS)?);
    let began = Instant::now();
    run_many(&client, TOTAL, IN_FLIGHT).await?;
    let wall = began.elapsed().as_secs_f64();
    let server_cpu = (server.used()?.cpu - server_before.cpu).as_secs_f64();
    let all_cpu = server_cpu + (used("self")?.cpu - own_before.cpu).as_secs_f64();
    let syncs = (server.counter(SYNCS)? - syncs) as f64 / TOTAL as f64;
    worker.stop().await;
    anyhow::ensure!(syncs < 1.0, "{syncs:.2} commits a sequence: commits are not shared");
    Ok(format!(
        "{:.0}/s · {:.0} per CPU-second of all · server {:.3} ms CPU each · {syncs:.3} commits each",
        TOTAL as f64 / wall,
        TOTAL as f64 / all_cpu,
        server_cpu * 1_000.0 / TOTAL as f64
    ))
}

async fn run_many(client: &Client, total: usize, in_flight: usize) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for _ in 0..total {
        if running.len() >= in_flight {
            running.join_next().await.transpose()?.transpose()?;
        }
        let client = client.clone();
        running.spawn(async move { one(&client, "hello_sequence", "a").await });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

/// Many instances that wait for an event.
pub(crate) async fn waiting(mut server: Server) -> anyhow::Result<String> {
    const INSTANCES: usize = 100_000;
    let client = Client::new(&server.grpc)?;
    let running = worker(&server)?;
    one(&client, "hello_sequence", "a").await?;
    let base = server.used()?.resident_bytes;
    let began = Instant::now();
    let mut starting = JoinSet::new();
    for _ in 0..INSTANCES {
        if starting.len() >= 512 {
            starting.join_next().await.transpose()?.transpose()?;
        }
        let client = client.clone();
        starting.spawn(async move {
            client.start("wait_for_go", &0).send().await?;
            anyhow::Ok(())
        });
    }
    while let Some(started) = starting.join_next().await {
        started??;
    }
    let rate = INSTANCES as f64 / began.elapsed().as_secs_f64();
    one(&client, "hello_sequence", "a").await?;
    let each = server.used()?.resident_bytes.saturating_sub(base) as f64 / INSTANCES as f64;
    running.stop().await;
    let ready = server.restart()?;
    let client = Client::new(&server.grpc)?;
    let running = worker(&server)?;
    let began = Instant::now();
    one(&client, "hello_sequence", "a").await?;
    let first = began.elapsed();
    running.stop().await;
    let after = server.used()?.resident_bytes as f64 / f64::from(1 << 20);
    Ok(format!(
        "{rate:.0} starts/s · {each:.0} B RSS each while warm · after SIGKILL ready in {ready:.0?}, a new one done \
         {first:.0?} later, RSS {after:.0} MiB"
    ))
}

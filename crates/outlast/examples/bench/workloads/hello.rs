//! 512 hello sequences in flight: what one costs when the machine is busy.
//!
//! Processor time is that of server, worker and client together, because a protocol that saves on one
//! side at the cost of another saves nothing. Not here: one at a time (`latency`).

use std::time::Instant;

use outlast_sdk::Client;

use super::{Protocol, SYNCS, hello_sequence, many, one, worker};
use crate::process::{Server, used};

const IN_FLIGHT: usize = 512;
const TOTAL: usize = 10_000;

pub(crate) async fn run(server: Server, protocol: Protocol) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, protocol).start()?;
    sequences(&client, 1_000).await?;
    let (server_before, own_before, syncs) = (server.used()?, used("self")?, server.counter(SYNCS)?);
    let began = Instant::now();
    sequences(&client, TOTAL).await?;
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

async fn sequences(client: &Client, total: usize) -> anyhow::Result<()> {
    many(total, IN_FLIGHT, |_| {
        let client = client.clone();
        async move { one(&client, hello_sequence, "a").await }
    })
    .await
}

//! One hello sequence at a time: commits are counted, latency is reported.
//!
//! Each step waits for the one before, so commits here are commits one after another. Not here: many
//! at once (`hello`).

use std::time::Instant;

use outlast_sdk::Client;

use super::{Protocol, SYNCS, hello_sequence, one, worker};
use crate::process::Server;

/// `commits_max` are those on the critical path of one hello sequence: the start, five activities, the
/// end; without the activities where those do not wait for the log.
pub(crate) async fn run(server: Server, protocol: Protocol, commits_max: f64) -> anyhow::Result<String> {
    const RUNS: u32 = 200;
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, protocol).start()?;
    for _ in 0..20 {
        one(&client, hello_sequence, "a").await?;
    }
    let syncs = server.counter(SYNCS)?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        one(&client, hello_sequence, "a").await?;
        times.push(began.elapsed());
    }
    let commits = (server.counter(SYNCS)? - syncs) as f64 / f64::from(RUNS);
    worker.stop().await;
    times.sort();
    // A sync now and then belongs to a checkpoint or to an acknowledgement that waited alone.
    anyhow::ensure!(commits <= commits_max + 0.5, "{commits:.2} commits a sequence, more than {commits_max}");
    Ok(format!("{commits:.2} commits a sequence · p50 {:.2?} · p99 {:.2?}", times[100], times[198]))
}

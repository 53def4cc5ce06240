//! An event raised to a waiting orchestration, until its completion is seen: commits are counted.
//!
//! The wait is open before the event is raised, as a client's would be. Not here: the start, which is
//! over before anything is counted.

use std::time::Instant;

use outlast_sdk::Client;

use super::{Protocol, SYNCS, completed, wait_for_go, worker};
use crate::process::Server;

const RUNS: u32 = 200;
/// Commits from raising to seeing the end: the event, the turn, and room for a record that rode alone.
const COMMITS_MAX: f64 = 3.0;

pub(crate) async fn run(server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, Protocol::Published).start()?;
    let mut times = Vec::new();
    let mut commits = 0;
    for number in 0..RUNS {
        let id = client.start(wait_for_go, number).await?.id().to_owned();
        while client.get(&id).await?.is_none_or(|instance| instance.status != outlast_sdk::Status::Running) {
            tokio::task::yield_now().await;
        }
        let syncs = server.counter(SYNCS)?;
        let began = Instant::now();
        let waiting = tokio::spawn({
            let (client, id) = (client.clone(), id.clone());
            async move { completed(&client, &id).await }
        });
        client.raise(&id, "go", number).await?;
        waiting.await??;
        times.push(began.elapsed());
        commits += server.counter(SYNCS)? - syncs;
    }
    worker.stop().await;
    times.sort();
    let each = commits as f64 / f64::from(RUNS);
    anyhow::ensure!(each <= COMMITS_MAX, "{each:.2} commits an event, more than {COMMITS_MAX}");
    Ok(format!("{each:.2} commits from raise to end · p50 {:.2?} · p99 {:.2?}", times[100], times[198]))
}

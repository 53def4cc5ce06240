//! One entity and sixty-four who signal it, as fast as it takes them: how many operations share a batch
//! and a commit.
//!
//! An operation counts when the state that it led to is durable. Not here: calls, which wait for an
//! orchestration's turn.

use std::time::{Duration, Instant};

use outlast_sdk::{Client, entity};
use serde::{Deserialize, Serialize};

use super::{Protocol, SYNCS, WAIT, many, worker};
use crate::process::{Server, used};

const SIGNALLERS: usize = 64;
const SIGNALS: usize = 40_000;
/// Entity batches counted by the server.
const BATCHES: &str = "outlast_entity_batches_total";
/// Operations in a batch, and operations in a commit, at least on average: an eighth of the signallers.
/// The faster a worker answers, the fewer signals have come meanwhile.
const PER_BATCH_MIN: f64 = 8.0;
const PER_COMMIT_MIN: f64 = 8.0;

#[derive(Default, Serialize, Deserialize)]
struct Tally {
    sum: usize,
}

#[entity]
impl Tally {
    fn add(&mut self, number: usize) -> usize {
        self.sum += number;
        self.sum
    }
}

pub(crate) async fn run(server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, Protocol::Batched).entity::<Tally>().start()?;
    signals(&client, "warm", SIGNALLERS).await?;
    let (server_before, own_before) = (server.used()?, used("self")?);
    let (syncs, batches) = (server.counter(SYNCS)?, server.counter(BATCHES)?);
    let began = Instant::now();
    signals(&client, "one", SIGNALS).await?;
    let took = began.elapsed();
    let (syncs, batches) = (server.counter(SYNCS)? - syncs, server.counter(BATCHES)? - batches);
    let server_cpu = server.used()?.cpu - server_before.cpu;
    let cpu = server_cpu + (used("self")?.cpu - own_before.cpu);
    worker.stop().await;
    let per = |count: u64| SIGNALS as f64 / count.max(1) as f64;
    let (per_batch, per_commit) = (per(batches), per(syncs));
    anyhow::ensure!(per_batch >= PER_BATCH_MIN, "{per_batch:.1} operations a batch, not {PER_BATCH_MIN}");
    anyhow::ensure!(
        per_commit >= PER_COMMIT_MIN,
        "{per_commit:.1} operations a commit, not {PER_COMMIT_MIN}"
    );
    let rate = |time: Duration| SIGNALS as f64 / time.as_secs_f64();
    Ok(format!(
        "{:.0}/s · {:.0}/CPU-s · {per_batch:.1} a batch · {per_commit:.1} a commit",
        rate(took),
        rate(cpu)
    ))
}

/// Signals `key` so often and waits until all of it is in the state.
async fn signals(client: &Client, key: &str, count: usize) -> anyhow::Result<()> {
    let before = sum(client, key).await?;
    many(count, SIGNALLERS, |_| {
        let operations = client.signal::<Tally>(key);
        async move { Ok(operations.add(1).await?) }
    })
    .await?;
    let until = Instant::now() + WAIT;
    while sum(client, key).await? < before + count {
        anyhow::ensure!(Instant::now() < until, "the entity has not done {count} operations in {WAIT:?}");
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn sum(client: &Client, key: &str) -> anyhow::Result<usize> {
    Ok(client.entity::<Tally>(key).await?.map_or(0, |found| found.state.sum))
}

//! One orchestration that calls a thousand activities at once: turns and commits are counted.
//!
//! Results that come together belong in one turn and one commit; one each would be a thousand.

use std::time::Instant;

use outlast_sdk::{ActivityContext, Client, Context, Failure, activity, orchestration};

use super::{Protocol, SYNCS, TURNS, one, worker};
use crate::process::{Server, used};

const RUNS: u32 = 20;
const TURNS_MAX: f64 = 50.0;
const COMMITS_MAX: f64 = 50.0;

#[orchestration]
async fn fan_out(ctx: Context, width: u32) -> Result<u64, Failure> {
    let calls = (0..width).map(|number| ctx.call(double, u64::from(number)));
    outlast_sdk::all(calls).await.into_iter().sum()
}

#[activity]
async fn double(_: ActivityContext, number: u64) -> Result<u64, Failure> {
    Ok(number * 2)
}

pub(crate) async fn run(server: Server, protocol: Protocol) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, protocol).orchestration(fan_out).activity(double);
    let worker = worker.activities_max(1_000).start()?;
    one(&client, fan_out, 1_000).await?;
    let (turns, syncs) = (server.counter(TURNS)?, server.counter(SYNCS)?);
    let (server_before, own_before) = (server.used()?, used("self")?);
    let began = Instant::now();
    for _ in 0..RUNS {
        one(&client, fan_out, 1_000).await?;
    }
    let each = began.elapsed() / RUNS;
    let cpu = server.used()?.cpu - server_before.cpu + used("self")?.cpu - own_before.cpu;
    let turns = (server.counter(TURNS)? - turns) as f64 / f64::from(RUNS);
    let commits = (server.counter(SYNCS)? - syncs) as f64 / f64::from(RUNS);
    worker.stop().await;
    anyhow::ensure!(turns <= TURNS_MAX, "{turns:.1} turns a fan-out of 1,000, more than {TURNS_MAX}");
    anyhow::ensure!(
        commits <= COMMITS_MAX,
        "{commits:.1} commits a fan-out of 1,000, more than {COMMITS_MAX}"
    );
    Ok(format!(
        "{turns:.1} turns and {commits:.1} commits for 1,000 · {each:.0?} each · {:.1} per CPU-second of all",
        f64::from(RUNS) / cpu.as_secs_f64()
    ))
}

//! Ten thousand orchestrations whose timers are due at one instant: none fires early, commits are
//! shared, lateness is reported.
//!
//! Lateness is what the worker sees: from the due time to when it runs the turn in which the timer had
//! fired. The time stamped on that turn would flatter: turns that are handed out in one round of the
//! server carry the time of its beginning. The worker takes all turns at once, over its own stream, and
//! no client waits meanwhile: ten thousand waits would be measured instead.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use outlast_sdk::{Client, Context, Failure, orchestration};

use super::{Protocol, SYNCS, WAIT, many, worker};
use crate::process::Server;

const INSTANCES: usize = 10_000;
/// From the first start to the due time: all must be waiting by then.
const LEAD: Duration = Duration::from_secs(20);
/// Commits for firing and finishing all of them.
const COMMITS_MAX: u64 = 2_000;
/// Orchestrations ended, counted by the server.
const ENDED: &str = "outlast_instances_completed_total";

/// How late each woke, in microseconds: by the clock, and by the time stamped on its turn.
static LATE: Mutex<Vec<(i64, i64)>> = Mutex::new(Vec::new());

/// Sleeps until a time in microseconds since 1970.
#[orchestration]
async fn sleep_until(ctx: Context, due_us: u64) -> Result<(), Failure> {
    let due = SystemTime::UNIX_EPOCH + Duration::from_micros(due_us);
    ctx.timer_at(due).await;
    let late = (since(SystemTime::now(), due), since(ctx.now(), due));
    LATE.lock().unwrap_or_else(PoisonError::into_inner).push(late);
    Ok(())
}

fn since(now: SystemTime, due: SystemTime) -> i64 {
    match now.duration_since(due) {
        Ok(late) => i64::try_from(late.as_micros()).unwrap_or(i64::MAX),
        Err(early) => -i64::try_from(early.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

pub(crate) async fn run(server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let turns_max = u32::try_from(INSTANCES)?;
    let worker = worker(&server, Protocol::Batched).orchestration(sleep_until);
    let worker = worker.orchestrations_max(turns_max).start()?;
    let due = SystemTime::now() + LEAD;
    let due_us = u64::try_from(due.duration_since(SystemTime::UNIX_EPOCH)?.as_micros())?;
    many(INSTANCES, 512, |number| {
        let client = client.clone();
        async move {
            client.start(sleep_until, due_us).id(format!("sleeper-{number}")).await?;
            Ok(())
        }
    })
    .await?;
    let syncs = server.counter(SYNCS)?;
    let spare =
        due.duration_since(SystemTime::now()).map_err(|_| anyhow::anyhow!("starting took over {LEAD:?}"))?;
    tokio::time::sleep(spare).await;
    let until = Instant::now() + WAIT;
    while server.counter(ENDED)? < u64::try_from(INSTANCES)? {
        anyhow::ensure!(Instant::now() < until, "not all have ended within {WAIT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let commits = server.counter(SYNCS)? - syncs;
    worker.stop().await;
    let (mut late, mut stamped): (Vec<i64>, Vec<i64>) =
        std::mem::take(&mut *LATE.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().unzip();
    late.sort_unstable();
    stamped.sort_unstable();
    anyhow::ensure!(late.len() >= INSTANCES, "{} of {INSTANCES} woke", late.len());
    anyhow::ensure!(stamped[0] >= 0, "one woke {} µs early", -stamped[0]);
    anyhow::ensure!(
        commits <= COMMITS_MAX,
        "{commits} commits for {INSTANCES} timers, more than {COMMITS_MAX}"
    );
    let ms = |part: usize| late[late.len() * part / 100] as f64 / 1_000.0;
    Ok(format!(
        "{commits} commits for {INSTANCES} · late p50 {:.0} ms, p99 {:.0} ms · none early",
        ms(50),
        ms(99)
    ))
}

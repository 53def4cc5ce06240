//! Ten thousand orchestrations whose timers are due at one instant: none fires early, commits are
//! shared, lateness is reported.
//!
//! Lateness is what the history says: from the due time to the time stamped on the turn in which the
//! timer had fired.

use std::time::{Duration, SystemTime};

use outlast_sdk::{Client, Context, Failure, orchestration};

use super::{Protocol, SYNCS, WAIT, many, worker};
use crate::process::Server;

const INSTANCES: usize = 10_000;
/// From the first start to the due time: all must be waiting by then.
const LEAD: Duration = Duration::from_secs(20);
/// Commits for firing and finishing all of them.
const COMMITS_MAX: u64 = 2_000;

/// Sleeps until a time in microseconds since 1970; how many microseconds late it woke.
#[orchestration]
async fn sleep_until(ctx: Context, due_us: u64) -> Result<i64, Failure> {
    let due = SystemTime::UNIX_EPOCH + Duration::from_micros(due_us);
    ctx.timer_at(due).await;
    Ok(match ctx.now().duration_since(due) {
        Ok(late) => i64::try_from(late.as_micros()).unwrap_or(i64::MAX),
        Err(early) => -i64::try_from(early.duration().as_micros()).unwrap_or(i64::MAX),
    })
}

pub(crate) async fn run(server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, Protocol::Published).orchestration(sleep_until).start()?;
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
    let spare =
        due.duration_since(SystemTime::now()).map_err(|_| anyhow::anyhow!("starting took over {LEAD:?}"))?;
    tokio::time::sleep(spare).await;
    let syncs = server.counter(SYNCS)?;
    let (report, lateness) = std::sync::mpsc::sync_channel(INSTANCES);
    many(INSTANCES, 512, |number| {
        let (client, report) = (client.clone(), report.clone());
        async move {
            let instance = client.wait(&format!("sleeper-{number}"), WAIT).await?;
            let late: i64 = instance.output()?;
            report.send(late)?;
            Ok(())
        }
    })
    .await?;
    let commits = server.counter(SYNCS)? - syncs;
    drop(report);
    worker.stop().await;
    let mut late: Vec<i64> = lateness.iter().collect();
    late.sort_unstable();
    anyhow::ensure!(late.len() == INSTANCES, "{} of {INSTANCES} woke", late.len());
    anyhow::ensure!(late[0] >= 0, "one woke {} µs early", -late[0]);
    anyhow::ensure!(
        commits <= COMMITS_MAX,
        "{commits} commits for {INSTANCES} timers, more than {COMMITS_MAX}"
    );
    let ms = |part: usize| late[INSTANCES * part / 100] as f64 / 1_000.0;
    Ok(format!(
        "{commits} commits for {INSTANCES} · late p50 {:.0} ms, p99 {:.0} ms · none early",
        ms(50),
        ms(99)
    ))
}

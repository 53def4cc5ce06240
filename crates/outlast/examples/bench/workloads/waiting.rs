//! Many instances that wait for an event: what each costs, before and after a restart.
//!
//! Memory is what stays once everything is in the tables: that is how instances wait. The restart is
//! a SIGKILL with work in the log, so that there is something to replay. Not here: raising the event
//! (`event`).

use std::time::{Duration, Instant};

use outlast_sdk::Client;

use super::{Protocol, WAIT, hello_sequence, many, one, wait_for_go, worker};
use crate::process::Server;

const INSTANCES: usize = 100_000;
/// Started just before the kill.
const LATE: usize = 2_000;
/// Resident bytes of one waiting instance.
const BYTES_MAX: f64 = 300.0;
/// Changed rows that are only in memory and in the log.
const UNSTORED: &str = "outlast_rows_unstored_bytes";
/// How long memory that was freed may take to go back to the system.
const CALM: Duration = Duration::from_secs(3);

pub(crate) async fn run(mut server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let running = worker(&server, Protocol::Published).start()?;
    one(&client, hello_sequence, "a").await?;
    let base = server.used()?.resident_bytes;
    let share = |resident: u64| resident.saturating_sub(base) as f64 / INSTANCES as f64;
    let began = Instant::now();
    start(&client, INSTANCES).await?;
    let rate = INSTANCES as f64 / began.elapsed().as_secs_f64();
    one(&client, hello_sequence, "a").await?;
    let busy = share(server.used()?.resident_bytes);
    let each = share(quiet(&server).await?);
    start(&client, LATE).await?;
    running.stop().await;
    let ready = server.restart()?;
    let client = Client::new(&server.grpc)?;
    let running = worker(&server, Protocol::Published).start()?;
    let began = Instant::now();
    one(&client, hello_sequence, "a").await?;
    let first = began.elapsed();
    let after = share(quiet(&server).await?);
    running.stop().await;
    anyhow::ensure!(
        each.max(after) <= BYTES_MAX,
        "{each:.0} B RSS each, {after:.0} after a restart: more than {BYTES_MAX}"
    );
    Ok(format!(
        "{rate:.0} starts/s · {busy:.0} B RSS each after the last start, {each:.0} when all wait · after SIGKILL \
         ready in {ready:.0?}, a new one done {first:.0?} later, {after:.0} B RSS each"
    ))
}

async fn start(client: &Client, instances: usize) -> anyhow::Result<()> {
    many(instances, 512, |_| {
        let client = client.clone();
        async move {
            client.start(wait_for_go, 0).await?;
            Ok(())
        }
    })
    .await
}

/// What is resident once everything is in the tables.
async fn quiet(server: &Server) -> anyhow::Result<u64> {
    let began = Instant::now();
    while server.counter(UNSTORED)? > 0 {
        anyhow::ensure!(began.elapsed() < WAIT, "rows are not in the tables after {WAIT:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(CALM).await;
    Ok(server.used()?.resident_bytes)
}

//! A server that nobody uses: memory and processor time, and how soon the first orchestration ends.
//!
//! One hub exists, since the first orchestration made it. Not here: instances that wait (`waiting`).

use std::time::{Duration, Instant};

use outlast_sdk::Client;

use super::{Protocol, hello_sequence, one, worker};
use crate::process::Server;

pub(crate) async fn run(server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, Protocol::Published).start()?;
    let began = Instant::now();
    one(&client, hello_sequence, "a").await?;
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

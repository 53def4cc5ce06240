//! Many instances that wait for an event: what each costs, before and after a restart.
//!
//! The restart is a SIGKILL, so the log is replayed. Not here: raising the event (`event`).

use std::time::Instant;

use outlast_sdk::Client;

use super::{Protocol, hello_sequence, many, one, wait_for_go, worker};
use crate::process::Server;

const INSTANCES: usize = 100_000;

pub(crate) async fn run(mut server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let running = worker(&server, Protocol::Published).start()?;
    one(&client, hello_sequence, "a").await?;
    let base = server.used()?.resident_bytes;
    let began = Instant::now();
    many(INSTANCES, 512, |_| {
        let client = client.clone();
        async move {
            client.start(wait_for_go, 0).await?;
            Ok(())
        }
    })
    .await?;
    let rate = INSTANCES as f64 / began.elapsed().as_secs_f64();
    one(&client, hello_sequence, "a").await?;
    let each = server.used()?.resident_bytes.saturating_sub(base) as f64 / INSTANCES as f64;
    running.stop().await;
    let ready = server.restart()?;
    let client = Client::new(&server.grpc)?;
    let running = worker(&server, Protocol::Published).start()?;
    let began = Instant::now();
    one(&client, hello_sequence, "a").await?;
    let first = began.elapsed();
    running.stop().await;
    let after = server.used()?.resident_bytes as f64 / f64::from(1 << 20);
    Ok(format!(
        "{rate:.0} starts/s · {each:.0} B RSS each while warm · after SIGKILL ready in {ready:.0?}, a new one done \
         {first:.0?} later, RSS {after:.0} MiB"
    ))
}

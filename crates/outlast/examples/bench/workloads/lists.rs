//! Lists, filters and counts over a million instances that have completed: rows read are asserted,
//! times are reported.
//!
//! `OUTLAST_BENCH_INSTANCES` makes it smaller for a look in between. Not here: what lists show.

use std::time::{Duration, Instant};

use outlast_sdk::{Client, Context, Failure, Worker, orchestration};

use super::many;
use crate::process::Server;

const INSTANCES: usize = 1_000_000;
/// Of these, one in so many fails.
const FAILED_EVERY: usize = 10_000;
/// Rows looked up in the tables: `observe::metrics`.
const ROWS_READ: &str = "outlast_table_rows_read_total";
/// A page is at most 100 instances, from 8 partitions, with a row of a list and up to four of its own each.
const ROWS_OF_A_PAGE_MAX: u64 = 8 * 101 * 6;
/// One question reads one row of each partition.
const ROWS_OF_COUNTS_MAX: u64 = 8;

#[orchestration]
async fn quick(_: Context, fails: bool) -> Result<u32, Failure> {
    if fails { Err(Failure::new("AsTold", "it was told to fail")) } else { Ok(1) }
}

pub(crate) async fn run(mut server: Server) -> anyhow::Result<String> {
    let asked = std::env::var("OUTLAST_BENCH_INSTANCES").ok().and_then(|count| count.parse().ok());
    let instances: usize = asked.unwrap_or(INSTANCES);
    fill(&server, instances).await?;
    // What is still in memory from writing it would hide what a page reads.
    server.restart()?;
    let mut told = format!("{instances} instances");
    let pages = [
        ("all", "limit=100", ROWS_OF_A_PAGE_MAX),
        ("failed", "limit=100&status=failed", ROWS_OF_A_PAGE_MAX),
        ("running", "limit=100&status=running,pending,suspended", ROWS_OF_A_PAGE_MAX),
        ("prefix", "limit=100&prefix=quick-0000", ROWS_OF_A_PAGE_MAX),
    ];
    for (name, query, rows_max) in pages {
        let path = format!("/api/v1/hubs/default/instances?{query}");
        let (rows, time) = look(&server, &path)?;
        anyhow::ensure!(rows <= rows_max, "the page {name} reads {rows} rows, more than {rows_max}");
        told += &format!(" · {name} {rows} rows {time:.1?}");
    }
    let (rows, time) = look(&server, "/api/v1/status")?;
    anyhow::ensure!(rows <= ROWS_OF_COUNTS_MAX, "counts read {rows} rows, more than {ROWS_OF_COUNTS_MAX}");
    let resident = server.used()?.resident_bytes as f64 / f64::from(1 << 20);
    Ok(format!("{told} · counts {rows} rows {time:.1?} · RSS {resident:.0} MiB"))
}

async fn fill(server: &Server, instances: usize) -> anyhow::Result<()> {
    let running = Worker::new(&server.grpc).orchestration(quick).start()?;
    let client = Client::new(&server.grpc)?;
    many(instances, 512, |number| {
        let client = client.clone();
        async move {
            let fails = number % FAILED_EVERY == FAILED_EVERY - 1;
            let id = format!("quick-{number:07}");
            client.start(quick, fails).id(&id).await?;
            client.wait(&id, super::WAIT).await?;
            Ok(())
        }
    })
    .await?;
    running.stop().await;
    Ok(())
}

/// How many rows a question reads, and how long it takes: the first time, when nothing is in memory.
fn look(server: &Server, path: &str) -> anyhow::Result<(u64, Duration)> {
    let before = server.counter(ROWS_READ)?;
    let began = Instant::now();
    server.get(path)?;
    let time = began.elapsed();
    Ok((server.counter(ROWS_READ)? - before, time))
}

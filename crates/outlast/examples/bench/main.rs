//! Whole-system benchmarks: the real server as a process, a thin Rust worker and a client beside it.
//!
//! Counts (commits, encoded events) are asserted; times and rates are only reported, because machines
//! differ. `cargo xtask bench` builds and runs it; `hello`, `latency`, `waiting` and `idle`
//! choose single workloads.

#![expect(clippy::print_stdout, reason = "a benchmark shows its figures")]

mod process;
mod workloads;

use process::Server;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|other| other == name);
    let mut failed = 0;
    let mut report = |name: &str, outcome: anyhow::Result<String>| match outcome {
        Ok(figures) => println!("{name:<9} {figures}"),
        Err(error) => {
            failed += 1;
            println!("{name:<9} FAILED: {error:#}");
        }
    };
    if wanted("idle") {
        report("idle", workloads::idle(Server::start()?).await);
    }
    if wanted("latency") {
        report("latency", workloads::latency(Server::start()?).await);
    }
    if wanted("hello") {
        report("hello", workloads::hello(Server::start()?).await);
    }
    if wanted("waiting") {
        report("waiting", workloads::waiting(Server::start()?).await);
    }
    anyhow::ensure!(failed == 0, "{failed} benchmarks failed");
    Ok(())
}

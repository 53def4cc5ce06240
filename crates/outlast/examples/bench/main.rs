//! Whole-system benchmarks: the real server as a process, a thin Rust worker and a client beside it.
//!
//! Counts (commits, turns, encoded events) are asserted; times and rates are only reported, because
//! machines differ. `cargo xtask bench` builds and runs all of them, `cargo xtask bench hello latency`
//! those that are named.

#![expect(clippy::print_stdout, reason = "a benchmark shows its figures")]

#[path = "../../src/allocator.rs"]
mod allocator;
mod process;
mod workloads;

/// As the server has it, so that worker and client cost what they must.
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut chosen: Vec<String> = std::env::args().skip(1).collect();
    if chosen.is_empty() {
        chosen = workloads::NAMES.map(str::to_owned).to_vec();
    }
    let mut failed = 0;
    for name in chosen {
        match workloads::run(&name).await {
            Ok(figures) => println!("{name:<9} {figures}"),
            Err(error) => {
                failed += 1;
                println!("{name:<9} FAILED: {error:#}");
            }
        }
    }
    anyhow::ensure!(failed == 0, "{failed} benchmarks failed");
    Ok(())
}

//! The demo: a server as a child process, a worker and customers in this one, and somebody who kills.
//!
//! - `order`: the sample that does the work, and the outside world it touches;
//! - `child`: the server;
//! - `customers`: those who start orders and want them finished;
//! - `script`: the run with `--once`; `keys`: the run with a keyboard;
//! - `verify`, `verdict`: what was found, and whether it is good enough.
//!
//! Nothing here knows how the server does it: SDK and process signals are all it uses.

mod child;
mod customers;
mod keys;
mod order;
mod scene;
mod script;
mod verdict;
mod verify;

use std::path::{Path, PathBuf};

use crate::api::note;
use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::output;
use verdict::Verdict;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) orders: u32,
    pub(crate) is_once: bool,
    pub(crate) keeps_data: bool,
}

/// Runs the demo and says how it went.
pub(crate) fn run(plan: Plan, global: &Global) -> Result<Exit, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failed::local(format!("start the runtime: {error}")))?;
    let dir = make_dir()?;
    let played = runtime.block_on(async {
        tokio::select! {
            biased;
            played = play(plan, &dir, global) => played,
            _ = tokio::signal::ctrl_c() => Ok(None),
        }
    });
    // Dropping the runtime's tasks kills the server that is still there.
    drop(runtime);
    if plan.keeps_data || played.is_err() {
        note(&format!("data kept in {}", dir.display()));
    } else if let Err(error) = std::fs::remove_dir_all(&dir) {
        note(&format!("{} could not be removed: {error}", dir.display()));
    }
    let Some(verdict) = played? else { return Ok(Exit::Interrupted) };
    output::print(&verdict.text(global.output))?;
    Ok(verdict.exit())
}

async fn play(plan: Plan, dir: &Path, global: &Global) -> Result<Option<Verdict>, Failed> {
    if plan.is_once {
        script::play(plan.orders, dir, global.quiet).await.map(Some)
    } else {
        keys::play(dir, global.quiet).await.map(Some)
    }
}

fn make_dir() -> Result<PathBuf, Failed> {
    let dir = std::env::temp_dir().join(format!("outlast-demo-{}", std::process::id()));
    std::fs::create_dir_all(&dir)
        .map_err(|error| Failed::local(format!("make {}: {error}", dir.display())))?;
    Ok(dir)
}

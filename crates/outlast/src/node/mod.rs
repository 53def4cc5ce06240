//! Runs a server in this process, from its log lines to its last sync.
//!
//! Here: the order of things, signals, and writing down where it listens. `trouble` tells why it did not
//! start. Not here: the server itself.

mod trouble;

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, SystemTime};

use server::config::Loaded;
use server::node::Platform;
use server::observe::log::{self, Output};
use server::serve::Server;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::note;
use crate::cli::Global;
use crate::endpoints::Endpoints;
use crate::failed::{Exit, Failed};

/// Runs until somebody says stop, then stops in order: nothing acknowledged is lost either way.
pub(crate) fn run(loaded: Loaded, global: &Global) -> Result<Exit, Failed> {
    let data = loaded.config.node.data_dir.clone();
    install_log(&loaded, global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failed::local(format!("start the runtime: {error}")))?;
    let ended = runtime.block_on(live(loaded, &data, global.quiet));
    // Whatever is still there has been given its time.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn live(loaded: Loaded, data: &Path, is_quiet: bool) -> Result<Exit, Failed> {
    let system = |error| Failed::local(format!("listen to signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let server = tokio::select! {
        biased;
        started = Server::start(loaded.config, Platform { calm: crate::memory::give_back, ..Platform::real() }) => started.map_err(|error| trouble::tell(&error, data))?,
        () = told(&mut interrupt, &mut terminate) => return Ok(Exit::Interrupted),
    };
    let pid = std::process::id();
    let endpoints = Endpoints { schema: 1, pid, grpc: server.grpc().to_vec(), http: server.http().to_vec() };
    if let Err(error) = endpoints.write(data) {
        // The server is fine; only commands that look for it here will not find it.
        note(&format!("{}: {error}", Endpoints::path(data).display()));
    }
    if !is_quiet {
        welcome(&endpoints, data);
    }
    told(&mut interrupt, &mut terminate).await;
    endpoints.remove(data);
    tokio::select! {
        biased;
        stopped = server.stop() => stopped.map_err(|error| trouble::at_the_end(&error.to_string()))?,
        () = told(&mut interrupt, &mut terminate) => note("told twice, stopping at once"),
    }
    Ok(Exit::Done)
}

/// Somebody says stop.
async fn told(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn welcome(endpoints: &Endpoints, data: &Path) {
    let joined = |addresses: &[std::net::SocketAddr]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
    };
    note(&format!("outlast {} · data in {}", env!("CARGO_PKG_VERSION"), data.display()));
    note(&format!("  SDKs  {}", joined(&endpoints.grpc)));
    note(&format!("  API   {}", joined(&endpoints.http)));
    note("  stop  ^C, or SIGTERM: what is in flight is finished, nothing is lost");
}

fn install_log(loaded: &Loaded, global: &Global) -> Result<(), Failed> {
    let mut config = loaded.config.log.clone();
    match global.verbose {
        0 => {}
        1 => config.level = "debug".to_owned(),
        _ => config.level = "trace".to_owned(),
    }
    let output = match (std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR")) {
        (false, _) => Output::Piped,
        (true, None) => Output::Terminal,
        (true, Some(_)) => Output::TerminalWithoutColor,
    };
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    log::install(&config, output, Box::new(clock)).map_err(|error| Failed::usage(error.to_string()))
}

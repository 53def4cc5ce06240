//! The server of the demo: a child process that can be killed and started again on the same data.
//!
//! It keeps its addresses over restarts, as a real server would, so that workers and customers only have
//! to come back. Its log lines go to `server.log` beside the data.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use server::observe::codes;
use tokio::process::Command;

use crate::endpoints::Endpoints;
use crate::failed::{Exit, Failed};

/// How long a server may take until it says where it listens.
const START_MAX: Duration = Duration::from_secs(20);
/// How often one looks whether it has.
const LOOK: Duration = Duration::from_millis(5);
/// How often a start is tried: the port may be taken for a moment by a connection that found nobody.
const ATTEMPTS_MAX: u32 = 3;

/// Where the first start listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    /// Wherever it is free.
    Any,
    /// Where every SDK looks.
    Usual,
}

/// A server process and its data.
#[derive(Debug)]
pub(super) struct Child {
    dir: PathBuf,
    ports: Ports,
    process: tokio::process::Child,
    endpoints: Endpoints,
}

impl Child {
    /// Starts a server on `DIR/data`.
    pub(super) async fn start(dir: &Path, ports: Ports) -> Result<Self, Failed> {
        let mut process = spawn(dir, ports, None)?;
        let endpoints = ready(&mut process, dir).await?;
        Ok(Self { dir: dir.to_owned(), ports, process, endpoints })
    }

    /// Where workers and customers reach it, now and after every restart.
    pub(super) fn grpc(&self) -> String {
        self.endpoints.grpc.first().map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// Where commands and browsers reach it.
    pub(super) fn http(&self) -> String {
        self.endpoints.http.first().map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// The number of its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id().unwrap_or(0)
    }

    /// All gRPC addresses, for people.
    pub(super) fn grpc_all(&self) -> &[SocketAddr] {
        &self.endpoints.grpc
    }

    /// Kills it without a warning (SIGKILL); returns when it is gone.
    pub(super) async fn kill(&mut self) -> Result<(), Failed> {
        self.process.kill().await.map_err(|error| Failed::local(format!("kill the server: {error}")))
    }

    /// Starts it again on the same data and addresses.
    pub(super) async fn restart(&mut self) -> Result<(), Failed> {
        let mut attempt = 1;
        loop {
            self.process = spawn(&self.dir, self.ports, Some(&self.endpoints))?;
            match ready(&mut self.process, &self.dir).await {
                Ok(_) => return Ok(()),
                Err(failed) if attempt == ATTEMPTS_MAX => return Err(failed),
                Err(_) => attempt += 1,
            }
        }
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), Failed> {
        let pid = self.process.id().map(|pid| pid.to_string()).unwrap_or_default();
        // The standard library can only kill; the command that can ask is everywhere.
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await;
        let patience = Duration::from_secs(15);
        match (asked, tokio::time::timeout(patience, self.process.wait()).await) {
            (Ok(_), Ok(Ok(status))) if status.success() => Ok(()),
            (Ok(_), Ok(Ok(status))) => {
                Err(self.failed(&format!("ended with {status} when it was told to stop")))
            }
            (Ok(_), Ok(Err(error))) | (Err(error), _) => {
                Err(self.failed(&format!("cannot be stopped: {error}")))
            }
            (Ok(_), Err(_)) => Err(self.failed(&format!("did not stop within {patience:?}"))),
        }
    }

    fn failed(&self, what: &str) -> Failed {
        failed(&self.dir, what)
    }
}

fn spawn(dir: &Path, ports: Ports, before: Option<&Endpoints>) -> Result<tokio::process::Child, Failed> {
    let system = |error: std::io::Error| Failed::local(format!("start a server: {error}"));
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log_path(dir)).map_err(system)?;
    let mut command = Command::new(std::env::current_exe().map_err(system)?);
    command.arg("dev").arg("--data").arg(data_path(dir));
    match (before, ports) {
        (Some(before), Ports::Any) => {
            let same =
                |addresses: &[SocketAddr]| addresses.first().map(ToString::to_string).unwrap_or_default();
            command.args(["--grpc", &same(&before.grpc), "--http", &same(&before.http)]);
        }
        (None, Ports::Any) => {
            command.args(["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        }
        (_, Ports::Usual) => {}
    }
    // A server of its own must not take settings that were meant for another.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OUTLAST_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
    command.spawn().map_err(system)
}

/// Waits until the process has written where it listens.
async fn ready(process: &mut tokio::process::Child, dir: &Path) -> Result<Endpoints, Failed> {
    let begun = Instant::now();
    let pid = process.id();
    while begun.elapsed() < START_MAX {
        let endpoints = Endpoints::read(&data_path(dir));
        if let Some(endpoints) = endpoints.filter(|endpoints| Some(endpoints.pid) == pid) {
            return Ok(endpoints);
        }
        if let Ok(Some(status)) = process.try_wait() {
            return Err(failed(dir, &format!("ended with {status} instead of starting")));
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(failed(dir, &format!("did not start within {START_MAX:?}")))
}

fn failed(dir: &Path, what: &str) -> Failed {
    let log = log_path(dir);
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
    Failed::new(
        Exit::Failure,
        &codes::NOT_READY,
        format!("the demo's server {what}; its last lines:\n  {last}"),
    )
    .not_happened("the demo has no verdict")
    .next(format!("look into {}, kept for that", log.display()))
}

fn data_path(dir: &Path) -> PathBuf {
    dir.join("data")
}

fn log_path(dir: &Path) -> PathBuf {
    dir.join("server.log")
}

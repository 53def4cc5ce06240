//! The server under test: `outlast dev` as a process, on ports of its own choice.
//!
//! Not here: clients. A server is ready when it has written where it listens and said so; it can be
//! killed, told to stop, and started again on the same directory and ports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;

use crate::program::Program;

const ANY_PORT: &str = "127.0.0.1:0";

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    data: PathBuf,
    program: Program,
    grpc: SocketAddr,
    http: SocketAddr,
    settings: Settings,
}

/// Settings by the names of their environment variables.
type Settings = &'static [(&'static str, &'static str)];

impl Server {
    /// Starts one on any free ports.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts one with these settings, which it keeps over restarts.
    pub(crate) fn start_with(data: &Path, settings: Settings) -> Self {
        let mut command = dev(data, ANY_PORT, ANY_PORT);
        let program = Program::start(command.envs(settings.iter().copied()));
        Self { settings, ..Self::ready(data, program) }
    }

    /// Waits until a server started with these data is ready.
    pub(crate) fn ready(data: &Path, mut program: Program) -> Self {
        let id = program.id();
        let said = |data: &Path| endpoints(data).filter(|said| said["pid"] == id);
        let said = program.wait_for("the server is ready", |_| said(data));
        let address = |kind: &str| {
            let text = said[kind][0].as_str().unwrap_or_else(|| panic!("no {kind} in {said}"));
            text.parse().unwrap_or_else(|error| panic!("{kind} {text}: {error}"))
        };
        Self { data: data.to_owned(), program, grpc: address("grpc"), http: address("http"), settings: &[] }
    }

    /// Kills it and starts another on the same directory and the same ports.
    pub(crate) fn kill_and_restart(&mut self) {
        self.program.kill();
        self.restart();
    }

    /// Starts another on the same directory and the same ports; this one must have ended.
    pub(crate) fn restart(&mut self) {
        let mut command = dev(&self.data, &self.grpc.to_string(), &self.http.to_string());
        let again = Program::start(command.envs(self.settings.iter().copied()));
        *self = Self { settings: self.settings, ..Self::ready(&self.data, again) };
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.program.kill();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.program.signal("TERM");
        self.program.ended()
    }

    /// Where workers and clients reach it.
    pub(crate) fn grpc(&self) -> String {
        self.grpc.to_string()
    }

    /// Where its HTTP API is.
    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Runs an operator's command against it.
    pub(crate) fn outlast(&self, arguments: &[&str]) -> Program {
        Program::start(outlast().args(["--server", &self.http()]).args(arguments))
    }

    /// Runs an operator's command that must succeed and gives back its JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let said = self.outlast(&[&["--quiet", "-o", "json"], arguments].concat()).succeeded();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {said}"))
    }
}

/// Prepares the binary under test.
pub(crate) fn outlast() -> Command {
    Command::new(std::env::var_os("OUTLAST_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_outlast").into()))
}

/// Prepares a server.
pub(crate) fn dev(data: &Path, grpc: &str, http: &str) -> Command {
    let mut command = outlast();
    command.arg("dev").arg("--data").arg(data).args(["--grpc", grpc, "--http", http]);
    command
}

fn endpoints(data: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(data.join("endpoints.json")).ok()?;
    serde_json::from_str(&text).ok()
}

//! The server under test: its process, what the system says of it, what it says of itself.
//!
//! Processor time and memory are the kernel's own accounting, counts are the server's `/metrics`.
//! Not here: what is done to the server (`workloads`).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(20);

/// A server on data of its own, both gone when this is dropped.
pub(crate) struct Server {
    process: Child,
    dir: PathBuf,
    binary: String,
    settings: &'static [(&'static str, &'static str)],
    /// Address for clients and workers.
    pub(crate) grpc: String,
    http: SocketAddr,
}

/// What a process has used since it began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// Processor time, user and system.
    pub(crate) cpu: Duration,
    /// Resident bytes now.
    pub(crate) resident_bytes: u64,
}

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts it with settings, as variables of its environment.
    pub(crate) fn start_with(settings: &'static [(&'static str, &'static str)]) -> anyhow::Result<Self> {
        let binary = std::env::var("OUTLAST_BIN").context("OUTLAST_BIN names no server binary")?;
        let unique = format!("outlast-bench-{}-{:?}", std::process::id(), Instant::now());
        let name: String = unique.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let dir = std::env::temp_dir().join(name);
        let process = spawn(&binary, &dir, settings)?;
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let mut server = Self { process, dir, binary, settings, grpc: String::new(), http: any };
        server.find()?;
        Ok(server)
    }

    /// Kills it without a warning and starts it again on the same data; how long that took until it
    /// was ready.
    pub(crate) fn restart(&mut self) -> anyhow::Result<Duration> {
        self.process.kill()?;
        self.process.wait()?;
        std::fs::remove_file(self.dir.join("endpoints.json"))?;
        let began = Instant::now();
        self.process = spawn(&self.binary, &self.dir, self.settings)?;
        self.find()?;
        Ok(began.elapsed())
    }

    /// Waits until it says where it listens and that it is ready.
    fn find(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + START_MAX;
        while Instant::now() < until {
            if let Some((grpc, http)) = self.endpoints() {
                self.grpc = format!("http://{grpc}");
                self.http = http;
                if self.get("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                    return Ok(());
                }
            }
            if let Some(status) = self.process.try_wait()? {
                anyhow::bail!("the server ended with {status}");
            }
            std::thread::yield_now();
        }
        anyhow::bail!("the server was not ready within {START_MAX:?}")
    }

    fn endpoints(&self) -> Option<(String, SocketAddr)> {
        let text = std::fs::read_to_string(self.dir.join("endpoints.json")).ok()?;
        let found: Value = serde_json::from_str(&text).ok()?;
        Some((found["grpc"][0].as_str()?.to_owned(), found["http"][0].as_str()?.parse().ok()?))
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.http)?;
        stream.set_read_timeout(Some(START_MAX))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// The sum of a counter over its labels.
    pub(crate) fn counter(&self, name: &str) -> anyhow::Result<u64> {
        let text = self.get("/metrics")?;
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let matches =
                series == name || series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
            if matches { value.parse::<u64>().ok() } else { None }
        });
        let found: Vec<u64> = values.collect();
        anyhow::ensure!(!found.is_empty(), "/metrics has no {name}");
        Ok(found.iter().sum())
    }

    pub(crate) fn used(&self) -> anyhow::Result<Used> {
        used(&self.process.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; its data goes in any case.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

fn spawn(binary: &str, dir: &std::path::Path, settings: &[(&str, &str)]) -> anyhow::Result<Child> {
    let mut command = Command::new(binary);
    command.args(["dev", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"]).arg(dir);
    command.envs(settings.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("start {binary}"))
}

/// What a process has used, by the kernel's own accounting; `self` is this one.
pub(crate) fn used(process: &str) -> anyhow::Result<Used> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit_once(')').context("no name in stat")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    let pages: u64 = fields[21].parse()?;
    Ok(Used { cpu: Duration::from_millis(ticks * 10), resident_bytes: pages * 4096 })
}

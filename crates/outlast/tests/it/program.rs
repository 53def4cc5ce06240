//! Child processes whose output is read as it comes.
//!
//! Not here: what they do. A program that is dropped is killed, so that a failed test leaves nothing
//! running. Waiting for a line has a deadline, after which the test fails with all that was said.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How long anything may take. Far more than it needs, because machines are busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// More lines than any program here writes before somebody reads them.
const LINES_WAITING_MAX: usize = 1 << 20;

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Program {
    /// Starts it; its stdout and stderr are one stream of lines.
    pub(crate) fn start(command: &mut Command) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        let stderr = writer.try_clone().expect("a pipe's end can be copied");
        Self::spawn(command, (reader, writer), stderr.into())
    }

    /// Starts it with its stdout alone as lines; its stderr goes into a file.
    pub(crate) fn start_apart(command: &mut Command, stderr: &Path) -> Self {
        let stderr = File::create(stderr).expect("a scratch directory can be written to");
        Self::spawn(command, std::io::pipe().expect("a pipe can be made"), stderr.into())
    }

    fn spawn(command: &mut Command, (reader, writer): (PipeReader, PipeWriter), stderr: Stdio) -> Self {
        let name = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(writer).stderr(stderr);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {name}: {error}"));
        // The command holds our copies of the writing end: the stream ends only when they are closed.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let stdin = child.stdin.take();
        Self { name, child, stdin, lines: read(reader), said: Vec::new() }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads lines until `wanted` finds what it looks for.
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut wanted: impl FnMut(&str) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            match self.lines.recv_timeout(DEADLINE.saturating_sub(began.elapsed())) {
                Ok(line) => {
                    let found = wanted(&line);
                    self.said.push(line);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("not in {DEADLINE:?}: {what}\n{}", self.transcript())
                }
                Err(RecvTimeoutError::Disconnected) => panic!("ended before: {what}\n{}", self.transcript()),
            }
        }
    }

    /// Reads lines until this many begin so.
    pub(crate) fn wait_for_lines(&mut self, count: usize, beginning: &str) {
        let mut seen = self.said.iter().filter(|line| line.starts_with(beginning)).count();
        if seen < count {
            self.wait_for(&format!("{count} lines `{beginning}`"), |line| {
                seen += usize::from(line.starts_with(beginning));
                (seen >= count).then_some(())
            });
        }
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            match self.lines.recv_timeout(DEADLINE.saturating_sub(began.elapsed())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("still running after {DEADLINE:?}\n{}", self.transcript())
                }
            }
        }
        self.child.wait().expect("our own child can be waited for")
    }

    /// Waits for its end, which must be a good one, and gives back all it said.
    pub(crate) fn succeeded(mut self) -> String {
        let status = self.ended();
        assert!(status.success(), "{status}\n{}", self.transcript());
        self.said.join("\n")
    }

    /// Waits for its end, which must be with this exit code, and gives back all it said.
    pub(crate) fn failed_with(mut self, code: i32) -> String {
        let status = self.ended();
        assert_eq!(status.code(), Some(code), "{}", self.transcript());
        self.said.join("\n")
    }

    /// Ends its stdin, which asks our own programs to stop.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// SIGKILL: it gets no chance to do anything more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("our own child can be killed");
        self.ended();
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status();
        assert!(sent.expect("there is a kill command").success());
    }

    /// All it said so far, for the message of a failed test.
    pub(crate) fn transcript(&self) -> String {
        format!("{} said:\n{}", self.name, self.said.join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.said.extend(self.lines.try_iter());
            eprintln!("{}", self.transcript());
        }
    }
}

fn read(from: PipeReader) -> Receiver<String> {
    let (send, lines) = sync_channel(LINES_WAITING_MAX);
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    lines
}

/// Prepares a Python program of `tests/sdk/python`.
pub(crate) fn python(name: &str) -> Command {
    let mut command = Command::new(given("OUTLAST_PYTHON"));
    command.arg("-u").arg(sdk("python").join(name));
    command
}

/// Prepares a JavaScript program of `tests/sdk/js`.
pub(crate) fn node(name: &str) -> Command {
    let mut command = Command::new(given("OUTLAST_NODE"));
    command.arg(sdk("js").join(name));
    command
}

fn sdk(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(language)
}

/// What `cargo xtask test blackbox` says about where something is.
pub(crate) fn given(variable: &str) -> PathBuf {
    let set = std::env::var_os(variable);
    set.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test blackbox`")).into()
}

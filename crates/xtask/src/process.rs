//! Running other programs: with their output passed through, or captured.
//!
//! Not here: what to run. A program that cannot be started is an error that names it, and one that
//! hangs is ended with all its children when its time is up.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// One program with its arguments, not started yet.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    shown: String,
}

/// Prepares `program`, to be run at the root of the repository.
pub(crate) fn program(program: impl AsRef<OsStr>) -> Program {
    let mut command = Command::new(&program);
    command.current_dir(crate::repository::root()).stdin(Stdio::null());
    Program { command, shown: program.as_ref().to_string_lossy().into_owned() }
}

/// Prepares the same cargo that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Program {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut prepared = program(cargo);
    prepared.shown = "cargo".to_owned();
    prepared.args(arguments)
}

impl Program {
    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: &[S]) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it elsewhere than at the root.
    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it to its end, output passed through; anything but exit code 0 is an error.
    pub(crate) fn succeed(mut self) -> Result<()> {
        let status = self.command.status().with_context(|| format!("start `{}`", self.shown))?;
        self.judge(status, "")
    }

    /// Runs it to its end and gives back its stdout; anything but exit code 0 is an error that
    /// carries its stderr.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self.command.output().with_context(|| format!("start `{}`", self.shown))?;
        self.judge(output.status, String::from_utf8_lossy(&output.stderr).trim_end())?;
        String::from_utf8(output.stdout).with_context(|| format!("read the output of `{}`", self.shown))
    }

    /// Runs it, hands each line of stdout and stderr to `on_line`, and gives back how it ended. After
    /// `limit` it and all its children are killed.
    pub(crate) fn lines(mut self, limit: Duration, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
        let (lines, writer) = std::io::pipe().context("make a pipe")?;
        let stderr = writer.try_clone().context("make a pipe")?;
        // A group of its own, so that ending it ends servers and workers it has started.
        self.command.stdout(writer).stderr(stderr).process_group(0);
        let mut child = self.command.spawn().with_context(|| format!("start `{}`", self.shown))?;
        // The command holds the pipe's writing ends; while it does, reading does not end.
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        let (send, receive) = sync_channel(1_024);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(lines).split(b'\n').map_while(std::io::Result::ok) {
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        let started = std::time::Instant::now();
        let in_time = loop {
            match receive.recv_timeout(limit.saturating_sub(started.elapsed())) {
                Ok(line) => on_line(&line),
                Err(RecvTimeoutError::Disconnected) => break true,
                Err(RecvTimeoutError::Timeout) => break false,
            }
        };
        if !in_time {
            let group = format!("-{}", child.id());
            program("kill").args(&["-KILL", "--", group.as_str()]).succeed()?;
        }
        drop(receive);
        let status = child.wait().with_context(|| format!("wait for `{}`", self.shown))?;
        if !in_time {
            bail!("`{}` was killed: it took longer than {} s", self.shown, limit.as_secs());
        }
        reader.join().expect("the reading thread does not panic");
        Ok(status)
    }

    fn judge(&self, status: ExitStatus, stderr: &str) -> Result<()> {
        match (status.success(), stderr) {
            (true, _) => Ok(()),
            (false, "") => bail!("`{}` failed: {status}", self.shown),
            (false, stderr) => bail!("`{}` failed: {status}\n{stderr}", self.shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = program("no-such-program").succeed().unwrap_err();
        assert_eq!(format!("{error:#}").split(": ").next(), Some("start `no-such-program`"));
    }

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let error = program("sh").args(&["-c", "echo why >&2; exit 3"]).output().unwrap_err();
        assert!(error.to_string().ends_with("exit status: 3\nwhy"), "{error}");
    }

    #[test]
    fn lines_are_handed_over_as_they_come_and_the_status_is_told() {
        let mut lines = Vec::new();
        let status = program("sh")
            .args(&["-c", "echo one; echo two >&2; exit 4"])
            .lines(Duration::from_secs(60), |line| lines.push(line.to_owned()))
            .unwrap();
        assert_eq!((lines, status.code()), (vec!["one".to_owned(), "two".to_owned()], Some(4)));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let script = program("sh").args(&["-c", "cat /dev/zero > /dev/null & wait"]);
        let error = script.lines(Duration::from_millis(50), |_| {}).unwrap_err();
        assert!(error.to_string().contains("was killed"), "{error}");
    }
}

//! Counting what passed and what failed, from what cargo's tests print.
//!
//! Not here: running them. A test program that dies says nothing about the tests it had left, so its
//! exit code counts too.

use anyhow::Result;

use crate::process::Program;

/// What passed, and what did not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    /// One line for each failure.
    pub(super) failures: Vec<String>,
}

impl Tally {
    /// One more passed.
    pub(super) fn pass(&mut self) {
        self.passed += 1;
    }

    /// One more failed.
    pub(super) fn fail(&mut self, what: String) {
        println!("FAILED: {what}");
        self.failures.push(what);
    }

    /// How many failed.
    pub(super) fn failed(&self) -> u64 {
        u64::try_from(self.failures.len()).expect("a count of lines in memory")
    }

    /// Passed or failed as one check.
    pub(super) fn check(&mut self, name: &str, outcome: Result<()>) {
        match outcome {
            Ok(()) => self.pass(),
            Err(error) => self.fail(format!("{name}: {error:#}")),
        }
    }

    /// Runs a program that tests with cargo's harness, shows its output and counts its tests.
    pub(super) fn harness(&mut self, program: Program, limit: std::time::Duration) -> Result<()> {
        let before = self.failed();
        let status = program.lines(limit, |line| {
            println!("{line}");
            self.line(line);
        })?;
        if !status.success() && self.failed() == before {
            self.fail(format!("ended with {status} before its tests were counted"));
        }
        Ok(())
    }

    /// Adds another count.
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
    }

    /// Counts `test result: ok. 3 passed; …` and `test name ... FAILED`.
    fn line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let passed =
                counts.split(". ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
            self.passed += passed.unwrap_or(0);
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::program;

    fn counted(script: &str) -> Tally {
        let mut tally = Tally::default();
        tally.harness(program("sh").args(&["-c", script]), Duration::from_secs(60)).unwrap();
        tally
    }

    #[test]
    fn passed_and_failed_tests_are_counted() {
        let said = "printf 'test a::b ... ok\ntest c::d ... FAILED\ntest result: FAILED. 4 passed; 1 failed; 0 ignored\n'";
        assert_eq!(counted(said), Tally { passed: 4, failures: vec!["c::d".into()] });
    }

    #[test]
    fn a_program_that_dies_is_a_failure() {
        assert_eq!(counted("exit 101").failed(), 1);
        assert_eq!(counted("exit 0").failed(), 0);
    }
}

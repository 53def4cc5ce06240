//! The sections of `cargo xtask test`, in the order they run: cheap ones first.
//!
//! Not here: how results are counted and shown. Unit tests use the dev profile; simulation, demo and
//! black-box tests the release binaries, which are built once, together, so that their dependencies
//! are compiled with one set of features. Mutants are built last: their code must not be in a binary
//! that somebody might run.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::sdks;
use super::tally::Tally;
use crate::process::{cargo, program};
use crate::repository::target;
use crate::tidy;

/// A part of the whole, with its name for the command line.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&mut Tally) -> Result<()>,
}

pub(super) const SECTIONS: &[Section] = &[
    Section { name: "tidy", about: "the rules about the sources", run: tidy_rules },
    Section { name: "format", about: "as rustfmt would write it", run: format },
    Section { name: "clippy", about: "no warning anywhere", run: clippy },
    Section { name: "unit", about: "unit, integration and documentation tests", run: unit },
    Section { name: "build", about: "the release binaries", run: build },
    Section { name: "simulation", about: "2,000 seeds", run: simulation },
    Section { name: "demo", about: "a hundred orders, two kills, a verdict", run: demo },
    Section { name: "blackbox", about: "the published SDKs against the real server", run: black_box },
    Section { name: "mutants", about: "bugs put in on purpose, each found", run: mutants },
];

const SEEDS: &str = "2000";
/// Each mutant must be found within these.
const MUTANT_SEEDS: &str = "1000";
/// A section that hangs is ended after this, far over what it needs on two busy cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// Built together, so that both use the same dependencies.
const RELEASE: &[&str] = &["build", "--release", "--package", "outlast", "--package", "sim"];

fn tidy_rules(tally: &mut Tally) -> Result<()> {
    let (held, broken) = tidy::check()?;
    tally.passed += held;
    (0..broken).for_each(|_| tally.fail("a rule of tidy, see above".to_owned()));
    Ok(())
}

fn format(tally: &mut Tally) -> Result<()> {
    tally.check("format", cargo(&["fmt", "--all", "--check"]).succeed());
    Ok(())
}

fn clippy(tally: &mut Tally) -> Result<()> {
    tally.check(
        "clippy",
        cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).succeed(),
    );
    Ok(())
}

fn unit(tally: &mut Tally) -> Result<()> {
    tally.harness(cargo(&["test", "--workspace", "--no-fail-fast"]), LIMIT)
}

fn build(tally: &mut Tally) -> Result<()> {
    tally.check("build", cargo(RELEASE).succeed());
    Ok(())
}

fn simulation(tally: &mut Tally) -> Result<()> {
    cargo(RELEASE).succeed().context("build for release")?;
    let run = program(release("sim")).args(&["--seeds", SEEDS]);
    tally.check("simulation", finished(run));
    Ok(())
}

fn demo(tally: &mut Tally) -> Result<()> {
    cargo(RELEASE).succeed().context("build for release")?;
    tally.check("demo --once", finished(program(release("outlast")).args(&["demo", "--once"])));
    Ok(())
}

fn black_box(tally: &mut Tally) -> Result<()> {
    let with_samples = ["--package", "outlast-sdk", "--bins", "--examples"];
    cargo(RELEASE).args(&with_samples).succeed().context("build for release")?;
    let sdks = sdks::install()?;
    let run = sdks::black_box(&sdks, &release("outlast")).env("OUTLAST_EXAMPLES", release("examples"));
    tally.harness(run, LIMIT)
}

/// Each mutant is one check.
fn mutants(tally: &mut Tally) -> Result<()> {
    cargo(RELEASE).args(&["--features", "sim/mutants"]).succeed().context("build the mutants")?;
    let before = tally.failed();
    let run = program(release("sim")).args(&["--mutants", "--seeds", MUTANT_SEEDS]);
    let status = run.lines(LIMIT, |line| {
        println!("{line}");
        match line.split_once(": ") {
            Some((_, verdict)) if verdict.starts_with("found after") => tally.pass(),
            Some((name, verdict)) if verdict.starts_with("NOT FOUND") => {
                tally.fail(format!("mutant {name} not found"))
            }
            Some(_) | None => {}
        }
    })?;
    if !status.success() && tally.failed() == before {
        tally.fail(format!("mutants ended with {status}"));
    }
    // Puts the binaries without mutants back into their place; nothing is compiled for it.
    cargo(RELEASE).succeed().context("build for release")
}

/// Runs a program with its output shown, under the common limit.
fn finished(run: crate::process::Program) -> Result<()> {
    let status = run.lines(LIMIT, |line| println!("{line}"))?;
    anyhow::ensure!(status.success(), "ended with {status}");
    Ok(())
}

fn release(binary: &str) -> PathBuf {
    std::path::absolute(target().join("release").join(binary)).expect("the working directory exists")
}

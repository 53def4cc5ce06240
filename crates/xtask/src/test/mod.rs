//! `cargo xtask test`: everything CI runs, section by section, and one line of result at the end.
//!
//! Not here: what a section does (`sections`) and what the SDKs need (`sdks`). A section that fails
//! does not hide the later ones; what cannot be run because something is missing counts as failed,
//! never as passed. Nothing is written outside the target directory.

mod sdks;
mod sections;
mod tally;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use sections::SECTIONS;
use tally::Tally;

/// Runs the sections named, or all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|argument| argument == "--list") {
        SECTIONS.iter().for_each(|section| println!("{:<12} {}", section.name, section.about));
        return Ok(());
    }
    if let Some(unknown) = arguments.iter().find(|name| SECTIONS.iter().all(|section| section.name != **name))
    {
        bail!("no section `{unknown}`: cargo xtask test --list names them");
    }
    let chosen =
        SECTIONS.iter().filter(|section| arguments.is_empty() || arguments.iter().any(|a| a == section.name));
    let began = Instant::now();
    let (mut total, mut times) = (Tally::default(), Vec::new());
    for section in chosen {
        println!("\n=== {}: {}", section.name, section.about);
        let began = Instant::now();
        let mut tally = Tally::default();
        if let Err(error) = (section.run)(&mut tally) {
            tally.fail(format!("{}: {error:#}", section.name));
        }
        times.push((section.name, began.elapsed(), tally.passed, tally.failed()));
        total.add(tally);
    }
    report(&times, &total, began.elapsed());
    if total.failed() > 0 {
        bail!("{} failed", total.failed())
    }
    Ok(())
}

fn report(times: &[(&str, Duration, u64, u64)], total: &Tally, took: Duration) {
    println!("\n=== result");
    for (name, took, passed, failed) in times {
        println!("{name:<12} {:>7.1} s  {passed:>5} passed  {failed:>3} failed", took.as_secs_f64());
    }
    println!("{:<12} {:>7.1} s", "all", took.as_secs_f64());
    total.failures.iter().for_each(|failure| println!("failed: {failure}"));
    println!("{} passed, {} failed", total.passed, total.failed());
}

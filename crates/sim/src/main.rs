//! `cargo sim`: runs seeds, and says which one failed and how to run it again.
//!
//! Not here: the runs (`sim`). Progress and verdicts go to stderr, a trace to stdout.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program speaks to people")]

mod arguments;

use std::process::ExitCode;

use platform::Clock as _;
use sim::marks::Marks;
use sim::{Failure, Options, run};

use arguments::Arguments;

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => seeds(&arguments),
        Err(problem) => {
            eprintln!("{problem}\n{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}

/// Runs all seeds that were asked for; stops at the first that fails.
fn seeds(arguments: &Arguments) -> ExitCode {
    let clock = platform::real::RealClock::new();
    let began = clock.monotonic();
    let mut marks = Marks::default();
    let (mut runs, mut simulated) = (0u64, 0u64);
    for seed in arguments.from..arguments.from + arguments.seeds {
        for voters in &arguments.voters {
            let options = Options { seed, voters: *voters, keep_trace: arguments.trace };
            match run(options) {
                Ok(report) => {
                    marks.add(&report.marks);
                    (runs, simulated) = (runs + 1, simulated + report.time);
                    print!("{}", report.text);
                }
                Err(failure) => return failed(&options, &failure),
            }
        }
        if seed % 500 == 499 {
            eprintln!("{} seeds clean", seed + 1 - arguments.from);
        }
    }
    let took = (clock.monotonic() - began).as_secs_f64();
    eprint!("{}", marks.table());
    eprintln!(
        "{runs} runs clean in {took:.1} s ({:.0} a second), {:.0} simulated minutes",
        per_second(runs, took),
        per_second(simulated, 60e6)
    );
    ExitCode::SUCCESS
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with no decimals")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn failed(options: &Options, failure: &Failure) -> ExitCode {
    print!("{}", failure.report.text);
    eprintln!("seed {} with {} voters fails at {} µs", options.seed, options.voters, failure.at);
    eprintln!("  {}", failure.violation);
    eprintln!("run it again: cargo sim --seed {} --voters {} --trace", options.seed, options.voters);
    ExitCode::FAILURE
}

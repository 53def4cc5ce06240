//! `cargo sim`: runs seeds, and says which one failed and how to run it again.
//!
//! Not here: the runs (`sim`). Progress and verdicts go to stderr, a trace to stdout.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program speaks to people")]

mod arguments;

use std::process::ExitCode;

use platform::Clock as _;
use sim::marks::{self, Marks};
use sim::mutants::{self, Mutant};
use sim::{Failure, Options, run};

use arguments::{Arguments, Mutants};

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => match arguments.mutants {
            Mutants::None => seeds(&arguments),
            Mutants::One(mutant) => {
                mutants::set(Some(mutant));
                seeds(&arguments)
            }
            Mutants::Each => each_mutant(&arguments),
        },
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
    let missing: Vec<_> = marks::ALL.iter().filter(|mark| marks.reached(mark) == 0).collect();
    eprint!("{}", marks.table());
    eprintln!(
        "{runs} runs clean in {took:.1} s ({:.0} a second), {:.0} simulated minutes",
        per_second(runs, took),
        per_second(simulated, 60e6)
    );
    if arguments.is_full() && !missing.is_empty() {
        eprintln!("never reached, so the generator is wrong: {missing:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with no decimals")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// Switches every seeded bug on in turn; each must be found within the seeds.
fn each_mutant(arguments: &Arguments) -> ExitCode {
    if cfg!(not(feature = "mutants")) {
        eprintln!("built without seeded bugs: cargo sim needs --features mutants");
        return ExitCode::from(2);
    }
    // Many a seeded bug ends in an assertion; that is a find, not something to shout about.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for mutant in mutants::all() {
        mutants::set(Some(mutant));
        match found(arguments) {
            Some((seeds, options, failure)) => eprintln!(
                "{}: found after {seeds} seeds (seed {}, {} voters): {}",
                name(mutant),
                options.seed,
                options.voters,
                failure.violation
            ),
            None => missed.push(name(mutant)),
        }
    }
    mutants::set(None);
    missed.iter().for_each(|name| eprintln!("{name}: NOT FOUND within {} seeds", arguments.seeds));
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn name(mutant: Mutant) -> String {
    format!("{}/{}", mutant.of, mutant.name)
}

/// The first run that fails, and how many seeds it took.
fn found(arguments: &Arguments) -> Option<(u64, Options, Box<Failure>)> {
    for seed in arguments.from..arguments.from + arguments.seeds {
        for voters in &arguments.voters {
            let options = Options { seed, voters: *voters, keep_trace: false };
            if let Err(failure) = run(options) {
                return Some((seed - arguments.from + 1, options, failure));
            }
        }
    }
    None
}

fn failed(options: &Options, failure: &Failure) -> ExitCode {
    print!("{}", failure.report.text);
    eprintln!("seed {} with {} voters fails at {} µs", options.seed, options.voters, failure.at);
    eprintln!("  {}", failure.violation);
    eprintln!("run it again: cargo sim --seed {} --voters {} --trace", options.seed, options.voters);
    ExitCode::FAILURE
}

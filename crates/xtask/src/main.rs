//! The repository's own chores: `cargo xtask test`, `fix`, `tidy`, `sim`, `bench`.
//!
//! Not here: anything the product needs. Nothing depends on this crate, and it depends on none of
//! the others. `test` and `tidy` never write to the sources; `fix` is the one that does.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who ran it")]

mod bench;
mod fix;
mod process;
mod repository;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <chore>
  test [SECTION...]   everything CI runs, or only the sections named (test --list names them)
  fix [CRATE...]      format, and write again whatever is generated (references, expected outputs, ratchet),
                      by the tests of all crates or only of those named
  tidy                the rules about the sources
  sim [ARGS...]       the simulation, built for release: sim --help says what it takes
  bench [ARGS...]     the benchmarks, with their asserted counts";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let chore = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match chore.as_str() {
        "test" => test::run(&rest),
        "fix" => fix::run(&rest),
        "tidy" => tidy::run(),
        "sim" => {
            process::cargo(&["run", "--quiet", "--release", "--package", "sim", "--"]).args(&rest).succeed()
        }
        "bench" => bench::run(&rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

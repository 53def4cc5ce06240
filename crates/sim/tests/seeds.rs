//! A few hundred seeds of the whole simulation, and the proof that a seed is a run.
//!
//! Not here: the thousands that a release runs (`cargo sim --seeds 2000`), and the seeded bugs
//! (`cargo sim --mutants`). A failing seed is printed with the command that repeats it.

use std::process::Command;

use sim::{Options, run};

fn check(seeds: std::ops::Range<u64>, voters: u64) {
    for seed in seeds {
        if let Err(failure) = run(Options { seed, voters, keep_trace: false }) {
            panic!("{}: run it again: cargo sim --seed {seed} --voters {voters} --trace", failure.violation);
        }
    }
}

#[test]
fn one_voter_keeps_its_promises_on_every_seed() {
    check(0..140, 1);
}

#[test]
fn three_voters_keep_their_promises_on_every_seed() {
    check(0..60, 3);
}

/// The whole trace of a seed, from a process of its own.
fn trace(seed: u64, voters: u64) -> Vec<u8> {
    let program = env!("CARGO_BIN_EXE_sim");
    let arguments = ["--trace", "--seed", &seed.to_string(), "--voters", &voters.to_string()];
    Command::new(program).args(arguments).output().expect("the simulation runs").stdout
}

#[test]
fn same_seed_in_two_processes_gives_the_same_trace_byte_for_byte() {
    for seed in 0..10 {
        for voters in [1, 3] {
            let first = trace(seed, voters);
            assert!(first.len() > 1000, "seed {seed} does something");
            assert!(first == trace(seed, voters), "seed {seed} with {voters} voters is not repeatable");
        }
    }
}

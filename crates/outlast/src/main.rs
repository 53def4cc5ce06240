//! `outlast`: the server and its command line.
//!
//! `cli` says what can be typed, `commands` does it, one file each. `api` speaks to a server, `output`
//! prints data, `failed` prints what went wrong, `node` runs a server in this process, `demo` hurts one.
//! Not here: anything a server decides. Commands use the public HTTP API and nothing else.

mod allocator;
mod api;
mod cli;
mod commands;
mod demo;
mod endpoints;
mod failed;
mod memory;
mod node;
mod output;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    match cli::Cli::try_parse() {
        Ok(cli) => match commands::run(cli) {
            Ok(exit) => exit.into(),
            Err(failed) => failed.report(),
        },
        Err(error) => {
            // Help and version are answers, everything else is wrong usage; clap knows which is which.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

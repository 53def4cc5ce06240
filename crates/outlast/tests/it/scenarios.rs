//! Scenarios of the published SDKs, one a test, each against a server of its own.
//!
//! Not here: the scenarios, which are programs in `tests/sdk/`; run with `--list` such a program names
//! them. A test fails when a scenario there has no test here, so that none is forgotten.

use std::process::Command;

use crate::program::Program;
use crate::scratch::Scratch;
use crate::server::Server;

/// Runs one scenario of a program.
pub(crate) fn run(mut program: Command, scenario: &str) {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    Program::start(program.args([server.grpc().as_str(), scenario])).succeeded();
}

/// The scenarios a program says it has.
pub(crate) fn listed(mut program: Command) -> Vec<String> {
    let listed = Program::start(program.arg("--list")).succeeded();
    listed.lines().map(str::to_owned).collect()
}

/// A test for each scenario of a file, and one that none is missing: `python "file.py", its_name: …`.
macro_rules! scenarios {
    ($program:ident $file:literal, $all:ident: $($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            crate::scenarios::run(crate::program::$program($file), stringify!($name));
        })*

        #[test]
        fn $all() {
            let listed = crate::scenarios::listed(crate::program::$program($file));
            assert_eq!(listed, [$(stringify!($name)),*]);
        }
    };
}

pub(crate) use scenarios;

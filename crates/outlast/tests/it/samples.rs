//! The samples, in every language they are written in, against the real server.
//!
//! Each prints on standard output exactly what its `output.txt` says, whatever it is written in. Not
//! here: the samples, which are in the folder `samples` of the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, given};
use crate::scratch::Scratch;
use crate::server::Server;

const LANGUAGES: &[(&str, fn(&str) -> Command)] =
    &[("Python", python), ("JavaScript", javascript), ("Rust", rust)];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples")
}

fn python(sample: &str) -> Command {
    let mut command = Command::new(given("OUTLAST_PYTHON"));
    command.arg("-B").arg(folder().join(sample).join(format!("{sample}.py")));
    command
}

fn javascript(sample: &str) -> Command {
    let mut command = Command::new(given("OUTLAST_NODE"));
    command.arg(folder().join(sample).join(format!("{sample}.js")));
    command.env("NODE_PATH", given("OUTLAST_NPM").join("node_modules"));
    command
}

fn rust(sample: &str) -> Command {
    Command::new(given("OUTLAST_EXAMPLES").join(sample))
}

fn run(sample: &str) {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    let path = folder().join(sample).join("output.txt");
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    for (language, command) in LANGUAGES {
        let stderr = scratch.join(language);
        let said = Program::start_apart(command(sample).arg(server.grpc()), &stderr).succeeded();
        let also = || std::fs::read_to_string(&stderr).unwrap_or_default();
        assert_eq!(said, expected.trim_end(), "{sample} in {language}\n{}", also());
    }
}

macro_rules! samples {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_sample_has_a_test() {
            let entries = std::fs::read_dir(folder()).expect("the samples are there");
            let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().join("output.txt").exists());
            let mut names: Vec<_> =
                folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

samples!(approval, counter, fan_out, hello, monitor, order, saga);

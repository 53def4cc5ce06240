//! `cargo xtask bench`: whole-system benchmarks, with counts that are asserted and times that are
//! only reported.
//!
//! Not here: the benchmarks themselves. They are the `bench` example of the `outlast` crate, which
//! starts the real server; a count over its bound is a failure, a slow machine is not.

use anyhow::Result;

use crate::process::cargo;

/// Builds server and benchmark as they are shipped and runs it with `arguments`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let binary = crate::repository::target().join("dist/outlast");
    cargo(&["build", "--profile", "dist", "--package", "outlast"]).succeed()?;
    cargo(&["run", "--quiet", "--profile", "dist", "--package", "outlast", "--example", "bench", "--"])
        .args(arguments)
        .env("OUTLAST_BIN", binary)
        .succeed()
}

//! `cargo xtask fix`: the one chore that writes to the sources.
//!
//! Not here: judging. It formats, lets every test that compares with a checked-in file write that
//! file again (`UPDATE=1`), and lowers the ratchet. Read the difference before you commit it.

use anyhow::Result;

use crate::process::cargo;
use crate::tidy;

/// Formats and regenerates what the tests of `crates` compare with, or of all crates if none is named.
pub(crate) fn run(crates: &[String]) -> Result<()> {
    cargo(&["fmt", "--all"]).succeed()?;
    let mut chosen = Vec::new();
    for name in crates {
        chosen.extend(["--package", name]);
    }
    if chosen.is_empty() {
        chosen.push("--workspace");
    }
    cargo(&["test", "--quiet"]).args(&chosen).env("UPDATE", "1").succeed()?;
    tidy::lower_ratchet()
}

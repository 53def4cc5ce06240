//! `cargo xtask fix`: the one chore that writes to the sources.
//!
//! Not here: judging. It formats, lets every test that compares with a checked-in file write that
//! file again (`UPDATE=1`), and lowers the ratchet. Read the difference before you commit it.

use anyhow::Result;

use crate::process::cargo;
use crate::tidy;

/// Formats and regenerates.
pub(crate) fn run() -> Result<()> {
    cargo(&["fmt", "--all"]).succeed()?;
    cargo(&["test", "--workspace", "--quiet"]).env("UPDATE", "1").succeed()?;
    tidy::lower_ratchet()
}

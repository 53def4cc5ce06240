//! `outlast completions SHELL`: a script that completes this command line.
//!
//! Made from the very definitions that parse it, so the two cannot disagree.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failed::{Exit, Failed};
use crate::output;

/// Arguments of `outlast completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<Exit, Failed> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "outlast", &mut script);
        output::print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "outlast", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("terminate"), "{shell}");
        }
    }
}

//! Asks before something ends or goes away that a person may miss.
//!
//! On a terminal by a question, elsewhere by a flag: a script never hangs, and never destroys by accident.
//! What cannot be undone at all wants more than this (`hub remove`).

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use server::observe::codes;

use crate::failed::{Exit, Failed};

/// The flag that answers the question.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Consent {
    /// Do it without asking
    #[arg(short, long)]
    yes: bool,
}

impl Consent {
    pub(crate) fn check(self, what: &str) -> Result<(), Failed> {
        if self.yes || (std::io::stdin().is_terminal() && asked(what)) {
            return Ok(());
        }
        Err(Failed::new(
            Exit::RefusedForSafety,
            &codes::CONFIRMATION_MISSING,
            format!("to {what} was not confirmed"),
        )
        .next("give the same command with --yes"))
    }
}

fn asked(what: &str) -> bool {
    let mut answer = String::new();
    let asked = write!(std::io::stderr().lock(), "{what}? [y/N] ");
    asked.is_ok()
        && std::io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_answers_the_question() {
        assert_eq!(Consent { yes: true }.check("purge all"), Ok(()));
    }
}

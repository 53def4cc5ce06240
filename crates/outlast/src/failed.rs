//! How a command ends that did not do what it was told.
//!
//! Every error says four things: what happened, what did not happen, what to do next, and its code. The
//! exit code follows from the kind of trouble, so that scripts can decide (`outlast explain EXIT-CODES`).

use std::io::Write;
use std::process::ExitCode;

use server::observe::codes::{self, Code};

/// The exit codes; scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is done.
    Done = 0,
    /// It failed.
    Failure = 1,
    /// The command line or a value on it cannot be used.
    Usage = 2,
    /// The server does not know who asks.
    NotAuthenticated = 3,
    /// There is no such thing.
    NotFound = 4,
    /// It would destroy something and was not confirmed.
    RefusedForSafety = 5,
    /// Nobody answers, or nobody who may; nothing happened.
    Unavailable = 6,
    /// No answer came in time.
    OutcomeUnknown = 7,
    /// A drill or check ran and did not pass.
    NotPassed = 8,
    /// Somebody pressed ^C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        let number: u8 = match exit {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::NotAuthenticated => 3,
            Exit::NotFound => 4,
            Exit::RefusedForSafety => 5,
            Exit::Unavailable => 6,
            Exit::OutcomeUnknown => 7,
            Exit::NotPassed => 8,
            Exit::Interrupted => 130,
        };
        Self::from(number)
    }
}

/// What went wrong, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    exit: Exit,
    happened: String,
    not_happened: String,
    next: String,
    code: String,
}

impl Failed {
    /// A failure with a code of the register; the next step is the code's unless replaced.
    pub(crate) fn new(exit: Exit, code: &Code, happened: impl Into<String>) -> Self {
        Self {
            exit,
            happened: happened.into(),
            not_happened: "nothing was changed".to_owned(),
            next: code.next.to_owned(),
            code: code.id.to_owned(),
        }
    }

    /// A failure as a server told it, whose code this program may not know.
    pub(crate) fn told(exit: Exit, code: &str, happened: &str, next: &str) -> Self {
        let not_happened = match exit {
            Exit::OutcomeUnknown => "whether anything was changed is not known",
            Exit::Done
            | Exit::Failure
            | Exit::Usage
            | Exit::NotAuthenticated
            | Exit::NotFound
            | Exit::RefusedForSafety
            | Exit::Unavailable
            | Exit::NotPassed
            | Exit::Interrupted => "nothing was changed",
        };
        Self {
            exit,
            happened: happened.to_owned(),
            not_happened: not_happened.to_owned(),
            next: next.to_owned(),
            code: code.to_owned(),
        }
    }

    /// A value on the command line that cannot be used.
    pub(crate) fn usage(happened: impl Into<String>) -> Self {
        Self::new(Exit::Usage, &codes::PARAMETER_INVALID, happened)
    }

    /// Something of this machine that does not work.
    pub(crate) fn local(happened: impl Into<String>) -> Self {
        Self::new(Exit::Failure, &codes::INTERNAL, happened)
            .next("see the message; if it makes no sense, run the command again with -v")
    }

    pub(crate) fn not_happened(mut self, text: impl Into<String>) -> Self {
        self.not_happened = text.into();
        self
    }

    pub(crate) fn next(mut self, text: impl Into<String>) -> Self {
        self.next = text.into();
        self
    }

    #[cfg(test)]
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells it on standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        // Nobody is left to be told that standard error is closed.
        let _ = std::io::stderr().lock().write_all(self.text().as_bytes());
        self.exit.into()
    }

    fn text(&self) -> String {
        let Self { happened, not_happened, next, code, .. } = self;
        format!(
            "error: {happened}\n  effect: {not_happened}\n  next:   {next}\n  code:   {code} (outlast explain {code})\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_says_what_happened_what_did_not_what_next_and_its_code() {
        let failed = Failed::new(Exit::NotFound, &codes::INSTANCE_NOT_FOUND, "there is no instance \"x\"")
            .next("outlast instance list");
        assert_eq!(
            failed.text(),
            "error: there is no instance \"x\"\n  effect: nothing was changed\n  next:   outlast instance list\n  \
             code:   OL-2010 (outlast explain OL-2010)\n"
        );
    }

    #[test]
    fn exit_codes_are_those_that_the_register_promises() {
        let promised = codes::EXIT_CODES.happened;
        for (exit, word) in [
            (Exit::Failure, "1 failure"),
            (Exit::Usage, "2 wrong usage"),
            (Exit::NotFound, "4 not found"),
            (Exit::Unavailable, "6 unavailable"),
            (Exit::Interrupted, "130 interrupted"),
        ] {
            assert!(promised.contains(word));
            assert!(word.starts_with(&(exit as u8).to_string()));
        }
    }
}

//! `outlast instance`: instances of orchestrations.
//!
//! `read` looks at them, `start` starts them, `act` changes them. Here: what can be typed, and which of
//! the three does it.

mod act;
mod read;
mod start;

pub(super) use act::ids;
use clap::Subcommand;

use crate::api::Api;
use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::output::Look;

/// The verbs of `outlast instance`.
#[derive(Debug, Subcommand)]
pub(crate) enum Instance {
    /// Start an orchestration
    Start(start::Start),
    /// Instances of the task hub
    List(read::List),
    /// One instance with its values
    Show {
        /// Its id
        id: String,
    },
    /// What has happened to an instance, step by step
    History(read::History),
    /// Wait until an instance has ended: exit 0 completed or terminated, 1 failed, 7 not in time
    Wait(read::Wait),
    /// Raise an external event
    Raise(act::Raise),
    /// Hold instances: what arrives is kept until they are resumed
    Suspend(act::Held),
    /// Let suspended or stuck instances go on
    Resume(act::Held),
    /// Begin ended instances anew: same id, name, version, input and tags
    Restart(act::Restart),
    /// Let failed instances try their failed steps again
    Rewind(act::Held),
    /// End instances now
    Terminate(act::Terminate),
    /// Delete ended instances and their histories
    Purge(act::Purge),
}

/// What every verb needs.
#[derive(Debug)]
struct Call<'a> {
    api: Api,
    hub: &'a str,
    look: Look,
    is_quiet: bool,
}

impl Instance {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let call =
            Call { api: Api::of(global), hub: &global.hub, look: Look::of(global), is_quiet: global.quiet };
        match self {
            Self::Start(start) => start.run(&call).await,
            Self::List(list) => list.run(&call).await,
            Self::Show { id } => read::show(&call, &id).await,
            Self::History(history) => history.run(&call).await,
            Self::Wait(wait) => wait.run(&call).await,
            Self::Raise(raise) => raise.run(&call).await,
            Self::Suspend(held) => held.run(&call, "suspend").await,
            Self::Resume(held) => held.run(&call, "resume").await,
            Self::Restart(restart) => restart.run(&call).await,
            Self::Rewind(held) => held.run(&call, "rewind").await,
            Self::Terminate(terminate) => terminate.run(&call).await,
            Self::Purge(purge) => purge.run(&call).await,
        }
    }
}

/// A value given on the command line: JSON as it is, a file's with `@FILE`, standard input's with `-`.
pub(super) fn value(argument: &str) -> Result<serde_json::Value, Failed> {
    let (text, place) = match argument.strip_prefix('@') {
        Some(file) => (std::fs::read_to_string(file), file),
        None if argument == "-" => (std::io::read_to_string(std::io::stdin()), "standard input"),
        None => (Ok(argument.to_owned()), "the command line"),
    };
    let text = text.map_err(|error| Failed::usage(format!("{place}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| {
        Failed::usage(format!("{place}: not JSON: {error}"))
            .next("a text needs quotes of its own: '\"like this\"'")
    })
}

/// A span of time such as `30`, `30s`, `500ms`, `5m` or `2h`.
fn span(text: &str) -> Result<std::time::Duration, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let count: u64 = text[..digits].parse().map_err(|_| "not a span such as 30s".to_owned())?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        unit => return Err(format!("{unit:?} is none of ms, s, m, h")),
    };
    count.checked_mul(millis).map(std::time::Duration::from_millis).ok_or_else(|| "too long".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn spans_have_a_unit_or_are_seconds() {
        assert_eq!(span("30"), Ok(Duration::from_secs(30)));
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("2h"), Ok(Duration::from_secs(7_200)));
        for wrong in ["", "s", "3x", "-1", "99999999999999999999", "99999999999999999h"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn value_that_is_no_json_is_wrong_usage() {
        assert_eq!(value("{\"a\":1}").unwrap()["a"], 1);
        assert_eq!(value("hello").unwrap_err().exit(), Exit::Usage);
        assert_eq!(value("@/no/such/file").unwrap_err().exit(), Exit::Usage);
    }
}

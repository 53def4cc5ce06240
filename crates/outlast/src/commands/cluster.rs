//! `outlast cluster`: begins a cluster in a data directory, and makes tokens that let others join.
//!
//! These work on files of this machine, with or without a server at work on them. Not here: joining, which
//! `outlast serve --join` does, and what a cluster survives (`plan`), which a server knows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use server::config::{Kind, Value as Setting};
use server::node::Platform;
use server::peers::Refusal;
use server::peers::identity::files::{Files, Kept};
use server::peers::identity::{founding, tokens};

use crate::api::note;
use crate::cli::Global;
use crate::commands::{ask, plan};
use crate::endpoints::DATA_DIR_DEFAULT;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, Look, Single, cell, column};

/// The verbs of `outlast cluster`.
#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Make the node in a data directory the first one of a cluster; its data stays
    Init(Init),
    /// Make a token that lets one node join
    Token(Token),
    /// Which single and double failures the layout survives, and what would be moved next
    Plan,
}

/// Arguments of `outlast cluster init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The data directory of the node, which may be new
    #[arg(long, default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    data: PathBuf,
    /// What the node is called
    #[arg(long, default_value = "node-1", value_name = "NAME")]
    name: String,
    /// Where other nodes reach it
    #[arg(long, default_value = "127.0.0.1:4003", value_name = "HOST:PORT")]
    address: String,
}

/// Arguments of `outlast cluster token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// The data directory in which the cluster began
    #[arg(long, default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    data: PathBuf,
    /// How long it is good: `30m`, `24h`
    #[arg(long, default_value = "24h", value_name = "TIME")]
    valid: String,
}

const NODE: &[Column] = &[
    column("NODE", |it, _| cell::plain(&it["node"])),
    column("NAME", |it, _| cell::plain(&it["name"])),
    column("ADDRESS", |it, _| cell::plain(&it["address"])),
    column("CLUSTER", |it, _| cell::plain(&it["cluster"])),
];

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

impl Cluster {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        match self {
            Self::Init(init) => init.run(global),
            Self::Token(token) => token.run(global),
            Self::Plan => ask(plan::run(global)),
        }
    }
}

impl Init {
    fn run(self, global: &Global) -> Result<Exit, Failed> {
        let Self { data, name, address } = self;
        let Platform { disk, clock, entropy, calm: _ } = Platform::real();
        let files = Files::new(Arc::clone(&disk), &data);
        let kept = founding::found(&files, &name, &address, clock.wall(), &*entropy);
        let kept = kept.map_err(|refusal| failed(&data.display().to_string(), &refusal))?;
        output::print(&Single { item: &shown(&kept), columns: NODE, id: "node" }.text(&Look::of(global)))?;
        if !global.quiet {
            let data = data.display();
            note(&format!("start it, again if it runs: outlast serve --data {data}"));
            note(&format!("let others join:            outlast cluster token --data {data}"));
        }
        Ok(Exit::Done)
    }
}

impl Token {
    fn run(self, global: &Global) -> Result<Exit, Failed> {
        let Self { data, valid } = self;
        let valid = parse_valid(&valid)?;
        let Platform { disk, clock, entropy, calm: _ } = Platform::real();
        let made = tokens::make(&Files::new(disk, &data), valid, clock.wall(), &*entropy);
        let token = made.map_err(|refusal| failed(&data.display().to_string(), &refusal))?.encode();
        // A table of one cell would only be in the way of `--join $(outlast cluster token)`.
        let columns: &[Column] = &[];
        let item = json!({ "token": token, "valid_seconds": valid.as_secs() });
        let look = Look::of(global);
        let text = Single { item: &item, columns, id: "token" }.text(&look);
        output::print(&if text.trim().is_empty() { token + "\n" } else { text })?;
        if !global.quiet {
            note("\nwhoever has it can make one node part of the cluster; on that machine:");
            note("  outlast serve --join TOKEN --address HOST:4003");
        }
        Ok(Exit::Done)
    }
}

fn parse_valid(text: &str) -> Result<Duration, Failed> {
    match Setting::parse(Kind::Duration { min: MINUTE, max: 30 * DAY }, text) {
        Ok(Setting::Duration(valid)) => Ok(valid),
        Ok(_) => Err(Failed::usage("--valid is a time")),
        Err(why) => Err(Failed::usage(format!("--valid {text:?}: {why}"))),
    }
}

/// A node as it is shown.
pub(crate) fn shown(kept: &Kept) -> Value {
    let Kept { cluster, node, name, address, nodes: _ } = kept;
    json!({ "node": node.0, "name": name, "address": address, "cluster": cluster.to_string() })
}

/// A refusal with the place that it is about.
pub(crate) fn failed(place: &str, refusal: &Refusal) -> Failed {
    Failed::new(Exit::Failure, refusal.code, format!("{place}: {}", refusal.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_token_has_a_unit_and_bounds() {
        assert_eq!(parse_valid("24h"), Ok(Duration::from_secs(86_400)));
        for text in ["24", "1s", "31d", ""] {
            assert_eq!(parse_valid(text).map_err(|failed| failed.exit()), Err(Exit::Usage), "{text}");
        }
    }
}

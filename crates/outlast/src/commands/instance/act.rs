//! Changes instances: `raise`, `suspend`, `resume`, `restart`, `rewind`, `terminate`, `purge`.
//!
//! Verbs without data of their own take several ids, or `-` for ids on standard input, one a line, so that
//! `instance list -o ids` can be piped into them. The first that fails ends the command.

use clap::Args;
use serde_json::{Value, json};

use super::{Call, value};
use crate::api::path;
use crate::commands::consent::Consent;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, cell, column};

/// Arguments of `outlast instance raise`.
#[derive(Debug, Args)]
pub(crate) struct Raise {
    /// The instance's id
    id: String,
    /// The event's name
    event: String,
    /// The event's data: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
}

/// Arguments of `outlast instance suspend`, `resume` and `rewind`.
#[derive(Debug, Args)]
pub(crate) struct Held {
    /// The instances' ids, or - for standard input
    #[arg(required = true)]
    ids: Vec<String>,
    /// Why; it is kept in the history
    #[arg(long)]
    reason: Option<String>,
}

/// Arguments of `outlast instance restart`.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// The instances' ids, or - for standard input
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

/// Arguments of `outlast instance terminate`.
#[derive(Debug, Args)]
pub(crate) struct Terminate {
    /// The instances' ids, or - for standard input
    #[arg(required = true)]
    ids: Vec<String>,
    /// What becomes their output: JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    result: Option<String>,
    /// Leave sub-orchestrations running
    #[arg(long)]
    not_recursive: bool,
    #[command(flatten)]
    consent: Consent,
}

/// Arguments of `outlast instance purge`.
#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// The instances' ids, or - for standard input
    #[arg(required = true)]
    ids: Vec<String>,
    /// Their sub-orchestrations too
    #[arg(long)]
    recursive: bool,
    #[command(flatten)]
    consent: Consent,
}

const DONE: &[Column] =
    &[column("ID", |it, _| cell::plain(&it["id"])), column("CHANGED", |it, _| cell::plain(&it["changed"]))];

const PURGED: &[Column] =
    &[column("ID", |it, _| cell::plain(&it["id"])), column("PURGED", |it, _| cell::plain(&it["purged"]))];

impl Raise {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        let data = self.data.as_deref().map(value).transpose()?;
        let path = format!("{}/events/{}", path::instance(call.hub, &self.id), path::encoded(&self.event));
        show(call, &[call.api.post(&path, data.as_ref()).await?], DONE)
    }
}

impl Held {
    pub(super) async fn run(self, call: &Call<'_>, verb: &str) -> Result<Exit, Failed> {
        let body = self.reason.map(|reason| json!({ "reason": reason }));
        let mut done = Vec::new();
        for id in ids(self.ids)? {
            let path = format!("{}/{verb}", path::instance(call.hub, &id));
            done.push(call.api.post(&path, body.as_ref()).await?);
        }
        show(call, &done, DONE)
    }
}

impl Restart {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        let ids = ids(self.ids)?;
        self.consent.check(&format!("restart {}, whose history and output go,", named(&ids)))?;
        let mut done = Vec::new();
        for id in ids {
            done.push(call.api.post(&format!("{}/restart", path::instance(call.hub, &id)), None).await?);
        }
        show(call, &done, DONE)
    }
}

impl Terminate {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        let mut body = json!({ "recursive": !self.not_recursive });
        if let Some(result) = &self.result {
            body["output"] = value(result)?;
        }
        let ids = ids(self.ids)?;
        self.consent.check(&format!("terminate {}", named(&ids)))?;
        let mut done = Vec::new();
        for id in ids {
            let path = format!("{}/terminate", path::instance(call.hub, &id));
            done.push(call.api.post(&path, Some(&body)).await?);
        }
        show(call, &done, DONE)
    }
}

impl Purge {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        let query = path::query(&[("recursive", self.recursive.then(|| "true".to_owned()))]);
        let ids = ids(self.ids)?;
        self.consent.check(&format!("purge {}", named(&ids)))?;
        let mut done = Vec::new();
        for id in ids {
            let mut purged = call.api.delete(&(path::instance(call.hub, &id) + &query)).await?;
            purged["id"] = Value::from(id);
            done.push(purged);
        }
        show(call, &done, PURGED)
    }
}

fn show(call: &Call<'_>, items: &[Value], columns: &[Column]) -> Result<Exit, Failed> {
    let document = json!({ "schema": 1, "instances": items });
    output::print(&List { document: &document, items, columns, id: "id" }.text(&call.look))?;
    Ok(Exit::Done)
}

fn named(ids: &[String]) -> String {
    match ids {
        [id] => format!("instance {id:?}"),
        ids => format!("{} instances", ids.len()),
    }
}

/// The ids that are meant: those given, or with `-` those on standard input.
pub(in crate::commands) fn ids(arguments: Vec<String>) -> Result<Vec<String>, Failed> {
    if arguments != ["-"] {
        return Ok(arguments);
    }
    let text = std::io::read_to_string(std::io::stdin())
        .map_err(|error| Failed::usage(format!("standard input: {error}")))?;
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

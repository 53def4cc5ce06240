//! Looks at instances: `list`, `show`, `history`, `wait`.
//!
//! Lists are fetched page by page up to the limit, so that no page size of the server shows.

use std::time::{Duration, Instant};

use clap::Args;
use http::StatusCode;
use serde_json::{Value, json};
use server::observe::codes;

use super::{Call, span};
use crate::api::path;
use crate::commands::pages::Pages;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, Single, cell, column, wide};

/// Letters of a value in a table's cell.
const VALUE_LETTERS_MAX: usize = 60;
/// How long one request waits before the next is made.
const WAIT_PIECE: Duration = Duration::from_secs(30);

const COLUMNS: &[Column] = &[
    column("ID", |it, _| cell::plain(&it["id"])),
    column("NAME", |it, _| cell::plain(&it["name"])),
    column("STATUS", |it, _| cell::plain(&it["status"])),
    column("CREATED", |it, look| cell::time(&it["created_at"], look)),
    column("UPDATED", |it, look| cell::time(&it["updated_at"], look)),
    column("WAITING FOR", |it, _| cell::plain(&it["waiting_for"]["kind"])),
    wide("VERSION", |it, _| cell::plain(&it["version"])),
    wide("EVENTS", |it, _| cell::plain(&it["history_events"])),
    wide("PARTITION", |it, _| cell::plain(&it["partition"])),
    wide("PARENT", |it, _| cell::plain(&it["parent"])),
    wide("CUSTOM STATUS", |it, _| cell::short(&it["custom_status"], VALUE_LETTERS_MAX)),
];

const FIELDS: &[Column] = &[
    column("ID", |it, _| cell::plain(&it["id"])),
    column("NAME", |it, _| cell::plain(&it["name"])),
    column("VERSION", |it, _| cell::plain(&it["version"])),
    column("STATUS", |it, _| cell::plain(&it["status"])),
    column("WAITING FOR", |it, _| cell::plain(&it["waiting_for"]["detail"])),
    column("FAILURE", |it, _| failure(&it["failure"])),
    column("INPUT", |it, _| cell::plain(&it["input"])),
    column("OUTPUT", |it, _| cell::plain(&it["output"])),
    column("CUSTOM STATUS", |it, _| cell::plain(&it["custom_status"])),
    column("CREATED", |it, look| cell::time(&it["created_at"], look)),
    column("UPDATED", |it, look| cell::time(&it["updated_at"], look)),
    column("COMPLETED", |it, look| cell::time(&it["completed_at"], look)),
    column("EVENTS", |it, _| cell::plain(&it["history_events"])),
    wide("SCHEDULED", |it, look| cell::time(&it["scheduled_at"], look)),
    wide("EXECUTION", |it, _| cell::plain(&it["execution"])),
    wide("PARTITION", |it, _| cell::plain(&it["partition"])),
    wide("PARENT", |it, _| cell::plain(&it["parent"])),
    wide("TAGS", |it, _| cell::plain(&it["tags"])),
];

const STEPS: &[Column] = &[
    column("NUMBER", |it, _| cell::plain(&it["number"])),
    column("AT", |it, look| cell::time(&it["at"], look)),
    column("KIND", |it, _| cell::plain(&it["kind"])),
    column("TASK", |it, _| cell::plain(&it["task"])),
    column("NAME", |it, _| cell::plain(&it["name"])),
    column("VALUE", |it, _| match failure(&it["failure"]) {
        nothing if nothing == "-" => cell::short(&it["value"], VALUE_LETTERS_MAX),
        failure => failure,
    }),
    wide("FIRE AT", |it, look| cell::time(&it["fire_at"], look)),
    wide("INSTANCE", |it, _| cell::plain(&it["instance"])),
];

fn failure(failure: &Value) -> String {
    if failure.is_null() {
        return "-".to_owned();
    }
    format!("{}: {}", cell::plain(&failure["type"]), cell::plain(&failure["message"]))
}

/// Arguments of `outlast instance list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these: pending, running, suspended, completed, failed, terminated
    #[arg(long, value_delimiter = ',', value_name = "STATUS")]
    status: Vec<String>,
    /// Only ids that begin so
    #[arg(long)]
    prefix: Option<String>,
    /// Only those created then or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    created_from: Option<String>,
    /// Only those created before (RFC 3339)
    #[arg(long, value_name = "TIME")]
    created_before: Option<String>,
    /// With inputs, outputs and custom statuses
    #[arg(long)]
    values: bool,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// All there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl List {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        let limit = if self.all { usize::MAX } else { self.limit };
        let base = [
            ("status", Some(self.status.join(",")).filter(|status| !status.is_empty())),
            ("prefix", self.prefix),
            ("created_from", self.created_from),
            ("created_before", self.created_before),
            ("values", self.values.then(|| "true".to_owned())),
        ];
        let path = path::instances(call.hub);
        let pages = Pages { api: &call.api, path, name: "instances", query: &base };
        pages.print(limit, COLUMNS, (&call.look, call.is_quiet)).await?;
        Ok(Exit::Done)
    }
}

/// `outlast instance show`.
pub(super) async fn show(call: &Call<'_>, id: &str) -> Result<Exit, Failed> {
    let instance = call.api.get(&path::instance(call.hub, id)).await?;
    output::print(&Single { item: &instance, columns: FIELDS, id: "id" }.text(&call.look))?;
    Ok(Exit::Done)
}

/// Arguments of `outlast instance history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The instance's id
    id: String,
    /// At most so many events
    #[arg(long, default_value_t = 10_000)]
    limit: usize,
}

impl History {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        let path = path::instance(call.hub, &self.id) + "/history";
        let (items, next) =
            Pages { api: &call.api, path, name: "events", query: &[] }.read(self.limit).await?;
        let mut document = json!({ "schema": 1, "events": items });
        if let Some(next) = next {
            document["next"] = next;
        }
        let items = document["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let list = output::List { document: &document, items, columns: STEPS, id: "number" };
        output::print(&list.text(&call.look))?;
        Ok(Exit::Done)
    }
}

/// Arguments of `outlast instance wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The instance's id
    id: String,
    /// How long to wait at most, such as 30s or 5m
    #[arg(long, value_parser = span, default_value = "60s", value_name = "SPAN")]
    timeout: Duration,
}

impl Wait {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        wait(call, &self.id, self.timeout).await
    }
}

/// Waits piece by piece, because no connection should be trusted to live for hours.
pub(super) async fn wait(call: &Call<'_>, id: &str, timeout: Duration) -> Result<Exit, Failed> {
    let begun = Instant::now();
    loop {
        let piece = timeout.saturating_sub(begun.elapsed()).min(WAIT_PIECE);
        let query = path::query(&[("timeout", Some(format!("{}ms", piece.as_millis())))]);
        let path = path::instance(call.hub, id) + "/wait" + &query;
        let answer = call.api.get_within(&path, piece).await?;
        if answer.status != StatusCode::ACCEPTED {
            output::print(&Single { item: &answer.body, columns: FIELDS, id: "id" }.text(&call.look))?;
            // Terminated is what somebody wanted; failed is what nobody did.
            return Ok(if answer.body["status"] == "failed" { Exit::Failure } else { Exit::Done });
        }
        if begun.elapsed() >= timeout {
            let happened = format!(
                "instance {id:?} is {} after {timeout:?}, not ended",
                cell::plain(&answer.body["status"])
            );
            return Err(Failed::new(Exit::OutcomeUnknown, &codes::INSTANCE_RUNNING, happened).next(format!(
                "outlast instance show {id} says what it waits for; wait longer with --timeout"
            )));
        }
    }
}

//! `outlast schedule`: recurring starts of an orchestration.
//!
//! Not here: ticks, which the server finds and starts.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::{Api, note, path};
use crate::cli::Global;
use crate::commands::consent::Consent;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, Single, cell, column, wide};

/// The verbs of `outlast schedule`.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Create a schedule
    Create(Spec),
    /// Change what a schedule starts and when
    Update(Spec),
    /// The hub's schedules
    List {
        /// Go on behind this place: `next` of an earlier page
        #[arg(long)]
        cursor: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// One schedule
    Show {
        /// Its name
        name: String,
    },
    /// Stop its ticks until it is resumed
    Pause {
        /// Its name
        name: String,
        /// Why, for people
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let it tick again, from now on
    Resume {
        /// Its name
        name: String,
    },
    /// Start a run now, beside the ticks
    Trigger {
        /// Its name
        name: String,
    },
    /// Remove it; instances that it started go on
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// What to start, and when.
#[derive(Debug, Args)]
pub(crate) struct Spec {
    /// The schedule's name
    name: String,
    /// The orchestration to start
    #[arg(long)]
    orchestration: String,
    /// Its version
    #[arg(long)]
    version: Option<String>,
    /// What it is given: JSON
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Minute, hour, day of the month, month, day of the week
    #[arg(long, required_unless_present = "every", conflicts_with = "every", value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Time zone of the expression, such as Europe/Berlin [default: UTC]
    #[arg(long, requires = "cron")]
    zone: Option<String>,
    /// Time between starts, such as 5m
    #[arg(long, value_name = "TIME")]
    every: Option<String>,
    /// Not before (RFC 3339)
    #[arg(long, value_name = "TIME")]
    start_at: Option<String>,
    /// Not then or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    end_at: Option<String>,
    /// Ticks that were missed: skip, one, all [default: skip]
    #[arg(long, value_name = "POLICY")]
    catch_up: Option<String>,
    /// Ticks while the run before goes on: skip, allow, wait [default: skip]
    #[arg(long, value_name = "POLICY")]
    overlap: Option<String>,
    /// Time after which a tick counts as missed [default: 1m]
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,
}

impl Spec {
    fn body(&self) -> Result<Value, Failed> {
        let mut body = json!({ "orchestration": self.orchestration });
        let texts = [
            ("version", &self.version),
            ("cron", &self.cron),
            ("zone", &self.zone),
            ("every", &self.every),
            ("start_at", &self.start_at),
            ("end_at", &self.end_at),
            ("catch_up", &self.catch_up),
            ("overlap", &self.overlap),
            ("grace", &self.grace),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                body[field] = text.as_str().into();
            }
        }
        if let Some(text) = &self.input {
            let input = serde_json::from_str(text);
            body["input"] = input.map_err(|error| Failed::usage(format!("--input is no JSON: {error}")))?;
        }
        Ok(body)
    }
}

const COLUMNS: &[Column] = &[
    column("NAME", |it, _| cell::plain(&it["name"])),
    column("ORCHESTRATION", |it, _| cell::plain(&it["orchestration"])),
    column("WHEN", |it, _| when(it)),
    column("STATE", |it, _| cell::plain(&it["state"])),
    column("NEXT", |it, look| cell::time(&it["next_at"], look)),
    column("LAST", |it, look| cell::time(&it["last_at"], look)),
    column("STARTED", |it, _| cell::plain(&it["started"])),
    column("SKIPPED", |it, _| cell::plain(&it["skipped"])),
    wide("LAST INSTANCE", |it, _| cell::plain(&it["last_instance"])),
    wide("CATCH UP", |it, _| cell::plain(&it["catch_up"])),
    wide("OVERLAP", |it, _| cell::plain(&it["overlap"])),
    wide("PAUSED BECAUSE", |it, _| cell::short(&it["paused_because"], 60)),
    wide("CREATED", |it, look| cell::time(&it["created_at"], look)),
];

fn when(schedule: &Value) -> String {
    match (schedule["cron"].as_str(), schedule["zone"].as_str()) {
        (Some(cron), Some(zone)) => format!("{cron} {zone}"),
        (Some(cron), None) => format!("{cron} UTC"),
        (None, _) => format!("every {} s", schedule["every_seconds"]),
    }
}

impl Schedule {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let api = Api::of(global);
        let look = Look::of(global);
        let base = format!("{}/schedules", path::hub(&global.hub));
        let at = |name: &str| format!("{base}/{}", path::encoded(name));
        let schedule = match self {
            Self::Create(spec) => api.post(&at(&spec.name), Some(&spec.body()?)).await?,
            Self::Update(spec) => api.put(&at(&spec.name), &spec.body()?).await?,
            Self::Show { name } => api.get(&at(&name)).await?,
            Self::Pause { name, reason } => {
                api.post(&(at(&name) + "/pause"), Some(&json!({ "reason": reason }))).await?
            }
            Self::Resume { name } => api.post(&(at(&name) + "/resume"), None).await?,
            Self::List { cursor, limit } => {
                let query = path::query(&[("cursor", cursor), ("limit", Some(limit.to_string()))]);
                let document = api.get(&(base + &query)).await?;
                let items = document["schedules"].as_array().map_or(&[][..], Vec::as_slice);
                let list = List { document: &document, items, columns: COLUMNS, id: "name" };
                return output::print(&list.text(&look)).map(|()| Exit::Done);
            }
            Self::Trigger { name } => {
                let started = api.post(&(at(&name) + "/trigger"), None).await?;
                let columns = &[column("ID", |it, _| cell::plain(&it["id"]))];
                let single = Single { item: &started, columns, id: "id" };
                return output::print(&single.text(&look)).map(|()| Exit::Done);
            }
            Self::Delete { name, consent } => {
                consent.check(&format!("delete schedule {name:?}"))?;
                api.delete(&at(&name)).await?;
                if !global.quiet {
                    note(&format!("schedule {name} is gone; what it started goes on"));
                }
                return Ok(Exit::Done);
            }
        };
        output::print(&Single { item: &schedule, columns: COLUMNS, id: "name" }.text(&look))?;
        Ok(Exit::Done)
    }
}

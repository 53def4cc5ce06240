//! `outlast events`: lifecycle events, who is told of them, and what could not be delivered.
//!
//! Not here: subscribing, which the node's settings do (`[events.NAME]`).

use clap::Subcommand;
use serde_json::{Value, json};

use crate::api::{Api, note, path};
use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, cell, column, wide};

/// The verbs of `outlast events`.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// A page of the hub's events; `next` of its JSON goes on
    List {
        /// Go on behind this place: `next` of an earlier page
        #[arg(long)]
        after: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Who is told, and how far each is
    Subscriptions,
    /// Events that could not be delivered to a subscription
    Dead {
        /// The subscription
        subscription: String,
        /// Go on behind this place: `next` of an earlier page
        #[arg(long)]
        cursor: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Send events again that could not be delivered
    Resend {
        /// The subscription
        subscription: String,
        /// Ids of events [default: all]
        ids: Vec<String>,
    },
}

const EVENTS: &[Column] = &[
    column("AT", |it, look| cell::time(&it["time"], look)),
    column("EVENT", |it, _| cell::plain(&it["type"])),
    column("INSTANCE", |it, _| cell::plain(&it["subject"])),
    column("NAME", |it, _| cell::plain(&it["data"]["name"])),
    column("REASON", |it, _| cell::short(&it["data"]["reason"], 60)),
    wide("ID", |it, _| cell::plain(&it["id"])),
    wide("EXECUTION", |it, _| cell::plain(&it["data"]["execution"])),
];

const SUBSCRIPTIONS: &[Column] = &[
    column("SUBSCRIPTION", |it, _| cell::plain(&it["name"])),
    column("SETTLED", |it, _| cell::plain(&it["settled"])),
    column("WAITING", |it, _| cell::plain(&it["waiting"])),
    column("DEAD", |it, _| cell::plain(&it["dead"])),
    column("MISSED", |it, _| cell::plain(&it["missed"])),
];

const LETTERS: &[Column] = &[
    column("ID", |it, _| cell::plain(&it["id"])),
    column("EVENT", |it, _| cell::plain(&it["event"]["type"])),
    column("INSTANCE", |it, _| cell::plain(&it["event"]["subject"])),
    column("WHY", |it, _| cell::short(&it["why"], 60)),
    column("ATTEMPTS", |it, _| cell::plain(&it["attempts"])),
    column("GIVEN UP", |it, look| cell::time(&it["at"], look)),
    wide("AGAIN", |it, _| cell::plain(&it["again"])),
];

impl Events {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let api = Api::of(global);
        let base = format!("{}/events", path::hub(&global.hub));
        match self {
            Self::List { after, limit } => {
                let query = path::query(&[("after", after), ("limit", Some(limit.to_string()))]);
                show(&api.get(&(base + &query)).await?, "events", EVENTS, global)?;
            }
            Self::Subscriptions => {
                let document = api.get(&(base + "/subscriptions")).await?;
                let columns = SUBSCRIPTIONS;
                let items = items(&document, "subscriptions");
                output::print(
                    &List { document: &document, items, columns, id: "name" }.text(&Look::of(global)),
                )?;
            }
            Self::Dead { subscription, cursor, limit } => {
                let parameters = [
                    ("subscription", Some(subscription)),
                    ("cursor", cursor),
                    ("limit", Some(limit.to_string())),
                ];
                let document = api.get(&(base + "/dead" + &path::query(&parameters))).await?;
                show(&document, "letters", LETTERS, global)?;
            }
            Self::Resend { subscription, ids } => {
                let body = json!({ "subscription": subscription, "ids": ids });
                let done = api.post(&(base + "/resend"), Some(&body)).await?;
                if !global.quiet {
                    let is_new = done["changed"] == true;
                    note(if is_new {
                        "they are being sent again"
                    } else {
                        "there was nothing to send again"
                    });
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn items<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().map_or(&[], Vec::as_slice)
}

fn show(document: &Value, name: &str, columns: &[Column], global: &Global) -> Result<(), Failed> {
    let items = items(document, name);
    output::print(&List { document, items, columns, id: "id" }.text(&Look::of(global)))
}

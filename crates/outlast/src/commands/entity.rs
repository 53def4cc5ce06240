//! `outlast entity`: entities, what they keep, who holds them, what waits for them.
//!
//! An entity's id is `@name@key`. Not here: calling one and waiting for its answer, which only
//! orchestrations can.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::consent::Consent;
use super::instance::{ids, value};
use super::pages::Pages;
use crate::api::{Api, path};
use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, Look, Single, cell, column, wide};

/// Letters of a state in a table's cell.
const VALUE_LETTERS_MAX: usize = 60;

/// The verbs of `outlast entity`.
#[derive(Debug, Subcommand)]
pub(crate) enum Entity {
    /// Entities of the task hub
    List(List),
    /// One entity with its state
    Show {
        /// Its id: @name@key
        id: String,
    },
    /// Have an entity do an operation; nobody is told what comes of it
    Signal(Signal),
    /// Let entities go on that no worker could run
    Resume {
        /// The entities' ids, or - for standard input
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Remove the states of entities; what waits for them finds them without one
    Delete {
        /// The entities' ids, or - for standard input
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Arguments of `outlast entity list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this name
    #[arg(long, conflicts_with = "prefix")]
    name: Option<String>,
    /// Only ids that begin so
    #[arg(long)]
    prefix: Option<String>,
    /// Only those changed then or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    modified_from: Option<String>,
    /// Only those changed before (RFC 3339)
    #[arg(long, value_name = "TIME")]
    modified_before: Option<String>,
    /// Only those that no worker can run
    #[arg(long)]
    stuck: bool,
    /// With their states
    #[arg(long)]
    values: bool,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// All there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// Arguments of `outlast entity signal`.
#[derive(Debug, Args)]
pub(crate) struct Signal {
    /// The entity's id: @name@key
    id: String,
    /// The operation's name
    operation: String,
    /// The operation's input: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

const COLUMNS: &[Column] = &[
    column("ID", |it, _| cell::plain(&it["id"])),
    column("MODIFIED", |it, look| cell::time(&it["modified_at"], look)),
    column("WAITING", |it, _| cell::plain(&it["backlog"])),
    column("LOCKED BY", |it, _| cell::plain(&it["locked_by"]["instance"])),
    column("STUCK", |it, _| cell::short(&it["stuck"], VALUE_LETTERS_MAX)),
    wide("STATE", |it, _| cell::short(&it["state"], VALUE_LETTERS_MAX)),
    wide("BYTES", |it, _| cell::plain(&it["state_bytes"])),
    wide("PARTITION", |it, _| cell::plain(&it["partition"])),
];

const FIELDS: &[Column] = &[
    column("ID", |it, _| cell::plain(&it["id"])),
    column("STATE", |it, _| cell::plain(&it["state"])),
    column("MODIFIED", |it, look| cell::time(&it["modified_at"], look)),
    column("WAITING", |it, _| cell::plain(&it["backlog"])),
    column("LOCKED BY", |it, _| cell::plain(&it["locked_by"]["instance"])),
    column("LOCKED SINCE", |it, look| cell::time(&it["locked_by"]["since"], look)),
    column("STUCK", |it, _| cell::plain(&it["stuck"])),
    wide("LOCKED BY EXECUTION", |it, _| cell::plain(&it["locked_by"]["execution"])),
    wide("BYTES", |it, _| cell::plain(&it["state_bytes"])),
    wide("PARTITION", |it, _| cell::plain(&it["partition"])),
];

const DONE: &[Column] =
    &[column("ID", |it, _| cell::plain(&it["id"])), column("CHANGED", |it, _| cell::plain(&it["changed"]))];

const DELETED: &[Column] =
    &[column("ID", |it, _| cell::plain(&it["id"])), column("DELETED", |it, _| cell::plain(&it["purged"]))];

impl Entity {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let (api, look) = (Api::of(global), Look::of(global));
        let place = |id: &str| path::entity(&global.hub, id);
        match self {
            Self::List(list) => list.run(&api, global).await?,
            Self::Show { id } => {
                let entity = api.get(&place(&id)).await?;
                output::print(&Single { item: &entity, columns: FIELDS, id: "id" }.text(&look))?;
            }
            Self::Signal(signal) => {
                let query = path::query(&[("at", signal.at)]);
                let data = signal.data.as_deref().map(value).transpose()?;
                let path =
                    format!("{}/signals/{}{query}", place(&signal.id), path::encoded(&signal.operation));
                show(&[api.post(&path, data.as_ref()).await?], DONE, &look)?;
            }
            Self::Resume { ids: named } => {
                let mut done = Vec::new();
                for id in ids(named)? {
                    done.push(api.post(&(place(&id) + "/resume"), None).await?);
                }
                show(&done, DONE, &look)?;
            }
            Self::Delete { ids: named, consent } => {
                let named = ids(named)?;
                consent.check(&format!("delete the states of {}", named.join(", ")))?;
                let mut deleted = Vec::new();
                for id in named {
                    let mut answer = api.delete(&place(&id)).await?;
                    answer["id"] = Value::from(id);
                    deleted.push(answer);
                }
                show(&deleted, DELETED, &look)?;
            }
        }
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, api: &Api, global: &Global) -> Result<(), Failed> {
        let limit = if self.all { usize::MAX } else { self.limit };
        let of_name = self.name.map(|name| format!("@{}@", name.to_ascii_lowercase()));
        let flag = |is_set: bool| is_set.then(|| "true".to_owned());
        let query = [
            ("prefix", of_name.or(self.prefix)),
            ("modified_from", self.modified_from),
            ("modified_before", self.modified_before),
            ("stuck", flag(self.stuck)),
            ("values", flag(self.values)),
        ];
        let pages = Pages { api, path: path::entities(&global.hub), name: "entities", query: &query };
        pages.print(limit, COLUMNS, (&Look::of(global), global.quiet)).await
    }
}

fn show(items: &[Value], columns: &[Column], look: &Look) -> Result<(), Failed> {
    let document = json!({ "schema": 1, "entities": items });
    output::print(&output::List { document: &document, items, columns, id: "id" }.text(look))
}

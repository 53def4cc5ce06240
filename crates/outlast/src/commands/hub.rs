//! `outlast hub`: task hubs.
//!
//! Deleting keeps everything for a while and can be undone; removing is for good and wants the name
//! twice.

use clap::Subcommand;
use serde_json::{Value, json};
use server::observe::codes;

use crate::api::{Api, note, path};
use crate::cli::Global;
use crate::commands::consent::Consent;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, Single, cell, column, wide};

/// The verbs of `outlast hub`.
#[derive(Debug, Subcommand)]
pub(crate) enum Hub {
    /// All task hubs, deleted ones too
    List,
    /// One task hub
    Show {
        /// Its name
        name: String,
    },
    /// Create a task hub
    Create {
        /// Its name
        name: String,
        /// Into how many partitions it is divided, for all its life [default: the server's setting]
        #[arg(long)]
        partitions: Option<u32>,
        /// When its activities may run, for all its life [default: the server's setting]
        #[arg(long, value_parser = ["conservative", "speculative"])]
        mode: Option<String>,
        /// The greatest loss that it is to survive [default: host]
        #[arg(long, value_parser = ["host", "zone", "region"])]
        survive: Option<String>,
        /// How many replicas each partition should have [default: 3]
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=9))]
        replicas: Option<u32>,
        /// Create it although all nodes are in one domain of the level to survive
        #[arg(long)]
        accept_one_domain: bool,
    },
    /// Delete a task hub; until it is removed it can be brought back
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Bring a deleted task hub back
    Undelete {
        /// Its name
        name: String,
    },
    /// Remove a deleted task hub and all that was in it, for good
    Remove {
        /// Its name
        name: String,
        /// Its name once more
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
}

/// What tables of hubs show.
pub(crate) const COLUMNS: &[Column] = &[
    column("HUB", |hub, _| cell::plain(&hub["name"])),
    column("STATE", |hub, _| cell::plain(&hub["state"])),
    column("PARTITIONS", |hub, _| cell::plain(&hub["partitions"])),
    column("MODE", |hub, _| cell::plain(&hub["mode"])),
    wide("SURVIVE", |hub, _| cell::plain(&hub["survive"])),
    wide("REPLICAS", |hub, _| cell::plain(&hub["replicas"])),
    column("PENDING", |hub, _| cell::plain(&hub["instances"]["pending"])),
    column("RUNNING", |hub, _| cell::plain(&hub["instances"]["running"])),
    column("SUSPENDED", |hub, _| cell::plain(&hub["instances"]["suspended"])),
    column("COMPLETED", |hub, _| cell::plain(&hub["instances"]["completed"])),
    column("FAILED", |hub, _| cell::plain(&hub["instances"]["failed"])),
    column("TERMINATED", |hub, _| cell::plain(&hub["instances"]["terminated"])),
    wide("CREATED", |hub, look| cell::time(&hub["created_at"], look)),
    wide("DELETED", |hub, look| cell::time(&hub["deleted_at"], look)),
    wide("KEPT UNTIL", |hub, look| cell::time(&hub["kept_until"], look)),
];

impl Hub {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let api = Api::of(global);
        let look = Look::of(global);
        match self {
            Self::List => {
                let document = api.get("/api/v1/hubs").await?;
                let none = Vec::new();
                let items = document["hubs"].as_array().unwrap_or(&none);
                output::print(
                    &List { document: &document, items, columns: COLUMNS, id: "name" }.text(&look),
                )?;
            }
            Self::Show { name } => show(&api.get(&path::hub(&name)).await?, &look)?,
            Self::Create { name, partitions, mode, survive, replicas, accept_one_domain } => {
                let mut body = json!({ "name": name });
                let numbers = [("partitions", partitions), ("replicas", replicas)];
                numbers.into_iter().for_each(|(field, number)| set(&mut body, field, number));
                let words = [("mode", mode), ("survive", survive)];
                words.into_iter().for_each(|(field, word)| set(&mut body, field, word));
                if accept_one_domain {
                    body["one_domain_is_fine"] = true.into();
                }
                show(&api.post("/api/v1/hubs", Some(&body)).await?, &look)?;
            }
            Self::Delete { name, consent } => {
                consent.check(&format!("delete task hub {name:?}, whose work stops"))?;
                let hub = api.delete(&path::hub(&name)).await?;
                show(&hub, &look)?;
                if !global.quiet {
                    note(&format!("it can be brought back: outlast hub undelete {name}"));
                }
            }
            Self::Undelete { name } => {
                let verb = format!("{}/undelete", path::hub(&name));
                show(&api.post(&verb, None).await?, &look)?;
            }
            Self::Remove { name, confirm } => {
                confirmed(&name, confirm.as_deref())?;
                let query = path::query(&[("final", Some("true".to_owned())), ("confirm", confirm)]);
                api.delete(&(path::hub(&name) + &query)).await?;
                if !global.quiet {
                    note(&format!("task hub {name} is removed for good"));
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// Puts what was given into a request's body.
fn set(body: &mut Value, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body[field] = value.into();
    }
}

fn show(hub: &Value, look: &Look) -> Result<(), Failed> {
    output::print(&Single { item: hub, columns: COLUMNS, id: "name" }.text(look))
}

/// Nothing waits for a typed answer: scripts would hang, and people read the error as well as a prompt.
fn confirmed(name: &str, confirm: Option<&str>) -> Result<(), Failed> {
    if confirm == Some(name) {
        return Ok(());
    }
    let happened = format!("removing task hub {name:?} destroys all its instances and was not confirmed");
    Err(Failed::new(Exit::RefusedForSafety, &codes::CONFIRMATION_MISSING, happened)
        .next(format!("outlast hub remove {name} --confirm {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_wants_the_name_twice() {
        assert_eq!(confirmed("a", None).unwrap_err().exit(), Exit::RefusedForSafety);
        assert_eq!(confirmed("a", Some("b")).unwrap_err().exit(), Exit::RefusedForSafety);
        assert_eq!(confirmed("a", Some("a")), Ok(()));
    }
}

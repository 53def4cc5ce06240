//! `outlast partition`: where the replicas of a hub's partitions are to be.
//!
//! Not here: what is in them (`instance`, `entity`), and where they would go next (`cluster plan`).

use clap::Subcommand;
use serde_json::Value;

use crate::api::{Api, path};
use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, Single, cell, column, wide};

/// The verbs of `outlast partition`.
#[derive(Debug, Subcommand)]
pub(crate) enum Partition {
    /// The partitions of a task hub
    List {
        /// The hub [default: that of --hub]
        name: Option<String>,
    },
    /// One partition, or all of them where no number is given
    Show {
        /// The hub
        name: String,
        /// The partition's number, from 0
        partition: Option<u32>,
    },
}

const COLUMNS: &[Column] = &[
    column("PARTITION", |it, _| cell::plain(&it["partition"])),
    column("NODES", |it, _| nodes(it)),
    column("LEADER", |it, _| leader(it)),
    column("REPLICAS", |it, _| replicas(it)),
    column("VOTERS", |it, _| voters(it)),
    wide("FIRST", |it, _| cell::plain(&it["first"])),
    wide("VERSION", |it, _| cell::plain(&it["version"])),
];

fn of_replicas(partition: &Value, cell: impl Fn(&Value) -> String) -> String {
    let replicas = partition["replicas"].as_array().map_or(&[][..], Vec::as_slice);
    replicas.iter().map(cell).collect::<Vec<String>>().join(" ")
}

/// The names of its nodes, or their numbers where they have not said who they are.
fn nodes(partition: &Value) -> String {
    of_replicas(partition, |replica| {
        let name = &replica["node_name"];
        cell::plain(if name.is_null() { &replica["node"] } else { name })
    })
}

fn leader(partition: &Value) -> String {
    let leader = &partition["leader"];
    let replicas = partition["replicas"].as_array().map_or(&[][..], Vec::as_slice);
    let found =
        replicas.iter().find(|replica| replica["node"] == *leader && replica["node_name"].is_string());
    cell::plain(found.map_or(leader, |replica| &replica["node_name"]))
}

fn replicas(partition: &Value) -> String {
    of_replicas(partition, |replica| cell::plain(&replica["replica"]))
}

/// Who votes now; not known where nobody leads.
fn voters(partition: &Value) -> String {
    let Some(voters) = partition["voters"].as_array() else { return "-".to_owned() };
    voters.iter().map(cell::plain).collect::<Vec<String>>().join(" ")
}

impl Partition {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let api = Api::of(global);
        let look = Look::of(global);
        let at = |hub: &str| format!("{}/partitions", path::hub(hub));
        let hub = match self {
            Self::Show { name, partition: Some(number) } => {
                let one = api.get(&format!("{}/{number}", at(&name))).await?;
                output::print(&Single { item: &one, columns: COLUMNS, id: "partition" }.text(&look))?;
                return Ok(Exit::Done);
            }
            Self::Show { name, partition: None } => name,
            Self::List { name } => name.unwrap_or_else(|| global.hub.clone()),
        };
        let document = api.get(&at(&hub)).await?;
        let items = document["partitions"].as_array().map_or(&[][..], Vec::as_slice);
        output::print(&List { document: &document, items, columns: COLUMNS, id: "partition" }.text(&look))?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_without_a_name_are_shown_by_number() {
        let partition = json!({ "replicas": [
            { "replica": 1, "node": 1 },
            { "replica": 4, "node": 2, "node_name": "n2" },
        ], "leader": 2, "voters": [1] });
        assert_eq!((nodes(&partition).as_str(), replicas(&partition).as_str()), ("1 n2", "1 4"));
        assert_eq!((leader(&partition).as_str(), voters(&partition).as_str()), ("n2", "1"));
    }
}

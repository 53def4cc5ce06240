//! `outlast node`: the nodes of the cluster.
//!
//! Draining is refused where something would have nowhere to go, and removing where something is still
//! there; the server says what. Not here: where a node's replicas go (`outlast cluster plan`).

use clap::Subcommand;
use serde_json::Value;

use crate::api::{Api, note, path};
use crate::cli::Global;
use crate::commands::consent::Consent;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, List, Look, Single, cell, column, wide};

/// The verbs of `outlast node`.
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// All nodes of the cluster
    List,
    /// One node
    Show {
        /// Its number or name
        node: String,
    },
    /// Put nothing more on a node, and let what it holds go to others
    Drain {
        /// Its number or name
        node: String,
        /// Also where something has nowhere to go and stays
        #[arg(long)]
        force: bool,
    },
    /// Let replicas be put on a node again
    Resume {
        /// Its number or name
        node: String,
    },
    /// Take a node that holds no replicas out of the cluster, for good
    Remove {
        /// Its number or name
        node: String,
        #[command(flatten)]
        consent: Consent,
    },
}

const COLUMNS: &[Column] = &[
    column("ID", |node, _| cell::plain(&node["id"])),
    column("NODE", |node, _| cell::plain(&node["name"])),
    column("STATE", |node, _| cell::plain(&node["state"])),
    column("FAULT DOMAIN", |node, _| cell::plain(&node["fault_domain"])),
    column("REPLICAS", |node, _| cell::plain(&node["replicas"])),
    column("ADDRESS", |node, _| cell::plain(&node["address"])),
    wide("UPGRADE DOMAIN", |node, _| cell::plain(&node["upgrade_domain"])),
    wide("SITE", |node, _| cell::plain(&node["site"])),
    wide("LABELS", |node, _| cell::plain(&node["labels"])),
    wide("INCARNATION", |node, _| cell::plain(&node["incarnation"])),
    wide("JOINED", |node, look| cell::time(&node["joined_at"], look)),
];

impl Node {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failed> {
        let api = Api::of(global);
        let look = Look::of(global);
        let at = |node: &str| format!("/api/v1/nodes/{}", path::encoded(node));
        let node = match self {
            Self::List => {
                let document = api.get("/api/v1/nodes").await?;
                let items = document["nodes"].as_array().map_or(&[][..], Vec::as_slice);
                output::print(&List { document: &document, items, columns: COLUMNS, id: "id" }.text(&look))?;
                return Ok(Exit::Done);
            }
            Self::Show { node } => api.get(&at(&node)).await?,
            Self::Drain { node, force } => {
                let query = path::query(&[("force", force.then(|| "true".to_owned()))]);
                let drained = api.post(&(at(&node) + "/drain" + &query), None).await?;
                tell(global, &drained, "is drained: what it holds goes to other nodes");
                drained
            }
            Self::Resume { node } => api.post(&(at(&node) + "/resume"), None).await?,
            Self::Remove { node, consent } => {
                consent.check(&format!("remove node {node:?} from the cluster for good"))?;
                let removed = api.delete(&at(&node)).await?;
                tell(global, &removed, "is removed for good");
                removed
            }
        };
        output::print(&Single { item: &node, columns: COLUMNS, id: "id" }.text(&look))?;
        Ok(Exit::Done)
    }
}

fn tell(global: &Global, node: &Value, what: &str) {
    if !global.quiet {
        note(&format!("node {} {what}", cell::plain(&node["name"])));
    }
}

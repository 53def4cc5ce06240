//! The handlers about nodes, placements and what the layout survives.
//!
//! Not here: shapes (`super`). A node is named by its number or its name; a number comes first.

use std::collections::BTreeSet;

use axum::Json as JsonBody;
use axum::extract::{FromRequestParts, State};
use engine::catalog::placement::{Cluster, blocked_by, loads, weakened_by};
use engine::catalog::{Command, NodeState, NodeView, PlacementView, RemoveNode, SetNodeState};
use engine::id::NodeId;
use http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::App;
use super::super::extract::{HubPath, Params, path_values};
use super::super::model::SCHEMA;
use super::super::problem::Problem;
use super::{ClusterNode, ClusterNodeList, ClusterPlan, Partition, PartitionList, shaped};
use crate::ingress::auth::{Action, Resource};
use crate::node::layout::Layout;
use crate::observe::codes;

/// Reasons that an answer names.
const REASONS_MAX: usize = 3;

/// `{node}` of a path: a number or a name.
#[derive(Debug)]
pub(in super::super) struct NodePath(String);

impl<S: Send + Sync> FromRequestParts<S> for NodePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(path_values(parts, state).await?.remove("node").unwrap_or_default()))
    }
}

/// `{hub}` and `{partition}` of a path.
#[derive(Debug)]
pub(in super::super) struct PartitionPath(String, u32);

impl<S: Send + Sync> FromRequestParts<S> for PartitionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut values = path_values(parts, state).await?;
        let number = values.remove("partition").unwrap_or_default().parse();
        let number =
            number.map_err(|_| Problem::new(&codes::PARAMETER_INVALID, "partition is not a number"))?;
        Ok(Self(values.remove("hub").unwrap_or_default(), number))
    }
}

fn find<'a>(layout: &'a Layout, text: &str) -> Result<&'a NodeView, Problem> {
    let number = text.parse().ok().map(NodeId);
    let by_number = layout.nodes.iter().find(|node| Some(node.id) == number);
    let found = by_number.or_else(|| layout.nodes.iter().find(|node| node.name == text));
    found.ok_or_else(|| Problem::new(&codes::NODE_NOT_FOUND, format!("there is no node {text:?}")))
}

/// All nodes of the cluster.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "cluster", operation_id = "listNodes", responses((status = 200, body = ClusterNodeList)))]
pub(in super::super) async fn list(State(app): State<App>) -> Result<JsonBody<ClusterNodeList>, Problem> {
    app.allow(Action::Read, Resource::Node)?;
    let layout = app.backend.layout().await?;
    let loads = loads(&layout.placements);
    let nodes = layout.nodes.iter().map(|node| shaped::node(node, &loads)).collect();
    Ok(JsonBody(ClusterNodeList { schema: SCHEMA, nodes }))
}

/// A node of the cluster.
#[utoipa::path(get, path = "/api/v1/nodes/{node}", tag = "cluster", operation_id = "showNode", params(("node" = String, Path)), responses((status = 200, body = ClusterNode)))]
pub(in super::super) async fn show(
    State(app): State<App>,
    NodePath(node): NodePath,
) -> Result<JsonBody<ClusterNode>, Problem> {
    app.allow(Action::Read, Resource::Node)?;
    let layout = app.backend.layout().await?;
    Ok(JsonBody(shaped::node(find(&layout, &node)?, &loads(&layout.placements))))
}

/// Whether a node is drained although not everything can leave.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Draining {
    /// Drain it as far as there is room; what cannot leave stays.
    #[serde(default)]
    #[param(required = false)]
    force: bool,
}

/// Puts nothing more on a node and lets what it holds go elsewhere.
#[utoipa::path(post, path = "/api/v1/nodes/{node}/drain", tag = "cluster", operation_id = "drainNode", params(("node" = String, Path), Draining), responses((status = 200, body = ClusterNode)))]
pub(in super::super) async fn drain(
    State(app): State<App>,
    NodePath(node): NodePath,
    Params(draining): Params<Draining>,
) -> Result<JsonBody<ClusterNode>, Problem> {
    app.allow(Action::Administer, Resource::Node)?;
    let layout = app.backend.layout().await?;
    let found = find(&layout, &node)?;
    if !draining.force {
        has_room(&layout, found)?;
    }
    set(&app, &layout, found.id, NodeState::Draining).await
}

/// Every replica of the node has another node to go to.
fn has_room(layout: &Layout, node: &NodeView) -> Result<(), Problem> {
    let Layout { nodes, hubs, placements, leaders: _, voters: _, heard_at: _ } = layout;
    let cluster = Cluster { nodes, hubs, placements, changing: &BTreeSet::new() };
    let blocked = blocked_by(cluster, node.id);
    let Some(first) = blocked.first() else { return stays_strong(layout, cluster, node) };
    let stuck = shaped::stuck(layout, first);
    let hub = stuck.hub.map_or_else(|| "the catalog".to_owned(), |hub| format!("hub {hub}"));
    let (name, count) = (&node.name, blocked.len());
    let detail = format!(
        "{count} replicas could not leave {name}, such as partition {} of {hub}: {}",
        stuck.partition, stuck.why
    );
    Err(Problem::new(&codes::NODE_CANNOT_DRAIN, detail))
}

/// Nothing that survives what it is to survives less without the node.
fn stays_strong(layout: &Layout, cluster: Cluster<'_>, node: &NodeView) -> Result<(), Problem> {
    let weakened = weakened_by(cluster, node.id);
    let Some((hub, partition, warning)) = weakened.first() else { return Ok(()) };
    let hub = shaped::hub_name(layout, *hub).unwrap_or_default();
    let (name, count) = (&node.name, weakened.len());
    let detail = format!(
        "without {name}, {count} partitions would survive less than they are to, such as partition {partition} of hub {hub}: {warning}"
    );
    Err(Problem::new(&codes::NODE_CANNOT_DRAIN, detail))
}

/// Lets replicas be put on a node again.
#[utoipa::path(post, path = "/api/v1/nodes/{node}/resume", tag = "cluster", operation_id = "resumeNode", params(("node" = String, Path)), responses((status = 200, body = ClusterNode)))]
pub(in super::super) async fn resume(
    State(app): State<App>,
    NodePath(node): NodePath,
) -> Result<JsonBody<ClusterNode>, Problem> {
    app.allow(Action::Administer, Resource::Node)?;
    let layout = app.backend.layout().await?;
    set(&app, &layout, find(&layout, &node)?.id, NodeState::Active).await
}

async fn set(
    app: &App,
    layout: &Layout,
    node: NodeId,
    state: NodeState,
) -> Result<JsonBody<ClusterNode>, Problem> {
    let command = Command::SetNodeState(SetNodeState { node: node.0, state: state.into() });
    let changed = app.backend.change_node(command).await?;
    Ok(JsonBody(shaped::node(&changed, &loads(&layout.placements))))
}

/// Takes a node that holds no replicas out of the cluster, for good.
#[utoipa::path(delete, path = "/api/v1/nodes/{node}", tag = "cluster", operation_id = "removeNode", params(("node" = String, Path)), responses((status = 200, body = ClusterNode)))]
pub(in super::super) async fn remove(
    State(app): State<App>,
    NodePath(node): NodePath,
) -> Result<JsonBody<ClusterNode>, Problem> {
    app.allow(Action::Administer, Resource::Node)?;
    let layout = app.backend.layout().await?;
    let found = find(&layout, &node)?;
    let holds = |placement: &&PlacementView| placement.replicas.iter().any(|it| it.node == found.id);
    let held: Vec<String> = layout.placements.iter().filter(holds).map(|it| group(&layout, it)).collect();
    if !held.is_empty() {
        let (count, some) = (held.len(), held.get(..REASONS_MAX.min(held.len())).unwrap_or_default());
        let detail = format!("{count} replicas are placed on {}: of {}", found.name, some.join(", "));
        let more = if count > REASONS_MAX { " and others" } else { "" };
        return Err(Problem::new(&codes::NODE_IN_USE, detail + more));
    }
    let removed = app.backend.change_node(Command::RemoveNode(RemoveNode { node: found.id.0 })).await?;
    Ok(JsonBody(shaped::node(&removed, &loads(&layout.placements))))
}

fn group(layout: &Layout, placement: &PlacementView) -> String {
    match shaped::hub_name(layout, placement.hub) {
        Some(hub) => format!("{hub}/{}", placement.partition),
        None => "the catalog".to_owned(),
    }
}

/// Where the replicas of a hub's partitions are to be.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/partitions", tag = "cluster", operation_id = "listPartitions", params(("hub" = String, Path)), responses((status = 200, body = PartitionList)))]
pub(in super::super) async fn partitions(
    State(app): State<App>,
    HubPath(hub): HubPath,
) -> Result<JsonBody<PartitionList>, Problem> {
    Ok(JsonBody(of_hub(&app, hub).await?))
}

/// Where the replicas of one partition are to be.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/partitions/{partition}", tag = "cluster", operation_id = "showPartition", params(("hub" = String, Path), ("partition" = u32, Path)), responses((status = 200, body = Partition)))]
pub(in super::super) async fn partition(
    State(app): State<App>,
    PartitionPath(hub, number): PartitionPath,
) -> Result<JsonBody<Partition>, Problem> {
    let list = of_hub(&app, hub).await?;
    let found = list.partitions.into_iter().find(|partition| partition.partition == number);
    found.map(JsonBody).ok_or_else(|| {
        Problem::new(&codes::PARTITION_NOT_FOUND, format!("{:?} has no partition {number}", list.hub))
    })
}

async fn of_hub(app: &App, name: String) -> Result<PartitionList, Problem> {
    app.allow(Action::Read, Resource::Hub(&name))?;
    let layout = app.backend.layout_of(name.clone()).await?;
    let hub = layout
        .hubs
        .iter()
        .find(|hub| hub.name == name)
        .ok_or_else(|| Problem::new(&codes::HUB_NOT_FOUND, format!("there is no task hub {name:?}")))?;
    let placements = layout.placements.iter().filter(|placement| placement.hub == hub.id);
    let partitions = placements.map(|placement| shaped::partition(placement, &layout)).collect();
    Ok(PartitionList { schema: SCHEMA, hub: name, partitions })
}

/// Which failures the layout survives, and what would be changed next.
#[utoipa::path(get, path = "/api/v1/cluster/plan", tag = "cluster", operation_id = "showClusterPlan", responses((status = 200, body = ClusterPlan)))]
pub(in super::super) async fn plan(State(app): State<App>) -> Result<JsonBody<ClusterPlan>, Problem> {
    app.allow(Action::Read, Resource::Node)?;
    Ok(JsonBody(shaped::plan(&app.backend.layout().await?)))
}

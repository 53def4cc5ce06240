//! Nodes and placements over HTTP, of a made-up cluster of three nodes.
//!
//! Not here: what the catalog does about a change (`engine`).

use std::collections::BTreeMap;

use axum::body::Body;
use bytes::Bytes;
use engine::catalog::{
    Command, HubView, Mode, NodeState, NodeView, PlacementView, Refusal, ReplicaView, Reply, Survive,
};
use engine::id::{HubId, NodeId, PartitionId};
use engine::time::Timestamp;
use serde_json::{Value, json};

use super::super::tests::{Api, Fake, request};
use crate::node::layout::Layout;

/// Three nodes in two zones; of the hub `orders` partition 0 is on all three, partition 1 and the catalog
/// on the first.
pub(in super::super) fn layout() -> Layout {
    let node = |id: u64, zone: &str| NodeView {
        id: NodeId(id),
        name: format!("n{id}"),
        address: format!("10.0.0.{id}:4003"),
        incarnation: 1,
        fault_domain: format!("/eu/{zone}"),
        upgrade_domain: String::new(),
        site: String::new(),
        labels: BTreeMap::new(),
        state: NodeState::Active,
        joined: Timestamp::ZERO,
    };
    let placement = |hub, partition, nodes: &[u64]| PlacementView {
        hub: HubId(hub),
        partition: PartitionId(partition),
        first: vec![1],
        replicas: (1..).zip(nodes).map(|(replica, id)| ReplicaView { replica, node: NodeId(*id) }).collect(),
        version: 0,
    };
    let hub = HubView {
        id: HubId(1),
        name: "orders".to_owned(),
        partitions: 2,
        key: Bytes::new(),
        created: Timestamp::ZERO,
        deleted: None,
        mode: Mode::Conservative,
        survive: Survive::Zone,
        replicas_target: 3,
        replicas_min: 2,
    };
    Layout {
        heard_at: std::time::Duration::ZERO,
        voters: [((HubId(1), PartitionId(1)), vec![1])].into(),
        nodes: vec![node(1, "a"), node(2, "b"), node(3, "b")],
        hubs: vec![hub],
        placements: vec![placement(0, 0, &[1]), placement(1, 0, &[1, 2, 3]), placement(1, 1, &[1])],
        leaders: [((HubId(1), PartitionId(1)), NodeId(1))].into(),
    }
}

/// What the catalog would say.
pub(in super::super) fn changed(layout: &Layout, command: &Command) -> Reply {
    let (id, state) = match command {
        Command::SetNodeState(set) => (set.node, set.state()),
        Command::RemoveNode(remove) => (remove.node, NodeState::Removed),
        other => panic!("{other:?} is no change of a node"),
    };
    let found = layout.nodes.iter().find(|node| node.id.0 == id);
    found
        .map_or(Reply::Refused(Refusal::NodeNotFound), |node| Reply::Node(NodeView { state, ..node.clone() }))
}

async fn ask(method: &str, path: &str) -> (u16, Value) {
    let request = request(method, path).body(Body::empty()).expect("a request");
    let reached = Api::new(Fake::default()).send(request).await;
    (reached.status.as_u16(), reached.json())
}

#[tokio::test]
async fn nodes_are_found_by_number_and_by_name() {
    let (status, list) = ask("GET", "/api/v1/nodes").await;
    assert_eq!((status, list["nodes"].as_array().map(Vec::len)), (200, Some(3)));
    let expected = json!({
        "id": 1, "name": "n1", "state": "active", "address": "10.0.0.1:4003", "fault_domain": "/eu/a",
        "replicas": 3, "incarnation": 1, "joined_at": "1970-01-01T00:00:00.000000Z"
    });
    for node in ["1", "n1"] {
        assert_eq!(ask("GET", &format!("/api/v1/nodes/{node}")).await, (200, expected.clone()));
    }
    let (status, problem) = ask("GET", "/api/v1/nodes/n9").await;
    assert_eq!((status, &problem["code"]), (404, &json!("OL-2060")));
}

#[tokio::test]
async fn a_node_is_drained_only_where_all_that_it_holds_can_leave() {
    let (status, problem) = ask("POST", "/api/v1/nodes/n3/drain").await;
    assert_eq!((status, &problem["code"]), (409, &json!("OL-2062")));
    assert_eq!(
        problem["detail"],
        "1 replicas could not leave n3, such as partition 0 of hub orders: \
         3 replicas need as many nodes, and 2 of 3 are left: \"n3\" is draining"
    );
    let (status, node) = ask("POST", "/api/v1/nodes/n3/drain?force=true").await;
    assert_eq!((status, &node["state"]), (200, &json!("draining")));
    let (status, node) = ask("POST", "/api/v1/nodes/3/resume").await;
    assert_eq!((status, &node["state"]), (200, &json!("active")));
}

#[tokio::test]
async fn a_node_that_holds_replicas_is_not_removed() {
    let (status, problem) = ask("DELETE", "/api/v1/nodes/n1").await;
    assert_eq!((status, &problem["code"]), (409, &json!("OL-2061")));
    assert_eq!(problem["detail"], "3 replicas are placed on n1: of the catalog, orders/0, orders/1");
}

#[tokio::test]
async fn partitions_show_where_their_replicas_are_to_be() {
    let (status, list) = ask("GET", "/api/v1/hubs/orders/partitions").await;
    assert_eq!((status, list["partitions"].as_array().map(Vec::len)), (200, Some(2)));
    let (_, one) = ask("GET", "/api/v1/hubs/orders/partitions/1").await;
    let replicas = json!([{ "replica": 1, "node": 1, "node_name": "n1" }]);
    let shown = json!({ "partition": 1, "version": 0, "first": [1], "replicas": replicas, "voters": [1], "leader": 1 });
    assert_eq!(one, shown);
    assert_eq!(ask("GET", "/api/v1/hubs/orders/partitions/2").await.1["code"], "OL-2064");
    assert_eq!(ask("GET", "/api/v1/hubs/orders/partitions/x").await.1["code"], "OL-2023");
    assert_eq!(ask("GET", "/api/v1/hubs/bills/partitions").await.1["code"], "OL-2001");
}

#[tokio::test]
async fn the_plan_says_what_is_survived_and_how_near_the_end_is() {
    let (status, plan) = ask("GET", "/api/v1/cluster/plan").await;
    assert_eq!(status, 200);
    let levels: Vec<(&str, u64, u64)> = plan["levels"]
        .as_array()
        .expect("levels")
        .iter()
        .map(|level| {
            let number = |name: &str| level[name].as_u64().expect("a number");
            (level["level"].as_str().expect("a name"), number("survived"), number("pairs_survived"))
        })
        .collect();
    // Node 1 has the catalog and partition 1; zone b has two of three replicas of partition 0.
    assert_eq!(levels, [("node", 2, 0), ("zone", 0, 0), ("region", 0, 0)]);
    assert_eq!(plan["levels"][0]["fatal_pairs"], json!([["n2", "n3"]]));
    assert_eq!(
        plan["hubs"],
        json!([
            { "replicas": 1, "losses": 1 },
            { "hub": "orders", "survive": "zone", "replicas": 1, "losses": 1 }
        ])
    );
    let moves: Vec<&Value> = plan["moves"].as_array().expect("moves").iter().map(|it| &it["why"]).collect();
    assert_eq!(moves, ["missing", "missing"]);
    assert_eq!(
        plan["warnings"],
        json!([
            "hub orders: 1 replicas where there should be 3",
            "hub orders: the loss of the zone /eu/a takes 1 of 1 replicas: no majority",
            "hub orders: the loss of the zone /eu/b takes 2 of 3 replicas: no majority"
        ])
    );
}

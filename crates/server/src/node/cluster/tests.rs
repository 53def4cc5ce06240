//! Several nodes in one process, over lines that can be cut: a cluster grows from one node, and goes on
//! when a node is gone.

#[path = "work_tests.rs"]
mod work;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::catalog::{self, NodeState, RegisterNode, RemoveNode, SetNodeState};
use engine::id::{InstanceId, NodeId, PartitionId};
use engine::partition::command::{Command, RaiseEvent, StartOrchestration};
use engine::partition::effect::Reply;
use replication::Membership;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Place, following};
use crate::config::{Loader, Profile};
use crate::node::{Hub, Node, Platform};
use crate::observe::metrics::Metrics;
use crate::peers::gateway::Gateway;
use crate::testing::cable::Cable;

/// What must come true does so within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everybody is connected to everybody who is there.
struct Net {
    cable: Cable,
    there: Mutex<BTreeSet<NodeId>>,
}

impl Net {
    fn new() -> Self {
        Self { cable: Cable::new(), there: Mutex::default() }
    }

    fn join(&self, id: NodeId, gateway: Arc<Gateway>) {
        self.cable.plug_in(id, gateway);
        let mut there = self.there.lock().unwrap();
        there.iter().for_each(|other| self.cable.connect(*other, id));
        there.insert(id);
    }

    fn leave(&self, id: NodeId) {
        let mut there = self.there.lock().unwrap();
        there.remove(&id);
        there.iter().for_each(|other| self.cable.cut(*other, id));
    }
}

/// One node of a cluster.
struct Member {
    id: NodeId,
    node: Arc<Node>,
    following: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    disk: platform::fault::SimDisk,
}

async fn start(net: &Net, id: u64, disk: platform::fault::SimDisk) -> Member {
    let config = Loader::new(Profile::Dev)
        .flag("--data", "node.data_dir", "/data")
        .flag("--partitions", "hubs.partitions", "2")
        .flag("--threads", "runner.threads", "1")
        .load()
        .expect("defaults are valid")
        .config;
    let platform = Platform {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(platform::real::RealClock::new()),
        entropy: Arc::new(platform::fault::SimEntropy::new(id)),
        calm: || {},
    };
    let id = NodeId(id);
    let gateway = Gateway::new(id, net.cable.links(id));
    let metrics = Arc::new(Metrics::new("test", Duration::ZERO));
    let place = Place::of(Arc::clone(&gateway));
    let node = Node::start(config, platform, metrics, place).await.expect("the node starts");
    let (stop, stopped) = oneshot::channel();
    let following = tokio::spawn(following::run(Arc::clone(&node), Some(about(id)), async {
        drop(stopped.await);
    }));
    net.join(id, gateway);
    Member { id, node, following, stop, disk }
}

fn about(id: NodeId) -> RegisterNode {
    RegisterNode {
        name: format!("node-{id}"),
        address: format!("127.0.0.1:{}", 7000 + id.0),
        join: vec![7; 16].into(),
        ..RegisterNode::default()
    }
}

impl Member {
    /// Another node, on an empty disk, as soon as the catalog has given it a number.
    async fn with_another(&self, net: &Net, number: u8) -> Member {
        let id = NodeId(number.into());
        let join = RegisterNode { join: vec![number; 16].into(), ..about(id) };
        let given = self.node.register(join).await.expect("the catalog answers").expect("it may join");
        assert_eq!(given.id, id);
        start(net, id.0, platform::fault::SimDisk::new(id.0)).await
    }

    async fn hub(&self) -> Arc<Hub> {
        self.node.hub("orders").await.expect("the hub opens")
    }

    /// Ends without a word to anybody.
    async fn end(self, net: &Net) -> platform::fault::SimDisk {
        net.leave(self.id);
        drop(self.stop);
        self.following.await.expect("no panic");
        self.node.stop().await.expect("an orderly stop");
        self.disk
    }

    /// Waits until every partition of the hub, and the catalog, has so many voters and nobody else.
    async fn has_voters(&self, count: usize) {
        let settled = async {
            let hub = self.hub().await;
            let groups = [
                (super::super::opening::CATALOG, PartitionId(0)),
                (hub.id(), PartitionId(0)),
                (hub.id(), PartitionId(1)),
            ];
            for (hub, partition) in groups {
                loop {
                    let members = self.node.members(hub, partition).await.unwrap_or_default();
                    if members == Membership::of_voters(members.voters.clone())
                        && members.voters.len() == count
                    {
                        break;
                    }
                    let mut known = self.node.known();
                    known.borrow_and_update();
                    // Members change without the catalog, too.
                    drop(tokio::time::timeout(Duration::from_millis(50), known.changed()).await);
                }
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("members come to what is wanted");
    }
}

async fn begin(hub: &Hub, id: &str) -> Reply {
    let command = Command::StartOrchestration(StartOrchestration {
        instance: id.to_owned(),
        execution: "e".repeat(32),
        name: "order".to_owned(),
        ..StartOrchestration::default()
    });
    hub.ask(&instance(id), command).await.expect("a leader takes it")
}

fn instance(id: &str) -> InstanceId {
    InstanceId::parse(id).expect("an id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_grows_from_one_node_and_goes_on_without_its_first() {
    let net = Net::new();
    let first = start(&net, 1, platform::fault::SimDisk::new(1)).await;
    let hub = first.hub().await;
    for number in 0..20 {
        assert!(matches!(begin(&hub, &format!("order-{number}")).await, Reply::Started { .. }));
    }
    first.has_voters(1).await;
    let second = first.with_another(&net, 2).await;
    let third = first.with_another(&net, 3).await;
    third.has_voters(3).await;
    // Any node serves.
    let there = third.hub().await;
    assert!(matches!(begin(&there, "order-20").await, Reply::Started { .. }));
    assert!(second.hub().await.instance(&instance("order-3"), false).await.expect("an answer").is_some());
    drop(hub);
    let disk = first.end(&net).await;
    assert!(matches!(begin(&there, "order-21").await, Reply::Started { .. }));
    for number in 0..22 {
        let id = instance(&format!("order-{number}"));
        assert!(there.instance(&id, false).await.expect("an answer").is_some(), "{id} is lost");
    }
    // It comes back with what it had, and lacks nothing after a while.
    let first = start(&net, 1, disk).await;
    let hub = first.hub().await;
    let event = Command::RaiseEvent(RaiseEvent {
        instance: "order-21".to_owned(),
        name: "paid".to_owned(),
        ..RaiseEvent::default()
    });
    assert_eq!(hub.ask(&instance("order-21"), event).await.expect("a leader takes it"), Reply::Done);
    drop((hub, there));
    for member in [first, second, third] {
        member.end(&net).await;
    }
    net.cable.unplug();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_node_gives_its_replicas_to_others_and_can_be_removed() {
    let net = Net::new();
    let first = start(&net, 1, platform::fault::SimDisk::new(1)).await;
    let hub = first.hub().await;
    assert!(matches!(begin(&hub, "order-1").await, Reply::Started { .. }));
    let mut others = Vec::new();
    for number in 2..=4 {
        others.push(first.with_another(&net, number).await);
    }
    first.has_voters(3).await;
    let drain = SetNodeState { node: 1, state: NodeState::Draining.into() };
    let reply = first.node.change_layout(catalog::Command::SetNodeState(drain)).await.expect("a leader");
    assert!(matches!(reply, catalog::Reply::Node(_)), "{reply:?}");
    others[0].node.catalog_moved();
    let mut known = others[1].node.known();
    let emptied = known.wait_for(|layout| {
        layout
            .placements
            .iter()
            .flat_map(|placement| &placement.replicas)
            .all(|replica| replica.node != first.id)
    });
    drop(tokio::time::timeout(PATIENCE, emptied).await.expect("replicas are placed elsewhere"));
    others[0].has_voters(3).await;
    let left = async {
        let mut known = first.node.known();
        while !first.node.seats.all().is_empty() {
            known.changed().await.expect("the node is there");
        }
    };
    tokio::time::timeout(PATIENCE, left).await.expect("nothing of it stays");
    let remove = catalog::Command::RemoveNode(RemoveNode { node: 1 });
    let reply = others[0].node.change_layout(remove).await.expect("a leader");
    assert!(matches!(reply, catalog::Reply::Node(_)), "{reply:?}");
    drop(hub);
    first.end(&net).await;
    let hub = others[2].hub().await;
    assert!(hub.instance(&instance("order-1"), false).await.expect("an answer").is_some());
    drop(hub);
    for member in others {
        member.end(&net).await;
    }
    net.cable.unplug();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_did_not_open_is_not_made_anew() {
    let net = Net::new();
    let disk = platform::fault::SimDisk::new(1);
    let node = start(&net, 1, disk.clone()).await;
    assert!(matches!(begin(&*node.hub().await, "order-1").await, Reply::Started { .. }));
    node.node.delete_hub("orders").await.expect("it is deleted");
    node.end(&net).await;
    for partition in 0..2 {
        let path = format!("/data/tables/hub-1-partition-{partition}.redb");
        assert!(disk.flip_bit(Path::new(&path), 0, 0), "there is a file");
    }
    let node = start(&net, 1, disk).await;
    node.node.undelete_hub("orders").await.expect("the catalog brings it back");
    let hub = node.hub().await;
    let metrics = node.node.metrics();
    let halted = async {
        while metrics.partitions.halted.get() < 2 {
            node.node.catalog_moved();
            let mut known = node.node.known();
            known.changed().await.expect("the node is there");
        }
    };
    tokio::time::timeout(PATIENCE, halted).await.expect("it is counted");
    for _ in 0..3 {
        node.node.catalog_moved();
        let mut known = node.node.known();
        known.changed().await.expect("the node is there");
    }
    assert_eq!(metrics.partitions.halted.get(), 2, "it is not tried again");
    assert!(
        node.node.seats.all().iter().all(|(seat, _)| seat.hub != hub.id()),
        "nothing was made in its place"
    );
    drop(hub);
    node.end(&net).await;
    net.cable.unplug();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_takes_the_name_of_one_that_is_gone_is_another_hub_everywhere() {
    let net = Net::new();
    let first = start(&net, 1, platform::fault::SimDisk::new(1)).await;
    let old = first.hub().await;
    let mut others = Vec::new();
    for number in 2..=3 {
        others.push(first.with_another(&net, number).await);
    }
    first.has_voters(3).await;
    first.node.delete_hub("orders").await.expect("it is deleted");
    first.node.remove_hub("orders").await.expect("it is removed");
    let new = first.hub().await;
    assert_ne!(new.id(), old.id());
    first.has_voters(3).await;
    for other in &others {
        let opened = async {
            let mut known = other.node.known();
            while other.node.open_hub_named("orders").is_none_or(|hub| hub.id() != new.id())
                || other.node.seats.all().iter().any(|(seat, _)| seat.hub == old.id())
                || other.node.seats.get(new.id(), PartitionId(1)).is_none()
            {
                known.changed().await.expect("the node is there");
            }
        };
        tokio::time::timeout(PATIENCE, opened).await.expect("the new hub is open");
    }
    drop(old);
    first.end(&net).await;
    assert!(matches!(begin(&*others[0].hub().await, "order-1").await, Reply::Started { .. }));
    drop(new);
    for member in others {
        member.end(&net).await;
    }
    net.cable.unplug();
}

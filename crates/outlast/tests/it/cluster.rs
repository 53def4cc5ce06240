//! Three real nodes: one that others join with a token, a worker and a client at nodes that live on, and
//! nodes that are killed, stopped and brought back in the middle.
//!
//! Not here: what an order does and how it is judged (`tests/sdk/python/orders.py`).

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{DEADLINE, Program, python};
use crate::scratch::Scratch;
use crate::server::{Server, outlast};

const ORDERS: usize = 200;
/// The hub of a node that was alone.
const ATTIC: &str = "attic";

/// Nodes of one cluster, by their place in the list; a node that is down has no server.
struct Cluster {
    scratch: Scratch,
    nodes: Vec<Node>,
}

struct Node {
    data: PathBuf,
    peers: String,
    grpc: String,
    http: String,
    server: Option<Server>,
}

/// An address that nobody listens on, and that stays free while a node is down: below the ports that the
/// system gives away by itself.
fn free() -> String {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() % 500 * 20;
    let mut ports = (0..10_000).map(|_| 20_000 + (first + TAKEN.fetch_add(1, Ordering::Relaxed)) % 10_000);
    let free = ports.find(|port| TcpListener::bind(format!("127.0.0.1:{port}")).is_ok());
    format!("127.0.0.1:{}", free.expect("there is a free port"))
}

impl Node {
    /// Starts it and waits until it is ready.
    fn start(&mut self, arguments: &[&str]) {
        let mut command = outlast();
        command.arg("serve").arg("--data").arg(&self.data).args(arguments);
        command.envs([("OUTLAST_GRPC__LISTEN", &self.grpc[..]), ("OUTLAST_HTTP__LISTEN", &self.http[..])]);
        self.server = Some(Server::ready(&self.data, Program::start(&mut command)));
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("the node runs")
    }

    fn kill(&mut self) {
        self.server.take().expect("the node runs").kill();
    }

    fn stop(&mut self) {
        let status = self.server.take().expect("the node runs").stop();
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

impl Cluster {
    /// A cluster of three, all of which hold replicas of everything that the first has had.
    fn of_three() -> Self {
        let scratch = Scratch::new();
        let node = |number: usize| Node {
            data: scratch.join(&format!("data-{number}")),
            peers: free(),
            grpc: free(),
            http: free(),
            server: None,
        };
        let mut nodes: Vec<Node> = (1..=3).map(node).collect();
        let data = nodes[0].data.clone();
        let cluster = |verb: &str, more: &[&str]| {
            let mut command = outlast();
            command.args(["-o", "json", "--quiet", "cluster", verb, "--data"]).arg(&data).args(more);
            let said = Program::start(&mut command).succeeded();
            serde_json::from_str::<Value>(&said).unwrap_or_else(|error| panic!("{error} in {said}"))
        };
        // It begins as a node alone, with something to keep.
        let mut alone = Server::start(&data);
        alone.ask(&["--hub", ATTIC, "instance", "start", "keepsake", "--id", "keepsake"]);
        assert!(alone.stop().success());
        cluster("init", &["--name", "n1", "--address", &nodes[0].peers]);
        nodes[0].start(&[]);
        for number in 2..=3 {
            let token = cluster("token", &[]);
            let token = token["token"].as_str().expect("a token").to_owned();
            let (name, address) = (format!("n{number}"), nodes[number - 1].peers.clone());
            nodes[number - 1].start(&["--join", &token, "--name", &name, "--address", &address]);
        }
        let cluster = Self { scratch, nodes };
        cluster.nodes[0].server().ask(&["hub", "create", "default", "--partitions", "4"]);
        cluster.has_leaders();
        cluster
    }

    /// Waits until each partition has three voters, as its leader says to the last node.
    fn has_leaders(&self) {
        let is_whole =
            |partition: &Value| partition["voters"].as_array().is_some_and(|voters| voters.len() == 3);
        let began = Instant::now();
        for hub in ["default", ATTIC] {
            loop {
                let listed = self.nodes[2].server().ask(&["partition", "list", hub]);
                let partitions = listed["partitions"].as_array().cloned().unwrap_or_default();
                if !partitions.is_empty() && partitions.iter().all(is_whole) {
                    break;
                }
                assert!(began.elapsed() < DEADLINE, "replicas or leaders are missing: {listed}");
            }
        }
    }

    /// What was there before there was a cluster, as the last node sees it.
    fn has_kept(&self) {
        let kept = self.nodes[2].server().ask(&["--hub", ATTIC, "instance", "show", "keepsake"]);
        assert_eq!(kept["status"], "pending", "{kept}");
    }
}

/// A worker at one node and a client at another.
struct Shop {
    worker: Program,
    client: Program,
}

impl Shop {
    fn open(cluster: &Cluster, (worker, client): (usize, usize)) -> Self {
        let effects = cluster.scratch.join("effects");
        std::fs::write(&effects, "").expect("the scratch directory can be written to");
        let at = |node: usize| cluster.nodes[node].server().grpc();
        let orders = |role: &str, node| -> Command {
            let mut command = python("orders.py");
            command.args([role, &at(node)]).arg(&effects);
            command
        };
        let worker = Program::start(&mut orders("worker", worker));
        let client = Program::start(orders("client", client).arg(ORDERS.to_string()));
        Self { worker, client }
    }

    /// Waits for the client's verdict, which must be a good one.
    fn close(mut self) {
        let verdict = self.client.wait_for("the verdict", |line| serde_json::from_str::<Value>(line).ok());
        assert_eq!(verdict["wrong"], Value::Array(Vec::new()), "{verdict}");
        assert_eq!(verdict["orders"], ORDERS, "{verdict}");
        assert_eq!(verdict["activities"], 5 * ORDERS, "{verdict}");
        self.worker.close_stdin();
    }
}

#[test]
fn orders_go_on_when_nodes_are_killed_and_come_back() {
    let mut cluster = Cluster::of_three();
    let mut shop = Shop::open(&cluster, (1, 1));
    shop.client.wait_for_lines(ORDERS / 4, "acknowledged");
    cluster.nodes[0].kill();
    cluster.has_kept();
    shop.client.wait_for_lines(ORDERS / 2, "acknowledged");
    cluster.nodes[0].start(&[]);
    shop.client.wait_for_lines(ORDERS / 8, "finished");
    cluster.has_leaders();
    cluster.nodes[2].kill();
    shop.client.wait_for_lines(ORDERS / 2, "finished");
    cluster.nodes[2].start(&[]);
    shop.close();
}

#[test]
fn a_node_that_is_told_to_stop_hands_over_and_nobody_sees_an_error() {
    let mut cluster = Cluster::of_three();
    let mut shop = Shop::open(&cluster, (1, 2));
    shop.client.wait_for_lines(ORDERS / 4, "acknowledged");
    cluster.nodes[0].stop();
    shop.client.wait_for_lines(ORDERS / 2, "acknowledged");
    cluster.nodes[0].start(&[]);
    shop.close();
}

#[test]
fn a_node_that_is_left_alone_says_so_soon_and_goes_on_when_another_is_back() {
    let mut cluster = Cluster::of_three();
    cluster.nodes[0].kill();
    cluster.nodes[1].kill();
    let alone = cluster.nodes[2].server();
    let codes = |status: &Value| -> Vec<String> {
        let warnings = status["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().filter_map(|warning| warning["code"].as_str().map(str::to_owned)).collect()
    };
    let is_told =
        |codes: &[String]| ["OL-5031", "OL-5032"].iter().all(|code| codes.iter().any(|c| c == code));
    let told = (0..100).find_map(|_| {
        let asked = Instant::now();
        let status = alone.ask(&["status"]);
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(5), "the status took {took:?}");
        is_told(&codes(&status)).then_some(status)
    });
    let status = told.expect("it is said that nobody leads");
    assert_eq!(status["hubs"][1]["name"], "default", "{status}");
    cluster.nodes[0].start(&[]);
    cluster.has_leaders();
    cluster.has_kept();
}

//! The main job: orders in flight, the server killed in the middle, every acknowledged order
//! finished once.
//!
//! Not here: what an order does and how it is judged (`tests/sdk/python/orders.py`). The client makes
//! a call again whose answer was lost; what it saw acknowledged must finish, each recorded result
//! must be one that a run of the activity gave, and nothing may be recorded twice.

use std::process::Command;

use serde_json::Value;

use crate::program::{Program, node, python};
use crate::scratch::Scratch;
use crate::server::Server;

const ORDERS: usize = 60;

/// A server, a worker for it and a client that places orders.
struct Shop {
    scratch: Scratch,
    server: Server,
    worker: Program,
    client: Program,
}

impl Shop {
    fn open(worker: fn() -> Command) -> Self {
        let scratch = Scratch::new();
        let server = Server::start(&scratch.join("data"));
        let effects = scratch.join("effects");
        std::fs::write(&effects, "").expect("the scratch directory can be written to");
        let worker = Program::start(worker().arg(server.grpc()).arg(&effects));
        let client = Program::start(
            python("orders.py").args(["client", &server.grpc()]).arg(&effects).arg(ORDERS.to_string()),
        );
        Self { scratch, server, worker, client }
    }

    /// Waits for the client's verdict, which must be a good one.
    fn close(mut self) {
        let verdict = self.client.wait_for("the verdict", |line| serde_json::from_str::<Value>(line).ok());
        assert_eq!(verdict["wrong"], Value::Array(Vec::new()), "{verdict}");
        assert_eq!(verdict["orders"], ORDERS, "{verdict}");
        // Five activities an order; how many ran again depends on the moment of the kill.
        assert_eq!(verdict["activities"], 5 * ORDERS, "{verdict}");
        self.worker.close_stdin();
    }
}

fn python_worker() -> Command {
    let mut command = python("orders.py");
    command.arg("worker");
    command
}

fn javascript_worker() -> Command {
    node("orders_worker.mjs")
}

#[test]
fn orders_survive_two_kills_of_the_server_with_a_python_worker() {
    let mut shop = Shop::open(python_worker);
    shop.client.wait_for_lines(ORDERS / 3, "acknowledged");
    shop.server.kill_and_restart();
    shop.client.wait_for_lines(ORDERS / 3, "finished");
    shop.server.kill_and_restart();
    shop.close();
}

#[test]
fn orders_survive_two_kills_of_the_server_with_a_javascript_worker() {
    let mut shop = Shop::open(javascript_worker);
    // This SDK comes back from a lost connection, but gives up if its very first call finds nobody.
    shop.worker.wait_for_lines(1, "ran");
    shop.client.wait_for_lines(ORDERS / 3, "acknowledged");
    shop.server.kill_and_restart();
    shop.client.wait_for_lines(ORDERS / 3, "finished");
    shop.server.kill_and_restart();
    shop.close();
}

#[test]
fn orders_survive_kills_in_quick_succession() {
    let mut shop = Shop::open(python_worker);
    for acknowledged in 1..=5 {
        shop.client.wait_for_lines(acknowledged, "acknowledged");
        shop.server.kill_and_restart();
    }
    shop.close();
}

#[test]
fn orders_survive_the_death_of_their_worker() {
    let mut shop = Shop::open(python_worker);
    shop.client.wait_for_lines(ORDERS / 3, "acknowledged");
    shop.worker.kill();
    let effects = shop.scratch.join("effects");
    shop.worker = Program::start(python_worker().arg(shop.server.grpc()).arg(effects));
    shop.close();
}

#[test]
fn a_server_told_to_stop_drains_and_loses_nothing() {
    let mut shop = Shop::open(python_worker);
    shop.client.wait_for_lines(ORDERS / 3, "acknowledged");
    let status = shop.server.stop();
    assert_eq!(status.code(), Some(0), "{status}");
    shop.server.restart();
    shop.close();
}

//! Values of several MiB with the published Python and JavaScript SDKs, also over kills of the server.
//!
//! Not here: the scenarios, which are `tests/sdk/python/payloads.py` and `tests/sdk/js/payloads.mjs`. The
//! workers accept large messages, and the server is told so.

use serde_json::Value;

use crate::program::{Program, node, python};
use crate::scratch::Scratch;
use crate::server::Server;

/// Several values of 3 MiB together make a work item.
const LARGE_ITEMS: &[(&str, &str)] = &[("OUTLAST_WORK__ITEM_BYTES_MAX", "64MiB")];

#[test]
fn values_of_three_mebibytes_go_wherever_values_go_in_python() {
    let scratch = Scratch::new();
    let server = Server::start_with(&scratch.join("data"), LARGE_ITEMS);
    Program::start(python("payloads.py").args(["everywhere", &server.grpc()])).succeeded();
}

#[test]
fn values_of_three_mebibytes_go_wherever_values_go_in_javascript() {
    let scratch = Scratch::new();
    let server = Server::start_with(&scratch.join("data"), LARGE_ITEMS);
    Program::start(node("payloads.mjs").args([server.grpc().as_str()])).succeeded();
}

const ORDERS: usize = 12;

#[test]
fn large_values_survive_kills_of_the_server_to_the_last_byte() {
    let scratch = Scratch::new();
    let mut server = Server::start_with(&scratch.join("data"), LARGE_ITEMS);
    let mut shop =
        Program::start(python("payloads.py").args(["kills", &server.grpc()]).arg(ORDERS.to_string()));
    shop.wait_for_lines(ORDERS / 3, "acknowledged");
    server.kill_and_restart();
    shop.wait_for_lines(2 * ORDERS / 3, "acknowledged");
    server.kill_and_restart();
    shop.wait_for_lines(ORDERS / 4, "finished");
    server.kill_and_restart();
    let verdict = shop.wait_for("the verdict", |line| serde_json::from_str::<Value>(line).ok());
    assert_eq!(verdict["finished"], ORDERS, "{verdict}");
    assert_eq!(verdict["wrong"], Value::Array(Vec::new()), "{verdict}");
}

//! Both HTTP APIs against their own descriptions: generated requests, well-formed and malformed.
//!
//! Not here: what may be answered beyond the description, which `tests/sdk/api/schemathesis.toml` says
//! with the reason. Schemathesis reads the OpenAPI document that the server gives, so that what is
//! tried is what users are told. The seed is fixed.

use std::path::Path;
use std::process::Command;

use crate::program::{Program, given};
use crate::scratch::Scratch;
use crate::server::{Server, dev};

const ANY_PORT: &str = "127.0.0.1:0";
const SEED: &str = "20261121";
/// Requests for each operation, in each phase that makes them up: what bounds the time, because a
/// limit in seconds would try other requests on each machine.
const EXAMPLES: &str = "12";

/// A server with instances in several states, whose waits are short.
fn server(scratch: &Scratch) -> Server {
    let data = scratch.join("data");
    let mut command = dev(&data, ANY_PORT, ANY_PORT);
    command.env("OUTLAST_HTTP__WAIT_MAX", "1s").env("OUTLAST_HUBS__PARTITIONS", "2");
    let server = Server::ready(&data, Program::start(&mut command));
    for id in ["pending", "terminated", "suspended", "raised"] {
        server.ask(&["instance", "start", "greeting", "--id", id, "--input", "{\"name\":\"you\"}"]);
    }
    server.ask(&["instance", "terminate", "terminated", "--yes"]);
    server.ask(&["instance", "suspend", "suspended"]);
    server.ask(&["instance", "raise", "raised", "wave", "--data", "1"]);
    server.ask(&["schedule", "create", "nightly", "--orchestration", "greeting", "--cron", "0 3 * * *"]);
    server
}

fn holds(description: &str) {
    let scratch = Scratch::new();
    let server = server(&scratch);
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    let mut schemathesis = Command::new(given("OUTLAST_PYTHON").with_file_name("st"));
    schemathesis.arg("--config-file").arg(sdk.join("api/schemathesis.toml"));
    schemathesis.arg("run").arg(format!("{}{description}", server.http()));
    schemathesis.args(["--url", &server.http(), "--seed", SEED, "--generation-deterministic"]);
    schemathesis.args(["--max-examples", EXAMPLES, "--no-color", "--warnings", "off"]);
    schemathesis.args(["--request-timeout", "10", "--continue-on-failure"]);
    let place = scratch.join("schemathesis");
    std::fs::create_dir_all(&place).expect("the scratch directory can be written to");
    schemathesis.current_dir(place);
    let said = Program::start(&mut schemathesis).succeeded();
    assert!(said.contains("No issues found"), "{said}");
    // Whatever was asked of it, it is still there.
    server.ask(&["status"]);
}

#[test]
fn our_own_api_is_as_it_is_described() {
    holds("/api/v1/openapi.json");
}

#[test]
fn the_api_of_durable_functions_is_as_it_is_described() {
    holds("/runtime/webhooks/durabletask/openapi.json");
}

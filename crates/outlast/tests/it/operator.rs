//! What an operator does wrong, and what the server says to it.
//!
//! Not here: broken files (`broken_disk`) and wrong answers of workers (`tokens.py`). A refusal must
//! say what happened and to whom, so each test also reads the message.

use std::net::TcpListener;

use crate::program::{Program, python};
use crate::scratch::Scratch;
use crate::server::{Server, dev, outlast};

const ANY_PORT: &str = "127.0.0.1:0";
const FAILURE: i32 = 1;
const USAGE: i32 = 2;
const NOT_FOUND: i32 = 4;
const UNAVAILABLE: i32 = 6;

#[track_caller]
fn contains(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
}

#[test]
fn two_servers_on_one_directory_are_refused() {
    let scratch = Scratch::new();
    let data = scratch.join("data");
    let first = Server::start(&data);
    let said = Program::start(&mut dev(&data, ANY_PORT, ANY_PORT)).failed_with(FAILURE);
    contains(&said, &[&data.to_string_lossy(), &first.id().to_string()]);
    // The first one is not disturbed.
    first.ask(&["status"]);
}

#[test]
fn a_port_in_use_is_told_with_the_process_that_has_it() {
    let scratch = Scratch::new();
    let first = Server::start(&scratch.join("first"));
    let second = scratch.join("second");
    let said = Program::start(&mut dev(&second, &first.grpc(), ANY_PORT)).failed_with(FAILURE);
    contains(&said, &[&first.grpc(), &first.id().to_string(), "outlast"]);
}

#[test]
fn a_port_that_another_program_has_is_told_too() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind(ANY_PORT).expect("some port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let said = Program::start(&mut dev(&scratch.join("data"), ANY_PORT, &address)).failed_with(FAILURE);
    contains(&said, &[&address, &std::process::id().to_string()]);
}

#[test]
fn a_server_that_was_killed_leaves_no_lock_behind() {
    let scratch = Scratch::new();
    let data = scratch.join("data");
    Server::start(&data).kill();
    Server::start(&data).ask(&["status"]);
}

#[test]
fn what_is_not_there_is_told_with_an_exit_code_of_its_own() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    let said = server.outlast(&["instance", "show", "nobody"]).failed_with(NOT_FOUND);
    contains(&said, &["nobody", "nothing was changed", "next:", "code:"]);
    server.outlast(&["--hub", "no-such-hub", "instance", "list"]).failed_with(NOT_FOUND);
    server.ask(&["hub", "create", "short-lived"]);
    server.ask(&["hub", "delete", "short-lived", "--yes"]);
    let said = server.outlast(&["--hub", "short-lived", "instance", "list"]).failed_with(NOT_FOUND);
    contains(&said, &["short-lived", "deleted"]);
    server.outlast(&["--hub", "no/hub", "instance", "list"]).failed_with(USAGE);
    server.outlast(&["instance", "raise", "nobody", "event"]).failed_with(NOT_FOUND);
}

#[test]
fn a_hub_that_was_never_created_is_unknown_to_a_production_server() {
    let scratch = Scratch::new();
    let data = scratch.join("data");
    let mut serve = outlast();
    serve.arg("serve").env("OUTLAST_NODE__DATA_DIR", &data);
    serve.env("OUTLAST_GRPC__LISTEN", ANY_PORT).env("OUTLAST_HTTP__LISTEN", ANY_PORT);
    let server = Server::ready(&data, Program::start(&mut serve));
    for hub in ["default", "orders"] {
        let said = server.outlast(&["--hub", hub, "instance", "start", "greeting"]).failed_with(NOT_FOUND);
        contains(&said, &[hub, "does not exist", "outlast hub create", "code:"]);
    }
    let said = Program::start(python("unknown_hub.py").args([&server.grpc(), "orders"])).succeeded();
    contains(&said, &["start: NOT_FOUND", "worker: NOT_FOUND", "orders"]);
    let hubs = server.ask(&["hub", "list"]).to_string();
    assert!(!hubs.contains("orders"), "asking for it has created it: {hubs}");
    server.ask(&["hub", "create", "orders"]);
    server.ask(&["--hub", "orders", "instance", "start", "greeting", "--id", "greeting-1"]);
}

#[test]
fn a_hub_says_when_its_activities_may_run() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    let mode = |hub: &str| server.ask(&["hub", "show", hub])["mode"].clone();
    server.ask(&["hub", "create", "careful"]);
    assert_eq!(mode("careful"), "conservative");
    server.ask(&["hub", "create", "fast", "--mode", "speculative"]);
    assert_eq!(mode("fast"), "speculative");
    contains(&server.outlast(&["hub", "list"]).succeeded(), &["MODE", "conservative", "speculative"]);
    server.outlast(&["hub", "create", "other", "--mode", "reckless"]).failed_with(USAGE);
    server.outlast(&["hub", "show", "other"]).failed_with(NOT_FOUND);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    let grpc = server.grpc();
    server.kill();
    let said = Program::start(outlast().args(["--server", &grpc, "status"])).failed_with(UNAVAILABLE);
    contains(&said, &[&grpc]);
}

#[test]
fn instances_are_driven_from_the_command_line() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    server.ask(&["instance", "start", "greeting", "--id", "greeting-1", "--input", "{\"name\":\"you\"}"]);
    server.outlast(&["instance", "start", "greeting", "--id", "greeting-1"]).failed_with(FAILURE);
    server.ask(&["instance", "raise", "greeting-1", "wave", "--data", "1"]);
    server.ask(&["instance", "suspend", "greeting-1"]);
    let shown = server.ask(&["instance", "show", "greeting-1"]);
    contains(&shown.to_string(), &["greeting-1", "you"]);
    server.ask(&["instance", "resume", "greeting-1"]);
    server.ask(&["instance", "terminate", "greeting-1", "--yes"]);
    let ended = server.ask(&["instance", "wait", "greeting-1", "--timeout", "60s"]);
    contains(&ended.to_string().to_lowercase(), &["terminated"]);
    contains(&server.ask(&["instance", "list"]).to_string(), &["greeting-1"]);
    contains(
        &server.ask(&["instance", "history", "greeting-1"]).to_string(),
        &["ExecutionSuspended", "ExecutionResumed", "ExecutionCompleted"],
    );
    server.ask(&["instance", "purge", "greeting-1", "--yes"]);
    server.outlast(&["instance", "show", "greeting-1"]).failed_with(NOT_FOUND);
}

#[test]
fn an_unknown_setting_or_command_is_refused_before_anything_starts() {
    let scratch = Scratch::new();
    let file = scratch.join("outlast.toml");
    std::fs::write(&file, "[server]\nno_such_setting = 1\n")
        .expect("the scratch directory can be written to");
    let said = Program::start(outlast().args(["serve", "--config"]).arg(&file)).failed_with(USAGE);
    contains(&said, &["no_such_setting", &file.to_string_lossy()]);
    Program::start(outlast().arg("no-such-command")).failed_with(USAGE);
}

#[test]
fn work_that_no_worker_takes_is_told_wherever_one_looks() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    server.ask(&["instance", "start", "nobody-runs-this", "--id", "lonely", "--orchestration-version", "7"]);
    let told = server.outlast(&["instance", "show", "lonely"]).succeeded();
    contains(&told, &["nobody-runs-this", "\"7\"", "none is connected"]);
    let told = server.outlast(&["status"]).succeeded();
    contains(&told, &["OL-3005", "nobody-runs-this", "wait for a worker"]);
}

#[test]
fn what_has_failed_to_be_is_told_when_it_is_to_begin_again() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    server.outlast(&["instance", "rewind", "nobody"]).failed_with(NOT_FOUND);
    server.ask(&["instance", "start", "nobody-runs-this", "--id", "a"]);
    let said = server.outlast(&["instance", "restart", "a", "--yes"]).failed_with(FAILURE);
    contains(&said, &["OL-2013", "nothing was changed"]);
    server.ask(&["instance", "terminate", "a", "--yes"]);
    let said = server.outlast(&["instance", "rewind", "a"]).failed_with(FAILURE);
    contains(&said, &["OL-2041"]);
    server.ask(&["instance", "restart", "a", "--yes"]);
    let told = server.outlast(&["instance", "show", "a"]).succeeded();
    contains(&told, &["pending"]);
}

#[test]
fn a_worker_that_stands_still_loses_its_work_to_another() {
    let scratch = Scratch::new();
    let mut command = dev(&scratch.join("data"), ANY_PORT, ANY_PORT);
    command.env("OUTLAST_GRPC__KEEPALIVE", "1s");
    let server = Server::ready(&scratch.join("data"), Program::start(&mut command));
    let (grpc, effects) = (server.grpc(), scratch.join("effects"));
    std::fs::write(&effects, "").expect("the scratch directory can be written to");
    let worker = || Program::start(python("orders.py").args(["worker", &grpc]).arg(&effects));
    let mut still = worker();
    let mut client = Program::start(python("orders.py").args(["client", &grpc]).arg(&effects).arg("40"));
    client.wait_for_lines(10, "acknowledged");
    // Its connection stays open, and nobody answers on it.
    still.signal("STOP");
    let mut second = worker();
    client.wait_for("the verdict", |line| serde_json::from_str::<serde_json::Value>(line).ok());
    second.close_stdin();
    still.kill();
}

//! Schedules as an operator sees them: ticks across kills, every verb, refusals that name the field.
//!
//! Not here: which ticks there are, and what becomes of those that were missed (`server::schedules`).
//! No worker is needed: an instance that was started can be listed.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use crate::program::DEADLINE;
use crate::scratch::Scratch;
use crate::server::Server;

const FAILURE: i32 = 1;
const USAGE: i32 = 2;
const NOT_FOUND: i32 = 4;

/// The ids of a schedule's runs, once there are so many.
fn runs(server: &Server, name: &str, count: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let prefix = format!("{name}:");
        let page = server.ask(&["instance", "list", "--prefix", &prefix, "--limit", "1000"]);
        let found = page["instances"].as_array().expect("a list");
        if found.len() >= count {
            return found.iter().map(|it| it["id"].as_str().expect("an id").to_owned()).collect();
        }
        assert!(began.elapsed() < DEADLINE, "{count} runs of {name} are not there: {page}");
    }
}

/// Minute and second of a run's tick.
fn second_of(id: &str) -> u32 {
    let (_, tick) = id.split_once(':').expect("a name and a tick");
    let digits = |from: usize| tick[from..from + 2].parse::<u32>().expect("two digits");
    digits(14) * 60 + digits(17)
}

#[test]
fn every_tick_is_run_once_across_two_kills_of_the_server() {
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch.join("data"));
    let policies = ["--catch-up", "all", "--overlap", "allow"];
    let create = ["schedule", "create", "beat", "--orchestration", "tick", "--every", "1s"];
    server.ask(&[&create[..], &policies[..]].concat());
    let before = runs(&server, "beat", 2).len();
    server.kill_and_restart();
    let between = runs(&server, "beat", before + 2).len();
    server.kill_and_restart();
    let ids = runs(&server, "beat", between + 2);
    server.ask(&["schedule", "pause", "beat"]);
    let seconds: BTreeSet<u32> = ids.iter().map(|id| second_of(id)).collect();
    assert_eq!(seconds.len(), ids.len(), "a tick was run twice: {ids:?}");
    let first = seconds.iter().min().copied().unwrap_or(0);
    let is_within_the_hour = first + 1_000 < 3_600;
    let last = seconds.iter().max().copied().unwrap_or(0);
    let whole = usize::try_from(last - first + 1).expect("a small number");
    assert!(seconds.len() == whole || !is_within_the_hour, "a tick was left out: {ids:?}");
}

#[test]
fn a_schedule_is_driven_from_the_command_line() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    let cron = ["--cron", "30 2 * * mon-fri", "--zone", "Europe/Berlin"];
    let create = ["schedule", "create", "nightly", "--orchestration", "report", "--input", "{\"n\":1}"];
    let created = server.ask(&[&create[..], &cron[..]].concat());
    assert_eq!((&created["state"], &created["zone"]), (&json!("active"), &json!("Europe/Berlin")));
    server.outlast(&[&create[..], &cron[..]].concat()).failed_with(FAILURE);
    let list = server.ask(&["schedule", "list"]);
    assert_eq!(list["schedules"][0]["name"], "nightly", "{list}");

    let paused = server.ask(&["schedule", "pause", "nightly", "--reason", "audit"]);
    assert_eq!((&paused["state"], &paused["next_at"]), (&json!("paused"), &Value::Null), "{paused}");
    let triggered = server.ask(&["schedule", "trigger", "nightly"]);
    assert_eq!(runs(&server, "nightly", 1), [triggered["id"].as_str().expect("an id")]);
    let resumed = server.ask(&["schedule", "resume", "nightly"]);
    assert_eq!((&resumed["state"], &resumed["started"]), (&json!("active"), &json!(1)), "{resumed}");
    let changed =
        server.ask(&["schedule", "update", "nightly", "--orchestration", "report", "--every", "1h"]);
    assert_eq!((&changed["every_seconds"], &changed["started"]), (&json!(3_600), &json!(1)), "{changed}");
    let shown = server.ask(&["schedule", "show", "nightly"]);
    assert_eq!(shown["next_at"], changed["next_at"], "{shown}");

    server.outlast(&["--quiet", "schedule", "delete", "nightly", "--yes"]).succeeded();
    server.outlast(&["schedule", "show", "nightly"]).failed_with(NOT_FOUND);
    assert_eq!(runs(&server, "nightly", 1).len(), 1, "what it started goes on");
}

#[test]
fn a_schedule_that_cannot_be_is_refused_with_the_field_that_is_wrong() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    for (when, wrong) in [
        (["--cron", "0 24 * * *"], "cron: field 2, hour: \"24\""),
        (["--cron", "0 0 * *"], "cron: \"0 0 * *\" has 4 fields"),
        (["--cron", "0 0 31 2 *"], "cron: \"0 0 31 2 *\" names no day"),
        (["--every", "1ms"], "every: \"1ms\""),
    ] {
        let create = ["schedule", "create", "wrong", "--orchestration", "report"];
        let said = server.outlast(&[&create[..], &when[..]].concat()).failed_with(USAGE);
        assert!(said.contains(wrong) && said.contains("OL-2055"), "`{wrong}` is not in:\n{said}");
    }
    assert_eq!(server.ask(&["schedule", "list"])["schedules"], json!([]));
}

//! The API of Durable Functions as its callers see it: requests and answers, word for word.
//!
//! `tests/functions/*.txt` hold what is sent (`>`) and what comes back (`<`); `UPDATE=1` writes the
//! answers again. The node behind is made up (`super::super::tests::Fake`).

use std::fmt::Write as _;
use std::path::Path;

use axum::body::Body;
use serde_json::Value;

use super::super::entities::tests::entity;
use super::super::model::{Failure, HistoryEvent, Instance, Status, stored_json};
use super::super::tests::{Api, Fake, Reached, instance, request};
use super::openapi::document;
use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/functions");
/// Headers that are part of the contract.
const HEADERS: [&str; 4] = ["content-type", "location", "retry-after", "x-ms-continuation-token"];

/// One instance in each status, named after it, and a history.
fn node() -> Fake {
    let mut instances: std::collections::BTreeMap<String, Instance> = Status::ALL
        .into_iter()
        .map(|status| (status.word().to_owned(), instance(status.word(), status)))
        .collect();
    for open in ["pending", "running", "suspended"] {
        instances.get_mut(open).expect("it is there").output = None;
    }
    let failed = instances.get_mut("failed").expect("it is there");
    failed.output = None;
    let cause = Failure { kind: "E".to_owned(), message: "no stock".to_owned(), ..Failure::default() };
    failed.failure = Some(cause);
    let entities = vec![entity("", Some("0")), entity("a", Some("{\"n\":1}")), entity("b", None)];
    Fake::natural(instances, history()).with_entities(entities)
}

fn history() -> Vec<HistoryEvent> {
    let at = |second: u64| format!("2026-01-01T00:00:{second:02}.000000Z");
    let event = |number: u64, kind, task| HistoryEvent {
        number,
        at: at(number),
        kind,
        task,
        name: None,
        value: None,
        failure: None,
        fire_at: None,
        instance: None,
    };
    let named = |event: HistoryEvent, name: &str| HistoryEvent { name: Some(name.to_owned()), ..event };
    let valued = |event: HistoryEvent, value: &str| HistoryEvent { value: Some(stored_json(value)), ..event };
    let failure = Failure { kind: "E".to_owned(), message: "no stock".to_owned(), ..Failure::default() };
    vec![
        event(1, "OrchestratorStarted", None),
        valued(named(event(2, "ExecutionStarted", None), "Order"), "{}"),
        named(event(3, "TaskScheduled", Some(1)), "Reserve"),
        named(event(4, "TaskScheduled", Some(2)), "Charge"),
        named(event(5, "TaskScheduled", Some(3)), "Ship"),
        HistoryEvent { fire_at: Some(at(9)), ..event(6, "TimerCreated", Some(4)) },
        valued(named(event(7, "EventRaised", None), "approved"), "true"),
        HistoryEvent { failure: Some(failure), ..event(8, "TaskFailed", Some(2)) },
        HistoryEvent { fire_at: Some(at(9)), ..event(9, "TimerFired", Some(4)) },
        valued(event(10, "TaskCompleted", Some(1)), "[1]"),
        valued(event(11, "ExecutionCompleted", None), "\"done\""),
    ]
}

/// Sends what a transcript says and gives it back with what was answered.
async fn played(transcript: &str) -> String {
    let api = Api::new(node());
    let mut told = String::new();
    for block in transcript.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let sent: Vec<&str> = block.lines().filter(|line| !line.starts_with('<')).collect();
        let said: Vec<&str> = sent.iter().filter_map(|line| line.strip_prefix("> ")).collect();
        told.push_str(&sent.join("\n"));
        told.push('\n');
        if let Some((line, rest)) = said.split_first() {
            let reached = api.send(parsed(line, rest)).await;
            tell(&mut told, &reached);
        }
        told.push('\n');
    }
    told
}

fn parsed(line: &str, rest: &[&str]) -> http::Request<Body> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let path = if path.starts_with("/runtime") { path.to_owned() } else { format!("{BASE}{path}") };
    let mut building = request(method, &path);
    let mut body = String::new();
    for line in rest {
        match line.split_once(": ") {
            Some((name, value)) if !name.contains(['{', '"', '[']) => building = building.header(name, value),
            Some(_) | None => body.push_str(line),
        }
    }
    building.body(Body::from(body)).expect("a request")
}

fn tell(told: &mut String, reached: &Reached) {
    let _infallible = writeln!(told, "< {}", reached.status.as_u16());
    for name in HEADERS {
        if let Some(value) = reached.headers.get(name) {
            let _infallible = writeln!(told, "< {name}: {}", value.to_str().expect("headers are text"));
        }
    }
    let body = match serde_json::from_str::<Value>(&reached.text) {
        // A problem's words are its code's; what matters here is which.
        Ok(problem) if problem.get("code").is_some() => {
            format!("{} {}: {}", problem["code"], problem["status"], problem["detail"])
        }
        Ok(_) | Err(_) => reached.text.clone(),
    };
    body.lines().for_each(|line| told.push_str(&format!("< {line}\n")));
}

#[expect(clippy::disallowed_methods, reason = "a test reads and writes files of the repository")]
async fn check(name: &str) {
    let file = Path::new(FOLDER).join(name);
    let before = std::fs::read_to_string(&file).expect("the transcript is there");
    let after = format!("{}\n", played(&before).await.trim_end());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &after).expect("write the transcript");
        return;
    }
    assert_eq!(before, after, "{name}: read the difference; UPDATE=1 writes it");
}

#[tokio::test]
async fn starting_is_answered_as_durable_functions_does() {
    check("start.txt").await;
}

#[tokio::test]
async fn status_is_answered_as_durable_functions_does() {
    check("status.txt").await;
}

#[tokio::test]
async fn lists_are_answered_as_durable_functions_does() {
    check("list.txt").await;
}

#[tokio::test]
async fn actions_are_answered_as_durable_functions_does() {
    check("actions.txt").await;
}

#[tokio::test]
async fn purges_are_answered_as_durable_functions_does() {
    check("purge.txt").await;
}

#[tokio::test]
async fn entities_are_answered_as_durable_functions_does() {
    check("entities.txt").await;
}

#[tokio::test]
async fn the_description_and_the_routes_agree() {
    let api = Api::new(node());
    let document: Value = serde_json::from_str(document()).expect("the description is JSON");
    let described = document["paths"].as_object().expect("there are paths");
    assert_eq!(described.len(), table().len());
    for (path, item) in described {
        let concrete = path.replace("{name}", "Order").replace("{id}", "running").replace("{event}", "go");
        let concrete = concrete.replace("{key}", "k");
        for method in ["get", "post", "delete", "put"] {
            let reached = api.plain(&method.to_uppercase(), &concrete).await;
            let unknown = reached.code().is_some_and(|code| code == "OL-2024" || code == "OL-2025");
            assert_eq!(item.get(method).is_none(), unknown, "{method} {path}: {}", reached.text);
        }
    }
}

#[tokio::test]
async fn reading_a_mutating_path_changes_nothing() {
    let api = Api::new(node());
    for path in ["orchestrators/Order", "instances/running/terminate", "instances/running/raiseEvent/go"] {
        assert_eq!(api.plain("GET", &format!("{BASE}/{path}")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert!(api.asked().is_empty());
}

#[test]
fn the_published_description_is_fresh() {
    let document = format!("{}\n", document());
    crate::observe::docs::assert_fresh("docs/operating/openapi-durable-functions.json", &document);
}

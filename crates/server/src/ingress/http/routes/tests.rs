//! Starting over HTTP, against a node that is made up: one command, and one for all repeats of a key.
//!
//! Not here: refusals and shapes, which are the same for all routes (`super::super::tests`).

use axum::body::Body;
use engine::id::{InstanceId, LogId};
use engine::partition::command::Command;
use engine::partition::effect::Reply;
use http::StatusCode;
use serde_json::json;

use super::super::tests::{Api, request};

#[tokio::test]
async fn a_start_is_one_command_with_the_input_as_it_was_sent() {
    let by = LogId { term: 1, index: 7 };
    let id = InstanceId::parse("注文/1").expect("an id");
    let api = Api::replying(Reply::Started { instance: id, by });
    let body = r#"{"name": "Order", "id": "注文/1", "input": {"b": 1.50, "a": 2}, "start_at": "2026-11-21T12:00:00Z"}"#;
    let request = request("POST", "/api/v1/hubs/orders/instances").header("content-type", "application/json");
    let reached = api.send(request.body(Body::from(body)).expect("a request")).await;
    assert_eq!(reached.status, StatusCode::CREATED, "{}", reached.text);
    assert_eq!(reached.headers["location"], "/api/v1/hubs/orders/instances/%E6%B3%A8%E6%96%87%2F1");
    assert_eq!(reached.json(), json!({"schema": 1, "id": "注文/1", "created": true}));
    let asked = api.asked();
    let [Command::StartOrchestration(start)] = asked.as_slice() else { panic!("it is no start") };
    assert_eq!(start.input.as_deref(), Some(r#"{"b": 1.50, "a": 2}"#));
    assert_eq!(start.execution.len(), 32);
    assert_eq!(start.scheduled_start.map(|at| at.seconds), Some(1_795_262_400));
}

#[tokio::test]
async fn a_repeat_with_the_same_key_asks_for_the_same_instance() {
    let api = Api::replying(Reply::Unchanged);
    for _ in 0..2 {
        let request = request("POST", "/api/v1/hubs/orders/instances")
            .header("content-type", "application/json")
            .header("idempotency-key", "4711");
        let reached = api.send(request.body(Body::from(r#"{"name": "Order"}"#)).expect("a request")).await;
        assert_eq!(reached.status, StatusCode::OK);
        assert_eq!(reached.json()["created"], false);
    }
    let ids: Vec<(String, Option<String>)> = api
        .asked()
        .into_iter()
        .map(|command| match command {
            Command::StartOrchestration(start) => {
                (start.instance, start.request.map(|request| request.source))
            }
            other => panic!("{other:?} is no start"),
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].1.as_ref().is_some_and(|source| source.starts_with("key:")), "{ids:?}");
}

#[tokio::test]
async fn the_same_key_on_another_path_is_another_request() {
    let api = Api::replying(Reply::Done);
    for verb in ["suspend", "resume"] {
        let request = request("POST", &format!("/api/v1/hubs/orders/instances/x/{verb}"));
        let request = request.header("idempotency-key", "4711");
        assert_eq!(api.send(request.body(Body::empty()).expect("a request")).await.status, StatusCode::OK);
    }
    let asked = api.asked();
    let [Command::Suspend(first), Command::Resume(second)] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(first.request.is_some() && first.request != second.request, "{asked:?}");
}

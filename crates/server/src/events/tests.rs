//! Lifecycle events of a whole server, as a receiver gets them: real partitions and listeners, a
//! simulated disk.
//!
//! Not here: single steps (`courier`). A test waits for what the receiver has, never for time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use http::StatusCode;
use http_body_util::BodyExt as _;
use platform::fault::{SimDisk, SimEntropy};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::signature::Secret;
use crate::config::{Loader, Profile};
use crate::ingress::http::serve;
use crate::node::Platform;
use crate::serve::Server;
use crate::testing::Client;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const INSTANCES: &str = "/api/v1/hubs/orders/instances";
const EVENTS: &str = "/api/v1/hubs/orders/events";
const DEADLINE: Duration = Duration::from_secs(30);

/// Takes posts; answers first what it was told to, then 200.
#[derive(Clone)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    taken: watch::Sender<Vec<Value>>,
}

impl Receiver {
    async fn start(answers: &[StatusCode]) -> (Self, String) {
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let receiver = Self { answers, taken: watch::channel(Vec::new()).0 };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("it is bound"));
        let router = Router::new().route("/hook", post(take)).with_state(receiver.clone());
        tokio::spawn(serve(listener, router, std::future::pending()));
        (receiver, url)
    }

    /// What came, once there are so many.
    async fn took(&self, count: usize) -> Vec<Value> {
        let mut taken = self.taken.subscribe();
        let there = taken.wait_for(|taken| taken.len() >= count);
        tokio::time::timeout(DEADLINE, there).await.expect("they come in time").expect("it runs").clone()
    }
}

async fn take(State(receiver): State<Receiver>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("the body arrives").to_bytes();
    let text = String::from_utf8(body.to_vec()).expect("events are text");
    let header = |name: &str| parts.headers[name].to_str().expect("headers are text").to_owned();
    let seconds = header("webhook-timestamp").parse().expect("a time");
    let signed = Secret::parse(SECRET).expect("a secret").sign(&header("webhook-id"), seconds, &text);
    assert_eq!(header("webhook-signature"), signed);
    let answer = receiver.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let answer = answer.unwrap_or(StatusCode::OK);
    if answer == StatusCode::OK {
        let event = serde_json::from_str(&text).expect("events are JSON");
        receiver.taken.send_modify(|taken| taken.push(event));
    }
    answer
}

async fn server(disk: &SimDisk, url: &str, format: &str) -> (Server, Client) {
    let loader = Loader::new(Profile::Serve)
        .flag("test", "node.data_dir", "/data")
        .flag("test", "grpc.listen", "127.0.0.1:0")
        .flag("test", "http.listen", "127.0.0.1:0")
        .flag("test", "hubs.partitions", "2")
        .flag("test", "runner.threads", "1")
        .flag("test", "events.mail.hub", "orders")
        .flag("test", "events.mail.url", url)
        .flag("test", "events.mail.format", format)
        .flag("test", "events.mail.secret", SECRET);
    let config = loader.load().expect("the settings are allowed").config;
    let platform =
        Platform { disk: Arc::new(disk.clone()), entropy: Arc::new(SimEntropy::new(7)), ..Platform::real() };
    let server = Server::start(config, platform).await.expect("it starts");
    let client = Client(server.http()[0]);
    client.call("POST", "/api/v1/hubs", Some(json!({"name": "orders"}))).await;
    // Events are kept from when on the feeds are configured.
    let configured = async {
        while client.get(&format!("{EVENTS}/subscriptions")).await.1["subscriptions"][0]["name"] != "mail" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, configured).await.expect("the feeds are configured in time");
    (server, client)
}

async fn start_and_end(client: &Client, id: &str) {
    client.call("POST", INSTANCES, Some(json!({"name": "Order", "id": id}))).await;
    client.call("POST", &format!("{INSTANCES}/{id}/suspend"), Some(json!({"reason": "audit"}))).await;
    client.call("POST", &format!("{INSTANCES}/{id}/terminate"), None).await;
}

fn told(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    events.iter().map(|event| (text(&event["subject"]), text(&event["type"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_in_order_although_the_receiver_fails_and_the_server_restarts() {
    let disk = SimDisk::new(1);
    let down = StatusCode::SERVICE_UNAVAILABLE;
    let (receiver, url) = Receiver::start(&[down, down]).await;
    let (first, client) = server(&disk, &url, "cloudevents").await;
    start_and_end(&client, "a").await;
    first.stop().await.expect("it stops, whether the events are out or not");
    let (second, client) = server(&disk, &url, "cloudevents").await;
    start_and_end(&client, "b").await;

    let seen = |events: &[Value], id: &str| -> Vec<String> {
        let mut seen = Vec::new();
        for (_, what) in told(events).into_iter().filter(|(subject, _)| subject == id) {
            // At least once: a repeat is allowed.
            if !seen.contains(&what) {
                seen.push(what);
            }
        }
        seen
    };
    let expected = ["outlast.instance.started", "outlast.instance.suspended", "outlast.instance.terminated"];
    let mut count = 6;
    let all = loop {
        let all = receiver.took(count).await;
        if seen(&all, "a").len() == 3 && seen(&all, "b").len() == 3 {
            break all;
        }
        count = all.len() + 1;
    };
    assert_eq!(seen(&all, "a"), expected);
    assert_eq!(seen(&all, "b"), expected);
    let suspended = all.iter().find(|event| event["type"] == expected[1]).expect("it is there");
    assert_eq!((&suspended["specversion"], &suspended["data"]["reason"]), (&json!("1.0"), &json!("audit")));

    let (_, feed) = client.get(&format!("{EVENTS}?limit=4")).await;
    assert_eq!(feed["events"].as_array().map(Vec::len), Some(4), "{feed}");
    let next = feed["next"].as_str().expect("there is always more to come");
    let (_, rest) = client.get(&format!("{EVENTS}?after={next}")).await;
    assert_eq!(rest["events"].as_array().map(Vec::len), Some(2), "{rest}");
    let ids = |page: &Value| -> Vec<Value> {
        page["events"].as_array().expect("events").iter().map(|event| event["id"].clone()).collect()
    };
    let mut of_feed = [ids(&feed), ids(&rest)].concat();
    of_feed.sort_by_key(Value::to_string);
    of_feed.dedup();
    assert_eq!(of_feed.len(), 6, "ids are unique");
    assert!(all.iter().all(|event| of_feed.contains(&event["id"])), "the feed tells the same events");
    second.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_receiver_refuses_is_kept_and_sent_again_when_somebody_asks() {
    let disk = SimDisk::new(2);
    let (receiver, url) = Receiver::start(&[StatusCode::BAD_REQUEST]).await;
    let (server, client) = server(&disk, &url, "event-grid").await;
    start_and_end(&client, "a").await;
    let events = receiver.took(2).await;
    let subjects: Vec<&Value> = events.iter().map(|event| &event[0]["subject"]).collect();
    assert_eq!(subjects, ["durable/orchestrator/Suspended", "durable/orchestrator/Terminated"]);
    assert_eq!(events[1][0]["data"]["runtimeStatus"], "Terminated");

    let dead = format!("{EVENTS}/dead?subscription=mail");
    let buried = async {
        loop {
            let (_, page) = client.get(&dead).await;
            if page["letters"].as_array().is_some_and(|letters| letters.len() == 1) {
                return page;
            }
            tokio::task::yield_now().await;
        }
    };
    let page = tokio::time::timeout(DEADLINE, buried).await.expect("it is kept in time");
    assert_eq!(page["letters"][0]["why"], "answered 400 Bad Request", "{page}");
    assert_eq!(client.get(&format!("{EVENTS}/dead?subscription=post")).await.1["code"], "OL-2052");
    let resend = json!({"subscription": "mail", "ids": [page["letters"][0]["id"]]});
    let (status, resent) = client.call("POST", &format!("{EVENTS}/resend"), Some(resend)).await;
    assert_eq!((status, &resent["changed"]), (200, &json!(true)), "{resent}");
    let events = receiver.took(3).await;
    assert_eq!(events[2][0]["subject"], "durable/orchestrator/Running");
    server.stop().await.expect("it stops");
}

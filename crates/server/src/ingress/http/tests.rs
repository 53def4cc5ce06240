//! The HTTP API against a node that is made up: routes, refusals, shapes.
//!
//! Not here: the real node behind it; the black-box tests talk to the binary.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use engine::catalog::{self, NodeView};
use engine::id::{EntityId, InstanceId, LogId};
use engine::partition::command::Command;
use engine::partition::effect::{Refusal, Reply};
use engine::partition::schedules::command::{ChangeSchedule, PutSchedule};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tonic::codegen::Service as _;

use super::*;
use crate::config;
use crate::node::layout::Layout;

/// A made-up node: one hub `orders` and the instances it is given.
pub(super) struct Fake {
    ready: bool,
    /// The reply to every command; `None`: what the instance it is about suggests.
    reply: Option<Reply>,
    instances: BTreeMap<String, Instance>,
    history: Vec<HistoryEvent>,
    entities: Vec<Entity>,
    layout: Layout,
    asked: Mutex<Vec<Command>>,
}

impl Default for Fake {
    fn default() -> Self {
        let (instances, history) = (BTreeMap::new(), (1..=5).map(event).collect());
        let (entities, asked) = (Vec::new(), Mutex::default());
        let layout = cluster::tests::layout();
        Self { ready: true, reply: Some(Reply::Done), instances, history, entities, layout, asked }
    }
}

fn event(number: u64) -> HistoryEvent {
    HistoryEvent {
        number,
        at: "2026-01-01T00:00:01.500000Z".to_owned(),
        kind: "TaskCompleted",
        task: None,
        name: None,
        value: None,
        failure: None,
        fire_at: None,
        instance: None,
    }
}

impl Fake {
    /// A node whose replies follow from its instances.
    pub(super) fn natural(instances: BTreeMap<String, Instance>, history: Vec<HistoryEvent>) -> Self {
        Self { reply: None, instances, history, ..Self::default() }
    }

    /// The same node with entities.
    pub(super) fn with_entities(self, entities: Vec<Entity>) -> Self {
        Self { entities, ..self }
    }
}

/// What a partition would say that has this instance.
fn natural_reply(instance: Option<&Instance>, id: InstanceId, command: &Command) -> Reply {
    let by = LogId { term: 1, index: 7 };
    match (command, instance.map(|instance| instance.status.is_final())) {
        (Command::StartOrchestration(_), Some(false)) => Reply::Refused(Refusal::InstanceExists),
        (Command::StartOrchestration(_), None | Some(true)) => Reply::Started { instance: id, by },
        (Command::SignalEntity(_), _) => Reply::Done,
        (Command::Purge(_), finished) => Reply::Purged { count: u32::from(finished == Some(true)) },
        (_, None) => Reply::Refused(Refusal::InstanceNotFound),
        (Command::Restart(_), Some(false)) => Reply::Refused(Refusal::NotEnded),
        (Command::Restart(_), Some(true)) => Reply::Started { instance: id, by },
        (Command::Rewind(_), _) if instance.is_some_and(|found| found.status == Status::Failed) => {
            Reply::Done
        }
        (Command::Rewind(_), _) => Reply::Refused(Refusal::NotFailed),
        (_, Some(true)) => Reply::Unchanged,
        (_, Some(false)) => Reply::Done,
    }
}

fn hub(name: &str, state: HubState) -> Hub {
    let instances = (state == HubState::Active).then(|| BTreeMap::from([(Status::Running, 3)]));
    Hub {
        name: name.to_owned(),
        state,
        partitions: 8,
        mode: HubMode::Conservative,
        survive: HubSurvive::Host,
        replicas: 3,
        created_at: None,
        deleted_at: None,
        kept_until: None,
        instances,
    }
}

pub(super) fn instance(id: &str, status: Status) -> Instance {
    Instance {
        id: id.to_owned(),
        name: "Order".to_owned(),
        version: None,
        status,
        waiting_for: None,
        execution: "e1".to_owned(),
        partition: 0,
        created_at: "2026-01-01T00:00:00.000000Z".to_owned(),
        updated_at: "2026-01-01T00:00:00.000000Z".to_owned(),
        completed_at: None,
        scheduled_at: None,
        input: Some(stored_json("{\"big\": 12345678901234567890123}")),
        output: Some(stored_json("not json")),
        custom_status: None,
        failure: None,
        tags: BTreeMap::new(),
        parent: None,
        history_events: 2,
    }
}

fn answer<T: Send + 'static>(value: T) -> Answer<'static, T> {
    Box::pin(async move { Ok(value) })
}

impl Backend for Fake {
    fn is_ready(&self) -> bool {
        self.ready
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn fresh_id(&self) -> String {
        "0123456789abcdef0123456789abcdef".to_owned()
    }

    fn status(&self) -> Answer<'_, NodeStatus> {
        answer(NodeStatus {
            schema: SCHEMA,
            version: "0.1.0".to_owned(),
            started_at: String::new(),
            as_of: String::new(),
            ready: self.ready,
            data_dir: String::new(),
            grpc: Vec::new(),
            http: Vec::new(),
            warnings: Vec::new(),
            hubs: vec![hub("orders", HubState::Active)],
        })
    }

    fn hubs(&self) -> Answer<'_, Vec<Hub>> {
        answer(vec![hub("orders", HubState::Active)])
    }

    fn create_hub(&self, new: NewHub) -> Answer<'_, Hub> {
        answer(Hub { mode: new.mode.unwrap_or(HubMode::Conservative), ..hub(&new.name, HubState::Active) })
    }

    fn delete_hub(&self, name: String) -> Answer<'_, Hub> {
        answer(hub(&name, HubState::Deleted))
    }

    fn undelete_hub(&self, name: String) -> Answer<'_, Hub> {
        answer(hub(&name, HubState::Active))
    }

    fn remove_hub(&self, _name: String) -> Answer<'_, ()> {
        answer(())
    }

    fn layout(&self) -> Answer<'_, Layout> {
        answer(self.layout.clone())
    }

    fn layout_of(&self, _hub: String) -> Answer<'_, Layout> {
        answer(self.layout.clone())
    }

    fn change_node(&self, command: catalog::Command) -> Answer<'_, NodeView> {
        let changed = cluster::tests::changed(&self.layout, &command);
        Box::pin(async move { cluster::changed(changed) })
    }

    fn ask(&self, _hub: String, id: InstanceId, command: Command) -> Answer<'_, Reply> {
        let known = self.instances.get(id.as_str());
        let reply = self.reply.clone().unwrap_or_else(|| natural_reply(known, id, &command));
        self.asked.lock().expect("no test panics with the lock").push(command);
        answer(reply)
    }

    fn instance(&self, _hub: String, id: InstanceId) -> Answer<'_, Option<Instance>> {
        answer(self.instances.get(id.as_str()).cloned())
    }

    fn wait(&self, _hub: String, id: InstanceId, _timeout: Duration) -> Answer<'_, Option<Instance>> {
        answer(self.instances.get(id.as_str()).cloned())
    }

    fn instances(
        &self,
        _hub: String,
        filter: Filter,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, Page> {
        let after = after.unwrap_or_default();
        let matching =
            self.instances.values().filter(|found| found.id > after && found.id.starts_with(&filter.prefix));
        let matching =
            matching.filter(|found| filter.statuses.is_empty() || filter.statuses.contains(&found.status));
        let mut instances: Vec<Instance> = matching.take(limit + 1).cloned().collect();
        let next = (instances.len() > limit).then(|| instances[limit - 1].id.clone());
        instances.truncate(limit);
        answer(Page { instances, next })
    }

    fn schedules(
        &self,
        _hub: String,
        _after: Option<String>,
        _limit: usize,
    ) -> Answer<'_, (Vec<Schedule>, Option<String>)> {
        answer((Vec::new(), None))
    }

    fn schedule(&self, _hub: String, _name: String) -> Answer<'_, Option<Schedule>> {
        answer(None)
    }

    fn put_schedule(&self, _hub: String, _command: PutSchedule) -> Answer<'_, ()> {
        answer(())
    }

    fn change_schedule(&self, _hub: String, _command: ChangeSchedule) -> Answer<'_, ()> {
        answer(())
    }

    fn entity(&self, _hub: String, id: EntityId) -> Answer<'_, Option<Entity>> {
        answer(self.entities.iter().find(|found| found.id == id.as_str()).cloned())
    }

    fn entities(
        &self,
        _hub: String,
        filter: EntityFilter,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, EntityPage> {
        answer(entities::tests::page(&self.entities, &filter, after, limit))
    }

    fn events(&self, _hub: String, after: Option<String>, _limit: usize) -> Answer<'_, (Vec<Value>, String)> {
        answer((Vec::new(), after.unwrap_or_default()))
    }

    fn subscriptions(&self, _hub: String) -> Answer<'_, Vec<SubscriptionStatus>> {
        answer(Vec::new())
    }

    fn letters(
        &self,
        _hub: String,
        _subscription: String,
        _after: Option<String>,
        _limit: usize,
    ) -> Answer<'_, (Vec<Letter>, Option<String>)> {
        answer((Vec::new(), None))
    }

    fn resend(&self, _hub: String, _resend: Resend) -> Answer<'_, bool> {
        answer(true)
    }

    fn history(
        &self,
        _hub: String,
        id: InstanceId,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, Option<History>> {
        let after: usize = after.and_then(|after| after.parse().ok()).unwrap_or(0);
        let last = self.history.len().min(after + limit);
        let page = self.instances.contains_key(id.as_str()).then(|| History {
            schema: SCHEMA,
            execution: "e1".to_owned(),
            events: self.history[after..last].to_vec(),
            next: (last < self.history.len()).then(|| last.to_string()),
        });
        answer(page)
    }
}

pub(super) struct Reached {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reached {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(super) fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.text).ok()?;
        body["code"].as_str().map(str::to_owned)
    }
}

pub(super) struct Api {
    node: Arc<Fake>,
    metrics: Arc<Metrics>,
}

impl Api {
    pub(super) fn new(fake: Fake) -> Self {
        Self { node: Arc::new(fake), metrics: Arc::new(Metrics::new("0.1.0", Duration::ZERO)) }
    }

    fn with(instances: &[(&str, Status)]) -> Self {
        let instances =
            instances.iter().map(|(id, status)| ((*id).to_owned(), instance(id, *status))).collect();
        Self::new(Fake { instances, ..Fake::default() })
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reached {
        let settings = config::Http {
            listen: Vec::new(),
            body_bytes_max: 12 << 20,
            hosts_allowed: Vec::new(),
            wait_max: Duration::from_secs(60),
        };
        let mut router = router(self.node.clone(), self.metrics.clone(), &settings);
        let response = router.call(request).await.expect("a router cannot fail");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body is in memory").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("answers are text");
        Reached { status: parts.status, headers: parts.headers, text }
    }

    pub(super) async fn get(&self, path: &str) -> Reached {
        self.send(request("GET", path).body(Body::empty()).expect("a request")).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Reached {
        let request = request("POST", path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    pub(super) async fn plain(&self, method: &str, path: &str) -> Reached {
        self.send(request(method, path).body(Body::empty()).expect("a request")).await
    }

    pub(super) fn asked(&self) -> Vec<Command> {
        self.node.asked.lock().expect("no test panics with the lock").clone()
    }
}

pub(super) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:4002")
}

#[tokio::test]
async fn the_description_and_the_routes_agree() {
    let api = Api::with(&[("x", Status::Completed)]);
    let document: Value = serde_json::from_str(document()).expect("the description is JSON");
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let described = document["paths"].as_object().expect("there are paths");
    for (path, _) in routes::table() {
        assert!(described.contains_key(path), "{path} is not described");
    }
    for (path, item) in described {
        let id = if path.contains("/entities/") { "@counter@a" } else { "x" };
        let concrete = path.replace("{hub}", "orders").replace("{id}", id).replace("{code}", "OL-2001");
        let concrete = concrete.replace("{name}", "approved");
        for method in ["get", "post", "delete", "put", "patch"] {
            let reached = api.plain(&method.to_uppercase(), &concrete).await;
            let unknown = reached.code().is_some_and(|code| code == "OL-2024" || code == "OL-2025");
            // A verb after a colon shares its route with the hub, which has other methods.
            let shared = path.contains(':') && item.get(method).is_none();
            assert_eq!(
                !shared && item.get(method).is_none(),
                !shared && unknown,
                "{method} {path}: {} {}",
                reached.status,
                reached.text
            );
            assert!(shared || unknown || item[method]["responses"]["default"].is_object(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_code_and_next_step() {
    let api = Api::default_with_refusal(Refusal::InstanceNotFound);
    let reached = api.plain("POST", "/api/v1/hubs/orders/instances/x/suspend").await;
    assert_eq!(reached.status, StatusCode::NOT_FOUND);
    assert_eq!(reached.headers["content-type"], "application/problem+json");
    let body = reached.json();
    assert_eq!(body["code"], "OL-2010");
    assert_eq!(body["title"], "there is no such instance");
    assert_eq!(body["status"], 404);
    assert_eq!(body["type"], "/api/v1/errors/OL-2010");
    assert!(body["next"].as_str().is_some_and(|next| !next.is_empty()));
}

impl Api {
    pub(super) fn default_with_refusal(refusal: Refusal) -> Self {
        Self::replying(Reply::Refused(refusal))
    }

    /// A node that answers every command so.
    pub(super) fn replying(reply: Reply) -> Self {
        Self::new(Fake { reply: Some(reply), ..Fake::default() })
    }
}

#[tokio::test]
async fn bad_requests_are_told_apart() {
    let api = Api::with(&[]);
    let start = "/api/v1/hubs/orders/instances";
    let body = |kind: &'static str, text: String| {
        let request = request("POST", start).header("content-type", kind);
        api.send(request.body(Body::from(text)).expect("a request"))
    };
    let large = json!({"name": "Order", "input": "x".repeat(10 << 20)}).to_string();
    let deep = "[".repeat(100_000);
    let cases = [
        (api.get("/api/v2").await, 404, "OL-2024"),
        (api.get("/api/v1/hubs/orders/instances/nobody").await, 404, "OL-2010"),
        (api.get("/api/v1/hubs/nobody").await, 404, "OL-2001"),
        (api.plain("PUT", "/api/v1/hubs").await, 405, "OL-2025"),
        (api.plain("POST", "/api/v1/hubs/orders").await, 405, "OL-2025"),
        (api.plain("POST", "/api/v1/hubs/orders/rename").await, 404, "OL-2024"),
        (body("text/plain", "{}".to_owned()).await, 415, "OL-2022"),
        (body("application/json", "{".to_owned()).await, 422, "OL-2021"),
        (body("application/json", deep).await, 422, "OL-2021"),
        (body("application/json", "[\"Order\"]".to_owned()).await, 422, "OL-2021"),
        (api.post(start, json!({"name": "Order", "nmae": 1})).await, 422, "OL-2021"),
        (api.post(start, json!({"name": ""})).await, 422, "OL-2014"),
        (api.post(start, json!({"name": "Order", "id": "x".repeat(101)})).await, 422, "OL-2012"),
        (api.post(start, json!({"name": "Order", "tags": {"": "1"}})).await, 422, "OL-2015"),
        (api.post(start, json!({"name": "Order", "start_at": "soon"})).await, 400, "OL-2023"),
        (body("application/json", large).await, 413, "OL-2020"),
        (body("application/json", "x".repeat(13 << 20)).await, 413, "OL-2020"),
        (api.get(&format!("{start}?limit=0")).await, 400, "OL-2023"),
        (api.get(&format!("{start}?status=runing")).await, 400, "OL-2023"),
        (api.get(&format!("{start}?page=2")).await, 400, "OL-2023"),
        (api.get(&format!("{start}?cursor=00")).await, 400, "OL-2029"),
        (api.get(&format!("{start}/a%0Ab")).await, 422, "OL-2012"),
        (api.get(&format!("{start}/a%FFb")).await, 400, "OL-2023"),
        (api.get(&format!("{start}/x/wait?timeout=1y")).await, 400, "OL-2023"),
    ];
    for (reached, status, code) in cases {
        assert_eq!(
            (reached.status.as_u16(), reached.code().as_deref()),
            (status, Some(code)),
            "{}",
            reached.text
        );
    }
    assert_eq!(api.plain("PUT", "/api/v1/hubs").await.headers["allow"], "GET,HEAD,POST");
    assert!(api.asked().is_empty(), "nothing reached the node");
}

#[tokio::test]
async fn an_id_with_a_slash_is_one_segment() {
    let api = Api::with(&[("a/b", Status::Running)]);
    assert_eq!(api.get("/api/v1/hubs/orders/instances/a%2Fb").await.json()["id"], "a/b");
}

#[tokio::test]
async fn stored_values_go_out_as_they_are() {
    let api = Api::with(&[("x", Status::Completed)]);
    let reached = api.get("/api/v1/hubs/orders/instances/x").await;
    assert!(reached.text.contains(r#""input":{"big": 12345678901234567890123}"#), "{}", reached.text);
    assert!(reached.text.contains(r#""output":"not json""#), "{}", reached.text);
    assert!(reached.text.contains(r#""status":"completed""#), "{}", reached.text);
}

#[tokio::test]
async fn waiting_tells_finished_from_not_yet() {
    let api = Api::with(&[("done", Status::Failed), ("open", Status::Suspended)]);
    let status =
        async |id: &str| api.get(&format!("/api/v1/hubs/orders/instances/{id}/wait?timeout=1")).await.status;
    assert_eq!(status("done").await, StatusCode::OK);
    assert_eq!(status("open").await, StatusCode::ACCEPTED);
    assert_eq!(status("gone").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn lists_are_paged_by_cursors_of_their_own() {
    let api = Api::with(&[("a", Status::Running), ("b", Status::Running), ("c", Status::Running)]);
    let list = "/api/v1/hubs/orders/instances?limit=2";
    let first = api.get(list).await.json();
    assert_eq!(first["instances"].as_array().map(Vec::len), Some(2));
    let cursor = first["next"].as_str().expect("there is more").to_owned();
    let second = api.get(&format!("{list}&cursor={cursor}")).await.json();
    assert_eq!(second["instances"][0]["id"], "c");
    assert!(second.get("next").is_none());
    let other = api.get(&format!("{list}&prefix=a&cursor={cursor}")).await;
    assert_eq!(other.code().as_deref(), Some("OL-2029"));

    let history = "/api/v1/hubs/orders/instances/a/history?limit=3";
    let first = api.get(history).await.json();
    let cursor = first["next"].as_str().expect("there is more").to_owned();
    let second = api.get(&format!("{history}&cursor={cursor}")).await.json();
    let numbers: Vec<u64> = second["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["number"].as_u64())
        .collect();
    assert_eq!(numbers, [4, 5]);
}

#[tokio::test]
async fn removing_a_hub_for_good_needs_its_name_again() {
    let api = Api::with(&[]);
    assert_eq!(api.plain("DELETE", "/api/v1/hubs/orders").await.json()["state"], "deleted");
    assert_eq!(api.plain("POST", "/api/v1/hubs/orders/undelete").await.json()["state"], "active");
    let refused = api.plain("DELETE", "/api/v1/hubs/orders?final=true&confirm=order").await;
    assert_eq!((refused.status, refused.code().as_deref()), (StatusCode::CONFLICT, Some("OL-2006")));
    let removed = api.plain("DELETE", "/api/v1/hubs/orders?final=true&confirm=orders").await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_is_not_purged_is_told_apart() {
    let instances = BTreeMap::from([("open".to_owned(), instance("open", Status::Running))]);
    let api = Api::new(Fake { reply: Some(Reply::Purged { count: 0 }), instances, ..Fake::default() });
    let code =
        async |id: &str| api.plain("DELETE", &format!("/api/v1/hubs/orders/instances/{id}")).await.code();
    assert_eq!(code("open").await.as_deref(), Some("OL-2013"));
    assert_eq!(code("gone").await.as_deref(), Some("OL-2010"));
}

#[tokio::test]
async fn readiness_is_the_node_s_and_health_is_the_process_s() {
    let api = Api::new(Fake { ready: false, ..Fake::default() });
    assert_eq!(api.get("/healthz").await.status, StatusCode::OK);
    let reached = api.get("/readyz").await;
    assert_eq!(
        (reached.status, reached.code().as_deref()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("OL-4004"))
    );
    assert_eq!(Api::with(&[]).get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_instances_by_status() {
    let api = Api::with(&[("x", Status::Running)]);
    api.get("/api/v1/hubs/orders/instances/x").await;
    let reached = api.get("/metrics").await;
    let route = "route=\"/api/v1/hubs/{hub}/instances/{id}\"";
    assert!(reached.text.contains(route), "{}", reached.text);
    assert!(
        reached.text.contains("outlast_instances{hub=\"orders\",status=\"running\"} 3"),
        "{}",
        reached.text
    );
    assert!(!reached.text.contains("instances/x"), "no id is a label");
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect_a_browser() {
    let api = Api::with(&[]);
    for path in ["/healthz", "/api/v1/docs", "/nowhere"] {
        let headers = api.get(path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(
            headers["content-security-policy"]
                .to_str()
                .is_ok_and(|policy| policy.contains("default-src 'none'"))
        );
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
    }
    let rebound = Request::builder().uri("/api/v1/status").header("host", "evil.example");
    let reached = api.send(rebound.body(Body::empty()).expect("a request")).await;
    assert_eq!(reached.code().as_deref(), Some("OL-2026"));
}

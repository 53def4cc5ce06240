//! The whole way of a call: a generated client, a real node on a simulated disk, and back.
//!
//! Not here: what the engine decides (its own transcripts) and the SDKs' ways (black-box tests).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outlast_proto::durable_task as proto;
use proto::OrchestrationStatus as Shown;
use proto::orchestrator_action::OrchestratorActionType as Asked;
use proto::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use proto::work_item::Request as Work;
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

#[path = "workers/dialects_tests.rs"]
mod dialects;
#[path = "suites/gateways.rs"]
mod gateways;
#[path = "suites/limits.rs"]
mod limits;
#[path = "suites/payloads.rs"]
mod payloads;

use super::*;
use crate::config::{Loader, Profile};
use crate::node::cluster::{Place, following};
use crate::node::{Node, Platform};
use crate::observe::metrics::Metrics;

#[path = "workers/batched_tests.rs"]
mod batched;

type Client = TaskHubSidecarServiceClient<Channel>;

/// A node with one gRPC listener.
struct Bench {
    node: Arc<Node>,
    phase: watch::Sender<Phase>,
    serving: tokio::task::JoinHandle<Result<(), Error>>,
    following: Option<tokio::task::JoinHandle<()>>,
    client: Client,
    channel: Channel,
}

impl Bench {
    async fn new() -> Self {
        Self::among(crate::peers::gateway::Gateway::alone()).await
    }

    /// As a node that others reach by `gateway`.
    async fn among(gateway: Arc<crate::peers::gateway::Gateway>) -> Self {
        let config = Loader::new(Profile::Dev)
            .flag("--data", "node.data_dir", "/data")
            .flag("--partitions", "hubs.partitions", "2")
            .flag("--threads", "runner.threads", "1")
            .load()
            .expect("defaults are valid")
            .config;
        let platform = Platform {
            disk: Arc::new(platform::fault::SimDisk::new(1)),
            clock: Arc::new(platform::real::RealClock::new()),
            entropy: Arc::new(platform::fault::SimEntropy::new(1)),
            calm: || {},
        };
        let metrics = Arc::new(Metrics::new("test", Duration::ZERO));
        let node = Node::start(config, platform, metrics, Place::of(gateway)).await.expect("the node starts");
        let following = following::run(Arc::clone(&node), None, std::future::pending());
        let following = node.is_one_of_several().then(|| tokio::spawn(following));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (phase, phases) = watch::channel(Phase::Serving);
        let options =
            Options { message_bytes_max: 17 << 20, keepalive: Duration::from_secs(30), reflection: true };
        tick(&node);
        let serving = tokio::spawn(serve(Arc::clone(&node), listener, options, phases));
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = channel.connect().await.expect("a connection");
        let client = Client::new(channel.clone()).max_decoding_message_size(32 << 20);
        Self { node, phase, serving, following, client, channel }
    }

    async fn stop(self) {
        self.phase.send_replace(Phase::Stopped);
        self.following.inspect(tokio::task::JoinHandle::abort);
        drop((self.client, self.channel));
        self.serving.await.expect("no panic").expect("an orderly end");
        self.node.stop().await.expect("an orderly stop");
    }

    async fn start(&self, id: &str, name: &str) {
        let request = proto::CreateInstanceRequest {
            instance_id: id.into(),
            name: name.into(),
            input: Some("\"in\"".into()),
            tags: [("team".to_owned(), "pay".to_owned())].into(),
            ..Default::default()
        };
        self.client.clone().start_instance(request).await.expect("it starts");
    }

    async fn get(&self, id: &str) -> Option<proto::OrchestrationState> {
        let request = proto::GetInstanceRequest { instance_id: id.into(), get_inputs_and_outputs: true };
        let answer = self.client.clone().get_instance(request).await.expect("an answer").into_inner();
        assert_eq!(answer.exists, answer.orchestration_state.is_some());
        answer.orchestration_state
    }

    async fn wait(&self, id: &str) -> proto::OrchestrationState {
        let request = proto::GetInstanceRequest { instance_id: id.into(), get_inputs_and_outputs: true };
        let answer = self.client.clone().wait_for_instance_completion(request).await.expect("an answer");
        answer.into_inner().orchestration_state.expect("it exists")
    }

    async fn worker(&self, request: proto::GetWorkItemsRequest) -> Worker {
        let items = self.client.clone().get_work_items(request).await.expect("a stream").into_inner();
        Worker { client: self.client.clone(), items }
    }

    async fn refusal<T: std::fmt::Debug>(
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Status {
        call.await.expect_err("it is refused")
    }
}

/// Tells dispatch the time, as a whole server does, until the node is gone.
fn tick(node: &Arc<Node>) {
    let node = Arc::downgrade(node);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        while let Some(node) = node.upgrade() {
            let now = node.platform().clock.monotonic();
            node.open_hub_list().iter().for_each(|hub| hub.dispatch().tick(now));
            node.gateway().catch_up();
            drop(node);
            interval.tick().await;
        }
    });
}

/// A worker that answers by hand.
struct Worker {
    client: Client,
    items: Streaming<proto::WorkItem>,
}

impl Worker {
    async fn next(&mut self) -> (Work, String) {
        let item = self.items.message().await.expect("the stream lives").expect("it has not ended");
        (item.request.expect("a known kind"), item.completion_token)
    }

    async fn turn(&mut self) -> (proto::OrchestratorRequest, String) {
        match self.next().await {
            (Work::OrchestratorRequest(request), token) => (request, token),
            (other, _) => panic!("not a turn: {other:?}"),
        }
    }

    async fn activity(&mut self) -> (proto::ActivityRequest, String) {
        match self.next().await {
            (Work::ActivityRequest(request), token) => (request, token),
            (other, _) => panic!("not an activity: {other:?}"),
        }
    }

    async fn answer(&mut self, token: &str, asked: Vec<Asked>) -> Result<(), Status> {
        let action = |(id, asked)| proto::OrchestratorAction { id, orchestrator_action_type: Some(asked) };
        let response = proto::OrchestratorResponse {
            actions: (1..).zip(asked).map(action).collect(),
            completion_token: token.into(),
            ..Default::default()
        };
        self.client.complete_orchestrator_task(response).await.map(drop)
    }

    async fn answer_activity(&mut self, token: &str, result: &str) -> Result<(), Status> {
        let response = proto::ActivityResponse {
            result: Some(result.into()),
            completion_token: token.into(),
            ..Default::default()
        };
        self.client.complete_activity_task(response).await.map(drop)
    }
}

fn task(name: &str) -> Asked {
    Asked::ScheduleTask(proto::ScheduleTaskAction { name: name.into(), ..Default::default() })
}

fn done(result: &str) -> Asked {
    Asked::CompleteOrchestration(proto::CompleteOrchestrationAction {
        orchestration_status: Shown::Completed as i32,
        result: Some(result.into()),
        ..Default::default()
    })
}

fn everything() -> proto::GetWorkItemsRequest {
    proto::GetWorkItemsRequest::default()
}

fn on_hub<T>(hub: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("taskhub", hub.parse().expect("a header"));
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orchestration_with_an_activity_runs_to_its_end() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (turn, token) = worker.turn().await;
    assert_eq!((turn.instance_id.as_str(), turn.past_events.len(), turn.new_events.len()), ("a", 0, 2));
    worker.answer(&token, vec![task("greet")]).await.expect("accepted");
    let (activity, activity_token) = worker.activity().await;
    assert_eq!((activity.name.as_str(), activity.task_id), ("greet", 1));
    worker.answer_activity(&activity_token, "\"hi\"").await.expect("accepted");
    let (turn, token) = worker.turn().await;
    assert_eq!((turn.past_events.len(), turn.new_events.len()), (3, 2));
    worker.answer(&token, vec![done("\"out\"")]).await.expect("accepted");
    let state = bench.wait("a").await;
    assert_eq!(state.orchestration_status, Shown::Completed as i32);
    assert_eq!((state.input.as_deref(), state.output.as_deref()), (Some("\"in\""), Some("\"out\"")));
    assert_eq!(state.tags["team"], "pay");
    assert_eq!(state.execution_id.map(|id| id.len()), Some(32));
    worker.answer(&token, vec![done("\"out\"")]).await.expect("a repeat of an accepted answer is fine");
    let late = worker.answer_activity(&activity_token, "1").await.expect_err("its instance has ended");
    assert_eq!(late.code(), Code::NotFound);
    let hub = bench.node.hub("default").await.expect("the hub");
    hub.measure();
    let counted = hub.metrics();
    let counts = [&counted.started, &counted.turns, &counted.activities_completed, &counted.stale_answers];
    assert_eq!(counts.map(|counter| counter.get()), [1, 2, 1, 1]);
    assert_eq!(
        (counted.workers.get(), counted.turns_in_flight.get(), counted.turns_waiting.get()),
        (1, 0, 0)
    );
    let calls = |code| bench.node.metrics().requests.grpc_handled("CompleteActivityTask", code).get();
    assert_eq!((calls("OK"), calls("NOT_FOUND")), (1, 1));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_workers_turn_goes_to_another_and_its_late_answer_counts_once() {
    let bench = Bench::new().await;
    let mut dying = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, late) = dying.turn().await;
    let mut other = bench.worker(everything()).await;
    let mut client = dying.client.clone();
    drop(dying);
    let (_, token) = other.turn().await;
    assert_ne!(late, token);
    other.answer(&token, vec![done("1")]).await.expect("accepted");
    let response = proto::OrchestratorResponse { completion_token: late, ..Default::default() };
    let status = Bench::refusal(client.complete_orchestrator_task(response)).await;
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(bench.wait("a").await.output.as_deref(), Some("1"));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_parts_is_applied_with_its_last_part() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    for (index, is_partial, asked) in
        [(0, true, task("one")), (1, true, task("two")), (2, false, task("three"))]
    {
        let action = proto::OrchestratorAction { id: index + 1, orchestrator_action_type: Some(asked) };
        #[expect(deprecated, reason = "the fields are marked so, and in use")]
        let part = proto::OrchestratorResponse {
            actions: vec![action],
            completion_token: token.clone(),
            is_partial,
            chunk_index: Some(index),
            ..Default::default()
        };
        worker.client.complete_orchestrator_task(part).await.expect("accepted");
    }
    let mut names =
        vec![worker.activity().await.0.name, worker.activity().await.0.name, worker.activity().await.0.name];
    names.sort();
    assert_eq!(names, ["one", "three", "two"]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_malformed_unknown_or_too_large_is_refused_with_its_code() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let start = |id: &str, name: &str| proto::CreateInstanceRequest {
        instance_id: id.into(),
        name: name.into(),
        ..Default::default()
    };
    let status = Bench::refusal(client.start_instance(start(&"x".repeat(101), "n"))).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("length"));
    assert_eq!(Bench::refusal(client.start_instance(start("a", ""))).await.code(), Code::InvalidArgument);
    assert_eq!(Bench::refusal(client.start_instance(start("@a@b", "n"))).await.code(), Code::InvalidArgument);
    let large = proto::CreateInstanceRequest { input: Some("x".repeat((10 << 20) + 1)), ..start("a", "n") };
    assert_eq!(Bench::refusal(client.start_instance(large)).await.code(), Code::InvalidArgument);
    bench.start("a", "n").await;
    assert_eq!(Bench::refusal(client.start_instance(start("a", "n"))).await.code(), Code::AlreadyExists);
    let raise = |id: &str| proto::RaiseEventRequest {
        instance_id: id.into(),
        name: "e".into(),
        ..Default::default()
    };
    assert_eq!(Bench::refusal(client.raise_event(raise("b"))).await.code(), Code::NotFound);
    client.raise_event(raise("a")).await.expect("an early event is kept");
    let suspend = proto::SuspendRequest { instance_id: "b".into(), reason: None };
    assert_eq!(Bench::refusal(client.suspend_instance(suspend)).await.code(), Code::NotFound);
    let unknown = proto::TerminateRequest { instance_id: "b".into(), ..Default::default() };
    client.terminate_instance(unknown).await.expect("what is not there has ended");
    let restart = proto::RestartInstanceRequest { instance_id: "b".into(), ..Default::default() };
    assert_eq!(Bench::refusal(client.restart_instance(restart)).await.code(), Code::NotFound);
    let rewind = proto::RewindInstanceRequest { instance_id: "b".into(), ..Default::default() };
    let refused = Bench::refusal(client.rewind_instance(rewind)).await;
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(refused.metadata().get(status::CODE).map(|code| code.as_bytes()), Some(&b"OL-2010"[..]));
    let signal = Bench::refusal(client.signal_entity(proto::SignalEntityRequest::default())).await;
    assert_eq!(signal.code(), Code::InvalidArgument);
    assert!(signal.message().contains("@name@key"), "{}", signal.message());
    for token in ["", "nonsense", "AQAAAAcDBQECrAIHb3JkZXItMQEBI0VniavN7w"] {
        let answer = proto::ActivityResponse { completion_token: token.into(), ..Default::default() };
        let refused = Bench::refusal(client.complete_activity_task(answer)).await;
        assert!(matches!(refused.code(), Code::InvalidArgument | Code::NotFound), "{token}: {refused}");
    }
    assert!(bench.get("b").await.is_none());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_is_answered_when_the_instance_comes_and_ends() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let wait = tokio::spawn(async move {
        let request = proto::GetInstanceRequest { instance_id: "late".into(), get_inputs_and_outputs: true };
        client.wait_for_instance_completion(request).await.map(tonic::Response::into_inner)
    });
    let mut worker = bench.worker(everything()).await;
    bench.start("late", "hello").await;
    let (_, token) = worker.turn().await;
    assert!(!wait.is_finished());
    worker.answer(&token, vec![done("7")]).await.expect("accepted");
    let answer = wait.await.expect("no panic").expect("an answer");
    assert_eq!(answer.orchestration_state.and_then(|state| state.output).as_deref(), Some("7"));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_many_use_first_at_once_is_there_for_all_of_them() {
    let bench = Bench::new().await;
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let mut client = bench.client.clone();
            tokio::spawn(async move { client.hello(on_hub("new", ())).await.map(drop) })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect("the hub is there");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_are_listed_page_by_page_each_once() {
    let bench = Bench::new().await;
    for number in 0..7 {
        bench.start(&format!("order-{number}"), "n").await;
    }
    bench.start("other", "n").await;
    let mut client = bench.client.clone();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut token = None;
    loop {
        let query = proto::InstanceQuery {
            max_instance_count: 3,
            continuation_token: token.take(),
            instance_id_prefix: Some("order-".into()),
            ..Default::default()
        };
        let page = client.query_instances(proto::QueryInstancesRequest { query: Some(query) }).await;
        let page = page.expect("a page").into_inner();
        assert!(page.orchestration_state.len() <= 3);
        for state in page.orchestration_state {
            assert_eq!((state.name.as_str(), state.input), ("n", None));
            *seen.entry(state.instance_id).or_default() += 1;
        }
        token = page.continuation_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.values().all(|count| *count == 1));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_instances_are_listed_by_time_and_purged() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    for number in 0..5 {
        let id = format!("a{number}");
        bench.start(&id, "n").await;
        if number < 4 {
            let end = proto::TerminateRequest { instance_id: id, output: Some("1".into()), recursive: false };
            client.terminate_instance(end).await.expect("it ends");
        }
    }
    let mut ids = Vec::new();
    let mut key = None;
    loop {
        let request = proto::ListInstanceIdsRequest {
            page_size: 2,
            last_instance_key: key.take(),
            ..Default::default()
        };
        let page = client.list_instance_ids(request).await.expect("a page").into_inner();
        ids.extend(page.instance_ids);
        key = page.last_instance_key;
        if key.is_none() {
            break;
        }
    }
    assert_eq!(ids, ["a0", "a1", "a2", "a3"]);
    let mut purge = async |request| {
        let request = proto::PurgeInstancesRequest { request: Some(request), ..Default::default() };
        client.purge_instances(request).await.expect("an answer").into_inner().deleted_instance_count
    };
    use proto::purge_instances_request::Request as Which;
    assert_eq!(purge(Which::InstanceId("a4".into())).await, 0, "it has not ended");
    assert_eq!(purge(Which::InstanceId("nobody".into())).await, 0);
    let batch = proto::InstanceBatch { instance_ids: vec!["a0".into(), "a1".into(), "a4".into()] };
    assert_eq!(purge(Which::InstanceBatch(batch)).await, 2);
    assert_eq!(purge(Which::PurgeInstanceFilter(proto::PurgeInstanceFilter::default())).await, 2);
    assert!(bench.get("a0").await.is_none() && bench.get("a4").await.is_some());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_streamed_as_people_see_it() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    bench.wait("a").await;
    let request = |id: &str, execution: &str| proto::StreamInstanceHistoryRequest {
        instance_id: id.into(),
        execution_id: Some(execution.into()),
        for_work_item_processing: false,
    };
    let mut chunks = client.stream_instance_history(request("a", "")).await.expect("a stream").into_inner();
    let events = chunks.message().await.expect("a chunk").expect("not the end").events;
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.timestamp.is_some()));
    assert_eq!(chunks.message().await.expect("the end"), None);
    assert_eq!(Bench::refusal(client.stream_instance_history(request("b", ""))).await.code(), Code::NotFound);
    assert_eq!(
        Bench::refusal(client.stream_instance_history(request("a", "x"))).await.code(),
        Code::NotFound
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_server_ends_streams_as_unavailable_and_still_takes_answers() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    bench.phase.send_replace(Phase::Draining);
    let end = worker.items.message().await.expect_err("the stream ends");
    assert_eq!(end.code(), Code::Unavailable);
    assert_eq!(Bench::refusal(worker.client.hello(())).await.code(), Code::Unavailable);
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    assert_eq!(bench.wait("a").await.orchestration_status, Shown::Completed as i32);
    drop(worker);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_are_apart_and_can_be_wiped_for_a_test() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let start =
        proto::CreateInstanceRequest { instance_id: "a".into(), name: "n".into(), ..Default::default() };
    client.start_instance(on_hub("one", start.clone())).await.expect("it starts");
    client.start_instance(on_hub("two", start)).await.expect("the same id on another hub");
    assert!(bench.get("a").await.is_none());
    let wipe = proto::CreateTaskHubRequest { recreate_if_exists: true };
    client.create_task_hub(on_hub("one", wipe)).await.expect("wiped");
    let get = proto::GetInstanceRequest { instance_id: "a".into(), get_inputs_and_outputs: false };
    assert!(!client.get_instance(on_hub("one", get.clone())).await.expect("an answer").into_inner().exists);
    assert!(client.get_instance(on_hub("two", get.clone())).await.expect("an answer").into_inner().exists);
    client.delete_task_hub(on_hub("two", proto::DeleteTaskHubRequest {})).await.expect("deleted");
    assert_eq!(Bench::refusal(client.get_instance(on_hub("two", get.clone()))).await.code(), Code::NotFound);
    assert_eq!(Bench::refusal(client.get_instance(on_hub("-", get))).await.code(), Code::InvalidArgument);
    bench.stop().await;
}

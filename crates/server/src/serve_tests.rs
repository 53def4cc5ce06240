//! A whole server on a simulated disk: what its metrics say after work of every kind.

use std::collections::BTreeMap;

use engine::id::InstanceId;
use outlast_proto::durable_task as proto;
use proto::OrchestrationStatus as Shown;
use proto::orchestrator_action::OrchestratorActionType as Asked;
use proto::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use proto::work_item::Request as Work;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Streaming;
use tonic::transport::Channel;

use super::*;
use crate::config::{Loader, Profile};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Metrics that one healthy run does not move, and why that is right.
const UNMOVED: &[(&str, &str)] = &[
    ("outlast_build_info", "says what runs, and that does not change"),
    ("outlast_up_since_timestamp_seconds", "set once, at the start"),
    ("outlast_lifecycle_events_total", "nobody has subscribed: `events/tests.rs` has receivers"),
    ("outlast_lifecycle_posts_failed_total", "as above, with receivers that fail"),
    ("outlast_work_items_without_worker", "this run's worker takes everything: `waiting` and `board`"),
    ("outlast_log_poisoned", "a failed sync: `storage/tests/storage/log_fault.rs` and `log_writer`"),
    ("outlast_disk_full", "a full disk: `log_writer`"),
    ("outlast_partitions_halted", "damage: `partition/tests.rs`"),
];

async fn start() -> Server {
    let config = Loader::new(Profile::Dev)
        .flag("--data", "node.data_dir", "/data")
        .flag("--grpc", "grpc.listen", "127.0.0.1:0")
        .flag("--grpc-if-free", "grpc.listen_if_free", "")
        .flag("--http", "http.listen", "127.0.0.1:0")
        .flag("--partitions", "hubs.partitions", "2")
        .flag("--segment", "storage.segment_bytes", "1MiB")
        .flag("--checkpoint", "storage.checkpoint_bytes", "1MiB")
        .load()
        .expect("the settings are valid")
        .config;
    let platform = Platform {
        disk: Arc::new(platform::fault::SimDisk::new(1)),
        clock: Arc::new(platform::real::RealClock::new()),
        entropy: Arc::new(platform::fault::SimEntropy::new(1)),
        calm: || {},
    };
    Server::start(config, platform).await.expect("the server starts")
}

/// Every sample of `/metrics`, by name without labels; the sum over labels.
async fn scrape(server: &Server) -> BTreeMap<String, f64> {
    let mut stream = tokio::net::TcpStream::connect(server.http()[0]).await.expect("a connection");
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("it is written");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("outlast_")) {
        let (series, value) = line.rsplit_once(' ').expect("a name and a value");
        let name = series.split('{').next().expect("a name");
        *samples.entry(name.to_owned()).or_default() += value.parse::<f64>().expect("a number");
    }
    samples
}

/// A client and a worker that answers by hand.
struct Bench {
    client: TaskHubSidecarServiceClient<Channel>,
    items: Streaming<proto::WorkItem>,
}

impl Bench {
    async fn connect(server: &Server) -> Self {
        let address = format!("http://{}", server.grpc()[0]);
        let mut client = TaskHubSidecarServiceClient::connect(address).await.expect("a connection");
        let one =
            proto::GetWorkItemsRequest { max_concurrent_orchestration_work_items: 1, ..Default::default() };
        let items = client.get_work_items(one).await;
        Self { client, items: items.expect("a stream").into_inner() }
    }

    async fn start(&mut self, id: &str, input: String) {
        let request = proto::CreateInstanceRequest {
            instance_id: id.into(),
            name: "order".into(),
            input: Some(input),
            ..Default::default()
        };
        self.client.start_instance(request).await.expect("it starts");
    }

    async fn next(&mut self) -> (Work, String) {
        let next = tokio::time::timeout(DEADLINE, self.items.message()).await.expect("in time");
        let item = next.expect("the stream lives").expect("it has not ended");
        (item.request.expect("a known kind"), item.completion_token)
    }

    async fn answer(&mut self, token: &str, asked: Vec<Asked>) {
        let action = |(id, asked)| proto::OrchestratorAction { id, orchestrator_action_type: Some(asked) };
        let response = proto::OrchestratorResponse {
            actions: (1..).zip(asked).map(action).collect(),
            completion_token: token.into(),
            ..Default::default()
        };
        self.client.complete_orchestrator_task(response).await.expect("accepted");
    }

    async fn answer_activity(&mut self, token: String, name: &str) {
        let failure = proto::TaskFailureDetails { error_type: "E".into(), ..Default::default() };
        let response = proto::ActivityResponse {
            completion_token: token,
            result: (name == "good").then(|| "1".into()),
            failure_details: (name != "good").then_some(failure),
            ..Default::default()
        };
        self.client.complete_activity_task(response).await.expect("accepted");
    }

    /// An entity is signalled, and its batch done.
    async fn one_operation(&mut self) {
        let signal = proto::SignalEntityRequest {
            instance_id: "@counter@a".into(),
            name: "add".into(),
            ..Default::default()
        };
        self.client.signal_entity(signal).await.expect("accepted");
        let (work, token) = self.next().await;
        assert!(matches!(work, Work::EntityRequestV2(_)), "{work:?}");
        let success = proto::operation_result::ResultType::Success(proto::OperationResultSuccess::default());
        let done = proto::EntityBatchResult {
            completion_token: token,
            results: vec![proto::OperationResult { result_type: Some(success) }],
            entity_state: Some("1".into()),
            ..Default::default()
        };
        self.client.complete_entity_task(done).await.expect("accepted");
    }

    /// Answers everything until the instance has ended. The order asks for a good and a bad
    /// activity, a timer and a child, and ends when the child's end is there.
    async fn work_until_ended(&mut self, id: &str, child: &str) {
        let mut begun = false;
        loop {
            let (work, token) = self.next().await;
            match work {
                Work::ActivityRequest(activity) => self.answer_activity(token, &activity.name).await,
                Work::OrchestratorRequest(turn) if turn.instance_id == child => {
                    self.answer(&token, vec![ended(Shown::Failed)]).await;
                }
                Work::OrchestratorRequest(turn) if turn.instance_id == id => {
                    let events = turn.new_events.iter().filter_map(|event| event.event_type.as_ref());
                    let is_last = |event| {
                        matches!(event, &proto::history_event::EventType::SubOrchestrationInstanceFailed(_))
                    };
                    let asked = match (begun, events.into_iter().any(is_last)) {
                        (false, _) => vec![task("good"), task("bad"), timer(), sub_orchestration(child)],
                        (true, false) => Vec::new(),
                        (true, true) => vec![ended(Shown::Completed)],
                    };
                    begun = true;
                    let last = asked.len() == 1;
                    self.answer(&token, asked).await;
                    if last {
                        return;
                    }
                }
                other => panic!("unexpected work {other:?}"),
            }
        }
    }
}

fn task(name: &str) -> Asked {
    Asked::ScheduleTask(proto::ScheduleTaskAction { name: name.into(), ..Default::default() })
}

fn timer() -> Asked {
    Asked::CreateTimer(proto::CreateTimerAction { fire_at: Some(long_past()) })
}

fn long_past() -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: 1, nanos: 0 }
}

fn sub_orchestration(id: &str) -> Asked {
    Asked::CreateSubOrchestration(proto::CreateSubOrchestrationAction {
        instance_id: id.into(),
        name: "child".into(),
        ..Default::default()
    })
}

fn ended(status: Shown) -> Asked {
    Asked::CompleteOrchestration(proto::CompleteOrchestrationAction {
        orchestration_status: status as i32,
        ..Default::default()
    })
}

/// An id in another partition than `id`, of two.
fn elsewhere(id: &str) -> String {
    let partition = |id: &str| InstanceId::parse(id).expect("an id").partition(2);
    let ids = (0..).map(|number| format!("child-{number}"));
    ids.into_iter().find(|other| partition(other) != partition(id)).expect("one in two is")
}

/// Leaves a worker behind that has one turn in hand, with another one waiting.
async fn work_of_every_kind(server: &Server) -> Bench {
    let mut bench = Bench::connect(server).await;
    let child = elsewhere("order");
    bench.start("order", "x".repeat(1 << 20)).await;
    bench.work_until_ended("order", &child).await;
    // A worker that goes away has its turn given to another.
    bench.start("left", "x".repeat(1 << 20)).await;
    let (_, late) = bench.next().await;
    drop(bench);
    let mut bench = Bench::connect(server).await;
    let (_, token) = bench.next().await;
    bench.answer(&token, Vec::new()).await;
    let stale = proto::OrchestratorResponse { completion_token: late, ..Default::default() };
    bench.client.complete_orchestrator_task(stale).await.expect_err("another worker has answered");
    let raise =
        proto::RaiseEventRequest { instance_id: "left".into(), name: "e".into(), ..Default::default() };
    bench.client.raise_event(raise).await.expect("accepted");
    let (_, token) = bench.next().await;
    let terminate = proto::TerminateRequest { instance_id: "left".into(), ..Default::default() };
    bench.client.terminate_instance(terminate).await.expect("accepted");
    bench.answer(&token, vec![ended(Shown::Completed)]).await;
    let purge = proto::PurgeInstancesRequest {
        request: Some(proto::purge_instances_request::Request::InstanceId("order".into())),
        ..Default::default()
    };
    bench.client.purge_instances(purge).await.expect("accepted");
    bench.one_operation().await;
    bench.start("in hand", String::new()).await;
    bench.start("waiting", String::new()).await;
    bench
}

/// Goes up and down again: it may be back where it was whenever it is asked. `log_writer` tests it.
const RETURNS: &str = "outlast_log_segments";

/// A sample, or a histogram's number of samples.
fn value(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    let found = samples.get(name).or_else(|| samples.get(&format!("{name}_count")));
    found.copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_moves_in_a_run_or_has_a_reason_not_to() {
    let server = start().await;
    let before = scrape(&server).await;
    let _bench = work_of_every_kind(&server).await;
    let expected: Vec<&str> = UNMOVED.iter().map(|(name, _)| *name).collect();
    let mut unmoved = server.node().metrics().names();
    unmoved.retain(|name| *name != RETURNS);
    let moving = async {
        while unmoved.len() > expected.len() {
            let after = scrape(&server).await;
            unmoved.retain(|name| value(&before, name) == value(&after, name));
        }
    };
    // A checkpoint may come a little later.
    let _late = tokio::time::timeout(DEADLINE, moving).await;
    assert_eq!(unmoved, expected);
    server.stop().await.expect("an orderly stop");
}

#[tokio::test]
async fn an_open_node_is_warned_of_again_and_again_until_it_stops() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (said, mut heard) = tokio::sync::mpsc::channel(1);
    let stopped = async { drop(stopped.await) };
    let repeating = tokio::spawn(repeat(Duration::from_millis(1), stopped, move || {
        // Whoever listens has stopped listening at the end of the test.
        let _gone = said.try_send(());
    }));
    for _ in 0..3 {
        heard.recv().await.expect("it is said once more");
    }
    drop(stop);
    tokio::time::timeout(DEADLINE, repeating).await.expect("in time").expect("no panic");
}

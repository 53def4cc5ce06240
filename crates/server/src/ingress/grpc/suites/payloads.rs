//! Values that are held apart, as workers and clients see them: not at all.
//!
//! Not here: how they are held (`engine`), and values of several MiB with the published SDKs (`outlast`).

use super::*;
use engine::id::InstanceId;
use engine::limits::PAYLOAD_BYTES_MIN;
use engine::partition::view::Waiting;
use outlast_proto::durable_task::history_event::EventType;

fn large(letter: &str, bytes: usize) -> Option<String> {
    Some(letter.repeat(bytes))
}

fn start(id: &str, input: Option<String>) -> proto::CreateInstanceRequest {
    proto::CreateInstanceRequest { instance_id: id.into(), name: "n".into(), input, ..Default::default() }
}

/// The texts of events, in order.
fn texts(events: &[proto::HistoryEvent]) -> Vec<String> {
    let text = |event: &proto::HistoryEvent| match event.event_type.clone()? {
        EventType::ExecutionStarted(event) => event.input,
        EventType::TaskScheduled(event) => event.input,
        EventType::TaskCompleted(event) => event.result,
        EventType::EventRaised(event) => event.input,
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_reach_workers_and_clients_whole() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    let mut client = bench.client.clone();
    let input = large("i", 1_200_000).expect("a text");
    let asked = large("a", PAYLOAD_BYTES_MIN + 1).expect("a text");
    let (result, event) = ("r".repeat(700_000), "e".repeat(600_000));
    client.start_instance(start("a", Some(input.clone()))).await.expect("it starts");
    let (turn, token) = worker.turn().await;
    assert_eq!(texts(&turn.new_events), [input.as_str()]);
    let schedule =
        proto::ScheduleTaskAction { name: "t".into(), input: Some(asked.clone()), ..Default::default() };
    worker.answer(&token, vec![Asked::ScheduleTask(schedule)]).await.expect("accepted");
    let (activity, token) = worker.activity().await;
    assert_eq!(activity.input.as_deref(), Some(asked.as_str()));
    worker.answer_activity(&token, &result).await.expect("accepted");
    let (turn, token) = worker.turn().await;
    assert_eq!(texts(&turn.past_events), [input.as_str(), asked.as_str()]);
    assert_eq!(texts(&turn.new_events), [result.as_str()]);
    worker.answer(&token, Vec::new()).await.expect("accepted");
    let raise =
        proto::RaiseEventRequest { instance_id: "a".into(), name: "go".into(), input: Some(event.clone()) };
    client.raise_event(raise).await.expect("it is kept");
    let (turn, token) = worker.turn().await;
    assert_eq!(texts(&turn.past_events), [input.as_str(), asked.as_str(), result.as_str()]);
    assert_eq!(texts(&turn.new_events), [event.as_str()]);
    worker.answer(&token, vec![done(&result)]).await.expect("accepted");
    let state = bench.wait("a").await;
    assert_eq!((state.input.as_deref(), state.output.as_deref()), (Some(&*input), Some(&*result)));
    let request = proto::StreamInstanceHistoryRequest { instance_id: "a".into(), ..Default::default() };
    let mut chunks = client.stream_instance_history(request).await.expect("a stream").into_inner();
    let mut told = Vec::new();
    while let Some(chunk) = chunks.message().await.expect("the stream lives") {
        told.extend(texts(&chunk.events));
    }
    assert_eq!(told, [input, asked, result, event]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_like_a_reference_is_kept_as_a_value_and_refused_as_a_name() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let secret = "s".repeat(100_000);
    client.start_instance(start("victim", Some(secret.clone()))).await.expect("it starts");
    let hash: String = blake3::hash(secret.as_bytes()).to_hex().to_string();
    let reference = format!("\u{10FFFF}{hash}{:08x}", secret.len());
    client.start_instance(start("thief", Some(reference.clone()))).await.expect("it starts");
    assert_eq!(bench.get("thief").await.and_then(|state| state.input), Some(reference.clone()));
    let unknown = format!("\u{10FFFF}{}", "0".repeat(72));
    let named = proto::CreateInstanceRequest { name: unknown, ..start("named", None) };
    let refused = Bench::refusal(client.start_instance(named)).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    let code = refused.metadata().get(status::CODE).and_then(|code| code.to_str().ok());
    assert_eq!(code, Some("OL-2016"));
    assert!(bench.get("named").await.is_none(), "nothing was changed");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_together_are_more_than_a_work_item_hold_the_instance_with_the_reason() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    let mut client = bench.client.clone();
    client.start_instance(start("a", large("i", 3 << 20))).await.expect("it starts");
    let (_, token) = worker.turn().await;
    worker.answer(&token, Vec::new()).await.expect("accepted");
    let raise =
        proto::RaiseEventRequest { instance_id: "a".into(), name: "go".into(), input: large("e", 3 << 20) };
    client.raise_event(raise).await.expect("it is kept");
    let hub = bench.node.hub("default").await.expect("the hub");
    let id = InstanceId::parse("a").expect("an id");
    let reason = loop {
        let watch = hub.watch(&id, crate::partition::watch::Until::Changed);
        let view = hub.instance(&id, false).await.expect("an answer").expect("it exists");
        if let Waiting::Stuck { reason } = view.waiting {
            break reason;
        }
        watch.changed().await;
    };
    assert!(reason.contains("a work item of 7 MiB") && reason.contains("work.item_bytes_max"), "{reason}");
    bench.stop().await;
}

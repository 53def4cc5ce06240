//! What workers of the SDKs do that the black-box tests cannot run: Java's and .NET's answers in
//! parts, histories read by the worker, sessions, Go's answers without tokens.
//!
//! Not here: the messages' meaning. Only messages are imitated, so that what is sent is what an SDK
//! would send.

use engine::partition::command::{Command, Rewind};

use super::*;

/// One part of a turn's answer, as Java and .NET send it.
#[expect(deprecated, reason = "the fields are marked so, and in use")]
fn part(token: &str, index: i32, is_partial: bool) -> proto::OrchestratorResponse {
    let asked = task(&format!("part {index}"));
    proto::OrchestratorResponse {
        actions: vec![proto::OrchestratorAction { id: index, orchestrator_action_type: Some(asked) }],
        completion_token: token.into(),
        is_partial,
        chunk_index: Some(index),
        num_events_processed: (index > 0).then_some(0),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_broken_off_in_the_middle_is_given_again_from_its_first_part() {
    let bench = Bench::new().await;
    let mut breaking = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = breaking.turn().await;
    for index in 0..2 {
        breaking.client.complete_orchestrator_task(part(&token, index, true)).await.expect("kept");
    }
    drop(breaking);
    let mut worker = bench.worker(everything()).await;
    let (turn, token) = worker.turn().await;
    assert_eq!(turn.new_events.len(), 2);
    // What came before the break is void: the parts begin again.
    let skipping = worker.client.complete_orchestrator_task(part(&token, 2, false)).await;
    assert_eq!(skipping.expect_err("parts are missing").code(), Code::InvalidArgument);
    let (_, token) = worker.turn().await;
    for (index, is_partial) in [(0, true), (1, true), (1, true), (2, false)] {
        worker.client.complete_orchestrator_task(part(&token, index, is_partial)).await.expect("taken");
    }
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(worker.activity().await.0.name);
    }
    names.sort();
    assert_eq!(names, ["part 0", "part 1", "part 2"]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_can_reads_a_long_history_itself() {
    let bench = Bench::new().await;
    let streaming = proto::GetWorkItemsRequest {
        capabilities: vec![proto::WorkerCapability::HistoryStreaming as i32],
        ..Default::default()
    };
    let mut worker = bench.worker(streaming).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![task("one"), task("two"), task("three")]).await.expect("accepted");
    for _ in 0..3 {
        let (_, token) = worker.activity().await;
        worker.answer_activity(&token, &"x".repeat(600 << 10)).await.expect("accepted");
    }
    let mut taken = 0;
    let (turn, token) = loop {
        let (turn, token) = worker.turn().await;
        taken += turn.new_events.len() - 1;
        if taken == 3 && turn.requires_history_streaming {
            break (turn, token);
        }
        worker.answer(&token, vec![]).await.expect("accepted");
        if taken == 3 {
            let raise =
                proto::RaiseEventRequest { instance_id: "a".into(), name: "go".into(), ..Default::default() };
            worker.client.raise_event(raise).await.expect("accepted");
            taken = 2;
        }
    };
    assert!(turn.past_events.is_empty());
    let request = proto::StreamInstanceHistoryRequest {
        instance_id: "a".into(),
        execution_id: turn.execution_id.clone(),
        for_work_item_processing: true,
    };
    let mut chunks = worker.client.stream_instance_history(request).await.expect("a stream").into_inner();
    let mut events = Vec::new();
    while let Some(chunk) = chunks.message().await.expect("the stream lives") {
        events.extend(chunk.events);
    }
    let completed = |event: &&proto::HistoryEvent| {
        matches!(event.event_type, Some(proto::history_event::EventType::TaskCompleted(_)))
    };
    assert!(events.iter().filter(completed).count() >= 2, "{} events", events.len());
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    assert_eq!(bench.wait("a").await.output.as_deref(), Some("1"));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_has_lost_the_history_is_given_it_whole() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![task("one")]).await.expect("accepted");
    let (_, token) = worker.activity().await;
    worker.answer_activity(&token, "1").await.expect("accepted");
    let (first, token) = worker.turn().await;
    let without =
        proto::OrchestratorResponse { completion_token: token, requires_history: true, ..Default::default() };
    worker.client.complete_orchestrator_task(without).await.expect("heard");
    let (again, token) = worker.turn().await;
    assert_eq!(again.past_events, first.past_events);
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    bench.wait("a").await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_a_token_is_refused_in_words_and_the_turn_goes_to_another() {
    let bench = Bench::new().await;
    let mut go = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    go.turn().await;
    let mut other = bench.worker(everything()).await;
    let answer = proto::OrchestratorResponse { instance_id: "a".into(), ..Default::default() };
    let refused = Bench::refusal(go.client.complete_orchestrator_task(answer)).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("workers of this SDK do not send it back"), "{}", refused.message());
    assert_eq!(refused.metadata().get(status::CODE).map(|code| code.as_bytes()), Some(&b"OL-3002"[..]));
    let (_, token) = other.turn().await;
    other.answer(&token, vec![done("1")]).await.expect("accepted");
    bench.wait("a").await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_a_worker_rejects_waits_longer_each_time_and_is_told() {
    let bench = Bench::new().await;
    let mut old = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    for _ in 0..3 {
        let (_, token) = old.turn().await;
        let back = proto::AbandonOrchestrationTaskRequest { completion_token: token };
        old.client.abandon_task_orchestrator_work_item(back).await.expect("taken back");
    }
    let hub = bench.node.hub("default").await.expect("the hub");
    let given_back = hub.dispatch().given_back(3);
    assert_eq!((given_back.len(), given_back[0].most), (1, 3));
    drop(old);
    let mut new = bench.worker(everything()).await;
    let (_, token) = new.turn().await;
    new.answer(&token, vec![done("1")]).await.expect("accepted");
    bench.wait("a").await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_contexts_and_spans_come_back_as_they_were() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    #[expect(deprecated, reason = "the old form of the span's id is passed through too")]
    let trace = |n: u8| proto::TraceContext {
        trace_parent: format!("00-{:032x}-{:016x}-01", n, n),
        span_id: format!("{n:016x}"),
        trace_state: Some(format!("vendor=ü{n}")),
    };
    let start = proto::CreateInstanceRequest {
        instance_id: "a".into(),
        name: "hello".into(),
        parent_trace_context: Some(trace(1)),
        ..Default::default()
    };
    bench.client.clone().start_instance(start).await.expect("it starts");
    let (turn, token) = worker.turn().await;
    let started = turn.new_events.iter().find_map(|event| match &event.event_type {
        Some(proto::history_event::EventType::ExecutionStarted(started)) => Some(started),
        _ => None,
    });
    assert_eq!(started.and_then(|started| started.parent_trace_context.clone()), Some(trace(1)));
    let span = proto::OrchestrationTraceContext {
        span_id: Some("span".into()),
        span_start_time: Some(prost_types::Timestamp { seconds: 5, nanos: 6 }),
    };
    let asked = Asked::ScheduleTask(proto::ScheduleTaskAction {
        name: "one".into(),
        parent_trace_context: Some(trace(2)),
        tags: [("k".to_owned(), "v".to_owned())].into(),
        ..Default::default()
    });
    let answer = proto::OrchestratorResponse {
        actions: vec![proto::OrchestratorAction { id: 0, orchestrator_action_type: Some(asked) }],
        completion_token: token,
        orchestration_trace_context: Some(span.clone()),
        ..Default::default()
    };
    worker.client.complete_orchestrator_task(answer).await.expect("accepted");
    let (activity, token) = worker.activity().await;
    assert_eq!((activity.parent_trace_context, activity.task_id), (Some(trace(2)), 0));
    assert_eq!(activity.tags["k"], "v");
    worker.answer_activity(&token, "1").await.expect("accepted");
    let (turn, token) = worker.turn().await;
    assert_eq!(turn.orchestration_trace_context, Some(span));
    assert!(turn.entity_parameters.is_some());
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewound_instance_hands_its_workers_the_safe_events_only() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![task("one")]).await.expect("accepted");
    let (_, token) = worker.activity().await;
    let failure_details = Some(proto::TaskFailureDetails { error_type: "E".into(), ..Default::default() });
    let failed = proto::ActivityResponse {
        failure_details: failure_details.clone(),
        completion_token: token,
        ..Default::default()
    };
    worker.client.complete_activity_task(failed).await.expect("accepted");
    let (_, token) = worker.turn().await;
    let fail = Asked::CompleteOrchestration(proto::CompleteOrchestrationAction {
        orchestration_status: Shown::Failed as i32,
        failure_details,
        ..Default::default()
    });
    worker.answer(&token, vec![fail]).await.expect("accepted");
    assert_eq!(bench.wait("a").await.orchestration_status, Shown::Failed as i32);
    let hub = bench.node.hub("default").await.expect("the hub");
    let id = engine::id::InstanceId::parse("a").expect("an id");
    let rewind = Rewind { instance: "a".into(), request: None, reason: None };
    hub.ask(&id, Command::Rewind(rewind)).await.expect("an answer");
    let (turn, token) = worker.turn().await;
    use proto::history_event::EventType;
    let kinds: Vec<bool> = turn
        .past_events
        .iter()
        .chain(&turn.new_events)
        .map(|event| {
            matches!(
                event.event_type,
                Some(EventType::OrchestratorStarted(_) | EventType::ExecutionStarted(_))
            )
        })
        .collect();
    assert_eq!(kinds, [true; 3]);
    worker.answer(&token, vec![task("one")]).await.expect("accepted");
    let (_, token) = worker.activity().await;
    worker.answer_activity(&token, "1").await.expect("accepted");
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    assert_eq!(bench.wait("a").await.output.as_deref(), Some("1"));
    bench.stop().await;
}

//! What is just within a limit and just beyond it, and what is odd and allowed.
//!
//! Not here: limits of single fields (`check`) and of a turn's answer (`workers::turn`).

use super::*;
use engine::limits::{INSTANCE_ID_CHARS_MAX, NAME_BYTES_MAX, TAGS_MAX, VALUE_BYTES_MAX};

fn start(id: &str) -> proto::CreateInstanceRequest {
    proto::CreateInstanceRequest { instance_id: id.into(), name: "n".into(), ..Default::default() }
}

fn code_of(refused: &Status) -> &str {
    refused.metadata().get(status::CODE).and_then(|code| code.to_str().ok()).unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_limit_takes_its_last_and_refuses_the_next_with_a_code() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let sized = |part: &str, over: usize| {
        let text = |max: usize| Some("x".repeat(max + over));
        let mut request = start(&format!("{part}-{over}"));
        match part {
            "id" => request.instance_id = "ü".repeat(INSTANCE_ID_CHARS_MAX + over),
            "name" => request.name = "x".repeat(NAME_BYTES_MAX + over),
            "version" => request.version = text(NAME_BYTES_MAX),
            "input" => request.input = text(VALUE_BYTES_MAX),
            _ => request.tags = (0..TAGS_MAX + over).map(|n| (n.to_string(), String::new())).collect(),
        }
        request
    };
    for (part, code) in [
        ("id", "OL-2012"),
        ("name", "OL-2014"),
        ("version", "OL-2014"),
        ("input", "OL-2020"),
        ("tags", "OL-2015"),
    ] {
        client.start_instance(sized(part, 0)).await.unwrap_or_else(|error| panic!("{part}: {error}"));
        let refused = Bench::refusal(client.start_instance(sized(part, 1))).await;
        assert_eq!((refused.code(), code_of(&refused)), (Code::InvalidArgument, code), "{part}");
    }
    let whole = bench.get("input-0").await.and_then(|state| state.input).map(|input| input.len());
    assert_eq!(whole, Some(VALUE_BYTES_MAX));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_empty_and_what_is_not_there_stay_apart() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    let mut client = bench.client.clone();
    for (id, text) in [("unset", None), ("empty", Some(String::new()))] {
        let request =
            proto::CreateInstanceRequest { input: text.clone(), version: text.clone(), ..start(id) };
        client.start_instance(request).await.expect("it starts");
        let (_, token) = worker.turn().await;
        let asked = proto::ScheduleTaskAction { name: "t".into(), input: text.clone(), ..Default::default() };
        worker.answer(&token, vec![Asked::ScheduleTask(asked)]).await.expect("accepted");
        let (activity, token) = worker.activity().await;
        assert_eq!(activity.input, text);
        let result =
            proto::ActivityResponse { result: text.clone(), completion_token: token, ..Default::default() };
        worker.client.complete_activity_task(result).await.expect("accepted");
        let (turn, token) = worker.turn().await;
        let completed = turn.new_events.iter().find_map(|event| match &event.event_type {
            Some(proto::history_event::EventType::TaskCompleted(completed)) => Some(completed.result.clone()),
            _ => None,
        });
        assert_eq!(completed, Some(text.clone()));
        let end = proto::CompleteOrchestrationAction {
            orchestration_status: Shown::Completed as i32,
            result: text.clone(),
            ..Default::default()
        };
        worker.answer(&token, vec![Asked::CompleteOrchestration(end)]).await.expect("accepted");
        let state = bench.wait(id).await;
        assert_eq!((&state.input, &state.version, &state.output), (&text, &text, &text), "{id}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_with_causes_and_properties_comes_through_whole() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![task("one")]).await.expect("accepted");
    let (_, token) = worker.activity().await;
    let value = |kind| prost_types::Value { kind: Some(kind) };
    let list = prost_types::ListValue {
        values: vec![
            value(prost_types::value::Kind::NumberValue(2.5)),
            value(prost_types::value::Kind::BoolValue(true)),
            value(prost_types::value::Kind::NullValue(0)),
        ],
    };
    let failure = |depth: u32, inner: Option<proto::TaskFailureDetails>| proto::TaskFailureDetails {
        error_type: format!("E{depth}"),
        error_message: "ü".into(),
        stack_trace: Some(String::new()),
        inner_failure: inner.map(Box::new),
        is_non_retriable: depth == 1,
        properties: [("list".to_owned(), value(prost_types::value::Kind::ListValue(list.clone())))].into(),
    };
    let told = (0..20).fold(None, |inner, depth| Some(failure(depth, inner)));
    let answer = proto::ActivityResponse {
        failure_details: told.clone(),
        completion_token: token,
        ..Default::default()
    };
    worker.client.complete_activity_task(answer).await.expect("accepted");
    let (turn, token) = worker.turn().await;
    let failed = turn.new_events.iter().find_map(|event| match &event.event_type {
        Some(proto::history_event::EventType::TaskFailed(failed)) => failed.failure_details.clone(),
        _ => None,
    });
    assert_eq!(failed, told);
    let end = proto::CompleteOrchestrationAction {
        orchestration_status: Shown::Failed as i32,
        failure_details: told.clone(),
        ..Default::default()
    };
    worker.answer(&token, vec![Asked::CompleteOrchestration(end)]).await.expect("accepted");
    assert_eq!(bench.wait("a").await.failure_details, told);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_actions_may_be_anything_and_may_repeat() {
    let bench = Bench::new().await;
    let mut worker = bench.worker(everything()).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    let ids = [i32::MIN, -1, 0, 7, 7, i32::MAX];
    let action = |id: i32| proto::OrchestratorAction { id, orchestrator_action_type: Some(task("t")) };
    let answer = proto::OrchestratorResponse {
        actions: ids.into_iter().map(action).collect(),
        completion_token: token,
        ..Default::default()
    };
    worker.client.complete_orchestrator_task(answer).await.expect("accepted");
    let (mut seen, mut told) = (Vec::new(), 0);
    for _ in ids {
        let (activity, token) = loop {
            match worker.next().await {
                (Work::ActivityRequest(activity), token) => break (activity, token),
                (Work::OrchestratorRequest(turn), token) => {
                    told += turn.new_events.len() - 1;
                    worker.answer(&token, vec![]).await.expect("accepted");
                }
                (other, _) => panic!("not asked for: {other:?}"),
            }
        };
        seen.push(activity.task_id);
        worker.answer_activity(&token, "1").await.expect("accepted");
    }
    seen.sort_unstable();
    assert_eq!(seen, ids);
    while told < ids.len() {
        let (turn, token) = worker.turn().await;
        told += turn.new_events.len() - 1;
        let asked = if told == ids.len() { vec![done("1")] } else { vec![] };
        worker.answer(&token, asked).await.expect("accepted");
    }
    assert_eq!(bench.wait("a").await.output.as_deref(), Some("1"));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_an_id_gives_the_same_instance_to_the_same_idempotency_key() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let keyed = |key: &str| {
        let mut request = Request::new(start(""));
        request.metadata_mut().insert("idempotency-key", key.parse().expect("a header"));
        request
    };
    let first = client.start_instance(keyed("k1")).await.expect("it starts").into_inner();
    let again = client.start_instance(keyed("k1")).await.expect("the same answer").into_inner();
    let other = client.start_instance(keyed("k2")).await.expect("it starts").into_inner();
    assert_eq!(first, again);
    assert_ne!(first, other);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_stops_at_its_time_and_goes_on_when_it_is_asked_again() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    for number in 0..150 {
        let id = format!("a{number}");
        bench.start(&id, "n").await;
        let end = proto::TerminateRequest { instance_id: id, ..Default::default() };
        client.terminate_instance(end).await.expect("it ends");
    }
    bench.start("stays", "n").await;
    let mut counts = Vec::new();
    loop {
        let filter = proto::PurgeInstanceFilter {
            runtime_status: vec![Shown::Terminated as i32],
            timeout: Some(prost_types::Duration { seconds: 0, nanos: 1 }),
            ..Default::default()
        };
        let request = proto::PurgeInstancesRequest {
            request: Some(proto::purge_instances_request::Request::PurgeInstanceFilter(filter)),
            ..Default::default()
        };
        let purged = client.purge_instances(request).await.expect("an answer").into_inner();
        counts.push(purged.deleted_instance_count);
        if purged.is_complete == Some(true) {
            break;
        }
    }
    assert_eq!(counts.iter().sum::<i32>(), 150);
    assert!(counts.len() > 2 && counts.iter().all(|count| *count <= 64), "{counts:?}");
    assert!(bench.get("stays").await.is_some());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_among_many_are_listed_page_by_page_each_once() {
    let bench = Bench::new().await;
    let mut client = bench.client.clone();
    let mut worker = bench.worker(everything()).await;
    for number in 0..40 {
        bench.start(&format!("done-{number:02}"), "n").await;
        let (_, token) = worker.turn().await;
        worker.answer(&token, vec![done("1")]).await.expect("accepted");
    }
    drop(worker);
    for number in 0..7 {
        bench.start(&format!("open-{number}"), "n").await;
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let query = proto::InstanceQuery {
            max_instance_count: 3,
            continuation_token: token.take(),
            runtime_status: vec![Shown::Pending as i32, Shown::Failed as i32],
            ..Default::default()
        };
        let page = client.query_instances(proto::QueryInstancesRequest { query: Some(query) }).await;
        let page = page.expect("a page").into_inner();
        seen.extend(page.orchestration_state.into_iter().map(|state| state.instance_id));
        token = page.continuation_token;
        if token.is_none() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, (0..7).map(|number| format!("open-{number}")).collect::<Vec<_>>());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_workers_streams_are_open_and_the_next_is_refused() {
    let bench = Bench::new().await;
    let mut streams = Vec::new();
    for _ in 0..10_000 {
        streams.push(bench.client.clone().get_work_items(everything()).await.expect("a stream"));
    }
    let refused = Bench::refusal(bench.client.clone().get_work_items(everything())).await;
    assert_eq!((refused.code(), code_of(&refused)), (Code::ResourceExhausted, "OL-3011"));
    // The rest of the node goes on.
    bench.start("a", "n").await;
    drop(streams);
    bench.stop().await;
}

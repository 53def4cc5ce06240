//! Tests of the work items' bytes: what a worker's decoder reads from them.

use engine::event::{EventKind, EventRaised, HistoryEvent, OrchestrationTraceContext, OrchestratorStarted};
use engine::id::{LeaseEpoch, Lineage, PartitionId};
use engine::limits::WORK_ITEM_BYTES_MAX;
use engine::time::Timestamp;
use outlast_proto::durable_task as wire;

use super::*;

fn epoch() -> Epoch {
    Epoch { lineage: Lineage(1), lease: LeaseEpoch(0), term: 3 }
}

fn event(kind: EventKind) -> HistoryEvent {
    HistoryEvent { event_id: -1, timestamp: Some(Timestamp::new(7, 123_456_789).into()), kind: Some(kind) }
}

fn raised(name: &str, input: &str) -> HistoryEvent {
    event(EventKind::EventRaised(EventRaised { name: name.into(), input: Some(input.into()) }))
}

fn stored(events: &[HistoryEvent]) -> Bytes {
    let mut chunk = BytesMut::new();
    for event in events {
        put_message(&mut chunk, 3, event);
    }
    chunk.freeze()
}

fn turn(past: Vec<Bytes>, new: &[HistoryEvent]) -> Item {
    let turn = view::Turn {
        instance: InstanceId::parse("order-1").expect("an id"),
        execution: "e1".into(),
        turn: 2,
        started_at: Timestamp::new(7, 1),
        delivered: 1,
        name: "order".into(),
        version: None,
        bytes: 0,
        past_bytes: past.iter().map(Bytes::len).sum(),
        past,
        new_events: new.iter().map(|event| event.encode_to_vec().into()).collect(),
        trace: Some(OrchestrationTraceContext { span_id: Some("s".into()), span_start_time: None }),
    };
    Item::Turn(turn, epoch())
}

fn decode(item: &Item, counts: &Counts) -> wire::WorkItem {
    match item.encode("the-token", (Past::Inline, WORK_ITEM_BYTES_MAX), counts) {
        Encoded::Bytes(bytes) => wire::WorkItem::decode(bytes).expect("a work item"),
        Encoded::TooLarge { bytes } => panic!("{bytes} bytes are not too large"),
    }
}

#[test]
fn a_turn_is_spliced_from_stored_chunks_and_new_events() {
    let counts = Counts::default();
    let past = vec![stored(&[raised("a", "1"), raised("b", "")]), stored(&[raised("c", "3")])];
    let spliced: usize = past.iter().map(Bytes::len).sum();
    let new = vec![event(EventKind::OrchestratorStarted(OrchestratorStarted {})), raised("d", "4")];
    let item = decode(&turn(past, &new), &counts);
    assert_eq!(item.completion_token, "the-token");
    let Some(wire::work_item::Request::OrchestratorRequest(request)) = item.request else {
        panic!("not a turn: {item:?}");
    };
    assert_eq!((request.instance_id.as_str(), request.execution_id.as_deref()), ("order-1", Some("e1")));
    assert_eq!(request.past_events.len(), 3);
    let sent: Vec<Vec<u8>> = request.new_events.iter().map(Message::encode_to_vec).collect();
    let meant: Vec<Vec<u8>> = new.iter().map(Message::encode_to_vec).collect();
    assert_eq!(sent, meant);
    assert_eq!(request.orchestration_trace_context.and_then(|trace| trace.span_id).as_deref(), Some("s"));
    let view = counts.view();
    assert_eq!((view.turns, view.events_new), (1, 2));
    assert_eq!(usize::try_from(view.bytes_spliced), Ok(spliced));
}

#[test]
fn a_past_of_fifty_thousand_events_is_copied_and_none_of_it_encoded_again() {
    let counts = Counts::default();
    let chunk = stored(&(0..1_000).map(|number| raised("a", &format!("{number:04}"))).collect::<Vec<_>>());
    let new = [raised("b", "1")];
    for chunks in 1..=50 {
        let before = counts.view();
        let Encoded::Bytes(_) =
            turn(vec![chunk.clone(); chunks], &new).encode("t", (Past::Inline, WORK_ITEM_BYTES_MAX), &counts)
        else {
            panic!("{chunks} thousand events are not too large")
        };
        let after = counts.view();
        let (bytes, spliced) = (after.bytes - before.bytes, after.bytes_spliced - before.bytes_spliced);
        assert_eq!(usize::try_from(spliced), Ok(chunks * chunk.len()), "{chunks} thousand events");
        assert_eq!(after.events_new - before.events_new, 1, "only what is new was encoded");
        assert!(bytes - spliced < 200, "{} bytes besides the past of {chunks} thousand", bytes - spliced);
    }
}

#[test]
fn entity_parameters_are_always_there_with_a_window_of_zero() {
    let item = decode(&turn(Vec::new(), &[raised("a", "1")]), &Counts::default());
    let Some(wire::work_item::Request::OrchestratorRequest(request)) = item.request else {
        panic!("not a turn: {item:?}");
    };
    let window = request.entity_parameters.expect("entity parameters").entity_message_reorder_window;
    assert_eq!(window, Some(prost_types::Duration { seconds: 0, nanos: 0 }));
}

#[test]
fn a_long_past_is_left_to_workers_that_read_it_themselves() {
    let large = raised("a", &"x".repeat(1 << 20));
    let new = vec![raised("b", "1")];
    for (past, streamed) in [(stored(&[large]), true), (stored(&[raised("a", "1")]), false)] {
        let Encoded::Bytes(bytes) =
            turn(vec![past], &new).encode("t", (Past::Streamed, WORK_ITEM_BYTES_MAX), &Counts::default())
        else {
            panic!("it is small enough")
        };
        let item = wire::WorkItem::decode(bytes).expect("a work item");
        let Some(wire::work_item::Request::OrchestratorRequest(request)) = item.request else {
            panic!("not a turn")
        };
        assert_eq!(request.requires_history_streaming, streamed);
        assert_eq!((request.past_events.len(), request.new_events.len()), (usize::from(!streamed), 1));
    }
}

fn activity(input: Option<&str>, version: Option<&str>) -> Item {
    let key = ActivityKey { instance: "order-1".into(), term: 3, index: 9, ordinal: 0 };
    let task = view::ActivityTask {
        key,
        execution: "e1".into(),
        task: 4,
        name: "charge".into(),
        version: version.map(str::to_owned),
        input: input.map(str::to_owned),
        tags: [("team".to_owned(), "pay".to_owned())].into(),
        trace: None,
    };
    Item::Activity(task, epoch())
}

#[test]
fn an_activity_keeps_absent_and_empty_values_apart() {
    for (input, version) in [(None, None), (Some(""), Some("")), (Some("{}"), Some("2"))] {
        let item = decode(&activity(input, version), &Counts::default());
        let Some(wire::work_item::Request::ActivityRequest(request)) = item.request else {
            panic!("not an activity: {item:?}");
        };
        assert_eq!((request.name.as_str(), request.task_id), ("charge", 4));
        assert_eq!((request.input.as_deref(), request.version.as_deref()), (input, version));
        let instance = request.orchestration_instance.expect("an instance");
        assert_eq!(
            (instance.instance_id.as_str(), instance.execution_id.as_deref()),
            ("order-1", Some("e1"))
        );
        assert_eq!(request.tags.get("team").map(String::as_str), Some("pay"));
    }
}

#[test]
fn a_turn_larger_than_workers_accept_is_not_sent() {
    let large = raised("a", &"x".repeat(1 << 20));
    let past = (0..4).map(|_| stored(std::slice::from_ref(&large))).collect();
    let item = turn(past, &[raised("b", "1")]);
    let Encoded::TooLarge { bytes } =
        item.encode("t", (Past::Inline, WORK_ITEM_BYTES_MAX), &Counts::default())
    else {
        panic!("it was encoded");
    };
    let Command::MarkStuck(stuck) = item.mark_stuck(too_large(bytes, WORK_ITEM_BYTES_MAX)) else {
        panic!("a turn is marked")
    };
    assert_eq!((stuck.instance.as_str(), stuck.execution.as_str()), ("order-1", "e1"));
    assert!(stuck.reason.starts_with("a work item of 5 MiB, with its history and large values, exceeds"));
}

#[test]
fn a_token_names_the_work_it_was_made_for() {
    let assignment = |work| Assignment {
        hand_out: super::super::board::HandOutId(8),
        stream: super::super::lanes::StreamId(1),
        partition: PartitionId(2),
        work: std::sync::Arc::new(work),
        attempt: 3,
    };
    for item in [turn(Vec::new(), &[]), activity(None, None), batch(None, &[])] {
        let work = match &item {
            Item::Turn(turn, _) => super::super::Work::Turn { instance: turn.instance.clone() },
            Item::Activity(activity, _) => super::super::Work::Activity { key: activity.key.clone() },
            Item::Batch(batch, _) => super::super::Work::Batch { entity: batch.entity.clone() },
        };
        let token = item.token(HubId(1), &assignment(work.clone()));
        assert_eq!((token.work(), token.attempt, token.epoch), (work, 3, epoch()));
    }
}

fn batch(state: Option<&str>, operations: &[HistoryEvent]) -> Item {
    let batch = view::Batch {
        entity: engine::id::EntityId::parse("@counter@a").expect("an id"),
        execution: "e7".into(),
        turn: 9,
        state: state.map(str::to_owned),
        operations: operations.iter().map(|event| Bytes::from(event.encode_to_vec())).collect(),
    };
    Item::Batch(batch, epoch())
}

#[test]
fn a_batch_carries_its_state_and_its_operations_as_they_are_stored() {
    let signaled = engine::event::EntityOperationSignaled {
        operation: "add".into(),
        input: Some("5".into()),
        ..Default::default()
    };
    let kind = Some(EventKind::EntityOperationSignaled(signaled));
    let event = HistoryEvent { event_id: -1, timestamp: None, kind };
    for state in [None, Some(""), Some("7")] {
        let item = batch(state, &[event.clone(), event.clone()]);
        let Encoded::Bytes(bytes) = item.encode("t", (Past::Inline, WORK_ITEM_BYTES_MAX), &Counts::default())
        else {
            panic!("it is small");
        };
        let sent = wire::WorkItem::decode(bytes).expect("a work item");
        assert_eq!(sent.completion_token, "t");
        let Some(wire::work_item::Request::EntityRequestV2(request)) = sent.request else {
            panic!("not an entity's: {:?}", sent.request);
        };
        assert_eq!((request.instance_id.as_str(), request.execution_id.as_str()), ("@counter@a", "e7"));
        assert_eq!(request.entity_state.as_deref(), state, "absent is not empty");
        assert_eq!(request.operation_requests.len(), 2);
        assert_eq!(request.operation_requests[0].encode_to_vec(), event.encode_to_vec());
    }
}

//! Between the engine's types and the wire's, where they differ.
//!
//! Both have the wire's field numbers, so what nests goes through bytes; it is the rare part.

use engine::event::TraceContext;
use engine::partition::StatusName;
use engine::partition::view::InstanceView;
use engine::time::Timestamp;
use outlast_proto::durable_task as proto;
use prost::Message;

/// A trace context as it came.
#[expect(deprecated, reason = "the old form of the span's id is passed through too")]
pub(super) fn trace(trace: proto::TraceContext) -> TraceContext {
    TraceContext { trace_parent: trace.trace_parent, span_id: trace.span_id, trace_state: trace.trace_state }
}

/// A time for the wire.
pub(super) fn time(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.seconds(), nanos: time.nanos() }
}

/// The statuses of a filter; `None`: numbers were given, and no instance can have any of them.
pub(super) fn statuses(numbers: &[i32]) -> Option<Vec<StatusName>> {
    let statuses: Vec<StatusName> =
        numbers.iter().filter_map(|number| StatusName::from_wire(*number)).collect();
    (numbers.is_empty() || !statuses.is_empty()).then_some(statuses)
}

/// What a client is told about an instance. Values that were not asked for are not there.
pub(super) fn state(view: InstanceView) -> proto::OrchestrationState {
    let failure_details = view.failure.map(|failure| {
        let bytes = failure.encode_to_vec();
        proto::TaskFailureDetails::decode(bytes.as_slice()).expect("both sides have the same field numbers")
    });
    proto::OrchestrationState {
        instance_id: view.instance.as_str().to_owned(),
        name: view.name,
        version: view.version,
        orchestration_status: view.status.wire(),
        scheduled_start_timestamp: view.scheduled_start.map(time),
        created_timestamp: Some(time(view.created)),
        last_updated_timestamp: Some(time(view.updated)),
        input: view.input,
        output: view.output,
        custom_status: view.custom_status,
        failure_details,
        execution_id: Some(view.execution),
        completed_timestamp: view.completed.map(time),
        parent_instance_id: view.parent.map(|parent| parent.instance),
        tags: view.tags.into_iter().collect(),
    }
}

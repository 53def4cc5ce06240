//! The engine's views in the API's shapes.
//!
//! Not here: asking for them (`node`), and what the shapes mean (`model`). Kinds of events keep the
//! names of the wire, since these are what SDKs and their documentation say.

use std::collections::BTreeMap;

use engine::catalog::{HubView, Mode, Survive};
use engine::event::{EventKind, FailureDetails, HistoryEvent as Event, Value, ValueKind};
use engine::limits;
use engine::partition::StatusName;
use engine::partition::command::Moment;
use engine::partition::view::InstanceView;
use engine::time::Timestamp;
use serde_json::value::RawValue;

use super::model::{
    Failure, HistoryEvent, Hub, HubMode, HubState, HubSurvive, Instance, Status, stored_json,
};
use super::waiting::waiting_for;
use crate::dispatch::Standing;
use crate::observe::rfc3339;

/// A time of the engine as text.
pub(super) fn time(at: Timestamp) -> String {
    rfc3339::format(at.seconds(), at.nanos())
}

/// The API's word for a status of the engine.
pub(super) fn status(name: StatusName) -> Status {
    match name {
        StatusName::Pending => Status::Pending,
        StatusName::Running => Status::Running,
        StatusName::Suspended => Status::Suspended,
        StatusName::Completed => Status::Completed,
        StatusName::Failed => Status::Failed,
        StatusName::Terminated => Status::Terminated,
    }
}

/// The engine's status for a word of the API.
pub(super) fn status_name(status: Status) -> StatusName {
    match status {
        Status::Pending => StatusName::Pending,
        Status::Running => StatusName::Running,
        Status::Suspended => StatusName::Suspended,
        Status::Completed => StatusName::Completed,
        Status::Failed => StatusName::Failed,
        Status::Terminated => StatusName::Terminated,
    }
}

/// The engine's word for a hub's mode.
pub(super) fn mode_of(mode: HubMode) -> Mode {
    match mode {
        HubMode::Conservative => Mode::Conservative,
        HubMode::Speculative => Mode::Speculative,
    }
}

/// The engine's word for the loss that a hub survives.
pub(super) fn survive_of(survive: HubSurvive) -> Survive {
    match survive {
        HubSurvive::Host => Survive::Host,
        HubSurvive::Zone => Survive::Zone,
        HubSurvive::Region => Survive::Region,
    }
}

/// The API's word for it.
pub(super) fn survive(survive: Survive) -> HubSurvive {
    match survive {
        Survive::Host => HubSurvive::Host,
        Survive::Zone => HubSurvive::Zone,
        Survive::Region => HubSurvive::Region,
    }
}

/// A hub; `instances` where it is open.
pub(super) fn hub(view: &HubView, instances: Option<BTreeMap<Status, u64>>) -> Hub {
    let state = if view.deleted.is_some() { HubState::Deleted } else { HubState::Active };
    Hub {
        name: view.name.clone(),
        state,
        partitions: view.partitions,
        mode: match view.mode {
            Mode::Conservative => HubMode::Conservative,
            Mode::Speculative => HubMode::Speculative,
        },
        survive: survive(view.survive),
        replicas: view.replicas_target,
        created_at: Some(time(view.created)),
        deleted_at: view.deleted.map(time),
        kept_until: view.kept_until().map(time),
        instances,
    }
}

/// An instance; `standings`: its work that is on the board.
pub(super) fn instance(view: InstanceView, partitions: u32, standings: &[Standing]) -> Instance {
    let waiting_for = waiting_for(&view, standings);
    let partition = view.instance.partition(partitions).0;
    let json = |text: Option<String>| text.map(|text| stored_json(&text));
    Instance {
        id: view.instance.as_str().to_owned(),
        name: view.name,
        version: view.version,
        status: status(view.status),
        waiting_for,
        execution: view.execution,
        partition,
        created_at: time(view.created),
        updated_at: time(view.updated),
        completed_at: view.completed.map(time),
        scheduled_at: view.scheduled_start.map(time),
        input: json(view.input),
        output: json(view.output),
        custom_status: json(view.custom_status),
        failure: view.failure.map(failure),
        tags: view.tags,
        parent: view.parent.map(|parent| parent.instance),
        history_events: view.history_events,
    }
}

/// A failure with its causes, as deep as they are kept.
pub(super) fn failure(details: FailureDetails) -> Failure {
    let mut chain = Vec::new();
    let mut next = Some(details);
    while let Some(mut details) = next.filter(|_| chain.len() < limits::FAILURE_DEPTH_MAX) {
        next = details.inner_failure.take().map(|inner| *inner);
        chain.push(details);
    }
    let nest = |cause: Option<Failure>, details: FailureDetails| {
        Some(Failure {
            kind: details.error_type,
            message: details.error_message,
            stack_trace: details.stack_trace,
            cause: cause.map(Box::new),
            non_retriable: details.is_non_retriable,
            properties: details.properties.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        })
    };
    let failure = chain.into_iter().rev().fold(None, nest);
    failure.expect("a chain begins with the failure itself")
}

/// A value as JSON. What a decoder has let in is not deep.
fn plain(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(ValueKind::Null(_)) => serde_json::Value::Null,
        Some(ValueKind::Bool(value)) => value.into(),
        Some(ValueKind::Text(value)) => value.into(),
        Some(ValueKind::Number(value)) => number(value),
        Some(ValueKind::Array(array)) => array.values.into_iter().map(plain).collect(),
        Some(ValueKind::Object(object)) => {
            object.fields.into_iter().map(|(name, value)| (name, plain(value))).collect()
        }
    }
}

/// The wire has doubles only; whole ones are shown as people would write them.
#[expect(clippy::cast_possible_truncation, reason = "looked at on the line itself")]
fn number(value: f64) -> serde_json::Value {
    /// Up to here doubles have every whole number.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX { (value as i64).into() } else { value.into() }
}

/// An event of a history; `number` is its place, from 1.
pub(super) fn event(number: u64, event: Event) -> HistoryEvent {
    let task = (event.event_id >= 0).then_some(event.event_id);
    let at = event.timestamp.map(|at| time(at.into())).unwrap_or_default();
    let blank = |kind| HistoryEvent {
        number,
        at: at.clone(),
        kind,
        task,
        name: None,
        value: None,
        failure: None,
        fire_at: None,
        instance: None,
    };
    match event.kind {
        Some(kind) => told(kind, blank),
        None => blank("Unknown"),
    }
}

fn json(text: Option<String>) -> Option<Box<RawValue>> {
    text.map(|text| stored_json(&text))
}

fn at(moment: Option<Moment>) -> Option<String> {
    moment.map(|moment| time(moment.into()))
}

/// What people are told of each kind.
fn told(kind: EventKind, blank: impl Fn(&'static str) -> HistoryEvent) -> HistoryEvent {
    match kind {
        EventKind::ExecutionStarted(it) => {
            HistoryEvent { name: Some(it.name), value: json(it.input), ..blank("ExecutionStarted") }
        }
        EventKind::ExecutionCompleted(it) => HistoryEvent {
            value: json(it.result),
            failure: it.failure_details.map(failure),
            ..blank("ExecutionCompleted")
        },
        EventKind::ExecutionTerminated(it) => {
            HistoryEvent { value: json(it.input), ..blank("ExecutionTerminated") }
        }
        EventKind::TaskScheduled(it) => {
            HistoryEvent { name: Some(it.name), value: json(it.input), ..blank("TaskScheduled") }
        }
        EventKind::TaskCompleted(it) => ended(blank("TaskCompleted"), it.task_scheduled_id, it.result, None),
        EventKind::TaskFailed(it) => {
            ended(blank("TaskFailed"), it.task_scheduled_id, None, it.failure_details)
        }
        EventKind::SubOrchestrationInstanceCreated(it) => HistoryEvent {
            name: Some(it.name),
            value: json(it.input),
            instance: Some(it.instance_id),
            ..blank("SubOrchestrationInstanceCreated")
        },
        EventKind::SubOrchestrationInstanceCompleted(it) => {
            ended(blank("SubOrchestrationInstanceCompleted"), it.task_scheduled_id, it.result, None)
        }
        EventKind::SubOrchestrationInstanceFailed(it) => {
            ended(blank("SubOrchestrationInstanceFailed"), it.task_scheduled_id, None, it.failure_details)
        }
        EventKind::TimerCreated(it) => HistoryEvent { fire_at: at(it.fire_at), ..blank("TimerCreated") },
        EventKind::TimerFired(it) => {
            HistoryEvent { task: Some(it.timer_id), fire_at: at(it.fire_at), ..blank("TimerFired") }
        }
        EventKind::OrchestratorStarted(_) => blank("OrchestratorStarted"),
        EventKind::OrchestratorCompleted(_) => blank("OrchestratorCompleted"),
        EventKind::EventSent(it) => HistoryEvent {
            name: Some(it.name),
            value: json(it.input),
            instance: Some(it.instance_id),
            ..blank("EventSent")
        },
        EventKind::EventRaised(it) => {
            HistoryEvent { name: Some(it.name), value: json(it.input), ..blank("EventRaised") }
        }
        EventKind::ContinueAsNew(it) => HistoryEvent { value: json(it.input), ..blank("ContinueAsNew") },
        EventKind::ExecutionSuspended(it) => {
            HistoryEvent { value: json(it.input), ..blank("ExecutionSuspended") }
        }
        EventKind::ExecutionResumed(it) => {
            HistoryEvent { value: json(it.input), ..blank("ExecutionResumed") }
        }
        EventKind::ExecutionRewound(_) => blank("ExecutionRewound"),
        EventKind::Generic(it) => HistoryEvent { value: json(it.data), ..blank("Generic") },
        EventKind::HistoryState(_) => blank("HistoryState"),
        entity @ (EventKind::EntityOperationSignaled(_)
        | EventKind::EntityOperationCalled(_)
        | EventKind::EntityOperationCompleted(_)
        | EventKind::EntityOperationFailed(_)
        | EventKind::EntityLockRequested(_)
        | EventKind::EntityLockGranted(_)
        | EventKind::EntityUnlockSent(_)) => blank(entity_kind(&entity)),
    }
}

fn ended(
    blank: HistoryEvent,
    task: i32,
    result: Option<String>,
    failed: Option<FailureDetails>,
) -> HistoryEvent {
    HistoryEvent { task: Some(task), value: json(result), failure: failed.map(failure), ..blank }
}

/// Entities are named only: nothing records their events yet.
fn entity_kind(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::EntityOperationSignaled(_) => "EntityOperationSignaled",
        EventKind::EntityOperationCalled(_) => "EntityOperationCalled",
        EventKind::EntityOperationCompleted(_) => "EntityOperationCompleted",
        EventKind::EntityOperationFailed(_) => "EntityOperationFailed",
        EventKind::EntityLockRequested(_) => "EntityLockRequested",
        EventKind::EntityLockGranted(_) => "EntityLockGranted",
        EventKind::EntityUnlockSent(_) => "EntityUnlockSent",
        EventKind::ExecutionStarted(_)
        | EventKind::ExecutionCompleted(_)
        | EventKind::ExecutionTerminated(_)
        | EventKind::TaskScheduled(_)
        | EventKind::TaskCompleted(_)
        | EventKind::TaskFailed(_)
        | EventKind::SubOrchestrationInstanceCreated(_)
        | EventKind::SubOrchestrationInstanceCompleted(_)
        | EventKind::SubOrchestrationInstanceFailed(_)
        | EventKind::TimerCreated(_)
        | EventKind::TimerFired(_)
        | EventKind::OrchestratorStarted(_)
        | EventKind::OrchestratorCompleted(_)
        | EventKind::EventSent(_)
        | EventKind::EventRaised(_)
        | EventKind::Generic(_)
        | EventKind::HistoryState(_)
        | EventKind::ContinueAsNew(_)
        | EventKind::ExecutionSuspended(_)
        | EventKind::ExecutionResumed(_)
        | EventKind::ExecutionRewound(_) => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use engine::event::{TaskCompleted, TimerFired};

    use super::*;

    #[test]
    fn a_failure_keeps_its_causes_in_order() {
        let mut outer = FailureDetails::new("Outer", "it failed".to_owned());
        outer.inner_failure = Some(Box::new(FailureDetails::new("Inner", "because".to_owned())));
        let shown = failure(outer);
        assert_eq!(
            (shown.kind.as_str(), shown.cause.map(|cause| cause.message)),
            ("Outer", Some("because".to_owned()))
        );
    }

    #[test]
    fn a_result_is_told_with_the_task_it_belongs_to() {
        let kind =
            EventKind::TaskCompleted(TaskCompleted { task_scheduled_id: 3, result: Some("[1]".to_owned()) });
        let shown = event(7, Event { event_id: -1, timestamp: None, kind: Some(kind) });
        assert_eq!((shown.number, shown.kind, shown.task), (7, "TaskCompleted", Some(3)));
        assert_eq!(shown.value.map(|value| value.get().to_owned()), Some("[1]".to_owned()));
        let kind = EventKind::TimerFired(TimerFired { fire_at: None, timer_id: 4 });
        assert_eq!(event(8, Event { event_id: -1, timestamp: None, kind: Some(kind) }).task, Some(4));
    }
}

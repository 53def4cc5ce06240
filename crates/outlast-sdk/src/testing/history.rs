//! Reads a history as `outlast instance history -o json` prints it.
//!
//! Not here: what it is compared with (`replay`). Kinds of events that a worker never sees are left out.

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use prost_types::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// The document, or a page of it as the HTTP API gives it.
#[derive(Debug, Deserialize)]
struct Document {
    events: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    at: String,
    kind: String,
    task: Option<i32>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    value: Option<Box<RawValue>>,
    #[serde(default)]
    failure: Option<Cause>,
    #[serde(default)]
    fire_at: Option<String>,
    #[serde(default)]
    instance: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cause {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    #[serde(default)]
    cause: Option<Box<Cause>>,
    #[serde(default)]
    non_retriable: bool,
    #[serde(default)]
    properties: serde_json::Map<String, serde_json::Value>,
}

/// The events a worker would see, in order.
pub(super) fn read(text: &str) -> Result<Vec<pb::HistoryEvent>, Failure> {
    let document: Document = serde_json::from_str(text)
        .map_err(|error| Failure::new("InvalidHistory", format!("not a history in JSON: {error}")))?;
    let mut events = Vec::new();
    for line in document.events {
        let event_id = if is_answer(&line.kind) { -1 } else { line.task.unwrap_or(-1) };
        let timestamp = Some(timestamp(&line.at)?);
        if let Some(event) = event(line)? {
            events.push(pb::HistoryEvent { event_id, timestamp, event_type: Some(event) });
        }
    }
    Ok(events)
}

/// Whether the line's task is that of an event before it.
fn is_answer(kind: &str) -> bool {
    kind.ends_with("Completed") || kind.ends_with("Failed") || kind == "TimerFired"
}

fn event(line: Line) -> Result<Option<Event>, Failure> {
    let name = line.name.unwrap_or_default();
    let value = line.value.map(|value| value.get().to_owned());
    let task = line.task.unwrap_or(0);
    let failure_details = line.failure.map(|cause| failure(cause).into_wire());
    let fire_at = line.fire_at.as_deref().map(timestamp).transpose()?;
    let instance_id = line.instance.unwrap_or_default();
    Ok(Some(match line.kind.as_str() {
        "OrchestratorStarted" => Event::OrchestratorStarted(pb::OrchestratorStartedEvent {}),
        "ExecutionStarted" => {
            Event::ExecutionStarted(pb::ExecutionStartedEvent { name, input: value, ..Default::default() })
        }
        "ExecutionCompleted" => Event::ExecutionCompleted(pb::ExecutionCompletedEvent {
            orchestration_status: if failure_details.is_some() {
                pb::OrchestrationStatus::Failed.into()
            } else {
                pb::OrchestrationStatus::Completed.into()
            },
            result: value,
            failure_details,
        }),
        "ExecutionTerminated" => {
            Event::ExecutionTerminated(pb::ExecutionTerminatedEvent { input: value, recurse: false })
        }
        "TaskScheduled" => {
            Event::TaskScheduled(pb::TaskScheduledEvent { name, input: value, ..Default::default() })
        }
        "TaskCompleted" => {
            Event::TaskCompleted(pb::TaskCompletedEvent { task_scheduled_id: task, result: value })
        }
        "TaskFailed" => Event::TaskFailed(pb::TaskFailedEvent { task_scheduled_id: task, failure_details }),
        "SubOrchestrationInstanceCreated" => {
            Event::SubOrchestrationInstanceCreated(pb::SubOrchestrationInstanceCreatedEvent {
                instance_id,
                name,
                input: value,
                ..Default::default()
            })
        }
        "SubOrchestrationInstanceCompleted" => {
            Event::SubOrchestrationInstanceCompleted(pb::SubOrchestrationInstanceCompletedEvent {
                task_scheduled_id: task,
                result: value,
            })
        }
        "SubOrchestrationInstanceFailed" => {
            Event::SubOrchestrationInstanceFailed(pb::SubOrchestrationInstanceFailedEvent {
                task_scheduled_id: task,
                failure_details,
            })
        }
        "TimerCreated" => Event::TimerCreated(pb::TimerCreatedEvent { fire_at }),
        "TimerFired" => Event::TimerFired(pb::TimerFiredEvent { fire_at, timer_id: task }),
        "EventSent" => Event::EventSent(pb::EventSentEvent { instance_id, name, input: value }),
        "EventRaised" => Event::EventRaised(pb::EventRaisedEvent { name, input: value }),
        kind if kind.starts_with("Entity") => {
            let message = format!("{kind}: what entities were asked is not in this form of a history");
            return Err(Failure::new("InvalidHistory", message));
        }
        _ => return Ok(None),
    }))
}

fn failure(cause: Cause) -> Failure {
    let mut failure = Failure::new(cause.kind, cause.message);
    failure.cause = cause.cause.map(|cause| Box::new(self::failure(*cause)));
    failure.non_retriable = cause.non_retriable;
    failure.properties = cause.properties.into_iter().collect();
    failure
}

/// A time such as `2026-11-21T15:10:00.123456789Z`.
fn timestamp(text: &str) -> Result<Timestamp, Failure> {
    let parse = || {
        let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
        let mut date = date.splitn(3, '-').map(str::parse::<i64>);
        let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
        let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
        let nanos = format!("{fraction:0<9}").parse().ok()?;
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Timestamp { seconds, nanos })
    };
    parse().ok_or_else(|| Failure::new("InvalidHistory", format!("'{text}' is no time")))
}

/// Days since 1970, counting years from March so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let century = year.div_euclid(100);
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - century + century.div_euclid(4) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_printed() {
        let at = |text| timestamp(text).unwrap();
        assert_eq!(at("1970-01-01T00:00:00Z"), Timestamp { seconds: 0, nanos: 0 });
        assert_eq!(at("2000-02-29T23:59:59.5Z"), Timestamp { seconds: 951_868_799, nanos: 500_000_000 });
        assert_eq!(
            at("2026-11-21T15:10:00.123456789Z"),
            Timestamp { seconds: 1_795_273_800, nanos: 123_456_789 }
        );
        assert!(timestamp("yesterday").is_err());
    }
}

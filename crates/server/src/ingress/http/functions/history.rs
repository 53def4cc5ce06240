//! A history as Durable Functions shows it: an outcome stands for its task and tells when that was
//! scheduled; turns are left out.
//!
//! Not here: paging. The whole history is one answer, so it is bounded; our own API has pages.

use std::collections::HashMap;

use engine::id::InstanceId;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::App;
use super::super::model::{HistoryEvent, Status, stored_json};
use super::super::problem::Problem;
use super::super::routes::instances::not_found;
use super::Refused;
use super::payload::{quoted, runtime_status};
use crate::observe::codes;

/// Events that are told in one answer.
const EVENTS_MAX: usize = 10_000;
const PAGE: usize = 1_000;

/// One event.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HistoryItem {
    event_type: &'static str,
    /// The activity or orchestration whose outcome or start it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    function_name: Option<String>,
    /// The external event, or the task that has no outcome yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    timestamp: String,
    /// When the task was scheduled whose outcome it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_time: Option<String>,
    /// When a timer is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    fire_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orchestration_status: Option<&'static str>,
    /// With `showHistoryOutput`: what came out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<Box<RawValue>>,
    /// Why it failed, or was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

/// The whole history of an instance in `status`; results where they are wanted.
pub(super) async fn read(
    app: &App,
    hub: String,
    id: InstanceId,
    (status, results): (Status, bool),
) -> Result<Vec<HistoryItem>, Refused> {
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let page = app.backend.history(hub.clone(), id.clone(), after, PAGE).await?;
        let page = page.ok_or_else(|| not_found(&id))?;
        events.extend(page.events);
        if events.len() > EVENTS_MAX {
            let detail =
                format!("the history has more than {EVENTS_MAX} events; read it in pages under /api/v1/hubs");
            return Err(Problem::new(&codes::PAYLOAD_TOO_LARGE, detail).into());
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(told(events, status, results)),
        }
    }
}

/// A task by kind of its scheduling event and number.
type Tasks = HashMap<(&'static str, Option<i32>), usize>;

pub(super) fn told(events: Vec<HistoryEvent>, status: Status, results: bool) -> Vec<HistoryItem> {
    let mut items: Vec<Option<HistoryItem>> = Vec::with_capacity(events.len());
    let mut open = Tasks::new();
    for event in events {
        let (kind, task) = (event.kind, event.task);
        let mut item = plain(event, results);
        match kind {
            "OrchestratorStarted" | "OrchestratorCompleted" => continue,
            "TaskScheduled" | "SubOrchestrationInstanceCreated" => {
                open.insert((kind, task), items.len());
            }
            "TaskCompleted" | "TaskFailed" => {
                join(&mut item, &mut items, open.remove(&("TaskScheduled", task)));
            }
            "SubOrchestrationInstanceCompleted" | "SubOrchestrationInstanceFailed" => {
                join(&mut item, &mut items, open.remove(&("SubOrchestrationInstanceCreated", task)));
            }
            "ExecutionCompleted" => item.orchestration_status = Some(runtime_status(status)),
            "ExecutionStarted" => item.function_name = item.name.take(),
            _ => {}
        }
        items.push(Some(item));
    }
    items.into_iter().flatten().collect()
}

/// The outcome takes the place of its task.
fn join(item: &mut HistoryItem, items: &mut [Option<HistoryItem>], scheduled: Option<usize>) {
    let scheduled = scheduled.and_then(|at| items.get_mut(at)?.take());
    if let Some(scheduled) = scheduled {
        item.function_name = scheduled.name;
        item.scheduled_time = Some(scheduled.timestamp);
    }
}

fn plain(event: HistoryEvent, results: bool) -> HistoryItem {
    let outcome =
        matches!(event.kind, "TaskCompleted" | "SubOrchestrationInstanceCompleted" | "ExecutionCompleted");
    let said = matches!(event.kind, "ExecutionSuspended" | "ExecutionResumed");
    let (reason, details) = match event.failure {
        Some(failure) => (Some(failure.message), failure.stack_trace),
        None if said => (event.value.as_ref().and_then(|value| serde_json::from_str(value.get()).ok()), None),
        None => (None, None),
    };
    let failed = reason.as_deref().map(|message| stored_json(&quoted(message)));
    HistoryItem {
        event_type: event.kind,
        name: event.name,
        timestamp: event.at,
        fire_at: event.fire_at,
        result: if results && outcome { event.value.or(failed) } else { None },
        reason,
        details,
        ..HistoryItem::default()
    }
}

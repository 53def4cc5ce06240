//! What has happened to an instance, step by step.
//!
//! A [`Step`] shows what people look for; the worker uses the events themselves.

use std::time::{Duration, SystemTime};

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use tonic::Status;

use super::Link;
use crate::time;

/// One event of an instance's history: [`Client::history`](crate::Client::history).
///
/// ```
/// # use outlast_sdk::Step;
/// fn activities(history: &[Step]) -> usize {
///     history.iter().filter(|step| step.kind == "TaskScheduled").count()
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// When it happened.
    pub at: SystemTime,
    /// What kind of event it is, such as `TaskScheduled`.
    pub kind: &'static str,
    /// The number of the task it schedules or answers, if any.
    pub task_id: Option<i32>,
    /// The name of what is scheduled, started or raised, if it has one.
    pub name: Option<String>,
    /// The input or result as JSON text, if there is one.
    pub value_json: Option<String>,
}

impl Step {
    /// An event without content, or of a kind younger than this SDK, is nothing to show.
    pub(super) fn from_wire(event: pb::HistoryEvent) -> Option<Self> {
        let at = event.timestamp.as_ref().map_or(SystemTime::UNIX_EPOCH, time::to_system);
        let scheduled = Some(event.event_id).filter(|id| *id >= 0);
        let failed = |details: Option<pb::TaskFailureDetails>| details.map(|details| details.error_message);
        let (kind, task_id, name, value_json) = match event.event_type? {
            Event::ExecutionStarted(e) => ("ExecutionStarted", None, Some(e.name), e.input),
            Event::ExecutionCompleted(e) => ("ExecutionCompleted", None, None, e.result),
            Event::ExecutionTerminated(e) => ("ExecutionTerminated", None, None, e.input),
            Event::TaskScheduled(e) => ("TaskScheduled", scheduled, Some(e.name), e.input),
            Event::TaskCompleted(e) => ("TaskCompleted", Some(e.task_scheduled_id), None, e.result),
            Event::TaskFailed(e) => {
                ("TaskFailed", Some(e.task_scheduled_id), failed(e.failure_details), None)
            }
            Event::SubOrchestrationInstanceCreated(e) => {
                ("SubOrchestrationInstanceCreated", scheduled, Some(e.name), e.input)
            }
            Event::SubOrchestrationInstanceCompleted(e) => {
                ("SubOrchestrationInstanceCompleted", Some(e.task_scheduled_id), None, e.result)
            }
            Event::SubOrchestrationInstanceFailed(e) => {
                ("SubOrchestrationInstanceFailed", Some(e.task_scheduled_id), failed(e.failure_details), None)
            }
            Event::TimerCreated(_) => ("TimerCreated", scheduled, None, None),
            Event::TimerFired(e) => ("TimerFired", Some(e.timer_id), None, None),
            Event::OrchestratorStarted(_) => ("OrchestratorStarted", None, None, None),
            Event::OrchestratorCompleted(_) => ("OrchestratorCompleted", None, None, None),
            Event::EventSent(e) => ("EventSent", scheduled, Some(e.name), e.input),
            Event::EventRaised(e) => ("EventRaised", None, Some(e.name), e.input),
            Event::GenericEvent(e) => ("GenericEvent", None, None, e.data),
            Event::HistoryState(_) => ("HistoryState", None, None, None),
            Event::ContinueAsNew(e) => ("ContinueAsNew", None, None, e.input),
            Event::ExecutionSuspended(e) => ("ExecutionSuspended", None, None, e.input),
            Event::ExecutionResumed(e) => ("ExecutionResumed", None, None, e.input),
            Event::ExecutionRewound(e) => ("ExecutionRewound", None, e.name, e.input),
            Event::EntityOperationSignaled(e) => {
                ("EntityOperationSignaled", scheduled, Some(e.operation), e.input)
            }
            Event::EntityOperationCalled(e) => {
                ("EntityOperationCalled", scheduled, Some(e.operation), e.input)
            }
            Event::EntityOperationCompleted(e) => ("EntityOperationCompleted", None, None, e.output),
            Event::EntityOperationFailed(e) => {
                ("EntityOperationFailed", None, failed(e.failure_details), None)
            }
            Event::EntityLockRequested(_) => ("EntityLockRequested", scheduled, None, None),
            Event::EntityLockGranted(_) => ("EntityLockGranted", None, None, None),
            Event::EntityUnlockSent(_) => ("EntityUnlockSent", scheduled, None, None),
        };
        Some(Self { at, kind, task_id, name, value_json })
    }
}

/// Reads a whole history; for a work item of that execution, or for people.
pub(crate) async fn read(
    link: &Link,
    instance_id: &str,
    work_item_of: Option<String>,
    deadline: Duration,
) -> Result<Vec<pb::HistoryEvent>, Status> {
    let request = pb::StreamInstanceHistoryRequest {
        instance_id: instance_id.to_owned(),
        for_work_item_processing: work_item_of.is_some(),
        execution_id: work_item_of,
    };
    let mut chunks =
        link.stub().stream_instance_history(link.request_within(request, deadline)).await?.into_inner();
    let mut events = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        events.extend(chunk.events);
    }
    Ok(events)
}

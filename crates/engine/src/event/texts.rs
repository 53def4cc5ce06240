//! The texts of events and actions that users fill: inputs, results, what an event carries.
//!
//! These, and no others, may be large and held apart ([`crate::payload`]). Not here: names, versions,
//! reasons that only people read, details of failures, which have small bounds of their own.

use crate::event::{Action, ActionKind, EntityMessage, EventKind, HistoryEvent};

/// Calls `visit` for each such text of an event, until it fails.
pub fn visit_event<E>(
    event: &mut HistoryEvent,
    visit: &mut impl FnMut(&mut String) -> Result<(), E>,
) -> Result<(), E> {
    let text = match &mut event.kind {
        Some(EventKind::ExecutionStarted(event)) => &mut event.input,
        Some(EventKind::ExecutionCompleted(event)) => &mut event.result,
        Some(EventKind::ExecutionTerminated(event)) => &mut event.input,
        Some(EventKind::TaskScheduled(event)) => &mut event.input,
        Some(EventKind::TaskCompleted(event)) => &mut event.result,
        Some(EventKind::SubOrchestrationInstanceCreated(event)) => &mut event.input,
        Some(EventKind::SubOrchestrationInstanceCompleted(event)) => &mut event.result,
        Some(EventKind::EventSent(event)) => &mut event.input,
        Some(EventKind::EventRaised(event)) => &mut event.input,
        Some(EventKind::EntityOperationSignaled(event)) => &mut event.input,
        Some(EventKind::EntityOperationCalled(event)) => &mut event.input,
        Some(EventKind::EntityOperationCompleted(event)) => &mut event.output,
        None
        | Some(
            EventKind::TaskFailed(_)
            | EventKind::SubOrchestrationInstanceFailed(_)
            | EventKind::TimerCreated(_)
            | EventKind::TimerFired(_)
            | EventKind::OrchestratorStarted(_)
            | EventKind::OrchestratorCompleted(_)
            | EventKind::Generic(_)
            | EventKind::HistoryState(_)
            | EventKind::ContinueAsNew(_)
            | EventKind::ExecutionSuspended(_)
            | EventKind::ExecutionResumed(_)
            | EventKind::EntityOperationFailed(_)
            | EventKind::EntityLockRequested(_)
            | EventKind::EntityLockGranted(_)
            | EventKind::EntityUnlockSent(_)
            | EventKind::ExecutionRewound(_),
        ) => return Ok(()),
    };
    text.as_mut().map_or(Ok(()), visit)
}

/// Calls `visit` for each such text of an action, until it fails.
pub fn visit_action<E>(
    action: &mut Action,
    visit: &mut impl FnMut(&mut String) -> Result<(), E>,
) -> Result<(), E> {
    let text = match &mut action.kind {
        Some(ActionKind::ScheduleTask(action)) => &mut action.input,
        Some(ActionKind::CreateSubOrchestration(action)) => &mut action.input,
        Some(ActionKind::SendEvent(action)) => &mut action.data,
        Some(ActionKind::CompleteOrchestration(action)) => {
            for event in &mut action.carryover_events {
                visit_event(event, visit)?;
            }
            &mut action.result
        }
        Some(ActionKind::TerminateOrchestration(action)) => &mut action.reason,
        Some(ActionKind::SendEntityMessage(action)) => match &mut action.kind {
            Some(EntityMessage::EntityOperationSignaled(message)) => &mut message.input,
            Some(EntityMessage::EntityOperationCalled(message)) => &mut message.input,
            Some(EntityMessage::EntityLockRequested(_) | EntityMessage::EntityUnlockSent(_)) | None => {
                return Ok(());
            }
        },
        Some(ActionKind::CreateTimer(_) | ActionKind::RewindOrchestration(_)) | None => return Ok(()),
    };
    text.as_mut().map_or(Ok(()), visit)
}

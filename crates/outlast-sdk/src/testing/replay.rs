//! Code against a history that a real server has kept.
//!
//! The last turn of the history is played as new, everything before as past. The code fits if it asks for
//! every step that history has, and ends where history does.

use std::collections::BTreeMap;

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;

use super::history;
use crate::definition::OrchestrationCode;
use crate::failure::{FOREIGN_AWAIT, Failure, NON_DETERMINISM};
use crate::orchestration::{confirm, replay as code};
use crate::registry::Registry;

/// Runs an orchestration's code over a history and says whether it still fits.
///
/// The history is what `outlast instance history ID -o json` prints. Keep some of them beside the tests,
/// and a change that running instances would not survive is found before they meet it.
///
/// ```
/// # use outlast_sdk::{activity, orchestration, testing, ActivityContext, Context, Failure};
/// # #[activity]
/// # async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> { Ok(name) }
/// #[orchestration]
/// async fn greet(ctx: Context, name: String) -> Result<String, Failure> {
///     ctx.timer(std::time::Duration::from_secs(1)).await; // this is new
///     ctx.call(hello, name).await
/// }
///
/// let history = r#"{ "events": [
///     { "at": "2026-11-21T10:00:00Z", "kind": "OrchestratorStarted" },
///     { "at": "2026-11-21T10:00:00Z", "kind": "ExecutionStarted", "name": "greet", "value": "ann" },
///     { "at": "2026-11-21T10:00:00Z", "kind": "TaskScheduled", "task": 1, "name": "hello", "value": "ann" }
/// ] }"#;
/// let difference = testing::replay(greet, history).unwrap_err();
/// assert!(difference.message.starts_with("history has TaskScheduled 'hello' at step 1, the code asked for a timer"));
/// ```
///
/// # Errors
/// The first difference, or why the text is no history.
pub fn replay<O: OrchestrationCode>(orchestration: O, history: &str) -> Result<(), Failure> {
    let mut past = history::read(history)?;
    let is_begin = |event: &pb::HistoryEvent| matches!(event.event_type, Some(Event::OrchestratorStarted(_)));
    let Some(last) = past.iter().rposition(is_begin) else {
        return Err(Failure::new("InvalidHistory", "there is no turn in this history"));
    };
    let (confirmed, new) =
        past.split_off(last).into_iter().partition::<Vec<_>, _>(|event| event.event_id >= 0);
    let (end, new) = new.into_iter().partition::<Vec<_>, _>(is_end);
    // The name it was started under is not the code's business.
    let name = started_name(past.iter().chain(&new)).unwrap_or_else(|| orchestration.name().to_owned());
    let mut registry = Registry::default();
    registry.add_orchestration(name, O::run);
    let request = pb::OrchestratorRequest { past_events: past, new_events: new, ..Default::default() };
    let answer = code::run(&registry.orchestrations, request, String::new());
    compare(answer.actions, &confirmed, end.first())
}

fn is_end(event: &pb::HistoryEvent) -> bool {
    matches!(event.event_type, Some(Event::ExecutionCompleted(_)))
}

fn started_name<'a>(mut events: impl Iterator<Item = &'a pb::HistoryEvent>) -> Option<String> {
    events.find_map(|event| match &event.event_type {
        Some(Event::ExecutionStarted(started)) => Some(started.name.clone()),
        _ => None,
    })
}

fn compare(
    actions: Vec<pb::OrchestratorAction>,
    confirmed: &[pb::HistoryEvent],
    end: Option<&pb::HistoryEvent>,
) -> Result<(), Failure> {
    let mut asked: BTreeMap<i32, Action> = actions
        .into_iter()
        .filter_map(|action| Some((action.id, action.orchestrator_action_type?)))
        .collect();
    let last = asked.iter().find_map(|(id, action)| match action {
        Action::CompleteOrchestration(end) => Some((*id, end.clone())),
        _ => None,
    });
    if let Some((id, own)) = &last {
        let failure = own.failure_details.clone().map(|details| Failure::from_wire(Some(details)));
        if let Some(failure) = failure.filter(|it| it.kind == NON_DETERMINISM || it.kind == FOREIGN_AWAIT) {
            return Err(failure);
        }
        asked.remove(id);
    }
    for event in confirmed {
        if let Some(kind) = &event.event_type {
            confirm::compare(asked.remove(&event.event_id).as_ref(), event.event_id, kind, "")?;
        }
    }
    match (last, end) {
        (Some((_, own)), Some(end)) => compare_ends(&own, end),
        (None, None) => Ok(()),
        (Some(_), None) => {
            Err(Failure::new(NON_DETERMINISM, "the code comes to its end where history goes on"))
        }
        (None, Some(_)) => Err(Failure::new(NON_DETERMINISM, "history ends here, the code goes on")),
    }
}

/// Outputs and messages may change with the code; whether it fails, and with what kind of error, may not.
fn compare_ends(own: &pb::CompleteOrchestrationAction, end: &pb::HistoryEvent) -> Result<(), Failure> {
    let Some(Event::ExecutionCompleted(end)) = &end.event_type else { return Ok(()) };
    let kind = |details: &Option<pb::TaskFailureDetails>| match details {
        Some(details) => format!("the failure '{}'", details.error_type),
        None => "an output".to_owned(),
    };
    let (kept, found) = (kind(&end.failure_details), kind(&own.failure_details));
    if kept == found {
        return Ok(());
    }
    Err(Failure::new(NON_DETERMINISM, format!("history ends with {kept}, the code with {found}")))
}

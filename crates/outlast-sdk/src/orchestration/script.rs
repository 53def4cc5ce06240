//! Orchestrations against histories: each test plays the server, turn by turn.
//!
//! The scripted server confirms every action in order, as real ones do, and is asked for nothing else.

use std::collections::BTreeMap;
use std::future::Future;

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;
use pb::send_entity_message_action::EntityMessageType as Message;
use prost_types::Timestamp;

use super::call::Call;
use super::context::Context;
use super::{Function, replay};
use crate::definition::Named;
use crate::failure::Failure;
use crate::value;

/// Calls an activity by name, with any input and output.
#[track_caller]
pub(super) fn call<O>(ctx: &Context, name: &'static str, input: impl serde::Serialize) -> Call<O>
where
    O: serde::Serialize + serde::de::DeserializeOwned + 'static,
{
    ctx.call(Named::<serde_json::Value, O>::new(name), serde_json::to_value(input).unwrap())
}

/// A server with one instance.
pub(super) struct Script {
    pub(super) functions: BTreeMap<String, Function>,
    past: Vec<pb::HistoryEvent>,
    seconds: i64,
}

pub(super) fn functions<O, Fut>(
    code: impl Fn(Context, u32) -> Fut + Send + Sync + 'static,
) -> BTreeMap<String, Function>
where
    O: serde::Serialize,
    Fut: Future<Output = Result<O, Failure>> + 'static,
{
    let run: Function = Box::new(move |ctx, input| {
        let running = code(ctx, value::read(input.as_deref()).unwrap());
        Box::pin(async move { Ok(value::write(&running.await?)?) })
    });
    BTreeMap::from([("main".to_owned(), run)])
}

pub(super) fn event(event_id: i32, event_type: Event) -> pb::HistoryEvent {
    let timestamp = Some(Timestamp { seconds: 0, nanos: 0 });
    pb::HistoryEvent { event_id, timestamp, event_type: Some(event_type) }
}

pub(super) fn completed(task_scheduled_id: i32, result: &str) -> pb::HistoryEvent {
    event(-1, Event::TaskCompleted(pb::TaskCompletedEvent { task_scheduled_id, result: Some(result.into()) }))
}

pub(super) fn failed(task_scheduled_id: i32, failure: Failure) -> pb::HistoryEvent {
    let failure_details = Some(failure.into_wire());
    event(-1, Event::TaskFailed(pb::TaskFailedEvent { task_scheduled_id, failure_details }))
}

pub(super) fn fired(timer_id: i32) -> pb::HistoryEvent {
    event(-1, Event::TimerFired(pb::TimerFiredEvent { fire_at: None, timer_id }))
}

pub(super) fn raised(name: &str, input: &str) -> pb::HistoryEvent {
    event(-1, Event::EventRaised(pb::EventRaisedEvent { name: name.into(), input: Some(input.into()) }))
}

impl Script {
    /// Runs the first turn with input 7.
    pub(super) fn start<O, Fut>(
        code: impl Fn(Context, u32) -> Fut + Send + Sync + 'static,
    ) -> (Self, Vec<Action>)
    where
        O: serde::Serialize,
        Fut: Future<Output = Result<O, Failure>> + 'static,
    {
        let mut script = Self { functions: functions(code), past: Vec::new(), seconds: 0 };
        let started =
            pb::ExecutionStartedEvent { name: "main".into(), input: Some("7".into()), ..Default::default() };
        let actions = script.turn(vec![event(-1, Event::ExecutionStarted(started))]);
        (script, actions)
    }

    /// Runs one more turn and commits it.
    pub(super) fn turn(&mut self, inputs: Vec<pb::HistoryEvent>) -> Vec<Action> {
        self.seconds += 1;
        let mut orchestrator = event(-1, Event::OrchestratorStarted(pb::OrchestratorStartedEvent {}));
        orchestrator.timestamp = Some(Timestamp { seconds: self.seconds, nanos: 5 });
        let new: Vec<_> = std::iter::once(orchestrator).chain(inputs).collect();
        let request = pb::OrchestratorRequest {
            instance_id: "i".into(),
            execution_id: Some("e".into()),
            past_events: self.past.clone(),
            new_events: new.clone(),
            ..Default::default()
        };
        let response = replay::run(&self.functions, request, "token".into());
        assert_eq!(response.completion_token, "token");
        self.past.extend(new);
        self.past.extend(response.actions.iter().filter_map(confirmation));
        response.actions.into_iter().filter_map(|action| action.orchestrator_action_type).collect()
    }
}

pub(super) fn confirmation(action: &pb::OrchestratorAction) -> Option<pb::HistoryEvent> {
    let confirmed = match action.orchestrator_action_type.as_ref()? {
        Action::ScheduleTask(task) => {
            Event::TaskScheduled(pb::TaskScheduledEvent { name: task.name.clone(), ..Default::default() })
        }
        Action::CreateSubOrchestration(child) => {
            let name = child.name.clone();
            let created = pb::SubOrchestrationInstanceCreatedEvent { name, ..Default::default() };
            Event::SubOrchestrationInstanceCreated(created)
        }
        Action::CreateTimer(timer) => Event::TimerCreated(pb::TimerCreatedEvent { fire_at: timer.fire_at }),
        Action::SendEvent(sent) => {
            Event::EventSent(pb::EventSentEvent { name: sent.name.clone(), ..Default::default() })
        }
        Action::SendEntityMessage(message) => match message.entity_message_type.clone()? {
            Message::EntityOperationSignaled(it) => Event::EntityOperationSignaled(it),
            Message::EntityOperationCalled(it) => Event::EntityOperationCalled(it),
            Message::EntityLockRequested(it) => Event::EntityLockRequested(it),
            Message::EntityUnlockSent(it) => Event::EntityUnlockSent(it),
        },
        _ => return None,
    };
    Some(event(action.id, confirmed))
}

/// How the turn ended the orchestration: its status and either its result or its failure.
pub(super) fn end(actions: &[Action]) -> (pb::OrchestrationStatus, String) {
    let Some(Action::CompleteOrchestration(end)) = actions.last() else { panic!("goes on: {actions:?}") };
    let failure = end.failure_details.as_ref();
    let text = failure.map_or_else(
        || end.result.clone().unwrap_or_default(),
        |failure| format!("{}: {}", failure.error_type, failure.error_message),
    );
    (end.orchestration_status(), text)
}

pub(super) fn output(actions: &[Action]) -> String {
    let (status, text) = end(actions);
    assert_eq!(status, pb::OrchestrationStatus::Completed, "{text}");
    text
}

pub(super) fn failure(actions: &[Action]) -> String {
    let (status, text) = end(actions);
    assert_eq!(status, pb::OrchestrationStatus::Failed);
    text
}

pub(super) fn tasks(actions: &[Action]) -> Vec<&str> {
    actions.iter().filter_map(task_name).collect()
}

pub(super) fn task_name(action: &Action) -> Option<&str> {
    match action {
        Action::ScheduleTask(task) => Some(&task.name),
        Action::CreateTimer(_) => Some("(timer)"),
        _ => None,
    }
}

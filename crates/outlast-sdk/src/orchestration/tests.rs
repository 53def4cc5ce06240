//! Orchestrations against histories: each test plays the server, turn by turn.
//!
//! The scripted server confirms every action in order, as real ones do, and is asked for nothing else.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;
use prost_types::Timestamp;

use super::context::Context;
use super::join::{Either, all, select2};
use super::retry::Retry;
use super::{Function, replay};
use crate::failure::{FOREIGN_AWAIT, Failure, NON_DETERMINISM, PANIC};
use crate::value;

/// A server with one instance.
struct Script {
    functions: BTreeMap<String, Function>,
    past: Vec<pb::HistoryEvent>,
    seconds: i64,
}

fn functions<O, Fut>(code: impl Fn(Context, u32) -> Fut + Send + Sync + 'static) -> BTreeMap<String, Function>
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

fn event(event_id: i32, event_type: Event) -> pb::HistoryEvent {
    let timestamp = Some(Timestamp { seconds: 0, nanos: 0 });
    pb::HistoryEvent { event_id, timestamp, event_type: Some(event_type) }
}

fn completed(task_scheduled_id: i32, result: &str) -> pb::HistoryEvent {
    event(-1, Event::TaskCompleted(pb::TaskCompletedEvent { task_scheduled_id, result: Some(result.into()) }))
}

fn failed(task_scheduled_id: i32, failure: Failure) -> pb::HistoryEvent {
    let failure_details = Some(failure.into_wire());
    event(-1, Event::TaskFailed(pb::TaskFailedEvent { task_scheduled_id, failure_details }))
}

fn fired(timer_id: i32) -> pb::HistoryEvent {
    event(-1, Event::TimerFired(pb::TimerFiredEvent { fire_at: None, timer_id }))
}

fn raised(name: &str, input: &str) -> pb::HistoryEvent {
    event(-1, Event::EventRaised(pb::EventRaisedEvent { name: name.into(), input: Some(input.into()) }))
}

impl Script {
    /// Runs the first turn with input 7.
    fn start<O, Fut>(code: impl Fn(Context, u32) -> Fut + Send + Sync + 'static) -> (Self, Vec<Action>)
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
    fn turn(&mut self, inputs: Vec<pb::HistoryEvent>) -> Vec<Action> {
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

fn confirmation(action: &pb::OrchestratorAction) -> Option<pb::HistoryEvent> {
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
        _ => return None,
    };
    Some(event(action.id, confirmed))
}

/// How the turn ended the orchestration: its status and either its result or its failure.
fn end(actions: &[Action]) -> (pb::OrchestrationStatus, String) {
    let Some(Action::CompleteOrchestration(end)) = actions.last() else { panic!("goes on: {actions:?}") };
    let failure = end.failure_details.as_ref();
    let text = failure.map_or_else(
        || end.result.clone().unwrap_or_default(),
        |failure| format!("{}: {}", failure.error_type, failure.error_message),
    );
    (end.orchestration_status(), text)
}

fn output(actions: &[Action]) -> String {
    let (status, text) = end(actions);
    assert_eq!(status, pb::OrchestrationStatus::Completed, "{text}");
    text
}

fn failure(actions: &[Action]) -> String {
    let (status, text) = end(actions);
    assert_eq!(status, pb::OrchestrationStatus::Failed);
    text
}

fn tasks(actions: &[Action]) -> Vec<&str> {
    actions.iter().filter_map(task_name).collect()
}

fn task_name(action: &Action) -> Option<&str> {
    match action {
        Action::ScheduleTask(task) => Some(&task.name),
        Action::CreateTimer(_) => Some("(timer)"),
        _ => None,
    }
}

#[test]
fn calls_one_after_the_other_are_scheduled_one_by_one() {
    let (mut script, actions) = Script::start(async |ctx, input| {
        let first: u32 = ctx.call_activity("double", &input).await?;
        let second: u32 = ctx.call_activity("add", &(first, 1)).await?;
        Ok(second)
    });
    assert_eq!(tasks(&actions), ["double"]);
    assert_eq!(tasks(&script.turn(vec![completed(1, "14")])), ["add"]);
    assert_eq!(output(&script.turn(vec![completed(2, "15")])), "15");
}

#[test]
fn calls_made_before_the_first_await_run_side_by_side() {
    let (mut script, actions) = Script::start(async |ctx, input| {
        let calls: Vec<_> = (0..input).map(|n| ctx.call_activity::<u32>("part", &n)).collect();
        all(calls).await.into_iter().sum::<Result<u32, Failure>>()
    });
    assert_eq!(tasks(&actions).len(), 7);
    assert!(script.turn((2..=7).rev().map(|id| completed(id, "10")).collect()).is_empty());
    assert_eq!(output(&script.turn(vec![completed(1, "1")])), "61");
}

#[test]
fn event_before_timer_wins_and_timer_before_event_wins() {
    let code = async |ctx: Context, _| {
        let packed = ctx.wait_event::<String>("Packed");
        match select2(packed, ctx.timer(Duration::from_secs(60))).await {
            Either::First(who) => Ok(format!("packed by {}", who?)),
            Either::Second(()) => Ok("late".to_owned()),
        }
    };
    let (mut script, actions) = Script::start(code);
    let Action::CreateTimer(timer) = &actions[0] else { panic!("no timer") };
    assert_eq!(timer.fire_at, Some(Timestamp { seconds: 61, nanos: 5 }));
    assert_eq!(output(&script.turn(vec![raised("PACKED", "\"ann\""), fired(1)])), "\"packed by ann\"");
    let (mut script, _) = Script::start(code);
    assert_eq!(output(&script.turn(vec![fired(1), raised("packed", "\"ann\"")])), "\"late\"");
}

#[test]
fn event_that_came_early_is_received() {
    let (mut script, _) = Script::start(async |ctx, _| {
        ctx.timer(Duration::from_secs(1)).await;
        let first: u32 = ctx.wait_event("e").await?;
        let second: u32 = ctx.wait_event("E").await?;
        Ok((first, second))
    });
    assert!(script.turn(vec![raised("e", "1"), raised("E", "2")]).is_empty());
    assert_eq!(output(&script.turn(vec![fired(1)])), "[1,2]");
}

#[test]
fn failed_activity_is_retried_after_a_timer_with_one_idempotency_key() {
    let (mut script, actions) = Script::start(async |ctx, _| {
        let policy = Retry::new(3, Duration::from_secs(2));
        ctx.call_activity_with_retry::<u32>("charge", &1, policy).await
    });
    assert_eq!(tasks(&actions), ["charge"]);
    let actions = script.turn(vec![failed(1, Failure::from("busy"))]);
    let Action::CreateTimer(timer) = &actions[0] else { panic!("no timer") };
    assert_eq!(timer.fire_at, Some(Timestamp { seconds: 4, nanos: 5 }));
    let actions = script.turn(vec![fired(2)]);
    let Action::ScheduleTask(task) = &actions[0] else { panic!("no task") };
    assert_eq!((task.tags["outlast.attempt"].as_str(), task.tags["outlast.first-task"].as_str()), ("2", "1"));
    assert_eq!(tasks(&script.turn(vec![failed(3, Failure::from("busy"))])), ["(timer)"]);
    assert_eq!(tasks(&script.turn(vec![fired(4)])), ["charge"]);
    assert_eq!(failure(&script.turn(vec![failed(5, Failure::from("busy still"))])), "Error: busy still");
}

#[test]
fn failure_that_cannot_be_retried_is_not() {
    let (mut script, _) = Script::start(async |ctx, _| {
        ctx.call_activity_with_retry::<u32>("charge", &1, Retry::new(3, Duration::from_secs(2))).await
    });
    let declined = Failure::new("CardDeclined", "no funds").non_retriable();
    assert_eq!(failure(&script.turn(vec![failed(1, declined)])), "CardDeclined: no funds");
}

#[test]
fn changed_code_is_told_the_first_step_that_differs() {
    let (mut script, _) = Script::start(async |ctx, _| ctx.call_activity::<u32>("charge", &1).await);
    script.functions = functions(async |ctx, _| {
        ctx.timer(Duration::from_secs(1)).await;
        ctx.call_activity::<u32>("charge", &1).await
    });
    let text = failure(&script.turn(vec![completed(1, "1")]));
    let expected = format!("{NON_DETERMINISM}: at step 1 history has activity 'charge', the code made timer");
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn code_that_lost_a_step_is_told_so() {
    let (mut script, _) = Script::start(async |ctx, _| {
        let (first, second) = (ctx.call_activity::<u32>("a", &1), ctx.call_activity::<u32>("b", &1));
        Ok((first.await?, second.await?))
    });
    script.functions = functions(async |ctx, _| ctx.call_activity::<u32>("a", &1).await);
    let text = failure(&script.turn(vec![completed(1, "1")]));
    assert!(text.contains("at step 2 history has activity 'b', the code made no such step"), "{text}");
}

#[test]
fn code_that_ends_before_history_does_is_told_so() {
    let (mut script, _) = Script::start(async |ctx, _| ctx.call_activity::<u32>("a", &1).await);
    script.functions = functions(async |_, _| Ok(1));
    let text = failure(&script.turn(vec![completed(1, "1")]));
    assert!(text.contains("history goes on with step 1, activity 'a'"), "{text}");
}

#[test]
fn waiting_for_something_foreign_is_a_failure_that_says_so() {
    let (_, actions) = Script::start(async |_, _| {
        std::future::pending::<()>().await;
        Ok(())
    });
    assert!(failure(&actions).starts_with(FOREIGN_AWAIT));
}

#[test]
fn code_may_wake_itself() {
    let (_, actions) = Script::start(async |_, _| {
        let mut yielded = false;
        std::future::poll_fn(|poller| {
            if std::mem::replace(&mut yielded, true) {
                return std::task::Poll::Ready(());
            }
            poller.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        Ok(1)
    });
    assert_eq!(output(&actions), "1");
}

#[test]
fn panic_is_a_failure() {
    let (_, actions) = Script::start(async |_, input: u32| {
        assert!(input < 5, "too many: {input}");
        Ok(())
    });
    assert_eq!(failure(&actions), format!("{PANIC}: too many: 7"));
}

#[test]
fn time_and_ids_are_the_same_in_every_replay() {
    let (mut script, actions) = Script::start(async |ctx, _| {
        let (id, now) = (ctx.new_id(), ctx.now());
        let other = ctx.new_id();
        ctx.call_activity::<()>("note", &(&id, now, &other)).await?;
        assert!(ctx.now() > now);
        Ok((id, now, other))
    });
    let Action::ScheduleTask(task) = &actions[0] else { panic!("no task") };
    let first = task.input.clone().unwrap();
    let (id, _, other): (String, std::time::SystemTime, String) = serde_json::from_str(&first).unwrap();
    assert_ne!(id, other);
    assert_eq!((id.len(), id.as_bytes()[14], id.matches('-').count()), (36, b'8', 4));
    assert_eq!(output(&script.turn(vec![completed(1, "null")])), first);
}

#[test]
fn continue_as_new_takes_events_along_and_not_timers() {
    let (mut script, _) = Script::start(async |ctx, input: u32| {
        let _late = ctx.timer(Duration::from_secs(60));
        ctx.wait_event::<()>("go").await?;
        ctx.call_activity::<()>("audit", &input).await.ok();
        ctx.continue_as_new::<u32>(&(input + 1)).await
    });
    script.turn(vec![raised("b", "1"), raised("a", "2"), raised("go", "null"), raised("b", "3")]);
    let actions = script.turn(vec![completed(2, "null")]);
    assert_eq!(end(&actions), (pb::OrchestrationStatus::ContinuedAsNew, "8".to_owned()));
    let [Action::CompleteOrchestration(end)] = actions.as_slice() else { panic!("more than an end") };
    let carried: Vec<_> =
        end.carryover_events.iter().map(|event| event.event_type.clone().unwrap()).collect();
    let of = |event: &Event| match event {
        Event::EventRaised(raised) => format!("{}{}", raised.name, raised.input.clone().unwrap()),
        other => panic!("{other:?}"),
    };
    assert_eq!(carried.iter().map(of).collect::<Vec<_>>(), ["b1", "a2", "b3"]);
}

#[test]
fn calls_nobody_waits_for_are_made_with_the_end() {
    let (_, actions) = Script::start(async |ctx, _| {
        drop(ctx.call_activity::<()>("audit", &1));
        drop(ctx.timer(Duration::from_secs(1)));
        ctx.send_event("other", "done", &1)?;
        Ok(1)
    });
    assert_eq!(tasks(&actions), ["audit"]);
    assert!(matches!(actions[1], Action::SendEvent(_)));
    assert_eq!(output(&actions), "1");
}

#[test]
fn termination_ends_with_the_output_given() {
    let (mut script, _) = Script::start(async |ctx, _| ctx.call_activity::<u32>("a", &1).await);
    let terminated = pb::ExecutionTerminatedEvent { input: Some("\"why\"".into()), recurse: true };
    let actions = script.turn(vec![event(-1, Event::ExecutionTerminated(terminated))]);
    assert_eq!(end(&actions), (pb::OrchestrationStatus::Terminated, "\"why\"".to_owned()));
}

#[test]
fn suspended_code_sees_results_when_it_is_resumed() {
    let (mut script, _) = Script::start(async |ctx, _| {
        let first: u32 = ctx.call_activity("a", &1).await?;
        ctx.call_activity::<u32>("b", &first).await
    });
    let suspended = event(-1, Event::ExecutionSuspended(pb::ExecutionSuspendedEvent { input: None }));
    assert!(script.turn(vec![suspended, completed(1, "1")]).is_empty());
    let resumed = event(-1, Event::ExecutionResumed(pb::ExecutionResumedEvent { input: None }));
    assert_eq!(tasks(&script.turn(vec![resumed])), ["b"]);
    assert_eq!(output(&script.turn(vec![completed(2, "2")])), "2");
}

#[test]
fn second_result_of_a_task_changes_nothing() {
    let (mut script, _) = Script::start(async |ctx, _| {
        let first: u32 = ctx.call_activity("a", &1).await?;
        ctx.call_activity::<u32>("b", &first).await
    });
    assert_eq!(tasks(&script.turn(vec![completed(1, "1"), completed(1, "9"), completed(77, "9")])), ["b"]);
    assert_eq!(output(&script.turn(vec![completed(2, "2")])), "2");
}

#[test]
fn unknown_orchestration_is_a_failure() {
    let (mut script, _) = Script::start(async |ctx, _| ctx.call_activity::<u32>("a", &1).await);
    script.functions.clear();
    assert!(failure(&script.turn(vec![completed(1, "1")])).starts_with("OrchestratorTaskNotFound"));
}

#[test]
fn custom_status_and_sub_orchestration_reach_the_server() {
    let code = functions(async |ctx, input: u32| {
        ctx.set_custom_status(&format!("working on {input}"));
        ctx.call_sub_orchestration_as::<u32>("child-1", "child", &input).await
    });
    let started =
        pb::ExecutionStartedEvent { name: "main".into(), input: Some("7".into()), ..Default::default() };
    let request = pb::OrchestratorRequest {
        new_events: vec![event(-1, Event::ExecutionStarted(started))],
        ..Default::default()
    };
    let response = replay::run(&code, request, String::new());
    assert_eq!(response.custom_status.as_deref(), Some("\"working on 7\""));
    let Some(Action::CreateSubOrchestration(child)) = &response.actions[0].orchestrator_action_type else {
        panic!("no child")
    };
    assert_eq!((child.instance_id.as_str(), response.actions[0].id), ("child-1", 1));
}

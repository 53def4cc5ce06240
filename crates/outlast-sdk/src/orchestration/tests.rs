//! What orchestration code may do, each test playing the server turn by turn.

use std::time::Duration;

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;
use prost_types::Timestamp;

use super::context::Context;
use super::join::{Either, all, first, select2};
use super::replay;
use super::retry::Retry;
use super::script::{
    Script, call, completed, end, event, failed, failure, fired, functions, output, raised, tasks,
};
use crate::definition::Named;
use crate::event::Event as External;
use crate::failure::{FOREIGN_AWAIT, Failure, NON_DETERMINISM, PANIC};

#[test]
fn calls_one_after_the_other_are_scheduled_one_by_one() {
    let (mut script, actions) = Script::start(async |ctx, input| {
        let first: u32 = call(&ctx, "double", input).await?;
        let second: u32 = call(&ctx, "add", (first, 1)).await?;
        Ok(second)
    });
    assert_eq!(tasks(&actions), ["double"]);
    assert_eq!(tasks(&script.turn(vec![completed(1, "14")])), ["add"]);
    assert_eq!(output(&script.turn(vec![completed(2, "15")])), "15");
}

#[test]
fn calls_made_before_the_first_await_run_side_by_side() {
    let (mut script, actions) = Script::start(async |ctx, input| {
        let calls: Vec<_> = (0..input).map(|n| call::<u32>(&ctx, "part", n)).collect();
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
        call::<u32>(&ctx, "charge", 1).retry(policy).await
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
        call::<u32>(&ctx, "charge", 1).retry(Retry::new(3, Duration::from_secs(2))).await
    });
    let declined = Failure::new("CardDeclined", "no funds").non_retriable();
    assert_eq!(failure(&script.turn(vec![failed(1, declined)])), "CardDeclined: no funds");
}

#[test]
fn changed_code_is_told_the_first_step_that_differs() {
    let (mut script, _) = Script::start(async |ctx, _| call::<u32>(&ctx, "charge", 1).await);
    script.functions = functions(async |ctx, _| {
        ctx.timer(Duration::from_secs(1)).await;
        call::<u32>(&ctx, "charge", 1).await
    });
    let text = failure(&script.turn(vec![completed(1, "1")]));
    let expected = format!(
        "{NON_DETERMINISM}: history has TaskScheduled 'charge' at step 1, the code asked for a timer at "
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn code_that_lost_a_step_is_told_so() {
    let (mut script, _) = Script::start(async |ctx, _| {
        let (first, second) = (call::<u32>(&ctx, "a", 1), call::<u32>(&ctx, "b", &1));
        Ok((first.await?, second.await?))
    });
    script.functions = functions(async |ctx, _| call::<u32>(&ctx, "a", 1).await);
    let text = failure(&script.turn(vec![completed(1, "1")]));
    assert!(
        text.contains("history has TaskScheduled 'b' at step 2, the code asked for no such step, its last"),
        "{text}"
    );
}

#[test]
fn code_that_ends_before_history_does_is_told_so() {
    let (mut script, _) = Script::start(async |ctx, _| call::<u32>(&ctx, "a", 1).await);
    script.functions = functions(async |_, _| Ok(1));
    let text = failure(&script.turn(vec![completed(1, "1")]));
    assert!(text.contains("history goes on with TaskScheduled 'a' at step 1"), "{text}");
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
        call::<()>(&ctx, "note", (&id, now, &other)).await?;
        assert!(ctx.now() > now);
        Ok((id, now, other))
    });
    let Action::ScheduleTask(task) = &actions[0] else { panic!("no task") };
    let first = task.input.clone().unwrap();
    let (id, _, other): (String, std::time::SystemTime, String) = serde_json::from_str(&first).unwrap();
    assert_ne!(id, other);
    assert_eq!((id.len(), id.as_bytes()[14], id.matches('-').count()), (36, b'8', 4));
    let again: serde_json::Value =
        serde_json::from_str(&output(&script.turn(vec![completed(1, "null")]))).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(&first).unwrap());
}

#[test]
fn continue_as_new_takes_events_along_and_not_timers() {
    let (mut script, _) = Script::start(async |ctx, input: u32| {
        let _late = ctx.timer(Duration::from_secs(60));
        ctx.wait_event::<()>("go").await?;
        call::<()>(&ctx, "audit", input).await.ok();
        ctx.continue_as_new::<u32, Failure>(input + 1).await
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
fn events_that_came_with_the_last_one_go_along_too() {
    let (mut script, _) = Script::start(async |ctx, input: u32| {
        let step: u32 = ctx.wait_event("go").await?;
        ctx.continue_as_new::<u32, Failure>(input + step).await
    });
    let actions = script.turn(vec![raised("go", "1"), raised("go", "2"), raised("go", "3")]);
    let [Action::CompleteOrchestration(end)] = actions.as_slice() else { panic!("more than an end") };
    assert_eq!(end.carryover_events.len(), 2);
}

#[test]
fn calls_nobody_waits_for_are_made_with_the_end() {
    let (_, actions) = Script::start(async |ctx, _| {
        drop(call::<()>(&ctx, "audit", 1));
        drop(ctx.timer(Duration::from_secs(1)));
        ctx.send_event("other", "done", 1)?;
        Ok(1)
    });
    assert_eq!(tasks(&actions), ["audit"]);
    assert!(matches!(actions[1], Action::SendEvent(_)));
    assert_eq!(output(&actions), "1");
}

#[test]
fn termination_ends_with_the_output_given() {
    let (mut script, _) = Script::start(async |ctx, _| call::<u32>(&ctx, "a", 1).await);
    let terminated = pb::ExecutionTerminatedEvent { input: Some("\"why\"".into()), recurse: true };
    let actions = script.turn(vec![event(-1, Event::ExecutionTerminated(terminated))]);
    assert_eq!(end(&actions), (pb::OrchestrationStatus::Terminated, "\"why\"".to_owned()));
}

#[test]
fn suspended_code_sees_results_when_it_is_resumed() {
    let (mut script, _) = Script::start(async |ctx, _| {
        let first: u32 = call(&ctx, "a", 1).await?;
        call::<u32>(&ctx, "b", first).await
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
        let first: u32 = call(&ctx, "a", 1).await?;
        call::<u32>(&ctx, "b", first).await
    });
    assert_eq!(tasks(&script.turn(vec![completed(1, "1"), completed(1, "9"), completed(77, "9")])), ["b"]);
    assert_eq!(output(&script.turn(vec![completed(2, "2")])), "2");
}

#[test]
fn unknown_orchestration_is_a_failure() {
    let (mut script, _) = Script::start(async |ctx, _| call::<u32>(&ctx, "a", 1).await);
    script.functions.clear();
    assert!(failure(&script.turn(vec![completed(1, "1")])).starts_with("OrchestratorTaskNotFound"));
}

#[test]
fn custom_status_and_sub_orchestration_reach_the_server() {
    let code = functions(async |ctx, input: u32| {
        ctx.set_custom_status(format!("working on {input}"));
        ctx.sub_orchestration(Named::<u32, u32>::new("child"), input).id("child-1").await
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

#[test]
fn combinators_of_others_work_and_draw_no_lots() {
    let (mut script, actions) = Script::start(async |ctx, _| {
        let (a, b) = tokio::join!(call::<u32>(&ctx, "a", 1), call::<u32>(&ctx, "b", 2));
        let (slow, fast) = (call::<u32>(&ctx, "slow", 3), call::<u32>(&ctx, "fast", 4));
        tokio::select! {
            biased;
            slow = slow => Ok((a?, b?, slow?)),
            fast = fast => Ok((a?, b?, fast? + 100)),
        }
    });
    assert_eq!(tasks(&actions), ["a", "b"]);
    assert_eq!(tasks(&script.turn(vec![completed(2, "2"), completed(1, "1")])), ["slow", "fast"]);
    assert_eq!(output(&script.turn(vec![completed(4, "4"), completed(3, "3")])), "[1,2,104]");
}

#[test]
fn first_of_many_is_the_first_in_history() {
    let (mut script, _) = Script::start(async |ctx, _| {
        let calls: Vec<_> = ["a", "b", "c"].map(|name| call::<u32>(&ctx, name, 1)).into();
        let (number, output) = first(calls).await;
        Ok((number, output?))
    });
    assert_eq!(output(&script.turn(vec![completed(3, "30"), completed(1, "10")])), "[2,30]");
}

#[test]
fn an_event_in_time_ends_a_timeout_and_so_does_the_time() {
    const PAID: External<u32> = External::new("paid");
    let code = async |ctx: Context, _| match ctx.timeout(Duration::from_secs(9), ctx.wait_event(PAID)).await {
        Ok(cents) => Ok(cents?),
        Err(elapsed) => Err(elapsed.into()),
    };
    let (mut script, _) = Script::start(code);
    assert_eq!(output(&script.turn(vec![raised("Paid", "5"), fired(1)])), "5");
    let (mut script, _) = Script::start(code);
    assert!(failure(&script.turn(vec![fired(1), raised("Paid", "5")])).starts_with("Elapsed"));
}

#[test]
fn sleeping_in_the_runtime_is_a_failure_that_says_what_to_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let (_, actions) = Script::start(async |ctx, _| {
        drop(call::<u32>(&ctx, "a", 1));
        tokio::select! {
            biased;
            () = ctx.timer(Duration::from_secs(1)) => {}
            () = tokio::time::sleep_until(tokio::time::Instant::now()) => {}
        }
        Ok(())
    });
    let text = failure(&actions);
    assert!(text.starts_with(FOREIGN_AWAIT) && text.contains("tests.rs:"), "{text}");
}

#[test]
fn a_place_in_the_code_is_named_when_code_and_history_differ() {
    let (mut script, _) = Script::start(async |ctx, _| call::<u32>(&ctx, "a", 1).await);
    script.functions = functions(async |ctx, _| call::<u32>(&ctx, "b", 1).await);
    let text = failure(&script.turn(vec![completed(1, "1")]));
    assert!(text.contains("the code asked for activity 'b' at ") && text.contains("tests.rs:"), "{text}");
}

#[test]
fn code_is_patched_where_history_has_not_gone_the_old_way() {
    let old = async |ctx: Context, _| call::<u32>(&ctx, "charge", 1).await;
    let new = async |ctx: Context, _| {
        if ctx.patched("fraud") {
            call::<u32>(&ctx, "check", 1).await?;
        }
        call::<u32>(&ctx, "charge", 1).await
    };
    let deprecated = async |ctx: Context, _| {
        ctx.deprecate_patch("fraud");
        call::<u32>(&ctx, "check", 1).await?;
        call::<u32>(&ctx, "charge", 1).await
    };
    let (mut script, _) = Script::start(old);
    script.functions = functions(new);
    assert_eq!(output(&script.turn(vec![completed(1, "1")])), "1");
    let (mut script, actions) = Script::start(new);
    assert!(matches!(&actions[0], Action::SendEvent(mark) if mark.name == "outlast.patch/fraud"));
    assert_eq!(tasks(&actions), ["check"]);
    let actions = script.turn(vec![raised("outlast.patch/fraud", "null"), completed(2, "0")]);
    assert_eq!(tasks(&actions), ["charge"]);
    script.functions = functions(deprecated);
    assert_eq!(output(&script.turn(vec![completed(3, "7")])), "7");
}

#[test]
fn code_logs_nothing_while_it_replays() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static LOGGED: AtomicU32 = AtomicU32::new(0);
    struct Count;
    impl tracing::Subscriber for Count {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            LOGGED.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    tracing::subscriber::with_default(Count, || {
        let (mut script, _) = Script::start(async |ctx, _| {
            tracing::info!("begins");
            call::<u32>(&ctx, "a", 1).await?;
            tracing::info!("goes on");
            call::<u32>(&ctx, "b", 1).await
        });
        script.turn(vec![completed(1, "1")]);
        script.turn(vec![completed(2, "1")]);
    });
    assert_eq!(LOGGED.load(Ordering::Relaxed), 2);
}

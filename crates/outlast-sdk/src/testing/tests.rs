//! The hub in memory, from the side of those who test with it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{TestHub, replay};
use crate::{
    ActivityContext, Context, Ended, EntityId, Event, Failure, Retry, activity, all, entity, first,
    orchestration,
};

const GO: Event<u32> = Event::new("go");

#[activity]
async fn double(_: ActivityContext, number: u32) -> Result<u32, Failure> {
    Ok(number * 2)
}

#[activity]
async fn shaky(ctx: ActivityContext) -> Result<u32, Failure> {
    match ctx.attempt() {
        Some(attempt @ 3..) => Ok(attempt),
        _ => Err(Failure::new("Shaky", "not yet")),
    }
}

#[orchestration]
async fn sum(ctx: Context, numbers: Vec<u32>) -> Result<u32, Failure> {
    ctx.set_custom_status("adding");
    all(numbers.into_iter().map(|number| ctx.call(double, number))).await.into_iter().sum()
}

#[orchestration]
async fn patient(ctx: Context) -> Result<(u32, u32), Failure> {
    let tried = ctx.call(shaky, ()).retry(Retry::new(5, Duration::from_secs(3600))).await?;
    let summed = ctx.sub_orchestration(sum, vec![1, 2, 3]).await?;
    Ok((tried, summed))
}

#[tokio::test]
async fn retries_and_children_take_no_time() {
    let mut hub = TestHub::new().orchestration(patient).orchestration(sum).activity(shaky).activity(double);
    let before = hub.now();
    let run = hub.start(patient, ());
    assert_eq!(hub.finish(&run).await, Ended::Completed((3, 12)));
    let hours = hub.now().duration_since(before).unwrap().as_secs() / 3600;
    assert_eq!((hours, hub.inputs_of(double)), (2, vec![1, 2, 3]));
}

#[orchestration]
async fn count(ctx: Context, so_far: u32) -> Result<u32, Failure> {
    let step = ctx.wait_event(GO).await?;
    if so_far + step >= 10 { Ok(so_far + step) } else { ctx.continue_as_new(so_far + step).await }
}

#[tokio::test]
async fn events_survive_generations() {
    let mut hub = TestHub::new().orchestration(count);
    let run = hub.start(count, 0);
    for step in [1, 2, 3, 4] {
        hub.raise(&run, GO, step);
    }
    assert_eq!(hub.finish(&run).await, Ended::Completed(10));
}

#[tokio::test]
#[should_panic(expected = "count-1 waits for ever for the event 'go'")]
async fn waiting_for_what_never_comes_is_told() {
    let mut hub = TestHub::new().orchestration(count);
    hub.run(count, 0).await;
}

#[orchestration]
async fn race(ctx: Context) -> Result<usize, Failure> {
    Ok(first([1, 2, 3].map(|number| ctx.call(double, number))).await.0)
}

#[tokio::test]
async fn seeds_try_the_orders() {
    let mut winners = BTreeSet::new();
    for seed in 0..50 {
        let mut hub = TestHub::new().seed(seed).orchestration(race).activity(double);
        winners.insert(hub.run(race, ()).await.output().unwrap());
    }
    assert_eq!(winners.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[derive(Default, Serialize, Deserialize)]
struct Account {
    cents: i64,
}

#[entity]
impl Account {
    fn add(&mut self, cents: i64) -> i64 {
        self.cents += cents;
        self.cents
    }
}

#[orchestration]
async fn transfer(ctx: Context, cents: i64) -> Result<bool, Failure> {
    let _guard = ctx.lock(["ann", "bob"].map(EntityId::of::<Account>)).await;
    if ctx.entity::<Account>("ann").add(0).await? < cents {
        return Ok(false);
    }
    ctx.entity::<Account>("ann").add(-cents).await?;
    ctx.entity::<Account>("bob").add(cents).await?;
    ctx.signal_at::<Account>("taxes", ctx.now() + Duration::from_secs(60)).add(1);
    Ok(true)
}

#[orchestration]
async fn deposit(ctx: Context, cents: i64) -> Result<i64, Failure> {
    ctx.entity::<Account>("ann").add(cents).await
}

#[tokio::test]
async fn locked_accounts_are_never_overdrawn_in_any_order() {
    for seed in 0..30 {
        let mut hub =
            TestHub::new().seed(seed).orchestration(transfer).orchestration(deposit).entity::<Account>();
        hub.run(deposit, 100).await.output().unwrap();
        let runs: Vec<_> = (0..3).map(|_| hub.start(transfer, 60)).collect();
        let mut done = 0;
        for run in &runs {
            done += u32::from(hub.finish(run).await.output().unwrap());
        }
        assert_eq!(done, 1, "seed {seed}");
        hub.advance(Duration::from_secs(60)).await;
        let cents = |key: &str| hub.state_of::<Account>(key).map(|account| account.cents);
        assert_eq!((cents("ann"), cents("bob"), cents("taxes")), (Some(40), Some(60), Some(1)));
    }
}

#[tokio::test]
async fn code_that_is_not_deterministic_is_found_out() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static FLIP: AtomicBool = AtomicBool::new(false);
    #[orchestration]
    async fn flips(ctx: Context) -> Result<u32, Failure> {
        if FLIP.fetch_xor(true, Ordering::Relaxed) {
            ctx.timer(Duration::from_secs(1)).await;
        }
        ctx.call(double, 1).await
    }
    let mut hub = TestHub::new().orchestration(flips).activity(double);
    let failure = hub.run(flips, ()).await.output().unwrap_err();
    assert_eq!(failure.kind, crate::NON_DETERMINISM);
}

/// What the command line prints of an orchestration that has called `double` and waited a second.
const HISTORY: &str = r#"{ "schema": 1, "events": [
    { "number": 1, "at": "2026-11-21T10:00:00.000001Z", "kind": "OrchestratorStarted" },
    { "number": 2, "at": "2026-11-21T10:00:00Z", "kind": "ExecutionStarted", "name": "waits", "value": 4 },
    { "number": 3, "at": "2026-11-21T10:00:00Z", "kind": "TaskScheduled", "task": 1, "name": "double", "value": 4 },
    { "number": 4, "at": "2026-11-21T10:00:01Z", "kind": "OrchestratorStarted" },
    { "number": 5, "at": "2026-11-21T10:00:01Z", "kind": "TaskCompleted", "task": 1, "value": 8 },
    { "number": 6, "at": "2026-11-21T10:00:01Z", "kind": "TimerCreated", "task": 2, "fire_at": "2026-11-21T10:00:02Z" },
    { "number": 7, "at": "2026-11-21T10:00:02Z", "kind": "OrchestratorStarted" },
    { "number": 8, "at": "2026-11-21T10:00:02Z", "kind": "TimerFired", "task": 2, "fire_at": "2026-11-21T10:00:02Z" },
    { "number": 9, "at": "2026-11-21T10:00:02Z", "kind": "ExecutionCompleted", "value": 8 }
] }"#;

#[orchestration]
async fn waits(ctx: Context, number: u32) -> Result<u32, Failure> {
    let doubled = ctx.call(double, number).await?;
    ctx.timer(Duration::from_secs(1)).await;
    Ok(doubled)
}

#[orchestration]
async fn waits_no_more(ctx: Context, number: u32) -> Result<u32, Failure> {
    ctx.call(double, number).await
}

#[orchestration]
async fn waits_twice(ctx: Context, number: u32) -> Result<u32, Failure> {
    let doubled = ctx.call(double, number).await?;
    ctx.timer(Duration::from_secs(1)).await;
    ctx.timer(Duration::from_secs(1)).await;
    Ok(doubled)
}

#[test]
fn a_kept_history_tells_whether_code_still_fits() {
    replay(waits, HISTORY).unwrap();
    let message = replay(waits_no_more, HISTORY).unwrap_err().message;
    assert!(message.starts_with("history goes on with TimerCreated at step 2"), "{message}");
    assert_eq!(replay(waits_twice, HISTORY).unwrap_err().message, "history ends here, the code goes on");
    assert_eq!(replay(waits, "{}").unwrap_err().kind, "InvalidHistory");
    let message = replay(sum, HISTORY).unwrap_err().message;
    assert_eq!(message, "history ends with an output, the code with the failure 'Serialization'");
}

#[test]
fn a_history_that_is_cut_off_is_judged_as_far_as_it_goes() {
    let mut lines: Vec<&str> = HISTORY.lines().collect();
    lines.truncate(7);
    let cut = lines.join("\n").trim_end_matches(',').to_owned() + "] }";
    replay(waits, &cut).unwrap();
    assert!(replay(sum, &cut).is_err());
}

#[activity]
async fn name_of_shop(ctx: ActivityContext) -> Result<String, Failure> {
    Ok(ctx.resource::<String>().to_string())
}

#[orchestration]
async fn asks(ctx: Context) -> Result<String, Failure> {
    ctx.call(name_of_shop, ()).await
}

#[tokio::test]
async fn an_activity_gets_what_the_worker_was_given_and_says_what_it_was_not() {
    let with = TestHub::new().resource("Pens & Ink".to_owned());
    let mut hub = with.orchestration(asks).activity(name_of_shop);
    assert_eq!(hub.run(asks, ()).await.output().unwrap(), "Pens & Ink");
    let mut hub = TestHub::new().orchestration(asks).activity(name_of_shop);
    let failure = hub.run(asks, ()).await.output().unwrap_err();
    assert_eq!(failure.kind, crate::PANIC);
    assert!(failure.message.contains("give it one with resource()"), "{failure}");
}

#[tokio::test]
async fn a_mock_stands_for_an_activity_and_for_a_sub_orchestration() {
    let hub = TestHub::new().orchestration(patient).mock(shaky, |()| Ok(7));
    let mut hub = hub.mock_orchestration(sum, |numbers| Ok(numbers.len().try_into().unwrap()));
    assert_eq!(hub.run(patient, ()).await, Ended::Completed((7, 3)));
}

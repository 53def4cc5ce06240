//! The Rust SDK against the real server: what its own tests can only play.
//!
//! Not here: the samples (`samples`), and orders through kills (`outlast demo`). Worker and client are in
//! this process; the server is not.

use std::future::Future;
use std::time::Duration;

use outlast_sdk::testing::replay;
use outlast_sdk::{
    ActivityContext, Client, Context, Ended, Event, Failure, Query, Retry, Running, Status, Worker, activity,
    entity, orchestration,
};
use serde::{Deserialize, Serialize};

use crate::scratch::Scratch;
use crate::server::Server;

const DEADLINE: Duration = Duration::from_secs(60);
const HUB: &str = "default";
const GO: Event<u32> = Event::new("go");

/// Why something is not sold.
#[derive(Debug, PartialEq, thiserror::Error, Failure)]
enum Shop {
    #[error("{missing} of {what} are missing")]
    #[failure(non_retriable)]
    SoldOut { what: String, missing: u64 },
    #[error(transparent)]
    Other(Failure),
}

#[activity]
async fn sell(_: ActivityContext, what: String) -> Result<u64, Shop> {
    Err(Shop::SoldOut { what, missing: u64::MAX })
}

#[orchestration]
async fn order(ctx: Context, what: String) -> Result<u64, Shop> {
    ctx.set_custom_status("asking");
    ctx.call(sell, what).retry(Retry::new(5, Duration::from_secs(3600))).await
}

#[orchestration]
async fn customer(ctx: Context, what: String) -> Result<u64, Shop> {
    ctx.sub_orchestration(order, what).id(format!("{}-order", ctx.instance_id())).await
}

#[orchestration]
async fn patient(ctx: Context, goes: u32) -> Result<(u32, String, u64), Failure> {
    let (id, number) = (ctx.new_id(), ctx.random());
    if ctx.patched("counts") {
        ctx.set_custom_status("counting");
    }
    let mut sum = 0;
    for _ in 0..goes {
        sum += ctx.timeout(DEADLINE, ctx.wait_event(GO)).await??;
    }
    assert_eq!((ctx.version_at_least("2.1"), ctx.version_at_least("2.11")), (true, false));
    Ok((sum, id, number))
}

#[orchestration]
async fn counts(ctx: Context, so_far: u32) -> Result<u32, Failure> {
    let sum = so_far + ctx.wait_event(GO).await?;
    if sum >= 10 { Ok(sum) } else { ctx.continue_as_new(sum).await }
}

#[activity]
async fn step(_: ActivityContext, number: u32) -> Result<u32, Failure> {
    Ok(number)
}

/// Comes to the sum of what its steps came to.
#[orchestration]
async fn steps(ctx: Context, count: u32) -> Result<u32, Failure> {
    let mut sum = 0;
    for number in 1..=count {
        sum += ctx.call(step, number).await?;
        ctx.set_custom_status(number);
    }
    Ok(sum)
}

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    value: i64,
}

#[entity]
impl Counter {
    fn add(&mut self, amount: i64) -> i64 {
        self.value += amount;
        self.value
    }
}

/// Runs a worker and a client of a fresh server around the body.
fn with<F: Future<Output = Result<(), outlast_sdk::Error>>>(
    body: impl FnOnce(Client) -> F,
) -> (Server, Scratch) {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.join("data"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        let worker = worker(&server, HUB).await;
        body(Client::new(&server.grpc()).expect("the address is one")).await.expect("the server answers");
        worker.stop().await;
    });
    (server, scratch)
}

async fn worker(server: &Server, hub: &str) -> Running {
    let worker = Worker::new(server.grpc())
        .task_hub(hub)
        .orchestration(customer)
        .orchestration(order)
        .orchestration(patient)
        .orchestration(counts)
        .orchestration(steps)
        .activity(sell)
        .activity(step)
        .entity::<Counter>();
    let running = worker.start().expect("the address is one");
    running.connected().await;
    running
}

#[test]
fn an_error_enum_comes_through_a_child_to_the_client_as_it_was() {
    with(async |client| {
        let ended = client.start(customer, "pens").id("ann").await?.wait(DEADLINE).await?;
        let sold_out = Shop::SoldOut { what: "pens".to_owned(), missing: u64::MAX };
        assert_eq!(ended, Ended::Failed(sold_out));
        let order = client.get("ann-order").await?.expect("the child has the id it was given");
        assert_eq!((order.parent_id.as_deref(), order.status), (Some("ann"), Status::Failed));
        assert_eq!(order.custom_status::<String>()?, "asking");
        let attempts = client.history("ann-order").await?;
        assert_eq!(attempts.iter().filter(|step| step.kind == "TaskScheduled").count(), 1);
        Ok(())
    });
}

#[test]
fn a_history_that_was_printed_says_whether_code_still_fits() {
    let (server, _scratch) = with(async |client| {
        client.start(order, "pens").id("kept").await?.wait(DEADLINE).await?;
        client.start(customer, "ink").id("bob").await?.wait(DEADLINE).await?;
        Ok(())
    });
    let printed = |id: &str| server.ask(&["instance", "history", id]).to_string();
    replay(order, &printed("kept")).expect("the code is the same");
    replay(customer, &printed("bob")).expect("the code is the same");
    let message = replay(counts, &printed("kept")).expect_err("the code is another one").message;
    let expected = "history ends with the failure 'Shop::SoldOut', the code with the failure 'Serialization'";
    assert_eq!(message, expected);
}

#[test]
fn ids_patches_and_versions_are_the_same_in_every_replay() {
    with(async |client| {
        let run = client.start(patient, 3).version("2.2").tag("customer", "ann").await?;
        for go in [1, 2, 3] {
            client.raise(run.id(), GO, go).await?;
        }
        let Ended::Completed((sum, id, _)) = run.wait(DEADLINE).await? else { panic!("it failed") };
        assert_eq!((sum, id.len()), (6, 36));
        let instance = run.get().await?.expect("it is there");
        assert_eq!(instance.custom_status::<String>()?, "counting");
        assert_eq!(instance.tags.get("customer").map(String::as_str), Some("ann"));
        Ok(())
    });
}

#[test]
fn events_raised_at_once_survive_every_generation() {
    with(async |client| {
        let run = client.start(counts, 0).await?;
        for go in [1, 2, 3, 4] {
            client.raise(run.id(), GO, go).await?;
        }
        assert_eq!(run.wait(DEADLINE).await?, Ended::Completed(10));
        Ok(())
    });
}

#[test]
fn instances_are_found_ended_and_purged() {
    with(async |client| {
        for number in 0..5 {
            client.start(counts, 0).id(format!("many-{number}")).await?;
        }
        let many = Query::new().id_prefix("many-");
        assert_eq!(client.list(&many).await?.len(), 5);
        client.terminate("many-3", "enough").await?;
        let ended = client.handle(counts, "many-3").wait(DEADLINE).await?;
        assert_eq!(ended, Ended::Terminated(Some("enough".into())));
        let terminated = client.list(&many.clone().status(Status::Terminated)).await?;
        assert_eq!(terminated.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["many-3"]);
        assert_eq!(client.purge_all(&Query::new().status(Status::Terminated)).await?, 1);
        assert_eq!(client.list(&many.limit(3)).await?.len(), 3);
        let again = client.start(counts, 0).id("many-0").await.expect_err("the id is in use");
        assert_eq!(again.code(), "ALREADY_EXISTS");
        Ok(())
    });
}

/// Twenty orchestrations of many steps, the server killed twice under a worker on the stream of lists:
/// answers are on their way when it breaks.
fn steps_survive_kills(server: &mut Server, hub: &str) {
    const COUNT: u32 = 200;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        let worker = worker(server, hub).await;
        let client = Client::new(&server.grpc()).expect("the address is one");
        let client = client.task_hub(hub).expect("the hub's name is one");
        for number in 0..20 {
            client.start(steps, COUNT).id(format!("steps-{number}")).await.expect("it starts");
        }
        for kills in 1..=2 {
            let begun = async || {
                let instance = client.get("steps-0").await.ok()??;
                let step = instance.custom_status::<u32>().unwrap_or_default();
                (instance.status == Status::Completed || step >= kills * COUNT / 4).then_some(())
            };
            let deadline = std::time::Instant::now() + DEADLINE;
            while begun().await.is_none() {
                assert!(std::time::Instant::now() < deadline, "it does not go on before kill {kills}");
                tokio::task::yield_now().await;
            }
            server.kill_and_restart();
        }
        for number in 0..20 {
            let run = client.handle(steps, format!("steps-{number}"));
            let ended = run.wait(DEADLINE).await.expect("it ends");
            assert_eq!(ended, Ended::Completed(COUNT * (COUNT + 1) / 2));
            let history = client.history(run.id()).await.expect("it is there");
            let results = history.iter().filter(|step| step.kind == "TaskCompleted").count();
            assert_eq!(results, usize::try_from(COUNT).expect("it is small"), "each step counts once");
        }
        worker.stop().await;
    });
}

#[test]
fn steps_go_on_after_the_server_is_killed_under_its_worker() {
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch.join("data"));
    steps_survive_kills(&mut server, HUB);
}

#[test]
fn steps_of_a_speculative_hub_go_on_after_the_server_is_killed_under_its_worker() {
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch.join("data"));
    server.ask(&["hub", "create", "fast", "--mode", "speculative"]);
    steps_survive_kills(&mut server, "fast");
    assert_eq!(server.ask(&["hub", "show", "fast"])["mode"], "speculative");
}

#[test]
fn an_entity_is_driven_from_the_command_line_and_answers_in_lists() {
    let (server, _scratch) = with(async |client| {
        for amount in 1..=100 {
            client.signal::<Counter>("a").add(amount).await?;
        }
        let deadline = std::time::Instant::now() + DEADLINE;
        while client.entity::<Counter>("a").await?.is_none_or(|it| it.state.value < 5_050) {
            assert!(std::time::Instant::now() < deadline, "its operations are done");
            tokio::task::yield_now().await;
        }
        Ok(())
    });
    let shown = server.ask(&["entity", "show", "@Counter@a"]);
    assert_eq!((&shown["state"]["value"], &shown["backlog"]), (&5_050.into(), &0.into()), "{shown}");
    // Nobody works any more: what is signalled waits.
    server.ask(&["entity", "signal", "@counter@a", "add", "--data", "1"]);
    server.ask(&["entity", "signal", "@counter@b", "add", "--data", "1", "--at", "2100-01-01T00:00:00Z"]);
    let listed = server.ask(&["entity", "list", "--name", "Counter", "--values"]);
    assert_eq!(listed["entities"].as_array().map(Vec::len), Some(1), "one is not there yet: {listed}");
    assert_eq!(listed["entities"][0]["backlog"], 1, "{listed}");
    assert_eq!(server.ask(&["entity", "delete", "@counter@a", "--yes"])["entities"][0]["purged"], 1);
    assert!(server.ask(&["entity", "show", "@counter@a"])["state"].is_null());
    assert_eq!(server.ask(&["entity", "resume", "@counter@a"])["entities"][0]["changed"], false);
    assert_eq!(server.ask(&["entity", "list", "--stuck"])["entities"], serde_json::json!([]));
    server.outlast(&["entity", "show", "@counter@nobody"]).failed_with(4);
    server.outlast(&["entity", "show", "nobody"]).failed_with(2);
}

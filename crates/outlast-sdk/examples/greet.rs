//! Every kind of step once: activities side by side, retries, a timer, an event, a child, a new generation.
//!
//! Run it against any server: `cargo run -p outlast-sdk --example greet -- http://localhost:4001`.
//! It prints what came out, and fails when that is not what it should be.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use outlast_sdk::{
    ActivityContext, Client, Context, Ended, Event, Failure, Retry, Worker, activity, all, orchestration,
};

const ANSWER: Event<String> = Event::new("answer");

#[orchestration]
async fn greet(ctx: Context, names: Vec<String>) -> Result<Vec<String>, Failure> {
    let calls = names.iter().map(|name| ctx.call(hello, name));
    let mut greetings = all(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    greetings.push(ctx.call(shaky, "knock").retry(Retry::new(3, Duration::from_millis(50))).await?);
    match ctx.timeout(Duration::from_secs(20), ctx.wait_event(ANSWER)).await {
        Ok(answer) => greetings.push(answer?),
        Err(_elapsed) => greetings.push("nobody answered".to_owned()),
    }
    ctx.timer(Duration::from_millis(100)).await;
    greetings.push(format!("counted to {}", ctx.sub_orchestration(count, 0).await?));
    Ok(greetings)
}

#[orchestration]
async fn count(ctx: Context, so_far: u32) -> Result<u32, Failure> {
    if so_far == 3 { Ok(so_far) } else { ctx.continue_as_new(so_far + 1).await }
}

#[activity]
async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> {
    Ok(format!("hello {name}"))
}

static KNOCKS: AtomicU32 = AtomicU32::new(0);

#[activity]
async fn shaky(_: ActivityContext, what: String) -> Result<String, Failure> {
    match KNOCKS.fetch_add(1, Ordering::Relaxed) + 1 {
        1 | 2 => Err(Failure::new("Shaky", "not this time")),
        knock => Ok(format!("{what} number {knock}")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "http://localhost:4001".to_owned());
    let worker = Worker::new(&address)
        .orchestration(greet)
        .orchestration(count)
        .activity(hello)
        .activity(shaky)
        .start()?;
    let client = Client::new(&address)?;
    let names = vec!["ann".to_owned(), "bob".to_owned()];
    let greeting = client.start(greet, names).tag("example", "greet").await?;
    client.raise(greeting.id(), ANSWER, "come in").await?;
    let ended = greeting.wait(Duration::from_secs(30)).await?;
    println!("{ended:?}");
    for step in client.history(greeting.id()).await? {
        println!("  {:?} {} {}", step.task_id, step.kind, step.name.unwrap_or_default());
    }
    worker.stop().await;
    let greetings = ["hello ann", "hello bob", "knock number 3", "come in", "counted to 3"];
    assert_eq!(ended, Ended::Completed(greetings.map(str::to_owned).into()));
    Ok(())
}

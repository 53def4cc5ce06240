//! Every kind of step once: activities side by side, retries, a timer, an event, a child, a new generation.
//!
//! Run it against any server: `cargo run -p outlast-sdk --example greet -- http://localhost:4001`.
//! It prints what came out, and fails when that is not what it should be.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use outlast_sdk::{ActivityContext, Client, Context, Either, Failure, Retry, Status, Worker, all, select2};

async fn greet(ctx: Context, names: Vec<String>) -> Result<Vec<String>, Failure> {
    let calls: Vec<_> = names.iter().map(|name| ctx.call_activity::<String>("hello", name)).collect();
    let mut greetings = all(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let policy = Retry::new(3, Duration::from_millis(50));
    greetings.push(ctx.call_activity_with_retry("shaky", "knock", policy).await?);
    let answer = ctx.wait_event::<String>("answer");
    match select2(answer, ctx.timer(Duration::from_secs(20))).await {
        Either::First(answer) => greetings.push(answer?),
        Either::Second(()) => greetings.push("nobody answered".to_owned()),
    }
    ctx.timer(Duration::from_millis(100)).await;
    greetings.push(format!("counted to {}", ctx.call_sub_orchestration::<u32>("count", &0).await?));
    Ok(greetings)
}

async fn count(ctx: Context, so_far: u32) -> Result<u32, Failure> {
    if so_far == 3 { Ok(so_far) } else { ctx.continue_as_new(&(so_far + 1)).await }
}

async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> {
    Ok(format!("hello {name}"))
}

static KNOCKS: AtomicU32 = AtomicU32::new(0);

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
        .orchestration("greet", greet)
        .orchestration("count", count)
        .activity("hello", hello)
        .activity("shaky", shaky)
        .start()?;
    let client = Client::new(&address)?;
    let id = client.start("greet", &["ann", "bob"]).tag("example", "greet").send().await?;
    client.raise(&id, "Answer", "come in").await?;
    let instance = client.wait(&id, Duration::from_secs(30)).await?;
    println!("{:?} {}", instance.status, instance.output_json.as_deref().unwrap_or("nothing"));
    for step in client.history(&id).await? {
        println!("  {:?} {} {}", step.task_id, step.kind, step.name.unwrap_or_default());
    }
    worker.stop().await;
    assert_eq!(instance.status, Status::Completed, "{:?}", instance.failure);
    let greetings = ["hello ann", "hello bob", "knock number 3", "come in", "counted to 3"];
    assert_eq!(instance.output::<Vec<String>>()?, greetings);
    Ok(())
}

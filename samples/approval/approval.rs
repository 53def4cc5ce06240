//! Approval: a person answers, or time runs out.
//!
//! Neither costs anything while it is waited for: `cargo run --example approval`.

#![expect(clippy::print_stdout, reason = "a sample shows what it does")]

use std::time::Duration;

use outlast_sdk::{Client, Context, Event, Failure, Worker, orchestration};

const APPROVED: Event<String> = Event::new("approved");
const DAY: u64 = 86_400;

#[orchestration]
async fn request(ctx: Context, amount: u32, patience: u64) -> Result<String, Failure> {
    let answer = match ctx.timeout(Duration::from_secs(patience), ctx.wait_event(APPROVED)).await {
        Ok(who) => format!("approved by {}", who?),
        Err(_elapsed) => "nobody answered in time".to_owned(),
    };
    Ok(format!("request for {amount}: {answer}"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:4001".to_owned());
    let worker = Worker::new(&address).orchestration(request).start()?;
    let client = Client::new(&address)?;
    let small = client.start(request, (900, DAY)).await?;
    let large = client.start(request, (1900, 1)).await?;
    client.raise(small.id(), APPROVED, "ann").await?;
    for instance in [small, large] {
        println!("{}", instance.wait(Duration::from_secs(60)).await?.output()?);
    }
    worker.stop().await;
    Ok(())
}

//! Eternal monitor: look, wait, begin anew.
//!
//! Each look has an empty history, so it may go on for years: `cargo run --example monitor`.

#![expect(clippy::print_stdout, reason = "a sample shows what it does")]

use std::time::Duration;

use outlast_sdk::{ActivityContext, Client, Context, Failure, Worker, activity, orchestration};

#[activity]
async fn look(_: ActivityContext, check: usize) -> Result<usize, Failure> {
    Ok(check * 25)
}

#[orchestration]
async fn monitor(ctx: Context, mut seen: Vec<String>) -> Result<Vec<String>, Failure> {
    let check = seen.len() + 1;
    let percent = ctx.call(look, check).await?;
    if percent >= 100 {
        seen.push(format!("check {check}: done"));
        return Ok(seen);
    }
    ctx.timer(Duration::from_millis(100)).await;
    seen.push(format!("check {check}: {percent} % done"));
    ctx.continue_as_new(seen).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:4001".to_owned());
    let worker = Worker::new(&address).orchestration(monitor).activity(look).start()?;
    let client = Client::new(&address)?;
    let seen = client.start(monitor, Vec::new()).await?.wait(Duration::from_secs(60)).await?.output()?;
    println!("{}", seen.join("\n"));
    worker.stop().await;
    Ok(())
}

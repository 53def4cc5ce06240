//! Fan-out: ten activities side by side, and a sum when the last one is done.
//!
//! The results come in any order; the sum is the same: `cargo run --example fan_out`.

#![expect(clippy::print_stdout, reason = "a sample shows what it does")]

use std::time::Duration;

use outlast_sdk::{ActivityContext, Client, Context, Failure, Worker, activity, all, orchestration};

#[activity]
async fn square(_: ActivityContext, number: u64) -> Result<u64, Failure> {
    Ok(number * number)
}

#[orchestration]
async fn sum_of_squares(ctx: Context, up_to: u64) -> Result<u64, Failure> {
    let squares = (1..=up_to).map(|number| ctx.call(square, number));
    all(squares).await.into_iter().sum()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:4001".to_owned());
    let worker = Worker::new(&address).orchestration(sum_of_squares).activity(square).start()?;
    let client = Client::new(&address)?;
    let sum = client.start(sum_of_squares, 10).await?.wait(Duration::from_secs(60)).await?.output()?;
    println!("the squares of 1 to 10 add up to {sum}");
    worker.stop().await;
    Ok(())
}

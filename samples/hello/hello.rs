//! Hello chain: three activities, one after the other.
//!
//! What is done stays done, whatever dies in between: `cargo run --example hello`.

#![expect(clippy::print_stdout, reason = "a sample shows what it does")]

use std::time::Duration;

use outlast_sdk::{ActivityContext, Client, Context, Failure, Worker, activity, orchestration};

#[activity]
async fn hello(_: ActivityContext, city: String) -> Result<String, Failure> {
    Ok(format!("Hello {city}!"))
}

#[orchestration]
async fn greet(ctx: Context, cities: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut greetings = Vec::new();
    for city in cities {
        greetings.push(ctx.call(hello, city).await?);
    }
    Ok(greetings)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:4001".to_owned());
    let worker = Worker::new(&address).orchestration(greet).activity(hello).start()?;
    let client = Client::new(&address)?;
    let cities = ["Tokyo", "Seattle", "London"].map(str::to_owned).to_vec();
    let greeting = client.start(greet, cities).await?;
    let greetings = greeting.wait(Duration::from_secs(60)).await?.output()?;
    println!("{}", greetings.join("\n"));
    worker.stop().await;
    Ok(())
}

//! Entity counter with lock: two counters, and moves between them that nobody sees half done.
//!
//! The guard gives the locks back on every way out: `cargo run --example counter`.

#![expect(clippy::print_stdout, reason = "a sample shows what it does")]

use std::time::Duration;

use outlast_sdk::{Client, Context, EntityId, Failure, Worker, entity, orchestration};
use serde::{Deserialize, Serialize};

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

#[orchestration(name = "move")]
async fn move_between(ctx: Context, from: String, to: String, amount: i64) -> Result<String, Failure> {
    let _guard = ctx.lock([&from, &to].map(EntityId::of::<Counter>)).await;
    let there = ctx.entity::<Counter>(&from).add(0).await?;
    if there < amount {
        return Ok(format!("not moved {amount}: only {there}"));
    }
    let left = ctx.entity::<Counter>(&from).add(-amount).await?;
    let arrived = ctx.entity::<Counter>(&to).add(amount).await?;
    Ok(format!("moved {amount}: {left} and {arrived}"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:4001".to_owned());
    let worker = Worker::new(&address).orchestration(move_between).entity::<Counter>().start()?;
    let client = Client::new(&address)?;
    let (full, empty) = (format!("full-{}", std::process::id()), format!("empty-{}", std::process::id()));
    client.signal::<Counter>(&full).add(100).await?;
    for amount in [30, 90] {
        let moving = client.start(move_between, (full.clone(), empty.clone(), amount)).await?;
        println!("{}", moving.wait(Duration::from_secs(60)).await?.output()?);
    }
    worker.stop().await;
    Ok(())
}

//! Order fulfilment: reserve, charge with retries, wait for the packers, ship parcel by parcel, write.
//!
//! Kill the server at any moment: the order goes on where it was, and the card is charged once, because
//! the bank is given the same key at every attempt: `cargo run --example order`.

#![expect(clippy::print_stdout, reason = "a sample shows what it does")]

use std::time::Duration;

use outlast_sdk::{
    ActivityContext, Client, Context, Event, Failure, Retry, Worker, activity, all, orchestration,
};
use serde::{Deserialize, Serialize};

const PACKED: Event<String> = Event::new("packed");
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Serialize, Deserialize)]
struct Order {
    number: u32,
    cents: u64,
    parcels: u32,
}

#[derive(Debug, thiserror::Error, Failure)]
enum Bank {
    #[error("the bank is busy")]
    Busy,
    #[error(transparent)]
    Other(Failure),
}

#[activity]
async fn reserve(_: ActivityContext, order: Order) -> Result<String, Failure> {
    Ok(format!("reserved on shelf-{}", order.number))
}

/// A real one hands `ctx.idempotency_key()` to the bank.
#[activity]
async fn charge(ctx: ActivityContext, order: Order) -> Result<String, Bank> {
    match ctx.attempt() {
        Some(attempt @ 3..) => Ok(format!("charged {} at attempt {attempt}", order.cents)),
        _ => Err(Bank::Busy),
    }
}

#[activity]
async fn send(_: ActivityContext, order: u32, parcel: u32) -> Result<String, Failure> {
    Ok(format!("sent parcel {parcel} of order {order}"))
}

#[activity]
async fn write(_: ActivityContext, order: Order) -> Result<String, Failure> {
    Ok(format!("order {} is on its way", order.number))
}

#[orchestration]
async fn ship(ctx: Context, order: Order) -> Result<Vec<String>, Failure> {
    let parcels = (1..=order.parcels).map(|parcel| ctx.call(send, (order.number, parcel)));
    all(parcels).await.into_iter().collect()
}

#[orchestration]
async fn fulfil(ctx: Context, order: Order) -> Result<Vec<String>, Failure> {
    let mut story = vec![ctx.call(reserve, &order).await?];
    story.push(ctx.call(charge, &order).retry(Retry::new(5, Duration::from_millis(100))).await?);
    story.push(match ctx.timeout(DAY, ctx.wait_event(PACKED)).await {
        Ok(who) => format!("packed by {}", who?),
        Err(_elapsed) => "nobody packed in time".to_owned(),
    });
    story.extend(ctx.sub_orchestration(ship, &order).await?);
    story.push(ctx.call(write, &order).await?);
    Ok(story)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:4001".to_owned());
    let worker = Worker::new(&address)
        .orchestration(fulfil)
        .orchestration(ship)
        .activity(reserve)
        .activity(charge)
        .activity(send)
        .activity(write)
        .start()?;
    let client = Client::new(&address)?;
    let order = client.start(fulfil, Order { number: 7, cents: 1299, parcels: 2 }).await?;
    client.raise(order.id(), PACKED, "ann").await?;
    println!("{}", order.wait(Duration::from_secs(60)).await?.output()?.join("\n"));
    worker.stop().await;
    Ok(())
}

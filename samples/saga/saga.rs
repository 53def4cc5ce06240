//! Saga: book step by step; when a step fails for good, undo what was done, last first.
//!
//! The error is an enum, and the caller matches on it: `cargo run --example saga`.

#![expect(clippy::print_stdout, reason = "a sample shows what it does")]

use std::time::Duration;

use outlast_sdk::{ActivityContext, Client, Context, Failure, Worker, activity, orchestration};

#[derive(Debug, thiserror::Error, Failure)]
enum Booking {
    #[error("no {what} is left")]
    #[failure(non_retriable)]
    SoldOut { what: String },
    #[error(transparent)]
    Other(Failure),
}

#[activity]
async fn book(_: ActivityContext, what: String) -> Result<String, Booking> {
    if what == "car" { Err(Booking::SoldOut { what }) } else { Ok(format!("booked {what}")) }
}

#[activity]
async fn cancel(_: ActivityContext, what: String) -> Result<String, Failure> {
    Ok(format!("cancelled {what}"))
}

#[orchestration]
async fn trip(ctx: Context, parts: Vec<String>) -> Result<Vec<String>, Failure> {
    let (mut story, mut booked) = (Vec::new(), Vec::new());
    for part in parts {
        match ctx.call(book, &part).await {
            Ok(done) => {
                story.push(done);
                booked.push(part);
            }
            Err(Booking::SoldOut { what }) => {
                story.push(format!("no {what} is left"));
                for done in booked.into_iter().rev() {
                    story.push(ctx.call(cancel, done).await?);
                }
                break;
            }
            Err(Booking::Other(failure)) => return Err(failure),
        }
    }
    Ok(story)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "localhost:4001".to_owned());
    let worker = Worker::new(&address).orchestration(trip).activity(book).activity(cancel).start()?;
    let client = Client::new(&address)?;
    let parts = ["flight", "hotel", "car"].map(str::to_owned).to_vec();
    let story = client.start(trip, parts).await?.wait(Duration::from_secs(60)).await?.output()?;
    println!("{}", story.join("\n"));
    worker.stop().await;
    Ok(())
}

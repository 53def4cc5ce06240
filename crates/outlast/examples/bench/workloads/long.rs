//! A history of fifty thousand events: a turn costs what it sends, and it sends each event once.
//!
//! Counted at half the length and at the whole: bytes sent grow as the history does, all but a little of
//! them are history as it is stored, and what is encoded is what is new. Not here: how long that takes
//! on the worker's side, which reads the past again in each turn.

use std::time::{Duration, Instant};

use outlast_sdk::{ActivityContext, Client, Context, Failure, activity, orchestration};

use super::{Protocol, TURNS, completed, worker};
use crate::process::Server;

const WIDTH: u32 = 500;
const ROUNDS: u32 = 25;
/// Two halves of so many rounds, each activity scheduled and completed.
const EVENTS: usize = 2 * (ROUNDS * WIDTH) as usize * 2;
const SENT: &str = "outlast_work_items_sent_bytes_total";
const COPIED: &str = "outlast_work_items_history_sent_bytes_total";
const ENCODED: &str = "outlast_work_items_new_events_total";
/// Bytes of a work item that are no history: ids, the token, the new events.
const REST_BYTES_MAX: u64 = 4 << 10;
/// How long half of it may take.
const HALF_MAX: Duration = Duration::from_secs(120);

#[orchestration]
async fn long(ctx: Context, _: u32) -> Result<u32, Failure> {
    for half in 1..=2 {
        for _ in 0..ROUNDS {
            outlast_sdk::all((0..WIDTH).map(|number| ctx.call(echo, number))).await;
        }
        ctx.set_custom_status(half);
        ctx.wait_event::<u32>("look").await?;
        ctx.wait_event::<u32>("go").await?;
    }
    Ok(2)
}

#[activity]
async fn echo(_: ActivityContext, number: u32) -> Result<u32, Failure> {
    Ok(number)
}

/// What one turn has cost.
#[derive(Debug, Clone, Copy)]
struct Turn {
    sent: u64,
    copied: u64,
    encoded: u64,
    took: Duration,
}

pub(crate) async fn run(server: Server) -> anyhow::Result<String> {
    let client = Client::new(&server.grpc)?;
    let worker = worker(&server, Protocol::Batched).orchestration(long).activity(echo);
    let worker = worker.activities_max(WIDTH).start()?;
    let id = client.start(long, 0).await?.id().to_owned();
    let half = look(&server, &client, &id, 1).await?;
    client.raise(&id, "go", 0).await?;
    let whole = look(&server, &client, &id, 2).await?;
    let (encoded, turns) = (server.counter(ENCODED)?, server.counter(TURNS)?);
    let events = client.history(&id).await?.len();
    client.raise(&id, "go", 0).await?;
    completed(&client, &id).await?;
    worker.stop().await;
    anyhow::ensure!(events >= EVENTS, "{events} events, fewer than {EVENTS}");
    for turn in [half, whole] {
        // `OrchestratorStarted` and the event that was raised.
        anyhow::ensure!(turn.encoded == 2, "{} events encoded for one that was new", turn.encoded);
        let rest = turn.sent - turn.copied;
        anyhow::ensure!(
            rest <= REST_BYTES_MAX,
            "{rest} bytes beside the history, more than {REST_BYTES_MAX}"
        );
    }
    let growth = whole.sent as f64 / half.sent as f64;
    anyhow::ensure!(growth < 2.1, "twice the history, {growth:.2} times the bytes");
    // Each result once, each raised event once, and each turn's `OrchestratorStarted`.
    let once = u64::from(2 * ROUNDS * WIDTH) + 4 + turns;
    anyhow::ensure!(encoded <= once, "{encoded} events encoded, where {once} were new");
    Ok(format!(
        "{events} events · a turn sends {:.2} MB (at half {:.2}) and encodes {} events · {:.0?} (at half {:.0?}) · {turns} turns in all",
        whole.sent as f64 / 1e6,
        half.sent as f64 / 1e6,
        whole.encoded,
        whole.took,
        half.took
    ))
}

/// Waits until the orchestration waits, and has it take one turn in which nothing happens.
async fn look(server: &Server, client: &Client, id: &str, half: u32) -> anyhow::Result<Turn> {
    let until = Instant::now() + HALF_MAX;
    while client.get(id).await?.is_none_or(|found| found.custom_status::<u32>().ok() != Some(half)) {
        anyhow::ensure!(Instant::now() < until, "half {half} was not done within {HALF_MAX:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let read = || -> anyhow::Result<[u64; 3]> {
        Ok([server.counter(SENT)?, server.counter(COPIED)?, server.counter(ENCODED)?])
    };
    let (turns, before, began) = (server.counter(TURNS)?, read()?, Instant::now());
    client.raise(id, "look", 0).await?;
    while server.counter(TURNS)? == turns {
        anyhow::ensure!(Instant::now() < until, "the turn was not answered within {HALF_MAX:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (took, after) = (began.elapsed(), read()?);
    Ok(Turn { sent: after[0] - before[0], copied: after[1] - before[1], encoded: after[2] - before[2], took })
}

//! The run with `--once`: a trickle of orders, two kills on the way, a verdict.
//!
//! Kills come by progress, not by the clock, so that each meets orders in flight on any machine.

use std::path::Path;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::child::Ports;
use super::scene::{LOOK, Scene};
use super::verdict::Verdict;
use crate::failed::Failed;

/// Orders a second, for as many as fit into ten seconds; more orders come faster.
const RATE_MIN: u32 = 25;
/// When the server is killed: at these percentages of accepted orders.
const KILLS_AT: [u32; 2] = [30, 70];

pub(super) async fn play(orders: u32, dir: &Path, is_quiet: bool) -> Result<Verdict, Failed> {
    let mut scene = Scene::set(dir, Ports::Any, is_quiet).await?;
    let asking = tokio::spawn(scene.asking());
    let mut trickle = tokio::time::interval(Duration::from_secs(1) / RATE_MIN.max(orders / 10));
    // After an outage orders come at the old pace, not all at once.
    trickle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kills = KILLS_AT.iter().map(|percent| (orders * percent / 100).max(1)).peekable();
    for number in 1..=orders {
        trickle.tick().await;
        let place = scene.place().await;
        scene.order(number, place);
        // The order before a kill need not be accepted: in flight is in flight.
        if kills.next_if(|at| scene.counts().0 >= *at).is_some() {
            scene.kill().await?;
        }
    }
    // Few orders may all be accepted only now.
    for at in kills {
        while scene.counts().0 < at && scene.counts().2 == 0 {
            tokio::time::sleep(LOOK).await;
        }
        scene.kill().await?;
    }
    let verdict = finish(scene).await;
    asking.abort();
    verdict
}

/// Lets the last orders finish, telling how many are left.
async fn finish(scene: Scene) -> Result<Verdict, Failed> {
    let (accepted, finished, _) = scene.counts();
    scene.tell(&format!("{accepted} orders accepted, {finished} finished, waiting for the others"));
    scene.end().await
}

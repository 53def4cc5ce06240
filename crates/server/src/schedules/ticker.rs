//! Waits for the ticks of a hub's schedules and proposes them.
//!
//! One task a partition that is led here, which sleeps until the first tick or until a schedule moves. What it
//! proposes too early, twice or too late the partition refuses, so nothing depends on it but that
//! ticks come in time.

use std::sync::Arc;
use std::time::Duration;

use engine::id::{InstanceId, PartitionId};
use engine::partition::command::Command;
use engine::partition::effect::Reply;
use engine::partition::schedules::ScheduleView;
use engine::partition::schedules::command::Overlap;
use engine::time::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::plan::{self, Previous};
use crate::node::{Hub, Node, for_each_open_hub, while_led_here};
use crate::partition::messages::Unavailable;

/// Schedules that are looked at together.
const PAGE: usize = 64;
/// The longest sleep: clocks may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// After a tick that nothing came of.
const AGAIN: Duration = Duration::from_secs(1);
/// For so long the instance of a run that cannot be seen may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(30);

/// Ticks until `stop`.
pub async fn run(node: Arc<Node>, stop: impl Future<Output = ()>) {
    for_each_open_hub(&node, stop, |hub| tick_hub(Arc::clone(&node), hub)).await;
}

async fn tick_hub(node: Arc<Node>, hub: Arc<Hub>) {
    let mut partitions = JoinSet::new();
    for partition in (0..hub.partitions()).map(PartitionId) {
        if let (Some(moves), Some(route)) = (hub.schedule_moves(partition), hub.route(partition)) {
            let ticker = Ticker { node: Arc::clone(&node), hub: Arc::clone(&hub), partition, moves };
            partitions.spawn(while_led_here(route, move || ticker.clone().go()));
        }
    }
    while partitions.join_next().await.is_some() {}
}

#[derive(Debug, Clone)]
struct Ticker {
    node: Arc<Node>,
    hub: Arc<Hub>,
    partition: PartitionId,
    moves: watch::Receiver<u64>,
}

impl Ticker {
    async fn go(mut self) {
        loop {
            self.moves.mark_unchanged();
            let nap = self.fire_due().await.unwrap_or(Some(AGAIN));
            let napping = async {
                match nap {
                    Some(nap) => tokio::time::sleep(nap.min(SLEEP_MAX)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                moved = self.moves.changed() => if moved.is_err() { return },
                () = napping => {}
            }
        }
    }

    fn now(&self) -> Timestamp {
        let wall = self.node.platform().clock.wall();
        let seconds = i64::try_from(wall.as_secs()).unwrap_or(i64::MAX);
        Timestamp::new(seconds, i32::try_from(wall.subsec_nanos()).unwrap_or(0))
    }

    /// Proposes what is due; how long to sleep then, if anything is to come.
    async fn fire_due(&self) -> Result<Option<Duration>, Unavailable> {
        let due = self.hub.due_schedules(self.partition, PAGE).await?;
        let mut nap = None;
        for view in &due {
            let Some(next) = view.next else { continue };
            let now = self.now();
            let wait = if next > now { next.since(now) } else { self.fire(view, now).await? };
            nap = Some(nap.map_or(wait, |nap: Duration| nap.min(wait)));
            if next > now {
                // The rest comes later.
                break;
            }
        }
        Ok(nap)
    }

    /// How long until it is worth looking again.
    async fn fire(&self, view: &ScheduleView, now: Timestamp) -> Result<Duration, Unavailable> {
        let Some(command) = plan::fire(view, self.previous(view, now).await?, now) else { return Ok(AGAIN) };
        let reply = self.hub.ask_partition(self.partition, Command::FireSchedule(command)).await?;
        // Refused as too early by the log's clock, or somebody changed it: look again a little later.
        Ok(if reply == Reply::Done { Duration::ZERO } else { AGAIN })
    }

    async fn previous(&self, view: &ScheduleView, now: Timestamp) -> Result<Previous, Unavailable> {
        let matters = view.spec.overlap != i32::from(Overlap::Allow);
        let Some(id) = InstanceId::parse(&view.last_instance).ok().filter(|_| matters) else {
            return Ok(Previous::Over);
        };
        let is_over = match self.hub.instance(&id, false).await? {
            Some(run) => run.status.is_terminal(),
            None => view.last.is_none_or(|last| now.since(last) > ON_ITS_WAY),
        };
        Ok(if is_over { Previous::Over } else { Previous::Open })
    }
}

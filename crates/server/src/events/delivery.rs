//! Keeps couriers going: one for each subscription of each partition of each open hub.
//!
//! Whoever begins to lead a partition configures its feed as the settings say, then its couriers begin.
//! They end with the leadership, the hub or the server; what they knew is in the log. Posts of a node at once are bounded.

use std::sync::Arc;
use std::time::Duration;

use engine::id::PartitionId;
use engine::partition::command::Command;
use engine::partition::feed::command::ConfigureFeed;
use engine::partition::feed::{LifecycleEvent, Standing};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::courier::{Courier, Outcome, Step, Terms, pause_after};
use super::envelope::{self, Origin};
use super::post::{self, Connections, Post};
use crate::config::Subscription;
use crate::node::{Hub, Node, for_each_open_hub, while_led_here};
use crate::observe::codes;
use crate::partition::messages::Unavailable;

/// Events read at once.
const PAGE: usize = 64;
/// Each acknowledgement is an entry of the log.
const ACKNOWLEDGED_TOGETHER: u64 = 64;

/// What all couriers of a node share.
#[derive(Debug)]
struct Shared {
    node: Arc<Node>,
    connections: Connections,
    posts: Semaphore,
}

/// Delivers until `stop`.
pub async fn run(node: Arc<Node>, stop: impl Future<Output = ()>) {
    let settings = &node.config().events;
    let posts = Semaphore::new(settings.posts_max);
    let shared = Arc::new(Shared { connections: post::connections(), posts, node: Arc::clone(&node) });
    for_each_open_hub(&node, stop, |hub| serve_hub(Arc::clone(&shared), hub)).await;
}

/// Serves the partitions of a hub that are led here.
async fn serve_hub(shared: Arc<Shared>, hub: Arc<Hub>) {
    let settings = &shared.node.config().events;
    let subscriptions: Vec<Subscription> =
        settings.subscriptions.iter().filter(|known| known.hub == hub.name()).cloned().collect();
    let is_kept = !subscriptions.is_empty() || settings.keeps(hub.name());
    let serving = Arc::new(Serving {
        keep: if is_kept { settings.keep } else { 0 },
        subscriptions,
        shared: Arc::clone(&shared),
        hub: Arc::clone(&hub),
    });
    let mut partitions = JoinSet::new();
    for partition in (0..hub.partitions()).map(PartitionId) {
        let Some(route) = hub.route(partition) else { continue };
        let serving = Arc::clone(&serving);
        partitions.spawn(while_led_here(route, move || Arc::clone(&serving).serve(partition)));
    }
    while partitions.join_next().await.is_some() {}
}

/// What is to be done for each partition of a hub.
#[derive(Debug)]
struct Serving {
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    subscriptions: Vec<Subscription>,
    keep: u64,
}

impl Serving {
    /// Configures the partition's feed and runs its couriers, for as long as somebody lets it.
    async fn serve(self: Arc<Self>, partition: PartitionId) {
        let names = self.subscriptions.iter().map(|known| known.name.clone()).collect();
        let wanted = ConfigureFeed { keep: self.keep, subscriptions: names };
        let standing = configured(&self.hub, partition, wanted).await;
        let mut couriers = JoinSet::new();
        for subscription in &self.subscriptions {
            let upto = standing.subscriptions.iter().find(|known| known.name == subscription.name);
            let upto = upto.map_or(standing.last, |known| known.upto);
            let run = Run {
                shared: Arc::clone(&self.shared),
                hub: Arc::clone(&self.hub),
                partition,
                lineage: standing.lineage,
                subscription: subscription.clone(),
            };
            couriers.spawn(run.go(upto));
        }
        while couriers.join_next().await.is_some() {}
        // Nothing to do until another leadership.
        std::future::pending::<()>().await;
    }
}

/// The standing of a partition's feed once it is as it should be.
async fn configured(hub: &Hub, partition: PartitionId, wanted: ConfigureFeed) -> Standing {
    let mut failures = 0;
    loop {
        match configure(hub, partition, &wanted).await {
            Ok(standing) => return standing,
            Err(why) => {
                let hub = hub.name();
                tracing::warn!(code = codes::EVENTS_WAIT.id, hub, partition = partition.0, %why, "a feed is not configured yet");
                failures += 1;
                tokio::time::sleep(pause_after(failures)).await;
            }
        }
    }
}

async fn configure(
    hub: &Hub,
    partition: PartitionId,
    wanted: &ConfigureFeed,
) -> Result<Standing, Unavailable> {
    let standing = hub.feed(partition).await?;
    let names = standing.subscriptions.iter().map(|known| &known.name);
    let mut sorted: Vec<&String> = wanted.subscriptions.iter().collect();
    sorted.sort();
    if standing.keep == wanted.keep && names.eq(sorted) {
        return Ok(standing);
    }
    hub.ask_partition(partition, Command::ConfigureFeed(wanted.clone())).await?;
    hub.feed(partition).await
}

/// One courier at work.
#[derive(Debug)]
struct Run {
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    partition: PartitionId,
    lineage: u64,
    subscription: Subscription,
}

impl Run {
    async fn go(self, upto: u64) {
        let retry_for = self.shared.node.config().events.retry_for;
        let terms = Terms {
            subscription: self.subscription.name.clone(),
            wanted: self.subscription.wanted.clone(),
            batch: self.subscription.batch,
            retry_for,
            acknowledged_together: ACKNOWLEDGED_TOGETHER,
        };
        let mut courier = Courier::new(terms, upto);
        let Some(mut growth) = self.hub.feed_growth(self.partition) else { return };
        loop {
            let step = courier.next(self.now());
            let done = match step {
                Step::Read { after } => self.read(&mut courier, after).await,
                Step::ReadLetters => self.read_letters(&mut courier).await,
                Step::Acknowledge(told) => {
                    let asked = self.hub.ask_partition(self.partition, Command::AcknowledgeFeed(told)).await;
                    asked.map(|_| courier.on_acknowledged())
                }
                Step::Post(events) => {
                    let outcome = self.post(&events).await;
                    self.count(&outcome, &events);
                    courier.on_posted(outcome, self.now());
                    Ok(())
                }
                Step::Pause(pause) => {
                    tokio::time::sleep(pause).await;
                    Ok(())
                }
                Step::Rest => {
                    if growth.changed().await.is_err() {
                        return;
                    }
                    courier.on_grown();
                    Ok(())
                }
            };
            if done.is_err() {
                courier.on_unavailable(self.now());
            }
        }
    }

    fn now(&self) -> Duration {
        self.shared.node.platform().clock.monotonic()
    }

    async fn read(&self, courier: &mut Courier, after: u64) -> Result<(), Unavailable> {
        let events = self.hub.feed_events(self.partition, after, PAGE).await?;
        courier.on_read(events);
        Ok(())
    }

    async fn read_letters(&self, courier: &mut Courier) -> Result<(), Unavailable> {
        let mut after = 0;
        loop {
            let name = self.subscription.name.clone();
            let page = self.hub.feed_letters(self.partition, name, after, PAGE).await?;
            let last = page.last().map(|letter| letter.event.number);
            let is_wanted = page.iter().any(|letter| letter.again);
            match last {
                Some(last) if !is_wanted && page.len() >= PAGE => after = last,
                Some(_) | None => {
                    courier.on_letters(page, self.now());
                    return Ok(());
                }
            }
        }
    }

    async fn post(&self, events: &[LifecycleEvent]) -> Outcome {
        let origin = self.origin();
        let subscription = &self.subscription;
        let (kind, body) = envelope::body(subscription.format, &origin, events);
        let id = events.first().map(|event| origin.id(event)).unwrap_or_default();
        let seconds = i64::try_from(self.shared.node.platform().clock.wall().as_secs()).unwrap_or(i64::MAX);
        let mut headers = vec![
            ("content-type", kind.to_owned()),
            ("webhook-signature", subscription.secret.sign(&id, seconds, &body)),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-id", id),
        ];
        if subscription.format == envelope::Format::EventGrid {
            headers.push(("aeg-event-type", "Notification".to_owned()));
        }
        let post = Post { url: subscription.url.clone(), headers, body };
        let _permit = self.shared.posts.acquire().await;
        post::send(&self.shared.connections, post, self.shared.node.config().events.timeout).await
    }

    fn origin(&self) -> Origin {
        self.hub.event_origin(self.partition, self.lineage)
    }

    fn count(&self, outcome: &Outcome, events: &[LifecycleEvent]) {
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let metrics = self.hub.metrics();
        match outcome {
            Outcome::Taken => {
                metrics.events_delivered.inc_by(count);
            }
            Outcome::Refused(why) => {
                metrics.events_refused.inc_by(count);
                let (hub, subscription) = (self.hub.name(), &self.subscription.name);
                tracing::warn!(code = codes::EVENT_REFUSED.id, hub, subscription, %why, "a receiver refuses an event; it is kept as a letter");
            }
            Outcome::Failed(why) => {
                metrics.posts_failed.inc();
                tracing::debug!(hub = self.hub.name(), subscription = self.subscription.name, %why, "a post failed");
            }
        }
    }
}

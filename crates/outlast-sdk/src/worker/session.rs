//! The life of a worker's connection: open the stream, take items, notice silence, come back, drain.
//!
//! Turns run right here, on the task that reads the stream: they are short, synchronous and need no
//! thread. Only what waits is spawned: activities and the sending of answers. Not here: what becomes of
//! an item (`perform`).

use std::pin::Pin;
use std::sync::Arc;

use outlast_proto::durable_task as pb;
use pb::work_item::Request as Item;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Status, Streaming};

use super::Limits;
use super::backoff::Backoff;
use super::perform::{self, InHand};
use crate::client::Link;
use crate::entity::batch::Batch;
use crate::observe::WorkerEvent;
use crate::registry::Registry;

/// What the tasks of a worker share.
pub(crate) struct Shared {
    pub(crate) link: Link,
    pub(crate) registry: Registry,
    pub(crate) limits: Limits,
    pub(crate) activities: Arc<Semaphore>,
}

/// How a connection ended.
enum Ended {
    Stopped,
    Lost { reason: String, was_open: bool },
}

pub(super) async fn run(
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<bool>,
    connected: watch::Sender<bool>,
) {
    // Whoever works for an item holds a clone; when the last is gone everything is finished.
    let (in_hand, mut all_done) = mpsc::channel(1);
    let mut backoff = Backoff::new();
    loop {
        let ended =
            Session { shared: &shared, in_hand: &in_hand, connected: &connected }.run(&mut stopping).await;
        connected.send_replace(false);
        let Ended::Lost { reason, was_open } = ended else { break };
        if was_open {
            backoff.reset();
        }
        let delay = backoff.delay();
        shared.registry.observer.tell(&WorkerEvent::Disconnected { reason: &reason });
        tracing::info!(reason, ?delay, "connection to the server is lost, trying again");
        tokio::select! {
            biased;
            () = told_to(&mut stopping) => break,
            () = tokio::time::sleep(delay) => {}
        }
    }
    drop(in_hand);
    all_done.recv().await;
}

/// Waits for the word to stop; without anybody to give it, that is now.
async fn told_to(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

struct Session<'a> {
    shared: &'a Arc<Shared>,
    in_hand: &'a InHand,
    connected: &'a watch::Sender<bool>,
}

impl Session<'_> {
    async fn run(&self, stopping: &mut watch::Receiver<bool>) -> Ended {
        let mut items = tokio::select! {
            biased;
            () = told_to(stopping) => return Ended::Stopped,
            opened = self.open() => match opened {
                Ok(items) => items,
                Err(status) => return Ended::Lost { reason: describe(&status), was_open: false },
            },
        };
        self.connected.send_replace(true);
        self.shared.registry.observer.tell(&WorkerEvent::Connected);
        // Turns in hand when the stream is lost come again; their answers need not be sent for ever.
        let (_stream_lives, stream_gone) = watch::channel(());
        let mut silence = Silence::new(self.shared.limits.silence_max);
        loop {
            tokio::select! {
                biased;
                () = told_to(stopping) => return self.drain(items).await,
                item = items.message() => match item {
                    Ok(Some(item)) => {
                        silence.broken();
                        self.take(item, &stream_gone);
                    }
                    Ok(None) => {
                        return Ended::Lost { reason: "the server closed the stream".to_owned(), was_open: true };
                    }
                    Err(status) => return Ended::Lost { reason: describe(&status), was_open: true },
                },
                () = silence.too_long() => {
                    return Ended::Lost { reason: "nothing came for too long".to_owned(), was_open: true };
                }
            }
        }
    }

    async fn open(&self) -> Result<Streaming<pb::WorkItem>, Status> {
        let link = &self.shared.link;
        link.stub().hello(link.request_within((), link.deadline)).await?;
        let mut stub = link.stub();
        let items = stub.get_work_items(link.request(self.wishes()));
        let answer = tokio::time::timeout(link.deadline, items).await;
        Ok(answer.map_err(|_| Status::deadline_exceeded("the server did not open the stream"))??.into_inner())
    }

    fn wishes(&self) -> pb::GetWorkItemsRequest {
        let Shared { registry, limits, .. } = self.shared.as_ref();
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let orchestrations = registry.orchestrations.keys().cloned();
        let activities = registry.activities.keys().cloned();
        let filters = pb::WorkItemFilters {
            orchestrations: orchestrations
                .map(|name| pb::OrchestrationFilter { name, versions: Vec::new() })
                .collect(),
            activities: activities.map(|name| pb::ActivityFilter { name, versions: Vec::new() }).collect(),
            entities: registry.entities.keys().map(|name| pb::EntityFilter { name: name.clone() }).collect(),
        };
        pb::GetWorkItemsRequest {
            max_concurrent_orchestration_work_items: count(limits.orchestrations_max),
            max_concurrent_activity_work_items: count(limits.activities_max),
            capabilities: vec![pb::WorkerCapability::HistoryStreaming.into()],
            work_item_filters: (!limits.takes_everything).then_some(filters),
            ..Default::default()
        }
    }

    fn take(&self, item: pb::WorkItem, stream_gone: &watch::Receiver<()>) {
        let token = item.completion_token;
        match item.request {
            Some(Item::OrchestratorRequest(request)) => {
                perform::turn(self.shared, request, token, (self.in_hand.clone(), stream_gone.clone()));
            }
            Some(Item::ActivityRequest(request)) => {
                perform::activity(self.shared, request, token, self.in_hand.clone());
            }
            Some(Item::EntityRequest(request)) => {
                perform::entity(self.shared, Batch::from_v1(request), token, self.in_hand.clone());
            }
            Some(Item::EntityRequestV2(request)) => {
                perform::entity(self.shared, Batch::from_v2(request), token, self.in_hand.clone());
            }
            Some(Item::HealthPing(_)) | None => {}
        }
    }

    /// Keeps the stream open while work is in hand, because the server takes a closed stream for a dead
    /// worker and would hand the work to another. What still comes goes back.
    async fn drain(&self, mut items: Streaming<pb::WorkItem>) -> Ended {
        // Two handles are ours: the loop's own and none of a task's.
        while self.in_hand.strong_count() > 1 {
            tokio::select! {
                biased;
                item = items.message() => match item {
                    Ok(Some(item)) => self.refuse(item),
                    Ok(None) | Err(_) => return Ended::Stopped,
                },
                () = tokio::time::sleep(DRAIN_LOOK) => {}
            }
        }
        Ended::Stopped
    }

    fn refuse(&self, item: pb::WorkItem) {
        let kind = match item.request {
            Some(Item::OrchestratorRequest(_)) => perform::Kind::Turn,
            Some(Item::ActivityRequest(_)) => perform::Kind::Activity,
            Some(Item::EntityRequest(_) | Item::EntityRequestV2(_)) => perform::Kind::Entity,
            Some(Item::HealthPing(_)) | None => return,
        };
        perform::give_back(self.shared, kind, item.completion_token);
    }
}

/// How often a draining worker looks whether its work is done.
const DRAIN_LOOK: std::time::Duration = std::time::Duration::from_millis(10);

/// A watchdog that costs a clock reading per item and a timer per period, not a timer per item.
struct Silence {
    limit: std::time::Duration,
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    fn new(limit: std::time::Duration) -> Self {
        let last = Instant::now();
        Self { limit, last, timer: Box::pin(sleep_until(last + limit)) }
    }

    fn broken(&mut self) {
        self.last = Instant::now();
    }

    async fn too_long(&mut self) {
        loop {
            self.timer.as_mut().await;
            let due = self.last + self.limit;
            if Instant::now() >= due {
                return;
            }
            self.timer.as_mut().reset(due);
        }
    }
}

fn describe(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

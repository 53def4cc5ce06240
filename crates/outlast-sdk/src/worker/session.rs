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
use tonic::{Code, Status, Streaming};

use super::backoff::Backoff;
use super::batched::{Batched, Refused};
use super::perform::{self, InHand, Way};
use super::{Limits, Protocol};
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

/// Where items come from.
enum Items {
    /// The published stream: one by one, each answered by a call.
    Published(Streaming<pb::WorkItem>),
    /// Ours: lists, answered in lists.
    Batched(Batched),
}

impl Items {
    fn way(&self, stream_gone: watch::Receiver<()>) -> Way {
        match self {
            Self::Published(_) => Way::Calls(stream_gone),
            Self::Batched(batched) => Way::Stream(batched.outbox.clone()),
        }
    }
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
        let (_stream_lives, stream_gone) = watch::channel(());
        let way = items.way(stream_gone);
        let mut silence = Silence::new(self.shared.limits.silence_max);
        let ended = loop {
            tokio::select! {
                biased;
                () = told_to(stopping) => break self.drain(&mut items).await,
                came = self.next(&mut items) => match came {
                    Ok(Some(came)) => {
                        silence.broken();
                        came.into_iter().for_each(|item| self.take(item, &way));
                    }
                    Ok(None) => {
                        break Ended::Lost { reason: "the server closed the stream".to_owned(), was_open: true };
                    }
                    Err(status) => break Ended::Lost { reason: describe(&status), was_open: true },
                },
                () = silence.too_long() => {
                    break Ended::Lost { reason: "nothing came for too long".to_owned(), was_open: true };
                }
            }
        };
        if let Items::Batched(batched) = &items {
            for (answer, in_hand) in batched.end() {
                self.bring(answer, in_hand);
            }
        }
        ended
    }

    async fn open(&self) -> Result<Items, Status> {
        let link = &self.shared.link;
        link.stub().hello(link.request_within((), link.deadline)).await?;
        let late = |_| Status::deadline_exceeded("the server did not open the stream");
        if self.shared.limits.protocol == Protocol::Best {
            let opened = tokio::time::timeout(link.deadline, Batched::open(link, self.wishes()));
            match opened.await.map_err(late)? {
                Err(status) if status.code() == Code::Unimplemented => {}
                opened => return opened.map(Items::Batched),
            }
        }
        let mut stub = link.stub();
        let items = stub.get_work_items(link.request(self.wishes()));
        let items = tokio::time::timeout(link.deadline, items).await.map_err(late)??;
        Ok(Items::Published(items.into_inner()))
    }

    /// The next items. Answers that did not count are dealt with on the way.
    async fn next(&self, items: &mut Items) -> Result<Option<Vec<pb::WorkItem>>, Status> {
        match items {
            Items::Published(items) => Ok(items.message().await?.map(|item| vec![item])),
            Items::Batched(batched) => {
                let Some((items, refused)) = batched.next().await? else { return Ok(None) };
                refused.into_iter().for_each(|refused| self.refused(refused));
                Ok(Some(items))
            }
        }
    }

    fn refused(&self, refused: Refused) {
        let shared = Arc::clone(self.shared);
        match refused {
            Refused::Activity { answer, in_hand, status } if perform::may_pass(status.code()) => {
                self.bring(*answer, in_hand);
            }
            Refused::Activity { answer, in_hand, status } => {
                tokio::spawn(async move {
                    perform::activity_refused(&shared, *answer, status).await;
                    drop(in_hand);
                });
            }
            Refused::Batch { status } => perform::batch_refused(&status),
            Refused::Turn { token, status } => {
                tokio::spawn(async move { perform::turn_refused(&shared, token, status).await });
            }
        }
    }

    /// Brings an activity's outcome that its stream did not.
    fn bring(&self, answer: pb::ActivityResponse, in_hand: InHand) {
        let shared = Arc::clone(self.shared);
        tokio::spawn(async move {
            perform::call_with_activity(&shared, answer).await;
            drop(in_hand);
        });
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

    fn take(&self, item: pb::WorkItem, way: &Way) {
        let token = item.completion_token;
        match item.request {
            Some(Item::OrchestratorRequest(request)) => {
                perform::turn(self.shared, request, token, (self.in_hand.clone(), way));
            }
            Some(Item::ActivityRequest(request)) => {
                perform::activity(self.shared, request, token, (self.in_hand.clone(), way));
            }
            Some(Item::EntityRequest(request)) => {
                let batch = Batch::from_v1(request);
                perform::entity(self.shared, batch, token, (self.in_hand.clone(), way));
            }
            Some(Item::EntityRequestV2(request)) => {
                let batch = Batch::from_v2(request);
                perform::entity(self.shared, batch, token, (self.in_hand.clone(), way));
            }
            Some(Item::HealthPing(_)) | None => {}
        }
    }

    /// Keeps the stream open while work is in hand, because the server takes a closed stream for a dead
    /// worker and would hand the work to another. What still comes goes back.
    async fn drain(&self, items: &mut Items) -> Ended {
        // Two handles are ours: the loop's own and none of a task's.
        while self.in_hand.strong_count() > 1 {
            tokio::select! {
                biased;
                came = self.next(items) => match came {
                    Ok(Some(came)) => came.into_iter().for_each(|item| self.refuse(item)),
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

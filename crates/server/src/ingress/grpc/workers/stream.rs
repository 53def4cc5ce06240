//! A worker's stream: work items as dispatch encodes them, and a ping when it has been quiet.
//!
//! The stream is the worker's lease: when it ends, what the worker held goes to others.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use outlast_proto::durable_task as proto;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_stream::Stream;
use tonic::{Code, Status};

use crate::dispatch::{Filter, Names, Past, PerKind, Worker};
use crate::ingress::grpc::call::Call;
use crate::ingress::grpc::server::{Phase, Shared};
use crate::ingress::grpc::status;
use crate::observe::codes;
use crate::peers::work::Items;

/// How often a stream looks whether it was quiet.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many quiet looks make a ping: 20 to 25 seconds. Workers hang up after 120.
const QUIET_LOOKS: u32 = 5;
/// `WorkItem { healthPing: HealthPing {} }`.
const PING: &[u8] = &[0x22, 0];
/// Streams of one hub: each costs some kilobytes, whether anybody reads it or not.
const WORKERS_MAX: usize = 10_000;
/// Names and versions in a filter; a worker has as many functions as it has.
const FILTER_ENTRIES_MAX: usize = 20_000;

/// Opens a worker's stream.
pub(in crate::ingress::grpc) async fn get_work_items(
    call: Call,
    request: proto::GetWorkItemsRequest,
) -> Result<WorkItems, Status> {
    if *call.shared.phase.borrow() != Phase::Serving {
        return Err(Shared::stopping());
    }
    let worker = worker(request)?;
    let hub = call.hub().await?;
    if hub.dispatch().workers() >= WORKERS_MAX {
        let told = format!("{WORKERS_MAX} workers are connected to this task hub already");
        return Err(status::coded(&codes::TOO_MANY_WORKERS, Code::ResourceExhausted, told));
    }
    let shared = Arc::clone(&call.shared);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(WorkItems {
        items: hub.connect(worker),
        look,
        quiet_looks: 0,
        stopping: Box::pin(async move { shared.reached(Phase::Draining).await }),
        ended: false,
    })
}

fn worker(request: proto::GetWorkItemsRequest) -> Result<Worker, Status> {
    let streaming = proto::WorkerCapability::HistoryStreaming as i32;
    Ok(Worker {
        filter: request.work_item_filters.map_or(Ok(Filter::Everything), filter)?,
        slots: PerKind {
            turns: request.max_concurrent_orchestration_work_items,
            activities: request.max_concurrent_activity_work_items,
            batches: request.max_concurrent_entity_work_items,
        },
        past: if request.capabilities.contains(&streaming) { Past::Streamed } else { Past::Inline },
    })
}

fn filter(filters: proto::WorkItemFilters) -> Result<Filter, Status> {
    let turns = filters.orchestrations.into_iter().map(|filter| (filter.name, filter.versions));
    let activities = filters.activities.into_iter().map(|filter| (filter.name, filter.versions));
    let batches = filters.entities.into_iter().map(|filter| (filter.name, Vec::new()));
    Ok(Filter::Named { turns: names(turns)?, activities: names(activities)?, batches: names(batches)? })
}

fn names(filters: impl Iterator<Item = (String, Vec<String>)>) -> Result<Names, Status> {
    let mut names = Names::new();
    let mut entries = 0;
    for (name, versions) in filters {
        entries += 1 + versions.len();
        if entries > FILTER_ENTRIES_MAX {
            let told = format!("a filter has at most {FILTER_ENTRIES_MAX} names and versions");
            return Err(status::invalid(&codes::METADATA_INVALID, told));
        }
        let versions: BTreeSet<String> = versions.into_iter().collect();
        // Twice the same name: what either allows is allowed, and no version at all means any.
        match names.get_mut(&name) {
            None => {
                names.insert(name, versions);
            }
            Some(known) if known.is_empty() || versions.is_empty() => known.clear(),
            Some(known) => known.extend(versions),
        }
    }
    Ok(names)
}

/// The work items of one worker.
pub(in crate::ingress::grpc) struct WorkItems {
    items: Items,
    look: Interval,
    quiet_looks: u32,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

impl Stream for WorkItems {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.stopping.as_mut().poll(context).is_ready() {
            self.ended = true;
            return Poll::Ready(Some(Err(Shared::stopping())));
        }
        match self.items.poll_next(context) {
            Poll::Ready(Some(item)) => {
                self.quiet_looks = 0;
                return Poll::Ready(Some(Ok(item)));
            }
            Poll::Ready(None) => {
                self.ended = true;
                let gone = Status::unavailable("the task hub has been closed");
                return Poll::Ready(Some(Err(gone)));
            }
            Poll::Pending => {}
        }
        while self.look.poll_tick(context).is_ready() {
            self.quiet_looks += 1;
            if self.quiet_looks > QUIET_LOOKS {
                self.quiet_looks = 0;
                return Poll::Ready(Some(Ok(Bytes::from_static(PING))));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn the_ping_is_a_health_ping() {
        let item = proto::WorkItem::decode(PING).expect("a work item");
        assert_eq!(item.request, Some(proto::work_item::Request::HealthPing(proto::HealthPing {})));
        assert_eq!(item.completion_token, "");
    }

    #[test]
    fn a_worker_without_filters_takes_everything_and_one_with_an_empty_filter_nothing() {
        let without = worker(proto::GetWorkItemsRequest::default()).expect("a worker");
        assert_eq!(without.filter, Filter::Everything);
        let empty = proto::GetWorkItemsRequest {
            work_item_filters: Some(proto::WorkItemFilters::default()),
            capabilities: vec![1, 77],
            ..Default::default()
        };
        let empty = worker(empty).expect("a worker");
        assert_eq!(
            empty.filter,
            Filter::Named { turns: Names::new(), activities: Names::new(), batches: Names::new() }
        );
        assert_eq!(empty.past, Past::Streamed);
    }

    #[test]
    fn a_name_listed_twice_takes_what_either_allows() {
        let list = [("a", vec!["1"]), ("a", vec!["2"]), ("b", vec!["1"]), ("b", vec![])];
        let list = list
            .into_iter()
            .map(|(name, versions)| (name.to_owned(), versions.into_iter().map(str::to_owned).collect()));
        let names = names(list).expect("few enough");
        assert_eq!(names["a"], ["1".to_owned(), "2".to_owned()].into());
        assert_eq!(names["b"], BTreeSet::new());
    }
}

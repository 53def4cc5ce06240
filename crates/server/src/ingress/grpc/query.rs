//! Clients' calls about many instances: list, list by time of completion, purge.
//!
//! Pages are bounded by count and by bytes: the SDKs' clients take messages of 4 MiB. Nothing is
//! kept between pages; a cursor says where the next one begins.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use engine::id::{InstanceId, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::{Command, Purge};
use engine::partition::effect::{Refusal, Reply};
use engine::partition::view::{Finished, InstanceView, InstancesFilter};
use engine::time::Timestamp;
use outlast_proto::durable_task as proto;
use prost::Message;
use tokio::task::JoinSet;
use tonic::Status;

use super::call::Call;
use super::cursor::{ByCompletion, ById};
use super::instances::BATCH_MAX;
use super::{check, convert, entities, status};
use crate::node::Hub;
use crate::observe::codes;

/// Instances in a page where the caller states none.
const PAGE_DEFAULT: usize = 100;
/// Instances in a page at most; Python's default is "all".
const PAGE_MAX: usize = 1_000;
/// Bytes in a page: below 4 MiB with room for one more small instance and the frame.
const PAGE_BYTES_MAX: usize = 3 << 20;
/// Reads of partitions for one page, each of at most 256 rows: a filter that little passes gives short
/// pages, not slow ones. Whoever asks goes on where this one ended.
pub(super) const READS_MAX: usize = 64;
/// Reads of each partition for one page of ended instances.
const SPAN_READS_MAX: usize = 8;
/// Instances read or purged at once for one call.
const AT_ONCE: usize = 64;
/// With inputs and outputs, which may have 10 MiB each.
const WITH_VALUES_AT_ONCE: usize = 8;

pub(super) fn page_size(asked: i32) -> usize {
    match usize::try_from(asked) {
        Ok(0) | Err(_) => PAGE_DEFAULT,
        Ok(asked) => asked.min(PAGE_MAX),
    }
}

/// Instances that pass a filter, in order of partition and id.
pub(super) async fn query(
    call: Call,
    request: proto::QueryInstancesRequest,
) -> Result<proto::QueryInstancesResponse, Status> {
    let query = request.query.unwrap_or_default();
    let hub = call.hub().await?;
    let cursor = ById::parse(query.continuation_token.as_deref())?;
    let elsewhere =
        !query.task_hub_names.is_empty() && !query.task_hub_names.iter().any(|name| name == hub.name());
    let Some(statuses) = convert::statuses(&query.runtime_status).filter(|_| !elsewhere) else {
        return Ok(proto::QueryInstancesResponse::default());
    };
    let filter = InstancesFilter {
        statuses,
        created_from: query.created_time_from.map(check::time),
        created_to: query.created_time_to.map(check::time),
        prefix: query.instance_id_prefix.unwrap_or_default(),
    };
    let mut listing = Listing::new(&hub, filter, cursor);
    let mut page = Page::new(page_size(query.max_instance_count));
    'pages: loop {
        let at_once = if query.fetch_inputs_and_outputs { WITH_VALUES_AT_ONCE } else { AT_ONCE };
        let some = listing.some(at_once.min(page.left())).await?;
        if some.is_empty() {
            break;
        }
        let found = read_all(&hub, some, query.fetch_inputs_and_outputs).await?;
        for view in found {
            // Purged since it was listed: not there, and no reason to stop.
            if !view.is_none_or(|view| page.add(convert::state(view))) {
                break 'pages;
            }
            listing.settle();
        }
    }
    let continuation_token = listing.cursor().map(|cursor| cursor.to_text());
    Ok(proto::QueryInstancesResponse { orchestration_state: page.states, continuation_token })
}

/// Instances as they stand, in the order in which they are asked for.
async fn read_all(
    hub: &Arc<Hub>,
    ids: Vec<InstanceId>,
    with_values: bool,
) -> Result<Vec<Option<InstanceView>>, Status> {
    let mut reads = JoinSet::new();
    let count = ids.len();
    for (place, id) in ids.into_iter().enumerate() {
        let hub = Arc::clone(hub);
        reads.spawn(async move { (place, hub.instance(&id, with_values).await) });
    }
    let mut found = vec![None; count];
    while let Some(read) = reads.join_next().await {
        let (place, view) = read.map_err(|error| Status::internal(format!("a read panicked: {error}")))?;
        found[place] = view.map_err(|error| status::unavailable(&error))?;
    }
    Ok(found)
}

struct Page {
    states: Vec<proto::OrchestrationState>,
    room: usize,
    bytes: usize,
}

impl Page {
    fn new(room: usize) -> Self {
        Self { states: Vec::new(), room, bytes: 0 }
    }

    fn left(&self) -> usize {
        self.room.saturating_sub(self.states.len())
    }

    /// `false`: there is no room for it. The first one always has room.
    fn add(&mut self, state: proto::OrchestrationState) -> bool {
        let bytes = state.encoded_len();
        let full = self.states.len() >= self.room || self.bytes + bytes > PAGE_BYTES_MAX;
        if full && !self.states.is_empty() {
            return false;
        }
        self.bytes += bytes;
        self.states.push(state);
        true
    }
}

/// Instances that have ended, in order of (time, id).
pub(super) async fn list_ids(
    call: Call,
    request: proto::ListInstanceIdsRequest,
) -> Result<proto::ListInstanceIdsResponse, Status> {
    let hub = call.hub().await?;
    let size = page_size(request.page_size);
    let Some(statuses) = convert::statuses(&request.runtime_status) else {
        return Ok(proto::ListInstanceIdsResponse::default());
    };
    let span = Span {
        from: request.completed_time_from.map_or(Timestamp::ZERO, check::time),
        to: request.completed_time_to.map_or(Timestamp::MAX, check::time),
        after: ByCompletion::parse(request.last_instance_key.as_deref())?,
        statuses,
    };
    let mut found = Vec::new();
    // Everything up to here has been looked at, in every partition.
    let mut seen: Option<ByCompletion> = None;
    for partition in (0..hub.partitions()).map(PartitionId) {
        let (some, upto) = span.read(&hub, partition, size + 1).await?;
        found.extend(some);
        seen = [seen, upto].into_iter().flatten().min();
    }
    found.sort();
    if let Some(seen) = &seen {
        found.retain(|at| at <= seen);
    }
    let more = found.len() > size;
    found.truncate(size);
    let last = if more { found.last().cloned() } else { seen };
    let last_instance_key = last.map(|last| last.to_text());
    let instance_ids = found.into_iter().map(|at| at.instance.as_str().to_owned()).collect();
    Ok(proto::ListInstanceIdsResponse { instance_ids, last_instance_key })
}

/// Which ended instances are asked for.
struct Span {
    from: Timestamp,
    to: Timestamp,
    after: Option<ByCompletion>,
    statuses: Vec<StatusName>,
}

impl Span {
    /// The first `size` of one partition, and up to where it was looked at, if not to its end.
    async fn read(
        &self,
        hub: &Hub,
        partition: PartitionId,
        size: usize,
    ) -> Result<(Vec<ByCompletion>, Option<ByCompletion>), Status> {
        let mut found = Vec::new();
        let mut upto = None;
        for _ in 0..SPAN_READS_MAX {
            let after = upto.clone().or_else(|| self.after.clone());
            let after = after.map(|after: ByCompletion| (after.completed, after.instance));
            let page = hub.finished(partition, self.from..self.to, after, size).await;
            let page = page.map_err(|error| status::unavailable(&error))?;
            let last = page.last().filter(|_| page.len() >= size);
            upto = last.map(|last| ByCompletion { completed: last.at, instance: last.instance.clone() });
            found.extend(self.matching(page));
            if upto.is_none() || found.len() >= size {
                break;
            }
        }
        Ok((found, upto))
    }

    fn matching(&self, page: Vec<Finished>) -> impl Iterator<Item = ByCompletion> {
        let wanted = |status| self.statuses.is_empty() || self.statuses.contains(&status);
        page.into_iter()
            .filter(move |finished| wanted(finished.status))
            .map(|finished| ByCompletion { completed: finished.at, instance: finished.instance })
    }
}

/// Removes instances that have ended: one, a batch, or all that pass a filter.
pub(super) async fn purge(
    call: Call,
    request: proto::PurgeInstancesRequest,
) -> Result<proto::PurgeInstancesResponse, Status> {
    use proto::purge_instances_request::Request;
    let hub = call.hub().await?;
    let recursive = request.recursive;
    let (count, is_complete) = match request.request {
        None => {
            let told = "no instance, batch or filter to purge is given";
            return Err(status::invalid(&codes::METADATA_INVALID, told));
        }
        Some(Request::InstanceId(id)) => (purge_all(&call, &hub, &[id], recursive).await?, true),
        Some(Request::InstanceBatch(batch)) if batch.instance_ids.len() > BATCH_MAX => {
            let told = format!("{} instances, more than {BATCH_MAX} at once", batch.instance_ids.len());
            return Err(status::invalid(&codes::METADATA_INVALID, told));
        }
        Some(Request::InstanceBatch(batch)) => {
            (purge_all(&call, &hub, &batch.instance_ids, recursive).await?, true)
        }
        Some(Request::PurgeInstanceFilter(filter)) => purge_filtered(&call, &hub, filter, recursive).await?,
    };
    Ok(proto::PurgeInstancesResponse {
        deleted_instance_count: i32::try_from(count).unwrap_or(i32::MAX),
        is_complete: Some(is_complete),
    })
}

/// Instances that have not ended are left alone and not counted; of entities the state goes.
async fn purge_all(call: &Call, hub: &Arc<Hub>, ids: &[String], recursive: bool) -> Result<u32, Status> {
    let mut count = 0;
    for some in ids.chunks(AT_ONCE) {
        let mut purges = JoinSet::new();
        for id in some {
            if let Ok(entity) = call.entity(id) {
                purges.spawn(entities::delete(Arc::clone(hub), entity));
                continue;
            }
            let Ok(instance) = call.instance(id) else { continue };
            purges.spawn(purge_one(Arc::clone(hub), instance, recursive));
        }
        while let Some(purged) = purges.join_next().await {
            count += purged.map_err(|error| Status::internal(format!("a purge panicked: {error}")))??;
        }
    }
    Ok(count)
}

async fn purge_one(hub: Arc<Hub>, instance: InstanceId, recursive: bool) -> Result<u32, Status> {
    let purge = Purge { instance: instance.as_str().to_owned(), request: None, recursive };
    let reply =
        hub.ask(&instance, Command::Purge(purge)).await.map_err(|error| status::unavailable(&error))?;
    match reply {
        Reply::Purged { count } => Ok(count),
        Reply::Done => Ok(1),
        Reply::Unchanged | Reply::Refused(Refusal::InstanceNotFound) => Ok(0),
        Reply::Refused(refusal) => Err(status::refusal(refusal, instance.as_str())),
        other @ Reply::Started { .. } => Err(status::unexpected(&other)),
    }
}

/// How many went, and whether that was all before the caller's timeout.
async fn purge_filtered(
    call: &Call,
    hub: &Arc<Hub>,
    filter: proto::PurgeInstanceFilter,
    recursive: bool,
) -> Result<(u32, bool), Status> {
    let clock = &call.shared.node.platform().clock;
    let timeout = filter.timeout.and_then(|timeout| Duration::try_from(timeout).ok());
    let deadline = timeout.map(|timeout| clock.monotonic() + timeout);
    let Some(mut statuses) = convert::statuses(&filter.runtime_status) else { return Ok((0, true)) };
    if statuses.is_empty() {
        statuses = StatusName::ALL.to_vec();
    }
    statuses.retain(|status| status.is_terminal());
    if statuses.is_empty() {
        return Ok((0, true));
    }
    let filter = InstancesFilter {
        statuses,
        created_from: filter.created_time_from.map(check::time),
        created_to: filter.created_time_to.map(check::time),
        prefix: String::new(),
    };
    let mut listing = Listing::new(hub, filter, None);
    let mut count = 0;
    loop {
        let some = listing.some(AT_ONCE).await?;
        for _ in &some {
            listing.settle();
        }
        let ids: Vec<String> = some.iter().map(|instance| instance.as_str().to_owned()).collect();
        count += purge_all(call, hub, &ids, recursive).await?;
        if some.is_empty() && listing.cursor().is_none() {
            return Ok((count, true));
        }
        if deadline.is_some_and(|deadline| clock.monotonic() >= deadline) {
            return Ok((count, false));
        }
        listing.reads = 0;
    }
}

/// The ids of a hub's instances that pass a filter, partition by partition.
struct Listing<'a> {
    hub: &'a Hub,
    filter: InstancesFilter,
    partition: PartitionId,
    /// Everything up to this id is settled: shown, or not asked for.
    settled: Option<InstanceId>,
    /// Read and not settled.
    ahead: VecDeque<InstanceId>,
    /// Where the partition's next read begins; `None`: it is read to its end.
    from: Option<Option<InstanceId>>,
    reads: usize,
}

impl<'a> Listing<'a> {
    fn new(hub: &'a Hub, filter: InstancesFilter, cursor: Option<ById>) -> Self {
        let ById { partition, after } = cursor.unwrap_or(ById { partition: PartitionId(0), after: None });
        Self {
            hub,
            filter,
            partition,
            from: Some(after.clone()),
            settled: after,
            ahead: VecDeque::new(),
            reads: 0,
        }
    }

    /// Up to `count` ids that are not settled; none at the end, or where enough has been read.
    async fn some(&mut self, count: usize) -> Result<Vec<InstanceId>, Status> {
        while self.ahead.is_empty() {
            if self.partition.0 >= self.hub.partitions() || self.reads >= READS_MAX {
                return Ok(Vec::new());
            }
            let Some(after) = self.from.take() else {
                self.partition = PartitionId(self.partition.0 + 1);
                (self.settled, self.from) = (None, Some(None));
                continue;
            };
            self.reads += 1;
            self.settled.clone_from(&after);
            let page = self.hub.instances(self.partition, self.filter.clone(), after, PAGE_DEFAULT).await;
            let page = page.map_err(|error| status::unavailable(&error))?;
            self.ahead.extend(page.instances.into_iter().map(|view| view.instance));
            self.from = page.next.map(Some);
        }
        Ok(self.ahead.iter().take(count.max(1)).cloned().collect())
    }

    /// Done with the first id.
    fn settle(&mut self) {
        self.settled = self.ahead.pop_front();
    }

    /// Where another listing goes on; `None` at the end.
    fn cursor(&self) -> Option<ById> {
        let (partition, after) = match &self.from {
            _ if !self.ahead.is_empty() => (self.partition, self.settled.clone()),
            Some(from) => (self.partition, from.clone()),
            None => (PartitionId(self.partition.0 + 1), None),
        };
        (partition.0 < self.hub.partitions()).then_some(ById { partition, after })
    }
}

//! One open task hub: its partitions' addresses, its workers, its waiters.
//!
//! Everything a client can do with an instance goes through here: the id picks the partition, the
//! partition answers once the answer is committed.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::id::{EntityId, HubId, InstanceId, PartitionId};
use engine::partition::command::Command;
use engine::partition::effect::Reply;
use engine::partition::view::{
    Counts, EntitiesFilter, EntitiesPage, EntityView, Finished, HistoryPage, InstanceView, InstancesFilter,
    InstancesPage, LockedEntity,
};
use engine::time::Timestamp;

use super::Member;
use super::counting::Counted;
use super::payloads;
use crate::dispatch::{Dispatch, Kind, Worker};
use crate::observe::metrics::HubMetrics;
use crate::partition::mailbox::Admission;
use crate::partition::messages::{Answer, Outcome, Question, Request, Unavailable};
use crate::partition::outside::HubLinks;
use crate::partition::watch::{Until, Watch, Watchers};
use crate::peers::gateway::Gateway;
use crate::peers::route::{Answered, Route};
use crate::peers::work::Items;

/// A task hub that is open on this node.
#[derive(Debug)]
pub struct Hub {
    pub(super) id: HubId,
    pub(super) name: String,
    pub(super) key: [u8; 32],
    pub(super) partitions: Vec<Member>,
    pub(super) links: Arc<HubLinks>,
    pub(super) admission: Admission,
    pub(super) gateway: Arc<Gateway>,
}

impl Hub {
    /// Its number in the catalog.
    pub fn id(&self) -> HubId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key its work items are signed with.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// How many partitions it has.
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    /// Its counters; gauges among them are set by [`Self::measure`].
    pub fn metrics(&self) -> &HubMetrics {
        &self.links.metrics
    }

    /// Sets the gauges of work and workers.
    pub fn measure(&self) {
        let (load, metrics) = (self.dispatch().load(), self.metrics());
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.workers.set(gauge(load.workers));
        metrics.turns_waiting.set(gauge(load.waiting.turns));
        metrics.activities_waiting.set(gauge(load.waiting.activities));
        let untaken = |kind: Kind| -> usize {
            let queues = self.dispatch().queues().into_iter();
            queues.filter(|queue| !queue.taken && queue.kind == kind).map(|queue| queue.waiting).sum()
        };
        metrics.turns_without_worker.set(gauge(untaken(Kind::Turn)));
        metrics.activities_without_worker.set(gauge(untaken(Kind::Activity)));
        metrics.batches_without_worker.set(gauge(untaken(Kind::Batch)));
        metrics.batches_waiting.set(gauge(load.waiting.batches));
        metrics.turns_in_flight.set(gauge(load.in_flight.turns));
        metrics.activities_in_flight.set(gauge(load.in_flight.activities));
        metrics.batches_in_flight.set(gauge(load.in_flight.batches));
        metrics.redelivered.inner().store(load.redelivered, Ordering::Relaxed);
        let counts = self.dispatch().counts().view();
        metrics.work_bytes.inner().store(counts.bytes, Ordering::Relaxed);
        metrics.history_bytes.inner().store(counts.bytes_spliced, Ordering::Relaxed);
        metrics.events_handed_out.inner().store(counts.events_new, Ordering::Relaxed);
    }

    /// Who gets which work item.
    pub fn dispatch(&self) -> &Dispatch {
        &self.links.dispatch
    }

    /// Asks the instance's partition; answers once the outcome is committed.
    pub async fn ask(&self, instance: &InstanceId, command: Command) -> Result<Reply, Unavailable> {
        let counted = Counted::of(&command);
        let reply = self.ask_partition(instance.partition(self.partitions()), command).await?;
        counted.count(&reply, self.metrics());
        Ok(reply)
    }

    /// Asks one partition, whose log is given the command's large texts first; answers once the outcome
    /// is committed.
    pub async fn ask_partition(
        &self,
        partition: PartitionId,
        command: Command,
    ) -> Result<Reply, Unavailable> {
        self.ask_member(self.member(partition)?, command, None).await
    }

    pub(super) async fn ask_member(
        &self,
        member: &Member,
        mut command: Command,
        answered: Option<Answered<'_>>,
    ) -> Result<Reply, Unavailable> {
        let payloads = payloads::take_out(&mut command, member.uploads.apart());
        if !payloads.is_empty() {
            return member.uploads.ask(member, &self.admission, (&payloads, command), answered).await;
        }
        match member.route.ask(&self.admission, Request::Partition(command), answered).await? {
            Outcome::Partition(reply) => Ok(reply),
            Outcome::Catalog(_) => Err(mismatch()),
        }
    }

    /// One instance, or `None`.
    pub async fn instance(
        &self,
        instance: &InstanceId,
        with_values: bool,
    ) -> Result<Option<InstanceView>, Unavailable> {
        let question = Question::Instance { instance: instance.clone(), with_values };
        match self.question(instance.partition(self.partitions()), question).await? {
            Answer::Instance(found) => Ok(found),
            _ => Err(mismatch()),
        }
    }

    /// One entity, or `None`.
    pub async fn entity(
        &self,
        entity: &EntityId,
        with_state: bool,
    ) -> Result<Option<EntityView>, Unavailable> {
        let question = Question::Entity { entity: entity.clone(), with_state };
        match self.question(entity.as_instance().partition(self.partitions()), question).await? {
            Answer::Entity(found) => Ok(found),
            _ => Err(mismatch()),
        }
    }

    /// A page of one partition's entities, ordered by id, beyond `after`.
    pub async fn entities(
        &self,
        partition: PartitionId,
        filter: EntitiesFilter,
        after: Option<EntityId>,
        limit: usize,
    ) -> Result<EntitiesPage, Unavailable> {
        match self.question(partition, Question::Entities { filter, after, limit }).await? {
            Answer::Entities(page) => Ok(page),
            _ => Err(mismatch()),
        }
    }

    /// Locked entities of one partition, ordered by id, beyond `after`.
    pub async fn locks(
        &self,
        partition: PartitionId,
        after: Option<EntityId>,
        limit: usize,
    ) -> Result<Vec<LockedEntity>, Unavailable> {
        match self.question(partition, Question::Locks { after, limit }).await? {
            Answer::Locks(locks) => Ok(locks),
            _ => Err(mismatch()),
        }
    }

    /// A page of one partition's instances, ordered by id, beyond `after`.
    pub async fn instances(
        &self,
        partition: PartitionId,
        filter: InstancesFilter,
        after: Option<InstanceId>,
        limit: usize,
    ) -> Result<InstancesPage, Unavailable> {
        match self.question(partition, Question::Instances { filter, after, limit }).await? {
            Answer::Instances(page) => Ok(page),
            _ => Err(mismatch()),
        }
    }

    /// A page of an instance's history beyond its first `after` events; `None`: no such instance.
    pub async fn history(
        &self,
        instance: &InstanceId,
        after: u64,
        limit: usize,
    ) -> Result<Option<HistoryPage>, Unavailable> {
        let question = Question::History { instance: instance.clone(), after, limit };
        match self.question(instance.partition(self.partitions()), question).await? {
            Answer::History(page) => Ok(page),
            _ => Err(mismatch()),
        }
    }

    /// One partition's instances that ended within `span`, ordered by (time, id), beyond `after`.
    pub async fn finished(
        &self,
        partition: PartitionId,
        span: Range<Timestamp>,
        after: Option<(Timestamp, InstanceId)>,
        limit: usize,
    ) -> Result<Vec<Finished>, Unavailable> {
        match self.question(partition, Question::Finished { span, after, limit }).await? {
            Answer::Finished(page) => Ok(page),
            _ => Err(mismatch()),
        }
    }

    /// Instances by status in one partition.
    pub async fn counts(&self, partition: PartitionId) -> Result<Counts, Unavailable> {
        match self.question(partition, Question::Counts).await? {
            Answer::Counts(counts) => Ok(counts),
            _ => Err(mismatch()),
        }
    }

    /// Waits on an instance: register, read, then `changed`.
    pub fn watch(&self, instance: &InstanceId, until: Until) -> Watch {
        self.links.watchers.watch(instance, until)
    }

    pub(super) fn member(&self, partition: PartitionId) -> Result<&Member, Unavailable> {
        let index = usize::try_from(partition.0).map_err(|_| Unavailable::NotLeading)?;
        self.partitions.get(index).ok_or(Unavailable::NotLeading)
    }

    pub(super) async fn question(
        &self,
        partition: PartitionId,
        question: Question,
    ) -> Result<Answer, Unavailable> {
        self.member(partition)?.route.ask(&self.admission, question, None).await
    }

    /// Connects a worker: its items come from wherever they are, until it drops them.
    pub fn connect(&self, worker: Worker) -> Items {
        self.gateway.connect(self, worker)
    }

    /// Those who wait on instances.
    pub(crate) fn watchers(&self) -> &Watchers {
        &self.links.watchers
    }

    /// A partition is led by others than before: who waits for its instances waits there, and reads
    /// again.
    pub(crate) fn moved(&self, partition: PartitionId) {
        self.links.watchers.moved(|instance| instance.partition(self.partitions()) == partition);
    }

    /// The way to a partition; `None`: there is no such partition.
    pub(crate) fn route(&self, partition: PartitionId) -> Option<Route> {
        self.member(partition).ok().map(|member| member.route.clone())
    }

    /// Bounds those who wait inside.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }
}

/// A question is answered in kind; anything else is a bug of the core.
pub(super) fn mismatch() -> Unavailable {
    debug_assert!(false, "an answer of another kind than its question");
    Unavailable::Halted("an answer of another kind than its question".to_owned())
}

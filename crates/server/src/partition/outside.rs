//! Performs the effects of one partition: offers to workers, messages to its peers, wake-ups.
//!
//! Losing any of it is harmless: the engine derives it again from state, and a peer that hears
//! nothing is sent the same again.

use std::sync::Arc;

use engine::id::PartitionId;
use engine::partition::StatusName;
use engine::partition::command::{AcknowledgeMessages, Command};
use engine::time::Timestamp;
use tokio::sync::watch;

use super::address::Address;
use super::core::Partition;
use super::mailbox::Mailbox;
use super::messages::{Event, LogOutput, Perform, Request, StoreOutput};
use super::replica::Seat;
use super::watch::Watchers;
use crate::dispatch::{Claims, Dispatch, Grant, Offer, Work};
use crate::node::cluster::copies;
use crate::node::{log_writer, store_writer};
use crate::observe::codes;
use crate::observe::metrics::{HubMetrics, Metrics};
use crate::peers::route::{Lead, Route};

/// How dispatch reaches the partitions of its hub.
#[derive(Debug)]
pub struct Claimed(pub Arc<[Route]>);

fn route(routes: &[Route], partition: PartitionId) -> Option<&Route> {
    routes.get(usize::try_from(partition.0).ok()?)
}

impl Claims for Claimed {
    fn claim(&self, partition: PartitionId, work: Work, grant: Grant) {
        let mut grant = Some(grant);
        let claim = |address: &Address| {
            if let Some(grant) = grant.take() {
                address.claim(work, grant);
            }
        };
        route(&self.0, partition).and_then(|route| route.at_home(claim));
        // Not led here any more: the board is about to be told.
        grant.into_iter().for_each(Grant::nothing);
    }

    fn refill(&self, partition: PartitionId) {
        route(&self.0, partition).and_then(|route| route.at_home(|address| address.send(Event::Refill)));
    }
}

/// What the partitions of a task hub share; the catalog has none.
#[derive(Debug)]
pub struct HubLinks {
    /// Who gets which work item.
    pub dispatch: Dispatch,
    /// The ways to the hub's partitions.
    pub routes: Arc<[Route]>,
    /// Those who wait on instances.
    pub watchers: Watchers,
    /// What is counted.
    pub metrics: HubMetrics,
    /// Those who deliver lifecycle events, by partition.
    pub feeds: Vec<watch::Sender<u64>>,
    /// Those who wait for the ticks of schedules, by partition.
    pub schedules: Vec<watch::Sender<u64>>,
}

/// Something of a partition is not as it was, or may not be.
fn changed(watched: &[watch::Sender<u64>], partition: PartitionId) {
    let of_partition = usize::try_from(partition.0).ok().and_then(|index| watched.get(index));
    if let Some(watched) = of_partition {
        watched.send_modify(|count| *count += 1);
    }
}

/// See the file's header.
#[derive(Debug)]
pub struct Outside {
    /// Which partition of the hub this is.
    pub partition: PartitionId,
    /// Which replica of it, and how others are reached.
    pub seat: Arc<Seat>,
    /// The thread that carries rows.
    pub copies: Mailbox<copies::Job>,
    /// Where this partition is reached.
    pub address: Address,
    /// The hub's shared parts.
    pub hub: Option<Arc<HubLinks>>,
    /// The log thread.
    pub log: Mailbox<log_writer::Job>,
    /// The store thread.
    pub stores: Mailbox<store_writer::Job>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Records nobody waits for, until one comes along that somebody does.
    pub riding: Vec<storage::Record>,
    /// The log has to vouch for some of `riding`.
    pub riding_vouch: bool,
    /// The last output among `riding`, and the last one given to the log thread.
    pub riding_number: u64,
    /// See `riding_number`.
    pub written: u64,
    /// Says when this partition leads.
    pub lead: Lead,
}

impl Outside {
    /// Gives records to the log thread, or lets them ride until there is haste.
    pub(super) fn write(&mut self, outputs: impl Iterator<Item = LogOutput>, flush: bool) {
        let mut urgent = flush;
        for output in outputs {
            urgent |= output.urgent;
            self.riding_vouch |= output.proof == replication::Proof::Vouched;
            self.riding_number = output.number;
            self.riding.extend(output.records);
        }
        if urgent && self.riding_number > self.written {
            self.written = self.riding_number;
            let records = std::mem::take(&mut self.riding);
            let (owner, number) = (self.address.clone(), self.riding_number);
            let vouch = std::mem::take(&mut self.riding_vouch);
            self.log.send(log_writer::Job::Append { owner, number, records, vouch });
        }
    }

    pub(super) fn store(&self, partition: &Partition, store: StoreOutput) {
        self.stores.send(store_writer::Job::Store {
            owner: self.address.clone(),
            tables: partition.tables(),
            batch: store.batch,
            upto: store.upto,
        });
    }

    /// Gives the rows to replicas that entries cannot bring up to date.
    pub(super) fn carry(&self, partition: &Partition, behind: impl Iterator<Item = u64>) {
        for to in behind {
            if !self.seat.begin_carrying(to) {
                continue;
            }
            let rows = storage::tables::copy::Rows::of(&partition.tables());
            let members = |rows: &storage::tables::copy::Rows| {
                partition.group().members_at(rows.applied().index).cloned()
            };
            match rows.map(|rows| (members(&rows), rows)) {
                Ok((Some(members), rows)) => {
                    let send = copies::Send { seat: Arc::clone(&self.seat), to, rows, members };
                    self.copies.send(copies::Job::Send(Box::new(send)));
                }
                // The tables are older than the log, or damaged: the partition learns of that itself.
                Ok((None, _)) | Err(_) => self.seat.end_carrying(to),
            }
        }
    }

    /// Rows that were brought take the place of this replica's, if the log says so.
    pub(super) fn replace(&self, replaced: Option<u64>, is_pending: bool) {
        if let Some(index) = replaced {
            match storage::tables::copy::adopt(self.seat.disk.as_ref(), &self.seat.path) {
                Ok(()) => tracing::info!(
                    partition = self.partition.0,
                    index,
                    "another replica's rows have taken the place of this one's"
                ),
                Err(error) => self.address.send(Event::Failed { why: error.to_string() }),
            }
        }
        if !is_pending {
            self.seat.end_bringing();
        }
    }

    pub(super) fn perform(&self, partition: &mut Partition, perform: Perform, now: Timestamp) {
        match (perform, self.hub.as_deref()) {
            (Perform::Leading(epoch), hub) => {
                self.metrics.partitions.leader_changes.inc();
                self.lead.begins(epoch);
                if let Some(hub) = hub {
                    hub.watchers.changed_all();
                    changed(&hub.feeds, self.partition);
                    changed(&hub.schedules, self.partition);
                }
            }
            (Perform::LeadingEnded, hub) => {
                self.lead.ended();
                if let Some(hub) = hub {
                    hub.dispatch.reset(self.partition);
                    let count = u32::try_from(hub.routes.len()).unwrap_or(u32::MAX);
                    hub.watchers.not_led(|instance| instance.partition(count) == self.partition);
                }
            }
            // The catalog has no work, no peers and no watchers.
            (_, None) => {}
            (Perform::OfferTurn { instance, name, version }, Some(hub)) => {
                let work = Work::Turn { instance };
                self.offer(hub, partition, Offer { partition: self.partition, work, name, version }, now);
            }
            (Perform::OfferActivity { activity, name, version }, Some(hub)) => {
                let work = Work::Activity { key: activity };
                self.offer(hub, partition, Offer { partition: self.partition, work, name, version }, now);
            }
            (Perform::OfferBatch(entity), Some(hub)) => {
                let (name, version) = (entity.name().to_owned(), String::new());
                let work = Work::Batch { entity };
                self.offer(hub, partition, Offer { partition: self.partition, work, name, version }, now);
            }
            (Perform::BatchEnded(entity, ended), Some(hub)) => hub.dispatch.batch_ended(&entity, ended),
            (Perform::TurnEnded(instance, ended), Some(hub)) => {
                hub.dispatch.turn_ended(self.partition, &instance, ended)
            }
            (Perform::ActivityEnded(activity, ended), Some(hub)) => {
                hub.dispatch.activity_ended(&activity, ended)
            }
            (Perform::Provide { to, part }, Some(hub)) => self.tell(hub, to, part.into()),
            (Perform::Deliver { to, messages }, Some(hub)) => {
                let count = u64::try_from(messages.messages.len()).unwrap_or(u64::MAX);
                self.metrics.partitions.messages_sent.inc_by(count);
                self.tell(hub, to, Command::ReceiveMessages(messages));
            }
            (Perform::Acknowledge { to, upto }, Some(hub)) => {
                let lineage = partition.lineage().0;
                let from = self.partition.0;
                let acknowledged = AcknowledgeMessages { from, from_lineage: lineage, upto };
                self.tell(hub, to, Command::AcknowledgeMessages(acknowledged));
            }
            (Perform::InstanceChanged(instance, status), Some(hub)) => {
                count_ended(&hub.metrics, status);
                hub.watchers.changed(&instance, status);
            }
            (Perform::FeedGrew, Some(hub)) => changed(&hub.feeds, self.partition),
            (Perform::ScheduleMoved, Some(hub)) => changed(&hub.schedules, self.partition),
            (Perform::TimersFired { late }, Some(hub)) => {
                hub.metrics.timer_lateness_seconds.observe(late.as_secs_f64());
            }
        }
    }

    fn offer(&self, hub: &HubLinks, partition: &mut Partition, offer: Offer, now: Timestamp) {
        if let Some(grant) = hub.dispatch.offer(offer) {
            let work = grant.work();
            self.hand_out(partition, &work, grant, now);
        }
    }

    /// Builds a work item for a worker that is free; nothing, if it is no longer wanted. One that no
    /// worker can take is marked as stuck.
    pub(super) fn hand_out(&self, partition: &mut Partition, work: &Work, grant: Grant, now: Timestamp) {
        match partition.build(work, now) {
            Ok(Some(item)) => {
                if let Some(stuck) = grant.deliver(item) {
                    let request = Request::Partition(stuck);
                    self.address.send(Event::Asked { request, ticket: None });
                }
            }
            Ok(None) => grant.nothing(),
            Err(halt) => {
                grant.nothing();
                self.address.send(Event::Failed { why: halt.to_string() });
            }
        }
    }

    /// Wherever it is led; what gets lost is sent again.
    fn tell(&self, hub: &HubLinks, to: PartitionId, command: Command) {
        if let Some(route) = route(&hub.routes, to) {
            route.tell(Request::Partition(command));
        }
    }

    pub(super) fn halted(&self, why: &str) {
        tracing::error!(
            code = codes::PARTITION_HALTED.id,
            partition = self.partition.0,
            why,
            "a partition has halted"
        );
        self.metrics.partitions.halted.inc();
    }
}

fn count_ended(metrics: &HubMetrics, status: Option<StatusName>) {
    match status {
        Some(StatusName::Completed) => metrics.completed.inc(),
        Some(StatusName::Failed) => metrics.failed.inc(),
        Some(StatusName::Terminated) => metrics.terminated.inc(),
        Some(StatusName::Pending | StatusName::Running | StatusName::Suspended) | None => return,
    };
}

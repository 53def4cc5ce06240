//! Instances, their histories and counts, as answers carry them.
//!
//! Not here: what is in them (`engine::partition::view`).

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::event::FailureDetails;
use engine::id::{Epoch, LeaseEpoch, Lineage, LogId, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::{Moment, Parent};
use engine::partition::view::{
    Counts, Finished, HistoryPage, InstanceView, InstancesPage, Meta, OpenTasks, RecordedEvent, Waiting,
};

use super::{Malformed, Read, all, instance_id, moment, time};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireInstance {
    #[prost(string, tag = "1")]
    instance: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, optional, tag = "3")]
    version: Option<String>,
    #[prost(string, tag = "4")]
    execution: String,
    #[prost(int32, tag = "5")]
    status: i32,
    #[prost(oneof = "WireWaiting", tags = "6, 7, 8, 9, 10, 11")]
    waiting: Option<WireWaiting>,
    #[prost(bool, tag = "12")]
    terminating: bool,
    #[prost(message, required, tag = "13")]
    created: Moment,
    #[prost(message, required, tag = "14")]
    updated: Moment,
    #[prost(message, optional, tag = "15")]
    completed: Option<Moment>,
    #[prost(message, optional, tag = "16")]
    scheduled_start: Option<Moment>,
    #[prost(btree_map = "string, string", tag = "17")]
    tags: BTreeMap<String, String>,
    #[prost(message, optional, tag = "18")]
    parent: Option<Parent>,
    #[prost(uint64, tag = "19")]
    turn: u64,
    #[prost(uint32, tag = "20")]
    inbox: u32,
    #[prost(uint64, tag = "21")]
    history_events: u64,
    #[prost(uint64, tag = "22")]
    history_bytes: u64,
    #[prost(string, optional, tag = "23")]
    input: Option<String>,
    #[prost(string, optional, tag = "24")]
    output: Option<String>,
    #[prost(string, optional, tag = "25")]
    custom_status: Option<String>,
    #[prost(message, optional, tag = "26")]
    failure: Option<FailureDetails>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireWaiting {
    #[prost(message, tag = "6")]
    Nothing(()),
    #[prost(message, tag = "7")]
    Start(Moment),
    #[prost(message, tag = "8")]
    Worker(()),
    #[prost(string, tag = "9")]
    Resume(String),
    #[prost(string, tag = "10")]
    Stuck(String),
    #[prost(message, tag = "11")]
    Tasks(WireTasks),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct WireTasks {
    #[prost(uint32, tag = "1")]
    activities: u32,
    #[prost(uint32, tag = "2")]
    children: u32,
    #[prost(uint32, tag = "3")]
    timers: u32,
    #[prost(uint32, tag = "4")]
    calls: u32,
    #[prost(uint32, tag = "5")]
    locks: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireInstances {
    #[prost(message, repeated, tag = "1")]
    instances: Vec<WireInstance>,
    #[prost(string, optional, tag = "2")]
    next: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireHistory {
    #[prost(string, tag = "1")]
    execution: String,
    #[prost(message, repeated, tag = "2")]
    events: Vec<WireEvent>,
    #[prost(uint64, optional, tag = "3")]
    next: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireEvent {
    #[prost(bytes = "bytes", tag = "1")]
    event: Bytes,
    #[prost(bool, tag = "2")]
    visible: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireFinished {
    #[prost(message, required, tag = "1")]
    at: Moment,
    #[prost(string, tag = "2")]
    instance: String,
    #[prost(int32, tag = "3")]
    status: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireCounts {
    #[prost(btree_map = "int32, uint64", tag = "1")]
    by_status: BTreeMap<i32, u64>,
    #[prost(uint64, tag = "2")]
    stuck: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireMeta {
    #[prost(uint32, optional, tag = "1")]
    partition: Option<u32>,
    #[prost(uint32, tag = "2")]
    partitions: u32,
    #[prost(uint64, tag = "3")]
    lineage: u64,
    #[prost(uint64, tag = "4")]
    lease: u64,
    #[prost(uint64, tag = "5")]
    term: u64,
    #[prost(string, tag = "6")]
    owner: String,
    #[prost(uint64, tag = "7")]
    applied_term: u64,
    #[prost(uint64, tag = "8")]
    applied_index: u64,
    #[prost(message, required, tag = "9")]
    at: Moment,
    #[prost(fixed64, tag = "10")]
    digest: u64,
    #[prost(uint64, tag = "11")]
    orphans: u64,
}

fn status(number: i32) -> Read<StatusName> {
    StatusName::from_wire(number).ok_or(Malformed("a status that this version does not know"))
}

impl From<&Waiting> for WireWaiting {
    fn from(waiting: &Waiting) -> Self {
        match waiting {
            Waiting::Nothing => Self::Nothing(()),
            Waiting::Start(at) => Self::Start((*at).into()),
            Waiting::Worker => Self::Worker(()),
            Waiting::Resume { reason } => Self::Resume(reason.clone()),
            Waiting::Stuck { reason } => Self::Stuck(reason.clone()),
            Waiting::Tasks(OpenTasks { activities, children, timers, calls, locks }) => {
                let (activities, children, timers) = (*activities, *children, *timers);
                Self::Tasks(WireTasks { activities, children, timers, calls: *calls, locks: *locks })
            }
        }
    }
}

impl From<WireWaiting> for Waiting {
    fn from(wire: WireWaiting) -> Self {
        match wire {
            WireWaiting::Nothing(()) => Self::Nothing,
            WireWaiting::Start(at) => Self::Start(at.into()),
            WireWaiting::Worker(()) => Self::Worker,
            WireWaiting::Resume(reason) => Self::Resume { reason },
            WireWaiting::Stuck(reason) => Self::Stuck { reason },
            WireWaiting::Tasks(WireTasks { activities, children, timers, calls, locks }) => {
                Self::Tasks(OpenTasks { activities, children, timers, calls, locks })
            }
        }
    }
}

impl From<&InstanceView> for WireInstance {
    fn from(view: &InstanceView) -> Self {
        Self {
            instance: view.instance.as_str().to_owned(),
            name: view.name.clone(),
            version: view.version.clone(),
            execution: view.execution.clone(),
            status: view.status.wire(),
            waiting: Some((&view.waiting).into()),
            terminating: view.terminating,
            created: view.created.into(),
            updated: view.updated.into(),
            completed: moment(view.completed),
            scheduled_start: moment(view.scheduled_start),
            tags: view.tags.clone(),
            parent: view.parent.clone(),
            turn: view.turn,
            inbox: view.inbox,
            history_events: view.history_events,
            history_bytes: view.history_bytes,
            input: view.input.clone(),
            output: view.output.clone(),
            custom_status: view.custom_status.clone(),
            failure: view.failure.clone(),
        }
    }
}

impl WireInstance {
    pub(super) fn read(self) -> Read<InstanceView> {
        Ok(InstanceView {
            instance: instance_id(&self.instance)?,
            name: self.name,
            version: self.version,
            execution: self.execution,
            status: status(self.status)?,
            waiting: self.waiting.ok_or(Malformed("an instance that waits for something unknown"))?.into(),
            terminating: self.terminating,
            created: self.created.into(),
            updated: self.updated.into(),
            completed: time(self.completed),
            scheduled_start: time(self.scheduled_start),
            tags: self.tags,
            parent: self.parent,
            turn: self.turn,
            inbox: self.inbox,
            history_events: self.history_events,
            history_bytes: self.history_bytes,
            input: self.input,
            output: self.output,
            custom_status: self.custom_status,
            failure: self.failure,
        })
    }
}

impl From<&InstancesPage> for WireInstances {
    fn from(page: &InstancesPage) -> Self {
        Self {
            instances: page.instances.iter().map(WireInstance::from).collect(),
            next: page.next.as_ref().map(|next| next.as_str().to_owned()),
        }
    }
}

impl WireInstances {
    pub(super) fn read(self) -> Read<InstancesPage> {
        Ok(InstancesPage {
            instances: all(self.instances, WireInstance::read)?,
            next: self.next.as_deref().map(instance_id).transpose()?,
        })
    }
}

impl From<&HistoryPage> for WireHistory {
    fn from(page: &HistoryPage) -> Self {
        let event =
            |recorded: &RecordedEvent| WireEvent { event: recorded.event.clone(), visible: recorded.visible };
        Self {
            execution: page.execution.clone(),
            events: page.events.iter().map(event).collect(),
            next: page.next,
        }
    }
}

impl From<WireHistory> for HistoryPage {
    fn from(wire: WireHistory) -> Self {
        let event = |WireEvent { event, visible }| RecordedEvent { event, visible };
        Self {
            execution: wire.execution,
            events: wire.events.into_iter().map(event).collect(),
            next: wire.next,
        }
    }
}

impl From<&Finished> for WireFinished {
    fn from(finished: &Finished) -> Self {
        Self {
            at: finished.at.into(),
            instance: finished.instance.as_str().to_owned(),
            status: finished.status.wire(),
        }
    }
}

impl WireFinished {
    pub(super) fn read(self) -> Read<Finished> {
        Ok(Finished {
            at: self.at.into(),
            instance: instance_id(&self.instance)?,
            status: status(self.status)?,
        })
    }
}

impl From<&Counts> for WireCounts {
    fn from(counts: &Counts) -> Self {
        let by_status = counts.by_status.iter().map(|(status, count)| (status.wire(), *count)).collect();
        Self { by_status, stuck: counts.stuck }
    }
}

impl WireCounts {
    pub(super) fn read(self) -> Read<Counts> {
        let known = |(number, count)| Ok((status(number)?, count));
        Ok(Counts {
            by_status: self.by_status.into_iter().map(known).collect::<Read<_>>()?,
            stuck: self.stuck,
        })
    }
}

impl From<&Meta> for WireMeta {
    fn from(meta: &Meta) -> Self {
        Self {
            partition: meta.partition.map(|partition| partition.0),
            partitions: meta.partitions,
            lineage: meta.epoch.lineage.0,
            lease: meta.epoch.lease.0,
            term: meta.epoch.term,
            owner: meta.owner.clone(),
            applied_term: meta.applied.term,
            applied_index: meta.applied.index,
            at: meta.at.into(),
            digest: meta.digest,
            orphans: meta.orphans,
        }
    }
}

impl From<WireMeta> for Meta {
    fn from(wire: WireMeta) -> Self {
        Self {
            partition: wire.partition.map(PartitionId),
            partitions: wire.partitions,
            epoch: Epoch { lineage: Lineage(wire.lineage), lease: LeaseEpoch(wire.lease), term: wire.term },
            owner: wire.owner,
            applied: LogId { term: wire.applied_term, index: wire.applied_index },
            at: wire.at.into(),
            digest: wire.digest,
            orphans: wire.orphans,
        }
    }
}

//! Feeds of lifecycle events and schedules, as answers carry them.
//!
//! Not here: what is in them (`engine::partition::{feed, schedules}`).

use engine::partition::command::Moment;
use engine::partition::feed::{DeadLetter, Lifecycle, LifecycleEvent, Standing, Subscription};
use engine::partition::schedules::ScheduleView;
use engine::partition::schedules::command::Spec;

use super::{Malformed, Read, moment, time};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireSchedule {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, required, tag = "2")]
    spec: Spec,
    #[prost(uint64, tag = "3")]
    generation: u64,
    #[prost(string, optional, tag = "4")]
    paused: Option<String>,
    #[prost(message, optional, tag = "5")]
    next: Option<Moment>,
    #[prost(message, optional, tag = "6")]
    last: Option<Moment>,
    #[prost(message, optional, tag = "7")]
    fired: Option<Moment>,
    #[prost(string, tag = "8")]
    last_instance: String,
    #[prost(uint64, tag = "9")]
    started: u64,
    #[prost(uint64, tag = "10")]
    skipped: u64,
    #[prost(message, required, tag = "11")]
    created: Moment,
    #[prost(message, required, tag = "12")]
    updated: Moment,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireStanding {
    #[prost(uint64, tag = "1")]
    keep: u64,
    #[prost(uint64, tag = "2")]
    first: u64,
    #[prost(uint64, tag = "3")]
    last: u64,
    #[prost(uint64, tag = "4")]
    lineage: u64,
    #[prost(message, repeated, tag = "5")]
    subscriptions: Vec<WireSubscription>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireSubscription {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    upto: u64,
    #[prost(uint64, tag = "3")]
    missed: u64,
    #[prost(uint64, tag = "4")]
    letters: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireLifecycle {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(enumeration = "Lifecycle", tag = "2")]
    what: i32,
    #[prost(message, required, tag = "3")]
    at: Moment,
    #[prost(string, tag = "4")]
    instance: String,
    #[prost(string, tag = "5")]
    execution: String,
    #[prost(string, tag = "6")]
    name: String,
    #[prost(string, optional, tag = "7")]
    version: Option<String>,
    #[prost(string, tag = "8")]
    reason: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireLetter {
    #[prost(message, required, tag = "1")]
    event: WireLifecycle,
    #[prost(string, tag = "2")]
    why: String,
    #[prost(uint32, tag = "3")]
    attempts: u32,
    #[prost(message, required, tag = "4")]
    at: Moment,
    #[prost(bool, tag = "5")]
    again: bool,
}

impl From<&ScheduleView> for WireSchedule {
    fn from(view: &ScheduleView) -> Self {
        Self {
            name: view.name.clone(),
            spec: view.spec.clone(),
            generation: view.generation,
            paused: view.paused.clone(),
            next: moment(view.next),
            last: moment(view.last),
            fired: moment(view.fired),
            last_instance: view.last_instance.clone(),
            started: view.started,
            skipped: view.skipped,
            created: view.created.into(),
            updated: view.updated.into(),
        }
    }
}

impl From<WireSchedule> for ScheduleView {
    fn from(wire: WireSchedule) -> Self {
        Self {
            name: wire.name,
            spec: wire.spec,
            generation: wire.generation,
            paused: wire.paused,
            next: time(wire.next),
            last: time(wire.last),
            fired: time(wire.fired),
            last_instance: wire.last_instance,
            started: wire.started,
            skipped: wire.skipped,
            created: wire.created.into(),
            updated: wire.updated.into(),
        }
    }
}

impl From<&Standing> for WireStanding {
    fn from(standing: &Standing) -> Self {
        let subscription = |of: &Subscription| WireSubscription {
            name: of.name.clone(),
            upto: of.upto,
            missed: of.missed,
            letters: of.letters,
        };
        Self {
            keep: standing.keep,
            first: standing.first,
            last: standing.last,
            lineage: standing.lineage,
            subscriptions: standing.subscriptions.iter().map(subscription).collect(),
        }
    }
}

impl From<WireStanding> for Standing {
    fn from(wire: WireStanding) -> Self {
        let subscription = |of: WireSubscription| Subscription {
            name: of.name,
            upto: of.upto,
            missed: of.missed,
            letters: of.letters,
        };
        Self {
            keep: wire.keep,
            first: wire.first,
            last: wire.last,
            lineage: wire.lineage,
            subscriptions: wire.subscriptions.into_iter().map(subscription).collect(),
        }
    }
}

impl From<&LifecycleEvent> for WireLifecycle {
    fn from(event: &LifecycleEvent) -> Self {
        Self {
            number: event.number,
            what: event.what.into(),
            at: event.at.into(),
            instance: event.instance.clone(),
            execution: event.execution.clone(),
            name: event.name.clone(),
            version: event.version.clone(),
            reason: event.reason.clone(),
        }
    }
}

impl WireLifecycle {
    pub(super) fn read(self) -> Read<LifecycleEvent> {
        let what = Lifecycle::try_from(self.what);
        Ok(LifecycleEvent {
            number: self.number,
            what: what.map_err(|_| Malformed("a lifecycle event that this version does not know"))?,
            at: self.at.into(),
            instance: self.instance,
            execution: self.execution,
            name: self.name,
            version: self.version,
            reason: self.reason,
        })
    }
}

impl From<&DeadLetter> for WireLetter {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            event: (&letter.event).into(),
            why: letter.why.clone(),
            attempts: letter.attempts,
            at: letter.at.into(),
            again: letter.again,
        }
    }
}

impl WireLetter {
    pub(super) fn read(self) -> Read<DeadLetter> {
        Ok(DeadLetter {
            event: self.event.read()?,
            why: self.why,
            attempts: self.attempts,
            at: self.at.into(),
            again: self.again,
        })
    }
}

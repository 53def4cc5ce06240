//! What is counted per task hub: one family each, and the handles of one hub.
//!
//! Not here: names and help (`register`). The instances gauge is no handle: it is set from the
//! partitions' counts before each scrape.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::register::{self, Register};
use super::{Counters, Gauges, Histograms};

/// Of one task hub: get it once with [`Metrics::hub`] and keep it.
#[derive(Debug, Clone)]
pub struct HubMetrics {
    /// Instances created.
    pub started: Counter,
    /// Instances ended as completed.
    pub completed: Counter,
    /// Instances ended as failed.
    pub failed: Counter,
    /// Instances ended as terminated.
    pub terminated: Counter,
    /// Instances removed.
    pub purged: Counter,
    /// External events accepted.
    pub events_raised: Counter,
    /// Turns accepted from workers.
    pub turns: Counter,
    /// From handing a turn to a worker to its answer.
    pub turn_seconds: Histogram,
    /// Activities that a worker answered with a result.
    pub activities_completed: Counter,
    /// Activities that a worker answered with a failure.
    pub activities_failed: Counter,
    /// From handing an activity to a worker to its answer.
    pub activity_seconds: Histogram,
    /// Entity operations that workers have done, failed ones too.
    pub operations: Counter,
    /// Entity batches accepted from workers.
    pub batches: Counter,
    /// From handing a batch to a worker to its answer.
    pub batch_seconds: Histogram,
    /// From scheduling an activity to handing it to a worker.
    pub activity_wait_seconds: Histogram,
    /// How long after its due time a timer was fired.
    pub timer_lateness_seconds: Histogram,
    /// Turns that wait for a worker.
    pub turns_waiting: Gauge,
    /// Activities that wait for a worker.
    pub activities_waiting: Gauge,
    /// Turns that wait for a worker of which none is connected.
    pub turns_without_worker: Gauge,
    /// Activities that wait for a worker of which none is connected.
    pub activities_without_worker: Gauge,
    /// Entity batches that wait for a worker of which none is connected.
    pub batches_without_worker: Gauge,
    /// Entity batches that wait for a worker.
    pub batches_waiting: Gauge,
    /// Turns that workers have.
    pub turns_in_flight: Gauge,
    /// Activities that workers have.
    pub activities_in_flight: Gauge,
    /// Entity batches that workers have.
    pub batches_in_flight: Gauge,
    /// Work items handed out again because their worker went away.
    pub redelivered: Counter,
    /// Bytes of work items, and of the pasts that workers read themselves.
    pub work_bytes: Counter,
    /// Of these, bytes of history that went out as they are stored.
    pub history_bytes: Counter,
    /// New events in turns.
    pub events_handed_out: Counter,
    /// Answers that were ignored because their work item was not the worker's any more.
    pub stale_answers: Counter,
    /// Open worker streams.
    pub workers: Gauge,
    /// Lifecycle events that a receiver has taken.
    pub events_delivered: Counter,
    /// Lifecycle events that a receiver refused.
    pub events_refused: Counter,
    /// Posts of lifecycle events that failed and are repeated.
    pub posts_failed: Counter,
}

/// One family each, labelled with the hub.
#[derive(Debug, Clone)]
pub(super) struct HubFamilies {
    pub(super) instances: Gauges,
    pub(super) started: Counters,
    pub(super) ended: Counters,
    pub(super) purged: Counters,
    pub(super) events: Counters,
    pub(super) turns: Counters,
    pub(super) turn_seconds: Histograms,
    pub(super) activities: Counters,
    pub(super) activity_seconds: Histograms,
    pub(super) activity_wait_seconds: Histograms,
    pub(super) operations: Counters,
    pub(super) batches: Counters,
    pub(super) batch_seconds: Histograms,
    pub(super) timer_lateness_seconds: Histograms,
    pub(super) waiting: Gauges,
    pub(super) without_worker: Gauges,
    pub(super) in_flight: Gauges,
    pub(super) redelivered: Counters,
    pub(super) work_bytes: Counters,
    pub(super) history_bytes: Counters,
    pub(super) events_handed_out: Counters,
    pub(super) stale: Counters,
    pub(super) workers: Gauges,
    pub(super) deliveries: Counters,
    pub(super) posts_failed: Counters,
}

impl HubFamilies {
    pub(super) fn register(register: &mut Register) -> Self {
        let seconds = || Histograms::new_with_constructor(register::seconds_coarse);
        let families = Self {
            instances: Gauges::default(),
            started: Counters::default(),
            ended: Counters::default(),
            purged: Counters::default(),
            events: Counters::default(),
            turns: Counters::default(),
            turn_seconds: seconds(),
            activities: Counters::default(),
            activity_seconds: seconds(),
            activity_wait_seconds: seconds(),
            operations: Counters::default(),
            batches: Counters::default(),
            batch_seconds: seconds(),
            timer_lateness_seconds: seconds(),
            waiting: Gauges::default(),
            without_worker: Gauges::default(),
            in_flight: Gauges::default(),
            redelivered: Counters::default(),
            work_bytes: Counters::default(),
            history_bytes: Counters::default(),
            events_handed_out: Counters::default(),
            stale: Counters::default(),
            workers: Gauges::default(),
            deliveries: Counters::default(),
            posts_failed: Counters::default(),
        };
        register.hubs(&families);
        families
    }

    pub(super) fn of(&self, hub: &str) -> HubMetrics {
        let plain = vec![("hub", hub.to_owned())];
        let and = |name: &'static str, value: &str| {
            let mut labels = plain.clone();
            labels.push((name, value.to_owned()));
            labels
        };
        HubMetrics {
            started: self.started.get_or_create_owned(&plain),
            completed: self.ended.get_or_create_owned(&and("status", "completed")),
            failed: self.ended.get_or_create_owned(&and("status", "failed")),
            terminated: self.ended.get_or_create_owned(&and("status", "terminated")),
            purged: self.purged.get_or_create_owned(&plain),
            events_raised: self.events.get_or_create_owned(&plain),
            turns: self.turns.get_or_create_owned(&plain),
            turn_seconds: self.turn_seconds.get_or_create_owned(&plain),
            activities_completed: self.activities.get_or_create_owned(&and("result", "completed")),
            activities_failed: self.activities.get_or_create_owned(&and("result", "failed")),
            activity_seconds: self.activity_seconds.get_or_create_owned(&plain),
            activity_wait_seconds: self.activity_wait_seconds.get_or_create_owned(&plain),
            operations: self.operations.get_or_create_owned(&plain),
            batches: self.batches.get_or_create_owned(&plain),
            batch_seconds: self.batch_seconds.get_or_create_owned(&plain),
            timer_lateness_seconds: self.timer_lateness_seconds.get_or_create_owned(&plain),
            turns_waiting: self.waiting.get_or_create_owned(&and("kind", "turn")),
            activities_waiting: self.waiting.get_or_create_owned(&and("kind", "activity")),
            turns_without_worker: self.without_worker.get_or_create_owned(&and("kind", "turn")),
            activities_without_worker: self.without_worker.get_or_create_owned(&and("kind", "activity")),
            batches_without_worker: self.without_worker.get_or_create_owned(&and("kind", "entity")),
            batches_waiting: self.waiting.get_or_create_owned(&and("kind", "entity")),
            turns_in_flight: self.in_flight.get_or_create_owned(&and("kind", "turn")),
            activities_in_flight: self.in_flight.get_or_create_owned(&and("kind", "activity")),
            batches_in_flight: self.in_flight.get_or_create_owned(&and("kind", "entity")),
            redelivered: self.redelivered.get_or_create_owned(&plain),
            work_bytes: self.work_bytes.get_or_create_owned(&plain),
            history_bytes: self.history_bytes.get_or_create_owned(&plain),
            events_handed_out: self.events_handed_out.get_or_create_owned(&plain),
            stale_answers: self.stale.get_or_create_owned(&plain),
            workers: self.workers.get_or_create_owned(&plain),
            events_delivered: self.deliveries.get_or_create_owned(&and("result", "taken")),
            events_refused: self.deliveries.get_or_create_owned(&and("result", "refused")),
            posts_failed: self.posts_failed.get_or_create_owned(&plain),
        }
    }
}

//! Name, unit and help of each metric, in one place and in the order of the reference page.
//!
//! Names are frozen with the first release: dashboards and alerts are built on them.

use std::time::Duration;

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::{HubFamilies, LogMetrics, PartitionMetrics, RequestMetrics};

/// From 50 µs to about 13 s in factors of 2: syncs, commits, requests.
pub(super) fn seconds_fine() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 19))
}

/// From 1 ms to about 4.7 hours in factors of 4: what user code takes.
pub(super) fn seconds_coarse() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 13))
}

/// A metric as the reference page lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    /// The full name as `/metrics` writes it.
    pub(crate) name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub(crate) kind: &'static str,
    /// Names of its labels.
    pub(crate) labels: &'static str,
    /// One sentence.
    pub(crate) help: &'static str,
}

/// Fills a registry and remembers what is in it.
pub(crate) struct Register {
    registry: Registry,
    described: Vec<Described>,
}

impl Register {
    pub(super) fn new() -> Self {
        Self { registry: Registry::with_prefix("outlast"), described: Vec::new() }
    }

    pub(super) fn finish(self) -> (Registry, Vec<Described>) {
        (self.registry, self.described)
    }

    /// A number of things.
    fn add(&mut self, name: &str, labels: &'static str, help: &'static str, metric: impl Metric) {
        self.put(name, None, (labels, help), metric);
    }

    /// A number of seconds.
    fn seconds(&mut self, name: &str, labels: &'static str, help: &'static str, metric: impl Metric) {
        self.put(name, Some(Unit::Seconds), (labels, help), metric);
    }

    /// A number of bytes.
    fn bytes(&mut self, name: &str, labels: &'static str, help: &'static str, metric: impl Metric) {
        self.put(name, Some(Unit::Bytes), (labels, help), metric);
    }

    fn put(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        (labels, help): (&'static str, &'static str),
        metric: impl Metric,
    ) {
        let kind = match EncodeMetric::metric_type(&metric) {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::Info => "info",
            MetricType::Unknown => "unknown",
        };
        let unit_suffix = unit.as_ref().map_or_else(String::new, |unit| format!("_{}", unit.as_str()));
        let kind_suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let full = format!("outlast_{name}{unit_suffix}{kind_suffix}");
        self.described.push(Described { name: full, kind, labels, help });
        match unit {
            Some(unit) => self.registry.register_with_unit(name, help, unit, metric),
            None => self.registry.register(name, help, metric),
        }
    }

    pub(super) fn build(&mut self, version: &str, started: Duration) {
        let info = Info::new(vec![("version".to_owned(), version.to_owned())]);
        self.add("build", "version", "The program that runs", info);
        let started = i64::try_from(started.as_secs()).unwrap_or(i64::MAX);
        self.seconds("up_since_timestamp", "", "When the node started, since 1970", ConstGauge::new(started));
    }

    pub(super) fn hubs(&mut self, hubs: &HubFamilies) {
        self.add("instances", "hub, status", "Instances by status", hubs.instances.clone());
        self.add("instances_started", "hub", "Instances created", hubs.started.clone());
        self.add(
            "instances_completed",
            "hub, status",
            "Instances ended, by final status",
            hubs.ended.clone(),
        );
        self.add("instances_purged", "hub", "Instances removed", hubs.purged.clone());
        self.add("events_raised", "hub", "External events accepted", hubs.events.clone());
        self.add("lifecycle_events", "hub, result", "Events told to receivers", hubs.deliveries.clone());
        self.add("lifecycle_posts_failed", "hub", "Posts that are repeated", hubs.posts_failed.clone());
        self.add(
            "orchestration_turns",
            "hub",
            "Orchestration turns accepted from workers",
            hubs.turns.clone(),
        );
        self.seconds(
            "orchestration_turn_duration",
            "hub",
            "From handing a turn to a worker to its answer",
            hubs.turn_seconds.clone(),
        );
        self.add(
            "activity_executions",
            "hub, result",
            "Activities answered by workers",
            hubs.activities.clone(),
        );
        self.seconds(
            "activity_duration",
            "hub",
            "From handing an activity to a worker to its answer",
            hubs.activity_seconds.clone(),
        );
        self.seconds(
            "activity_schedule_to_start",
            "hub",
            "From scheduling an activity to handing it to a worker",
            hubs.activity_wait_seconds.clone(),
        );
        self.entities(hubs);
        self.seconds(
            "timer_lateness",
            "hub",
            "How long after its due time a timer fired",
            hubs.timer_lateness_seconds.clone(),
        );
        self.work(hubs);
    }

    fn work(&mut self, hubs: &HubFamilies) {
        self.add(
            "work_items_pending",
            "hub, kind",
            "Work items that wait for a worker",
            hubs.waiting.clone(),
        );
        self.add(
            "work_items_without_worker",
            "hub, kind",
            "Work items of which no connected worker takes the name and version",
            hubs.without_worker.clone(),
        );
        self.add("work_items_in_flight", "hub, kind", "Work items that workers have", hubs.in_flight.clone());
        self.add(
            "work_items_redelivered",
            "hub",
            "Work items handed out again because their worker went away",
            hubs.redelivered.clone(),
        );
        self.add(
            "work_items_stale",
            "hub",
            "Answers ignored because the work item was not the worker's any more",
            hubs.stale.clone(),
        );
        self.bytes(
            "work_items_sent",
            "hub",
            "Work items, and the pasts that workers read themselves",
            hubs.work_bytes.clone(),
        );
        self.bytes(
            "work_items_history_sent",
            "hub",
            "Of these, history that went out as it is stored",
            hubs.history_bytes.clone(),
        );
        self.add(
            "work_items_new_events",
            "hub",
            "New events in turns, each encoded once: when it arrived",
            hubs.events_handed_out.clone(),
        );
        self.add("workers_connected", "hub", "Open worker streams", hubs.workers.clone());
    }

    fn entities(&mut self, hubs: &HubFamilies) {
        self.add(
            "entity_operations",
            "hub",
            "Entity operations done by workers, failed ones too",
            hubs.operations.clone(),
        );
        self.add("entity_batches", "hub", "Entity batches accepted from workers", hubs.batches.clone());
        self.seconds(
            "entity_batch_duration",
            "hub",
            "From handing a batch to a worker to its answer",
            hubs.batch_seconds.clone(),
        );
    }

    pub(super) fn log(&mut self, log: &LogMetrics) {
        self.add("commits", "", "Log entries that became durable", log.commits.clone());
        self.add("log_syncs", "", "Syncs of the node log; one serves all that wait", log.syncs.clone());
        self.seconds("log_sync_duration", "", "Time of one sync of the node log", log.sync_seconds.0.clone());
        self.bytes("log_written", "", "Appended to the node log", log.bytes.clone());
        self.add("log_frames", "", "Frames appended to the node log", log.frames.clone());
        self.add("log_segments", "", "Files of the node log", log.segments.clone());
        self.add(
            "log_poisoned",
            "",
            "1 after a failed sync: the node must be restarted",
            log.poisoned.clone(),
        );
        self.add(
            "disk_full",
            "",
            "1 while new work is refused for want of disk space",
            log.disk_full.clone(),
        );
        self.add("checkpoints", "", "Checkpoints of partitions' tables", log.checkpoints.clone());
        self.add("table_rows_written", "", "Rows written to tables", log.rows.clone());
        self.bytes("table_written", "", "Written to tables", log.row_bytes.clone());
        self.bytes("rows_cached", "", "Rows in memory", log.cached_bytes.clone());
        self.bytes(
            "rows_unstored",
            "",
            "Changed rows that are not in the tables yet",
            log.unstored_bytes.clone(),
        );
    }

    pub(super) fn partitions(&mut self, partitions: &PartitionMetrics) {
        self.add("partitions_open", "", "Partitions open on this node", partitions.open.clone());
        self.add("partitions_halted", "", "Partitions stopped for safety", partitions.halted.clone());
        self.add(
            "leader_changes",
            "",
            "Times a partition of this node got a new leader",
            partitions.leader_changes.clone(),
        );
        self.add(
            "messages_sent",
            "",
            "Messages between partitions sent, repeats included",
            partitions.messages_sent.clone(),
        );
        self.add(
            "table_rows_read",
            "",
            "Rows read from tables because they were not in memory",
            partitions.rows_read.clone(),
        );
    }

    pub(super) fn requests(&mut self, requests: &RequestMetrics) {
        self.add("http_requests", "method, route, status", "HTTP answers", requests.http.clone());
        self.seconds(
            "http_request_duration",
            "method, route",
            "Time to an HTTP answer, waiting included",
            requests.http_seconds.clone(),
        );
        self.add(
            "grpc_server_handled",
            "method, code",
            "gRPC calls answered, streams when they end",
            requests.grpc.clone(),
        );
    }
}

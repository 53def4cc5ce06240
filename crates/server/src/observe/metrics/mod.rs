//! Counters, gauges and histograms of a node: plain atomic handles that the rooms increment, and
//! one registry that `/metrics` writes out.
//!
//! A handle is an `Arc` of an atomic: clone it once, increment it for nothing. Labels are hub,
//! status, kind, method and route only; never an instance id, because labels must stay few.
//!
//! To add one: a field and a `register` line with unit and help; `docs/operating/metrics.md`
//! follows.

mod exposition;
mod hub;
mod reference;
mod register;

use std::fmt;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use exposition::{CLASSIC_TYPE, OPEN_METRICS_TYPE};
pub use hub::HubMetrics;
pub use reference::reference_page;
pub(crate) use register::{Described, Register};

use hub::HubFamilies;

/// The reference page's place in the repository.
pub const REFERENCE_PATH: &str = "docs/operating/metrics.md";

/// Names and values of one time series' labels.
pub type Labels = Vec<(&'static str, String)>;

type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// Everything a node counts.
pub struct Metrics {
    registry: Registry,
    described: Vec<Described>,
    hubs: HubFamilies,
    /// The node log and the tables.
    pub log: LogMetrics,
    /// Partitions and their leadership.
    pub partitions: PartitionMetrics,
    /// Requests.
    pub requests: RequestMetrics,
}

/// Of the node log and the tables of all partitions.
#[derive(Debug, Clone, Default)]
pub struct LogMetrics {
    /// Entries that became durable.
    pub commits: Counter,
    /// Syncs of the log: one serves all that were waiting.
    pub syncs: Counter,
    /// Time of one sync.
    pub sync_seconds: SyncHistogram,
    /// Bytes appended to the log.
    pub bytes: Counter,
    /// Frames appended to the log.
    pub frames: Counter,
    /// Files of the log.
    pub segments: Gauge,
    /// 1 after a failed sync.
    pub poisoned: Gauge,
    /// 1 while new work is refused for want of disk space.
    pub disk_full: Gauge,
    /// Checkpoints of partitions' tables.
    pub checkpoints: Counter,
    /// Rows written to tables.
    pub rows: Counter,
    /// Bytes written to tables.
    pub row_bytes: Counter,
    /// Bytes of rows in memory.
    pub cached_bytes: Gauge,
    /// Bytes of changed rows that are not in the tables yet.
    pub unstored_bytes: Gauge,
}

/// Of the node's partitions.
#[derive(Debug, Clone, Default)]
pub struct PartitionMetrics {
    /// Partitions open on this node.
    pub open: Gauge,
    /// Partitions stopped for safety.
    pub halted: Gauge,
    /// Times a partition of this node got a new leader.
    pub leader_changes: Counter,
    /// Messages between partitions sent, repeats included.
    pub messages_sent: Counter,
    /// Rows read from tables.
    pub rows_read: Counter,
}

/// A histogram of times from 50 µs to about 13 s: what syncs and commits take.
#[derive(Debug, Clone)]
pub struct SyncHistogram(pub Histogram);

impl Default for SyncHistogram {
    fn default() -> Self {
        Self(register::seconds_fine())
    }
}

impl SyncHistogram {
    /// Counts one time.
    pub fn observe(&self, time: std::time::Duration) {
        self.0.observe(time.as_secs_f64());
    }
}

/// Of HTTP and gRPC.
#[derive(Debug, Clone)]
pub struct RequestMetrics {
    http: Counters,
    http_seconds: Histograms,
    grpc: Counters,
}

impl RequestMetrics {
    /// Counts one HTTP answer. `route` is the pattern, not the path.
    pub fn http_answered(&self, method: &str, route: &str, status: u16, time: std::time::Duration) {
        let mut labels = vec![("method", method.to_owned()), ("route", route.to_owned())];
        self.http_seconds.get_or_create(&labels).observe(time.as_secs_f64());
        labels.push(("status", status.to_string()));
        self.http.get_or_create(&labels).inc();
    }

    /// Counts one gRPC answer; `code` is the status code's name. Keep the counter for calls that
    /// are frequent.
    pub fn grpc_handled(&self, method: &'static str, code: &'static str) -> Counter {
        self.grpc.get_or_create_owned(&vec![("method", method.to_owned()), ("code", code.to_owned())])
    }
}

impl Metrics {
    /// A registry with everything in it. `version` is the program's; `started` is the wall clock
    /// since 1970.
    pub fn new(version: &str, started: std::time::Duration) -> Self {
        let mut register = Register::new();
        register.build(version, started);
        let hubs = HubFamilies::register(&mut register);
        let log = LogMetrics::default();
        register.log(&log);
        let partitions = PartitionMetrics::default();
        register.partitions(&partitions);
        let requests = RequestMetrics {
            http: Counters::default(),
            http_seconds: Histograms::new_with_constructor(register::seconds_fine),
            grpc: Counters::default(),
        };
        register.requests(&requests);
        let (registry, described) = register.finish();
        Self { registry, described, hubs, log, partitions, requests }
    }

    /// The handles of one task hub.
    pub fn hub(&self, name: &str) -> HubMetrics {
        self.hubs.of(name)
    }

    /// The full name of each metric, in the order of the reference page.
    pub fn names(&self) -> Vec<&str> {
        self.described.iter().map(|metric| metric.name.as_str()).collect()
    }

    /// Sets the number of a hub's instances of one status; the node asks its partitions' counts
    /// before each scrape.
    pub fn set_instances(&self, hub: &str, status: &str, count: u64) {
        let labels = vec![("hub", hub.to_owned()), ("status", status.to_owned())];
        self.hubs.instances.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Forgets a removed hub's time series of instances.
    pub fn forget_instances(&self, hub: &str, status: &str) {
        self.hubs.instances.remove(&vec![("hub", hub.to_owned()), ("status", status.to_owned())]);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("described", &self.described.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_hub_s_counts_are_written_with_its_name() {
        let metrics = Metrics::new("0.1.0", Duration::from_secs(1_700_000_000));
        let hub = metrics.hub("orders");
        hub.started.inc();
        hub.turn_seconds.observe(0.01);
        metrics.set_instances("orders", "running", 3);
        let text = metrics.open_metrics();
        for line in [
            "outlast_instances_started_total{hub=\"orders\"} 1",
            "outlast_instances{hub=\"orders\",status=\"running\"} 3",
            "outlast_orchestration_turn_duration_seconds_count{hub=\"orders\"} 1",
            "outlast_up_since_timestamp_seconds 1700000000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("outlast_build_info{version=\"0.1.0\"} 1"), "{text}");
    }

    #[test]
    fn a_handle_of_the_same_hub_counts_on_the_same_series() {
        let metrics = Metrics::new("0.1.0", Duration::ZERO);
        metrics.hub("a").started.inc();
        metrics.hub("a").started.inc();
        assert_eq!(metrics.hub("a").started.get(), 2);
    }
}

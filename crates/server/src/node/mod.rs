//! One node: what starts what, in order, and how it ends.
//!
//! A node owns a data directory, one node log, a few runner threads, the catalog and the partitions
//! of every task hub. [`hub`] is what clients and workers talk to, [`hubs`] creates, opens and
//! deletes hubs, [`opening`] brings one partition up, [`budget`] is the memory they share, [`payloads`] and `uploads` take large texts out of commands and bring them, [`log_writer`] and [`store_writer`] are the two
//! threads that write. Not here: listeners (`ingress`).

mod answering;
pub mod budget;
pub mod cluster;
mod counting;
mod entities;
mod feeds;
pub mod hub;
mod hub_tasks;
mod hubs;
pub mod layout;
pub mod log_writer;
mod member;
mod opening;
pub mod payloads;
mod schedules;
mod start;
pub mod store_writer;
mod threads;
mod uploads;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::id::{HubId, PartitionId};
use storage::log::NodeLog;
use storage::{GroupKey, GroupLog};
use tokio::sync::watch;

use self::budget::Budget;
use self::cluster::copies;
use self::cluster::{Hearing, Place, Seats};
pub use self::entities::{EntityPlace, States};
pub use self::hub::Hub;
pub(crate) use self::hub_tasks::{for_each_open_hub, while_led_here};
pub use self::hubs::{HUB_DEFAULT, HubError};
use self::layout::Layout;
use self::member::Member;
pub use self::start::{Platform, StartError};
use crate::config::Config;
use crate::observe::codes;
use crate::observe::metrics::Metrics;
use crate::partition::address::{Address, Delivery};
use crate::partition::mailbox::{Admission, Mailbox};
use crate::peers::gateway::Gateway;
use crate::peers::links::Hears;

/// Requests that may wait inside one hub or the catalog.
const ADMITTED_MAX: usize = 65_536;

/// How long a call waits for a partition to have a leader.
pub(crate) const LEADER_WAIT: Duration = Duration::from_secs(15);

/// See the file's header.
#[derive(Debug)]
pub struct Node {
    config: Config,
    platform: Platform,
    metrics: Arc<Metrics>,
    runners: Vec<Mailbox<Delivery>>,
    log: Mailbox<log_writer::Job>,
    stores: Mailbox<store_writer::Job>,
    copies: Mailbox<copies::Job>,
    /// Which node this is, its replicas, and what is said to them.
    place: Place,
    seats: Seats,
    hearing: Arc<Hearing>,
    /// What the catalog said last; empty on a node without others.
    known: watch::Sender<Arc<Layout>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    slots: AtomicU64,
    /// Memory of all partitions together: for rows, and for changes that are not in the tables yet.
    working_set: Budget,
    changes: Budget,
    /// Memory of large texts on their way to partitions.
    uploads: uploads::Room,
    /// What the node log held of groups that are not opened yet.
    recovered: Mutex<BTreeMap<GroupKey, GroupLog>>,
    catalog: Member,
    catalog_admission: Admission,
    hubs: RwLock<BTreeMap<String, Arc<Hub>>>,
    /// Deleted while the node runs: out of reach, but their partitions are up.
    closed_hubs: Mutex<BTreeMap<HubId, Arc<Hub>>>,
    /// Held while a hub is being created, opened or removed.
    changing_hubs: tokio::sync::Mutex<()>,
    ready: watch::Sender<bool>,
    /// Counts openings and closings of hubs.
    hub_changes: watch::Sender<u64>,
}

impl Node {
    /// Opens the data directory, brings up the catalog and every hub in it. Returns once all of
    /// them lead, so that queries work.
    pub async fn start(
        config: Config,
        platform: Platform,
        metrics: Arc<Metrics>,
        place: Place,
    ) -> Result<Arc<Self>, StartError> {
        let node = tokio::task::spawn_blocking(move || Self::open(config, platform, metrics, place))
            .await
            .map_err(|error| StartError::System {
            what: "open the node",
            error: std::io::Error::other(error),
        })??;
        let node = Arc::new(node);
        // In a cluster the catalog may be elsewhere: hubs open when it is heard (`cluster::following`).
        if !node.is_one_of_several() {
            node.open_hubs().await?;
            node.ready.send_replace(true);
        }
        Ok(node)
    }

    /// Whether there may be other nodes.
    pub fn is_one_of_several(&self) -> bool {
        self.gateway().links().are_some()
    }

    /// What the catalog said last of nodes, hubs and replicas; empty on a node without others.
    pub fn known(&self) -> watch::Receiver<Arc<Layout>> {
        self.known.subscribe()
    }

    /// Whether queries work.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Whether somebody waits for an answer of a partition.
    pub fn busy(&self) -> bool {
        self.open_hub_list().iter().any(|hub| hub.admission.inside() > 0)
            || self.catalog_admission.inside() > 0
    }

    /// Changes whenever a hub is opened or closed.
    pub fn hub_changes(&self) -> watch::Receiver<u64> {
        self.hub_changes.subscribe()
    }

    /// The settings it runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The outside world it runs in.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// What it does for other nodes, and they for it.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.place.gateway
    }

    /// Its counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Sets the gauges of memory.
    pub fn measure(&self) {
        let gauge = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.metrics.log.cached_bytes.set(gauge(self.working_set.held()));
        self.metrics.log.unstored_bytes.set(gauge(self.changes.held()));
    }

    /// Stops everything: nothing acknowledged is lost, and the next start has nothing to replay.
    pub async fn stop(&self) -> Result<(), storage::Error> {
        self.ready.send_replace(false);
        let mut hubs: Vec<Arc<Hub>> = {
            let mut open = self.hubs.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *open).into_values().collect()
        };
        hubs.extend(
            std::mem::take(&mut *self.closed_hubs.lock().unwrap_or_else(PoisonError::into_inner))
                .into_values(),
        );
        for member in hubs.iter().flat_map(|hub| &hub.partitions) {
            member.release().await;
        }
        self.catalog.release().await;
        self.place.gateway.close();
        self.stores.send(store_writer::Job::Stop);
        self.copies.send(copies::Job::Stop);
        let (done, closed) = mpsc::sync_channel(1);
        self.log.send(log_writer::Job::Close { done });
        self.runners.iter().for_each(|runner| runner.send(Delivery::Stop));
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!(code = codes::INTERNAL.id, "a thread of the node panicked");
                }
            }
            closed.recv().unwrap_or(Ok(()))
        });
        joined.await.unwrap_or(Ok(()))
    }

    fn open(
        config: Config,
        platform: Platform,
        metrics: Arc<Metrics>,
        place: Place,
    ) -> Result<Self, StartError> {
        let directory = config.node.data_dir.clone();
        let system = |what| move |error| StartError::System { what, error };
        platform
            .disk
            .create_dir_all(&directory.join("tables"))
            .map_err(system("create the data directory"))?;
        let options =
            storage::log::Options { segment_bytes: config.storage.segment_bytes, ..Default::default() };
        // The log locks its directory: a second process stops here, before it touches anything else.
        let (log, recovered) = NodeLog::open(Arc::clone(&platform.disk), &directory.join("log"), options)?;
        if let Some((group, damage)) = recovered.quarantined.iter().next() {
            return Err(StartError::Damaged { group: group.to_string(), damage: damage.clone() });
        }
        let cache_bytes = config.storage.cache_bytes;
        let uploads = uploads::Room::default();
        let (seats, copies) = (Seats::default(), Mailbox::default());
        let mut node = Self {
            runners: Vec::new(),
            log: Mailbox::default(),
            stores: Mailbox::default(),
            threads: Mutex::new(Vec::new()),
            slots: AtomicU64::new(0),
            working_set: Budget::new(cache_bytes - cache_bytes / opening::PAGES_PART),
            changes: Budget::new(config.storage.checkpoint_bytes),
            recovered: Mutex::new(recovered.groups),
            catalog: Member::new(place.gateway.route((opening::CATALOG, PartitionId(0))), uploads.clone()),
            uploads,
            catalog_admission: Admission::new(ADMITTED_MAX),
            hubs: RwLock::default(),
            closed_hubs: Mutex::default(),
            changing_hubs: tokio::sync::Mutex::new(()),
            ready: watch::channel(false).0,
            hub_changes: watch::channel(0).0,
            hearing: Arc::new(Hearing::new(seats.clone(), copies.clone())),
            seats,
            copies,
            known: watch::Sender::new(Arc::default()),
            place,
            config,
            platform,
            metrics,
        };
        node.gateway().set_replicas(Arc::clone(&node.hearing) as Arc<dyn Hears>);
        node.start_threads(log).map_err(system("start a thread"))?;
        node.catalog = node.open_catalog()?;
        node.gateway().serve_catalog(node.catalog.route.clone(), node.catalog_admission.clone());
        Ok(node)
    }

    /// The runner and slot for another partition.
    fn next_address(&self) -> Address {
        let slot = self.slots.fetch_add(1, Ordering::Relaxed) + 1;
        let runners = u64::try_from(self.runners.len()).unwrap_or(1).max(1);
        let runner = usize::try_from(slot % runners).unwrap_or(0);
        Address::new(self.runners[runner].clone(), slot)
    }
}

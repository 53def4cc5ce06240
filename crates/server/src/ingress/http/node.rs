//! The real node behind the API.
//!
//! Before the node is up every call but health answers "not ready"; while it drains, waits end early
//! so that no caller holds the stop up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::catalog::{self, HubView, NodeView, Survive};
use engine::id::{EntityId, InstanceId, PartitionId};
use engine::partition::command::Command;
use engine::partition::effect::Reply;
use engine::partition::schedules::command::{ChangeSchedule, PutSchedule};
use engine::partition::view::{InstanceView, InstancesFilter};
use engine::time::Timestamp;
use prost::Message as _;
use tokio::sync::watch;

use super::backend::{Answer, Backend, Filter, Page};
use super::cluster;
use super::entities::{self, Entity, EntityFilter, EntityPage};
use super::feed::{self, Letter, Resend, SubscriptionStatus};
use super::model::{self, NewHub, NodeStatus, SCHEMA, Status, Warning};
use super::problem::Problem;
use super::schedules::{self, Schedule};
use super::shapes;
use crate::config::Config;
use crate::dispatch::{GivenBack, Kind, Queue};
use crate::node::layout::{Layout, ReplicasWanted};
use crate::node::{Hub, HubError, Node, Platform};
use crate::observe::metrics::Metrics;
use crate::observe::{codes, health, rfc3339};
use crate::partition::messages::Unavailable;
use crate::partition::watch::Until;

/// So often given back, work is worth a warning: once or twice is a worker that stops.
const GIVEN_BACK_OFTEN: u32 = 3;
/// How many pages of a partition one list request may look through for instances that match.
const LOOKS_MAX: usize = 64;

/// Where a server listens.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// For workers and clients.
    pub grpc: Vec<SocketAddr>,
    /// For this API.
    pub http: Vec<SocketAddr>,
}

/// How long one part of the status may take: it comes within two seconds, whoever is down.
const SOON: Duration = Duration::from_millis(800);

/// See the file's header.
#[derive(Debug)]
pub struct NodeApi {
    node: OnceLock<Arc<Node>>,
    config: Config,
    platform: Platform,
    metrics: Arc<Metrics>,
    addresses: Addresses,
    started: Duration,
    draining: watch::Sender<bool>,
}

impl NodeApi {
    /// An API whose node is not up yet.
    pub fn new(config: Config, platform: Platform, metrics: Arc<Metrics>, addresses: Addresses) -> Self {
        let started = platform.clock.wall();
        let draining = watch::channel(false).0;
        Self { node: OnceLock::new(), config, platform, metrics, addresses, started, draining }
    }

    /// The node is up.
    pub fn serve_node(&self, node: Arc<Node>) {
        let is_first = self.node.set(node).is_ok();
        assert!(is_first, "a server has one node");
    }

    /// The node is about to stop: waits end, nothing new is taken.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    fn node(&self) -> Result<&Arc<Node>, Problem> {
        if *self.draining.borrow() {
            return Err(Problem::new(&codes::STOPPING, "the node is stopping"));
        }
        self.node.get().ok_or_else(|| Problem::new(&codes::NOT_READY, "the node is starting"))
    }

    /// A hub that exists: looking at a mistyped name must not create one.
    async fn hub(&self, name: &str) -> Result<Arc<Hub>, Problem> {
        self.node()?.known_hub(name).await.map_err(|error| from_hub(&error))
    }

    /// A hub that has just been changed.
    async fn shown(&self, name: &str) -> Result<model::Hub, Problem> {
        let node = self.node()?;
        let view = node.hubs().await.map_err(unavailable)?.into_iter().find(|hub| hub.name == name);
        let view = view.ok_or_else(|| from_hub(&HubError::NotFound(name.to_owned())))?;
        Ok(self.with_counts(&view).await)
    }

    /// Counts of a hub that cannot be asked are left out: a list must not fail because of one.
    async fn with_counts(&self, view: &HubView) -> model::Hub {
        let open = match view.deleted {
            Some(_) => None,
            None => self.hub(&view.name).await.ok(),
        };
        let counts = match open {
            Some(hub) => counts(&hub).await.ok(),
            None => None,
        };
        shapes::hub(view, counts)
    }

    async fn all_hubs(&self) -> Result<Vec<model::Hub>, Problem> {
        let mut hubs = Vec::new();
        for view in self.node()?.hubs().await.map_err(unavailable)? {
            hubs.push(self.with_counts(&view).await);
        }
        Ok(hubs)
    }

    /// All hubs, soon, whoever is down: what does not answer in time is shown as it was heard last or left
    /// out, and warnings say so.
    async fn hubs_soon(&self) -> (Vec<model::Hub>, Vec<Warning>) {
        let Ok(node) = self.node() else { return Default::default() };
        let mut warnings = Vec::new();
        let views = match tokio::time::timeout(SOON, node.hubs()).await {
            Ok(Ok(views)) => views,
            Ok(Err(_)) | Err(_) => {
                let known = Arc::clone(&node.known().borrow());
                let heard = rfc3339::since_1970(known.heard_at);
                warnings.push(warning(&codes::CATALOG_SILENT, format!("hubs are shown as of {heard}")));
                known.hubs.clone()
            }
        };
        for (hub, partitions) in node.leaderless() {
            let list = partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let detail = format!("hub {hub}: partitions {list}");
            warnings.push(warning(&codes::PARTITION_LEADERLESS, detail));
        }
        let counted = views.iter().map(async |view| {
            let counted = tokio::time::timeout(SOON, self.with_counts(view)).await;
            counted.unwrap_or_else(|_| shapes::hub(view, None))
        });
        (futures_util::future::join_all(counted).await, warnings)
    }

    async fn now(&self) -> NodeStatus {
        self.set_gauges();
        let (hubs, silent) = self.hubs_soon().await;
        let texts = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect();
        let standing = health::standing(&self.config, &self.metrics);
        let standing = standing.into_iter().map(|standing| warning(standing.code, standing.detail));
        NodeStatus {
            schema: SCHEMA,
            version: outlast_proto::VERSION.to_owned(),
            started_at: rfc3339::since_1970(self.started),
            as_of: rfc3339::since_1970(self.platform.clock.wall()),
            ready: self.is_ready(),
            data_dir: self.config.node.data_dir.display().to_string(),
            grpc: texts(&self.addresses.grpc),
            http: texts(&self.addresses.http),
            warnings: standing.chain(self.work_that_waits()).chain(silent).collect(),
            hubs,
        }
    }

    fn wall(&self) -> Timestamp {
        let wall = self.platform.clock.wall();
        let seconds = i64::try_from(wall.as_secs()).unwrap_or(i64::MAX);
        Timestamp::new(seconds, i32::try_from(wall.subsec_nanos()).unwrap_or(0))
    }

    /// Gauges that are read where they are kept, before each scrape.
    fn set_gauges(&self) {
        let open = self.node.get().map(|node| node.open_hub_list()).unwrap_or_default();
        let partitions: i64 = open.iter().map(|hub| i64::from(hub.partitions())).sum();
        self.metrics.partitions.open.set(partitions);
        open.iter().for_each(|hub| hub.measure());
        self.node.get().inspect(|node| node.measure());
    }

    /// Work that no connected worker takes, or that workers keep giving back, by hub and name.
    fn work_that_waits(&self) -> Vec<Warning> {
        let open = self.node.get().map(|node| node.open_hub_list()).unwrap_or_default();
        let told = |hub: &Arc<Hub>| {
            let queues = hub.dispatch().queues().into_iter().filter(|queue| !queue.taken);
            let returned = hub.dispatch().given_back(GIVEN_BACK_OFTEN);
            let returned = returned.into_iter().map(|returned| given_back(hub.name(), &returned));
            queues.map(|queue| no_worker(hub.name(), &queue)).chain(returned).collect::<Vec<_>>()
        };
        open.iter().flat_map(told).collect()
    }

    async fn wait_until_ended(
        &self,
        hub: &Hub,
        id: &InstanceId,
        timeout: Duration,
    ) -> Result<Option<InstanceView>, Problem> {
        // Registered before the first look: an end in between is not missed.
        let watch = hub.watch(id, Until::Ended);
        let mut draining = self.draining.subscribe();
        let mut deadline = std::pin::pin!(tokio::time::sleep(timeout));
        loop {
            let Some(view) = hub.instance(id, true).await.map_err(unavailable)? else { return Ok(None) };
            if view.status.is_terminal() {
                return Ok(Some(view));
            }
            tokio::select! {
                biased;
                () = watch.changed() => {}
                () = &mut deadline => return Ok(Some(view)),
                _drains = draining.wait_for(|draining| *draining) => return Ok(Some(view)),
            }
        }
    }

    async fn list(
        &self,
        hub: &Hub,
        filter: Filter,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page, Problem> {
        let (mut partition, mut after) = read_place(after.as_deref())?;
        let wanted = InstancesFilter {
            statuses: filter.statuses.iter().copied().map(shapes::status_name).collect(),
            created_from: filter.created_from,
            created_to: filter.created_before,
            prefix: filter.prefix,
        };
        let mut found = Vec::new();
        for _ in 0..LOOKS_MAX {
            if partition >= hub.partitions() {
                return self.page(hub, found, filter.values, None).await;
            }
            let room = limit.saturating_sub(found.len());
            if room == 0 {
                break;
            }
            let look = hub.instances(PartitionId(partition), wanted.clone(), after.take(), room).await;
            let page = look.map_err(unavailable)?;
            found.extend(page.instances);
            after = page.next;
            if after.is_none() {
                partition += 1;
            }
        }
        let place = format!("{partition} {}", after.as_ref().map_or("", InstanceId::as_str));
        self.page(hub, found, filter.values, Some(place)).await
    }

    async fn page(
        &self,
        hub: &Hub,
        found: Vec<InstanceView>,
        values: bool,
        next: Option<String>,
    ) -> Result<Page, Problem> {
        let mut instances = Vec::with_capacity(found.len());
        for view in found {
            let whole =
                if values { hub.instance(&view.instance, true).await.map_err(unavailable)? } else { None };
            instances.push(shaped(hub, whole.unwrap_or(view)));
        }
        Ok(Page { instances, next })
    }
}

fn shaped(hub: &Hub, view: InstanceView) -> model::Instance {
    let standings = hub.dispatch().standings(&view.instance);
    shapes::instance(view, hub.partitions(), &standings)
}

/// A place in a list: the partition, and the instance after which to go on.
fn read_place(place: Option<&str>) -> Result<(u32, Option<InstanceId>), Problem> {
    let Some(place) = place else { return Ok((0, None)) };
    let parsed = place.split_once(' ').and_then(|(partition, after)| {
        let after = if after.is_empty() { None } else { Some(InstanceId::parse(after).ok()?) };
        Some((partition.parse().ok()?, after))
    });
    parsed.ok_or_else(|| Problem::new(&codes::CURSOR_INVALID, "the cursor does not belong to this list"))
}

async fn counts(hub: &Hub) -> Result<BTreeMap<Status, u64>, Unavailable> {
    let mut sums: BTreeMap<Status, u64> = Status::ALL.into_iter().map(|status| (status, 0)).collect();
    for partition in 0..hub.partitions() {
        for (name, count) in hub.counts(PartitionId(partition)).await?.by_status {
            *sums.entry(shapes::status(name)).or_default() += count;
        }
    }
    Ok(sums)
}

fn warning(code: &codes::Code, detail: String) -> Warning {
    Warning { code: code.id.to_owned(), detail, next: code.next.to_owned() }
}

fn no_worker(hub: &str, queue: &Queue) -> Warning {
    let of = work_of(queue.kind, &queue.name, &queue.version);
    warning(&codes::NO_WORKER, format!("hub {hub}: {} {of} wait for a worker", queue.waiting))
}

fn given_back(hub: &str, returned: &GivenBack) -> Warning {
    let GivenBack { kind, name, version, items, most } = returned;
    let of = work_of(*kind, name, version);
    let detail = format!("hub {hub}: {items} {of} wait after workers gave them back, up to {most} times");
    warning(&codes::GIVEN_BACK, detail)
}

fn work_of(kind: Kind, name: &str, version: &str) -> String {
    let what = match kind {
        Kind::Turn => "turns of orchestration",
        Kind::Activity => "activities",
        Kind::Batch => "batches of entity",
    };
    if version.is_empty() { format!("{what} {name:?}") } else { format!("{what} {name:?} {version:?}") }
}

/// A partition's silence as a problem.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err` as it is")]
pub(super) fn unavailable(error: Unavailable) -> Problem {
    let code = match &error {
        Unavailable::NotLeading => &codes::UNAVAILABLE,
        Unavailable::Overloaded => &codes::OVERLOADED,
        Unavailable::Halted(_) => &codes::PARTITION_HALTED,
        Unavailable::DiskFull => &codes::DISK_FULL,
        Unavailable::TooLarge { .. } => &codes::PAYLOAD_TOO_LARGE,
        Unavailable::Unknown => &codes::OUTCOME_UNKNOWN,
    };
    Problem::new(code, error.to_string())
}

fn from_hub(error: &HubError) -> Problem {
    let code = match error {
        HubError::NotFound(_) => &codes::HUB_NOT_FOUND,
        HubError::Deleted(_) => &codes::HUB_DELETED,
        HubError::Exists(_) => &codes::HUB_EXISTS,
        HubError::NotDeleted(_) => &codes::HUB_NOT_DELETED,
        HubError::InvalidName(_) => &codes::HUB_NAME_INVALID,
        HubError::InvalidPartitions(_) => &codes::BODY_INVALID,
        HubError::NotPlaced(..) | HubError::Unplaceable(..) => &codes::HUB_NOT_PLACEABLE,
        HubError::Unavailable(inner) => return unavailable(inner.clone()),
        HubError::Open(_) => &codes::PARTITION_HALTED,
    };
    Problem::new(code, error.to_string())
}

impl Backend for NodeApi {
    fn is_ready(&self) -> bool {
        !*self.draining.borrow() && self.node.get().is_some_and(|node| node.is_ready())
    }

    fn monotonic(&self) -> Duration {
        self.platform.clock.monotonic()
    }

    fn fresh_id(&self) -> String {
        let mut bytes = [0; 16];
        self.platform.entropy.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn status(&self) -> Answer<'_, NodeStatus> {
        Box::pin(async { Ok(self.now().await) })
    }

    fn hubs(&self) -> Answer<'_, Vec<model::Hub>> {
        Box::pin(self.all_hubs())
    }

    fn create_hub(&self, new: NewHub) -> Answer<'_, model::Hub> {
        Box::pin(async move {
            let settings = &self.config.hubs;
            let partitions = new.partitions.unwrap_or(settings.partitions);
            let mode = new.mode.map_or(settings.mode, shapes::mode_of);
            let wanted = ReplicasWanted {
                survive: new.survive.map_or(Survive::Host, shapes::survive_of),
                target: new.replicas,
                one_domain_is_fine: new.one_domain_is_fine,
            };
            let created = self.node()?.create_hub_with(&new.name, (partitions, mode), wanted).await;
            created.map_err(|error| from_hub(&error))?;
            self.shown(&new.name).await
        })
    }

    fn delete_hub(&self, name: String) -> Answer<'_, model::Hub> {
        Box::pin(async move {
            self.node()?.delete_hub(&name).await.map_err(|error| from_hub(&error))?;
            self.shown(&name).await
        })
    }

    fn undelete_hub(&self, name: String) -> Answer<'_, model::Hub> {
        Box::pin(async move {
            self.node()?.undelete_hub(&name).await.map_err(|error| from_hub(&error))?;
            self.shown(&name).await
        })
    }

    fn remove_hub(&self, name: String) -> Answer<'_, ()> {
        Box::pin(async move { self.node()?.remove_hub(&name).await.map_err(|error| from_hub(&error)) })
    }

    fn layout(&self) -> Answer<'_, Layout> {
        Box::pin(async { self.node()?.layout().await.map_err(unavailable) })
    }

    fn layout_of(&self, hub: String) -> Answer<'_, Layout> {
        Box::pin(async move {
            let node = self.node()?;
            let mut layout = node.layout().await.map_err(unavailable)?;
            let id = layout.hubs.iter().find(|view| view.name == hub).map(|view| view.id);
            let of_hub = layout.placements.iter().filter(|placement| Some(placement.hub) == id);
            let voters = of_hub.map(async |placement| {
                let group = (placement.hub, placement.partition);
                let members = tokio::time::timeout(SOON, node.members(group.0, group.1)).await.ok()?.ok()?;
                Some((group, members.voters.iter().map(|replica| replica.0).collect()))
            });
            let voters = futures_util::future::join_all(voters).await;
            layout.voters = voters.into_iter().flatten().collect();
            Ok(layout)
        })
    }

    fn change_node(&self, command: catalog::Command) -> Answer<'_, NodeView> {
        Box::pin(async move {
            let reply = self.node()?.change_layout(command).await.map_err(unavailable)?;
            cluster::changed(reply)
        })
    }

    fn ask(&self, hub: String, id: InstanceId, command: Command) -> Answer<'_, Reply> {
        Box::pin(async move {
            let hub = match &command {
                Command::StartOrchestration(_) | Command::SignalEntity(_) => {
                    self.node()?.hub(&hub).await.map_err(|error| from_hub(&error))?
                }
                _ => self.hub(&hub).await?,
            };
            hub.ask(&id, command).await.map_err(unavailable)
        })
    }

    fn instance(&self, hub: String, id: InstanceId) -> Answer<'_, Option<model::Instance>> {
        Box::pin(async move {
            let hub = self.hub(&hub).await?;
            let found = hub.instance(&id, true).await.map_err(unavailable)?;
            Ok(found.map(|view| shaped(&hub, view)))
        })
    }

    fn wait(&self, hub: String, id: InstanceId, timeout: Duration) -> Answer<'_, Option<model::Instance>> {
        Box::pin(async move {
            let hub = self.hub(&hub).await?;
            let found = self.wait_until_ended(&hub, &id, timeout).await?;
            Ok(found.map(|view| shaped(&hub, view)))
        })
    }

    fn instances(
        &self,
        hub: String,
        filter: Filter,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, Page> {
        Box::pin(async move {
            let hub = self.hub(&hub).await?;
            self.list(&hub, filter, after, limit).await
        })
    }

    fn schedules(
        &self,
        hub: String,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, (Vec<Schedule>, Option<String>)> {
        Box::pin(async move { schedules::list(&*self.hub(&hub).await?, after, limit).await })
    }

    fn schedule(&self, hub: String, name: String) -> Answer<'_, Option<Schedule>> {
        Box::pin(async move { schedules::show(&*self.hub(&hub).await?, &name).await })
    }

    fn put_schedule(&self, hub: String, command: PutSchedule) -> Answer<'_, ()> {
        Box::pin(async move { schedules::put(&*self.hub(&hub).await?, self.wall(), command).await })
    }

    fn change_schedule(&self, hub: String, command: ChangeSchedule) -> Answer<'_, ()> {
        Box::pin(async move { schedules::change(&*self.hub(&hub).await?, self.wall(), command).await })
    }

    fn entity(&self, hub: String, id: EntityId) -> Answer<'_, Option<Entity>> {
        Box::pin(async move { entities::show(&*self.hub(&hub).await?, &id).await })
    }

    fn entities(
        &self,
        hub: String,
        filter: EntityFilter,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, EntityPage> {
        Box::pin(async move { entities::list(&*self.hub(&hub).await?, filter, after, limit).await })
    }

    fn events(
        &self,
        hub: String,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, (Vec<serde_json::Value>, String)> {
        Box::pin(async move { feed::page(&*self.hub(&hub).await?, after, limit).await })
    }

    fn subscriptions(&self, hub: String) -> Answer<'_, Vec<SubscriptionStatus>> {
        Box::pin(async move { feed::standing(&*self.hub(&hub).await?).await })
    }

    fn letters(
        &self,
        hub: String,
        subscription: String,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, (Vec<Letter>, Option<String>)> {
        Box::pin(async move { feed::letters(&*self.hub(&hub).await?, &subscription, after, limit).await })
    }

    fn resend(&self, hub: String, resend: Resend) -> Answer<'_, bool> {
        Box::pin(async move { feed::resend(&*self.hub(&hub).await?, resend).await })
    }

    fn history(
        &self,
        hub: String,
        id: InstanceId,
        after: Option<String>,
        limit: usize,
    ) -> Answer<'_, Option<model::History>> {
        Box::pin(async move {
            let hub = self.hub(&hub).await?;
            let (place, before) = read_history_place(after.as_deref())?;
            let Some(page) = hub.history(&id, place, limit).await.map_err(unavailable)? else {
                return Ok(None);
            };
            let numbered = (before + 1..).zip(&page.events);
            let events: Vec<_> = numbered
                .map(|(number, recorded)| {
                    let event =
                        engine::event::HistoryEvent::decode(recorded.event.clone()).unwrap_or_default();
                    shapes::event(number, event)
                })
                .collect();
            let seen = events.last().map_or(before, |event| event.number);
            let next = page.next.map(|place| format!("{place} {seen}"));
            Ok(Some(model::History { schema: SCHEMA, execution: page.execution, events, next }))
        })
    }
}

/// A place in a history: the engine's, and how many events come before it.
fn read_history_place(place: Option<&str>) -> Result<(u64, u64), Problem> {
    let Some(place) = place else { return Ok((0, 0)) };
    let parsed =
        place.split_once(' ').and_then(|(place, seen)| Some((place.parse().ok()?, seen.parse().ok()?)));
    parsed.ok_or_else(|| Problem::new(&codes::CURSOR_INVALID, "the cursor does not belong to this history"))
}

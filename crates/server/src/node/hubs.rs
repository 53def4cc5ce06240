//! Task hubs of this node: found, created, deleted, brought back, removed, as the catalog says.
//!
//! A deleted hub is out of reach but whole; only removal takes its data away. Not here: what a hub's
//! users can do (`hub`), and what the catalog allows (`engine::catalog`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use engine::catalog::placement::NotPlaced;
use engine::catalog::{self, HubView, Mode};
use engine::id::{HubId, PartitionId};
use storage::{GroupKey, Record};
use tokio::sync::watch;

use super::hub::{Hub, mismatch};
use super::layout::ReplicasWanted;
use super::opening::{CATALOG, Seated, place_of};
use super::{ADMITTED_MAX, Member, Node, StartError, log_writer};
use crate::dispatch::{self, Dispatch, TokenKey};
use crate::partition::machine::Machine;
use crate::partition::mailbox::Admission;
use crate::partition::messages::{Answer, Outcome, Question, Request, Unavailable};
use crate::partition::outside::{Claimed, HubLinks};
use crate::partition::watch::Watchers;
use crate::peers::frame::{CatalogMoved, Kind};
use crate::peers::links::Lane;
use crate::peers::route::Route;
use crate::peers::waits::Elsewhere;

/// The number of a hub's first signing key.
const FIRST_KEY: u32 = 1;

/// The hub of callers that name none.
pub const HUB_DEFAULT: &str = "default";

/// Why there is no such hub, or why it was not changed.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Never created, or removed for good.
    #[error("task hub {0:?} does not exist")]
    NotFound(String),
    /// Deleted, and still there to be brought back.
    #[error("task hub {0:?} is deleted; it can be brought back until it is removed")]
    Deleted(String),
    /// Exists already.
    #[error("task hub {0:?} exists already")]
    Exists(String),
    /// Not deleted, but should be.
    #[error("task hub {0:?} is not deleted; delete it before removing it for good")]
    NotDeleted(String),
    /// Not a name.
    #[error("{0:?} is no name for a task hub: 1 to 64 letters, digits, '-' or '_', beginning with a letter")]
    InvalidName(String),
    /// A number of partitions that is not 1 to 1,024.
    #[error("{0} partitions: a task hub has 1 to 1,024")]
    InvalidPartitions(u32),
    /// Its replicas cannot be where they were to be.
    #[error("the replicas of task hub {0:?} cannot be placed: {1}")]
    NotPlaced(String, catalog::Refusal),
    /// There are no nodes for its replicas.
    #[error("task hub {0:?} cannot be placed: {1}")]
    Unplaceable(String, NotPlaced),
    /// The catalog or a partition does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A partition does not open.
    #[error("open task hub: {0}")]
    Open(String),
}

impl Node {
    /// A hub by name; created on first use where the settings allow it.
    pub async fn hub(&self, name: &str) -> Result<Arc<Hub>, HubError> {
        if let Some(hub) = self.open_hub_named(name) {
            return Ok(hub);
        }
        validate(name)?;
        match self.open_known_hub(name).await {
            Err(HubError::NotFound(_)) if self.config.hubs.create_on_use => {
                match self.create_hub(name, self.config.hubs.partitions, self.config.hubs.mode).await {
                    // Somebody else used it first, and may still be opening it.
                    Err(HubError::Exists(_)) => self.open_known_hub(name).await,
                    created => created,
                }
            }
            known => known,
        }
    }

    /// A hub by name, if there is one. Only [`HUB_DEFAULT`] may come into being by this: it is there
    /// wherever hubs are created on use.
    pub async fn known_hub(&self, name: &str) -> Result<Arc<Hub>, HubError> {
        if let Some(hub) = self.open_hub_named(name) {
            return Ok(hub);
        }
        if name == HUB_DEFAULT {
            return self.hub(name).await;
        }
        validate(name)?;
        self.open_known_hub(name).await
    }

    async fn open_known_hub(&self, name: &str) -> Result<Arc<Hub>, HubError> {
        match self.hubs().await?.into_iter().find(|hub| hub.name == name) {
            Some(view) if view.deleted.is_some() => Err(HubError::Deleted(name.to_owned())),
            Some(view) => self.open_hub(&view).await,
            None => Err(HubError::NotFound(name.to_owned())),
        }
    }

    /// Every hub the catalog knows, deleted ones included, by name.
    pub async fn hubs(&self) -> Result<Vec<HubView>, Unavailable> {
        match self.ask_catalog(Question::Hubs).await? {
            Answer::Hubs(hubs) => Ok(hubs),
            _ => Err(mismatch()),
        }
    }

    pub(super) async fn ask_catalog(&self, question: Question) -> Result<Answer, Unavailable> {
        self.catalog.route.ask(&self.catalog_admission, question, None).await
    }

    /// The hubs that are open here, by name.
    pub fn open_hub_list(&self) -> Vec<Arc<Hub>> {
        self.hubs.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Creates a hub as is usual, and opens it.
    pub async fn create_hub(&self, name: &str, partitions: u32, mode: Mode) -> Result<Arc<Hub>, HubError> {
        self.create_hub_with(name, (partitions, mode), ReplicasWanted::default()).await
    }

    /// Creates a hub whose partitions are where they survive what is wanted, and opens it.
    pub async fn create_hub_with(
        &self,
        name: &str,
        (partitions, mode): (u32, Mode),
        wanted: ReplicasWanted,
    ) -> Result<Arc<Hub>, HubError> {
        validate(name)?;
        if !(1..=1024).contains(&partitions) {
            return Err(HubError::InvalidPartitions(partitions));
        }
        let mut key = [0; 32];
        self.platform.entropy.fill(&mut key);
        let command = catalog::Command::CreateHub(catalog::CreateHub {
            name: name.to_owned(),
            partitions,
            key: Bytes::copy_from_slice(&key),
            mode: mode.into(),
            survive: wanted.survive.into(),
            replicas_target: wanted.target.unwrap_or(0),
            replicas_min: 0,
            placements: self.first_placements(name, partitions, wanted).await?,
        });
        self.change_catalog(name, command).await?;
        let view = self.hubs().await?.into_iter().find(|hub| hub.name == name);
        let view = view.ok_or_else(|| HubError::NotFound(name.to_owned()))?;
        self.open_hub(&view).await
    }

    /// Deletes a hub: its work stops, its name answers "deleted", it can be brought back.
    pub async fn delete_hub(&self, name: &str) -> Result<(), HubError> {
        let command = catalog::Command::DeleteHub(catalog::DeleteHub { name: name.to_owned() });
        self.change_catalog(name, command).await?;
        self.close_hub(name).await;
        Ok(())
    }

    /// Brings a deleted hub back.
    pub async fn undelete_hub(&self, name: &str) -> Result<Arc<Hub>, HubError> {
        let command = catalog::Command::UndeleteHub(catalog::UndeleteHub { name: name.to_owned() });
        self.change_catalog(name, command).await?;
        self.hub(name).await
    }

    /// Removes a deleted hub for good, with everything in it.
    pub async fn remove_hub(&self, name: &str) -> Result<(), HubError> {
        let view = self.hubs().await?.into_iter().find(|hub| hub.name == name);
        let command = catalog::Command::RemoveHub(catalog::RemoveHub { name: name.to_owned() });
        self.change_catalog(name, command).await?;
        if let Some(view) = view {
            self.drop_hub(view.id).await;
        }
        Ok(())
    }

    /// A hub is no more: nothing of it stays here.
    pub(super) async fn drop_hub(&self, id: HubId) {
        let _changing = self.changing_hubs.lock().await;
        let closed = self.closed_hubs.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let open = {
            let mut open = self.hubs.write().unwrap_or_else(PoisonError::into_inner);
            let name = open.values().find(|hub| hub.id == id).map(|hub| hub.name.clone());
            name.and_then(|name| open.remove(&name))
        };
        for hub in closed.iter().chain(&open) {
            hub.links.dispatch.close();
            hub.links.watchers.changed_all();
            for member in &hub.partitions {
                member.release().await;
            }
        }
        self.gateway().forget_hub(id);
        let mut groups: Vec<GroupKey> = self.seats.take_hub(id).iter().map(|seat| seat.key).collect();
        groups.extend(self.recovered_of(|hub| hub == id));
        self.forget(&groups);
        self.hub_changes.send_modify(|count| *count += 1);
    }

    /// Groups that the node log held and that are not opened, of such hubs.
    fn recovered_of(&self, of: impl Fn(HubId) -> bool) -> Vec<GroupKey> {
        let recovered = self.recovered.lock().unwrap_or_else(PoisonError::into_inner);
        recovered.keys().filter(|key| of(place_of(**key).0)).copied().collect()
    }

    /// Every hub of which there is something here.
    pub(super) fn hubs_here(&self) -> BTreeSet<HubId> {
        let open = self.open_hub_list().into_iter().map(|hub| hub.id);
        let closed: Vec<HubId> =
            self.closed_hubs.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        let recovered = self.recovered_of(|_| true).into_iter().map(|key| place_of(key).0);
        open.chain(closed).chain(recovered).filter(|hub| *hub != CATALOG).collect()
    }

    async fn change_catalog(&self, name: &str, command: catalog::Command) -> Result<(), HubError> {
        let request = Request::Catalog(command);
        let name = name.to_owned();
        match self.catalog.route.ask(&self.catalog_admission, request, None).await? {
            Outcome::Catalog(catalog::Reply::Refused(refusal)) => Err(match refusal {
                catalog::Refusal::NotFound => HubError::NotFound(name),
                catalog::Refusal::Exists => HubError::Exists(name),
                catalog::Refusal::Deleted => HubError::Deleted(name),
                catalog::Refusal::NotDeleted => HubError::NotDeleted(name),
                catalog::Refusal::Invalid => HubError::InvalidName(name),
                catalog::Refusal::NodeNotFound
                | catalog::Refusal::NodeRemoved
                | catalog::Refusal::NodeExists
                | catalog::Refusal::NodesFull
                | catalog::Refusal::NodeInUse
                | catalog::Refusal::NodeInvalid
                | catalog::Refusal::DomainInvalid
                | catalog::Refusal::PlacementMoved
                | catalog::Refusal::PlacementInvalid => HubError::NotPlaced(name, refusal),
            }),
            Outcome::Catalog(
                catalog::Reply::Done(_)
                | catalog::Reply::Unchanged(_)
                | catalog::Reply::Removed(_)
                | catalog::Reply::Node(_)
                | catalog::Reply::Placement(_),
            )
            | Outcome::Partition(_) => {
                self.catalog_moved();
                Ok(())
            }
        }
    }

    /// The catalog has changed because of this node: it and all others ask it again.
    pub(crate) fn catalog_moved(&self) {
        self.hearing.moved.notify_one();
        for node in self.hearing.connected() {
            // Whoever misses it asks by himself, a little later.
            let moved = Kind::CatalogMoved(CatalogMoved::default());
            let _sent = self.gateway().links().send(node, Lane::Urgent, moved);
        }
    }

    /// A partition of an open hub, or the catalog.
    pub(super) fn member_of(&self, hub: HubId, partition: PartitionId) -> Result<Member, Unavailable> {
        if hub == CATALOG {
            return Ok(self.catalog.clone());
        }
        let open = self.hubs.read().unwrap_or_else(PoisonError::into_inner);
        let hub = open.values().find(|open| open.id == hub).ok_or(Unavailable::NotLeading)?;
        hub.member(partition).cloned()
    }

    pub(super) async fn open_hubs(&self) -> Result<(), StartError> {
        let views = self.hubs().await.map_err(StartError::Catalog)?;
        // A stop may have come between a hub's removal and that of its data.
        let known: BTreeSet<HubId> = views.iter().map(|view| view.id).chain([CATALOG]).collect();
        let orphans = self.recovered_of(|hub| !known.contains(&hub));
        self.forget(&orphans);
        for view in views {
            if view.deleted.is_none() {
                self.open_hub(&view).await?;
            }
        }
        Ok(())
    }

    /// Removes the log and the tables of partitions that are not to come back.
    pub(super) fn forget(&self, groups: &[GroupKey]) {
        let mut recovered = self.recovered.lock().unwrap_or_else(PoisonError::into_inner);
        for group in groups {
            recovered.remove(group);
            let (hub, partition) = place_of(*group);
            let path = self.tables_path(hub, partition);
            if let Err(error) = self.platform.disk.remove(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(code = "OL-1004", path = %path.display(), %error, "a removed hub's table stays");
            }
        }
        drop(recovered);
        let records: Vec<Record> = groups.iter().map(|group| Record::Destroyed { group: *group }).collect();
        if !records.is_empty() {
            let (owner, number, vouch) = (self.next_address(), 0, false);
            self.log.send(log_writer::Job::Append { owner, number, records, vouch });
        }
    }

    pub(super) fn open_hub_named(&self, name: &str) -> Option<Arc<Hub>> {
        self.hubs.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) async fn open_hub(&self, view: &HubView) -> Result<Arc<Hub>, HubError> {
        let _changing = self.changing_hubs.lock().await;
        if let Some(hub) = self.open_hub_named(&view.name) {
            // One of the two is no more, and only the catalog knows which.
            return if hub.id == view.id { Ok(hub) } else { Err(Unavailable::NotLeading.into()) };
        }
        let closed = self.closed_hubs.lock().unwrap_or_else(PoisonError::into_inner).remove(&view.id);
        let hub = match closed {
            Some(hub) => {
                hub.links.dispatch.reopen();
                hub
            }
            None => tokio::task::block_in_place(|| self.bring_up(view))?,
        };
        // In a cluster whoever asks something of a partition waits himself.
        if !self.is_one_of_several() {
            for member in &hub.partitions {
                member.route.leads().await?;
            }
        }
        let mut open: std::sync::RwLockWriteGuard<'_, BTreeMap<String, Arc<Hub>>> =
            self.hubs.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(view.name.clone(), Arc::clone(&hub));
        drop(open);
        self.hub_changes.send_modify(|count| *count += 1);
        Ok(hub)
    }

    fn bring_up(&self, view: &HubView) -> Result<Arc<Hub>, HubError> {
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(&view.key) {
            *to = *from;
        }
        let keys = (0..view.partitions).map(|partition| (view.id, PartitionId(partition)));
        let routes: Arc<[Route]> = keys.map(|key| self.gateway().route(key)).collect();
        let signing = TokenKey { id: FIRST_KEY, secret: key };
        let options = dispatch::Options {
            attempts_max: self.config.work.redeliveries_max,
            item_bytes_max: self.config.work.item_bytes_max,
            ..Default::default()
        };
        let claims = Box::new(Claimed(Arc::clone(&routes)));
        let metrics = self.metrics.hub(&view.name);
        let measure = dispatch::Measure { clock: Arc::clone(&self.platform.clock), metrics: metrics.clone() };
        let elsewhere = Elsewhere::new(view.id, Arc::clone(&routes), Arc::clone(self.gateway()));
        let links = Arc::new(HubLinks {
            dispatch: Dispatch::new(view.id, signing, options, claims, measure),
            routes,
            watchers: Watchers::new(elsewhere),
            metrics,
            feeds: watched(view.partitions),
            schedules: watched(view.partitions),
        });
        let member = |route: &Route| Member::new(route.clone(), self.uploads.clone());
        let hub = Arc::new(Hub {
            id: view.id,
            name: view.name.clone(),
            key,
            partitions: links.routes.iter().map(member).collect(),
            links,
            admission: Admission::new(ADMITTED_MAX),
            gateway: Arc::clone(self.gateway()),
        });
        // Before anything leads: others answer to that at once.
        self.gateway().serve_hub(Arc::clone(&hub));
        if let Err(error) = self.open_replicas(view, &hub) {
            self.gateway().close_hub(view.id);
            return Err(error);
        }
        Ok(hub)
    }

    fn open_replicas(&self, view: &HubView, hub: &Hub) -> Result<(), HubError> {
        let here = hub.partitions.iter().filter(|_| !self.is_one_of_several());
        for (id, member) in (0..view.partitions).map(PartitionId).zip(here) {
            let machine = Machine::Partition { id, of: view.partitions };
            let links = Some(Arc::clone(&hub.links));
            let opened = self
                .open_partition(view.id, machine, &Seated::first(), (links, view.mode))
                .map_err(|halt| HubError::Open(format!("partition {id} of {:?}: {halt}", view.name)))?;
            member.opened(opened);
        }
        Ok(())
    }

    /// Nobody reaches the hub any more. Its partitions stay with their runners, so that bringing it
    /// back needs nothing; without workers nothing is done, and after a restart they stay closed.
    pub(super) async fn close_hub(&self, name: &str) {
        let _changing = self.changing_hubs.lock().await;
        let hub = self.hubs.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(hub) = hub {
            hub.links.dispatch.close();
            hub.links.watchers.changed_all();
            self.closed_hubs.lock().unwrap_or_else(PoisonError::into_inner).insert(hub.id, hub);
        }
        self.hub_changes.send_modify(|count| *count += 1);
    }
}

/// One for each partition.
fn watched(partitions: u32) -> Vec<watch::Sender<u64>> {
    (0..partitions).map(|_| watch::channel(0).0).collect()
}

fn validate(name: &str) -> Result<(), HubError> {
    if catalog::is_hub_name(name) { Ok(()) } else { Err(HubError::InvalidName(name.to_owned())) }
}

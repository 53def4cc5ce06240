//! Entities and locks, as answers carry them.
//!
//! Not here: what is in them (`engine::partition::view`).

use engine::partition::command::{Moment, Section};
use engine::partition::view::{EntitiesPage, EntityView, LockView, LockedEntity};

use super::{Read, all, entity_id};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireEntity {
    #[prost(string, tag = "1")]
    entity: String,
    #[prost(message, required, tag = "2")]
    modified: Moment,
    #[prost(uint32, tag = "3")]
    backlog: u32,
    #[prost(message, optional, tag = "4")]
    lock: Option<WireLock>,
    #[prost(uint32, optional, tag = "5")]
    state_bytes: Option<u32>,
    #[prost(string, optional, tag = "6")]
    state: Option<String>,
    #[prost(string, optional, tag = "7")]
    stuck: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireLock {
    #[prost(message, required, tag = "1")]
    section: Section,
    #[prost(message, required, tag = "2")]
    since: Moment,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireEntities {
    #[prost(message, repeated, tag = "1")]
    entities: Vec<WireEntity>,
    #[prost(string, optional, tag = "2")]
    next: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireLocked {
    #[prost(string, tag = "1")]
    entity: String,
    #[prost(message, required, tag = "2")]
    holder: WireLock,
    #[prost(message, repeated, tag = "3")]
    waiters: Vec<WireLock>,
}

impl From<&LockView> for WireLock {
    fn from(lock: &LockView) -> Self {
        Self { section: lock.section.clone(), since: lock.since.into() }
    }
}

impl From<WireLock> for LockView {
    fn from(wire: WireLock) -> Self {
        Self { section: wire.section, since: wire.since.into() }
    }
}

impl From<&EntityView> for WireEntity {
    fn from(view: &EntityView) -> Self {
        Self {
            entity: view.entity.as_str().to_owned(),
            modified: view.modified.into(),
            backlog: view.backlog,
            lock: view.lock.as_ref().map(WireLock::from),
            state_bytes: view.state_bytes,
            state: view.state.clone(),
            stuck: view.stuck.clone(),
        }
    }
}

impl WireEntity {
    pub(super) fn read(self) -> Read<EntityView> {
        Ok(EntityView {
            entity: entity_id(&self.entity)?,
            modified: self.modified.into(),
            backlog: self.backlog,
            lock: self.lock.map(LockView::from),
            state_bytes: self.state_bytes,
            state: self.state,
            stuck: self.stuck,
        })
    }
}

impl From<&EntitiesPage> for WireEntities {
    fn from(page: &EntitiesPage) -> Self {
        Self {
            entities: page.entities.iter().map(WireEntity::from).collect(),
            next: page.next.as_ref().map(|next| next.as_str().to_owned()),
        }
    }
}

impl WireEntities {
    pub(super) fn read(self) -> Read<EntitiesPage> {
        Ok(EntitiesPage {
            entities: all(self.entities, WireEntity::read)?,
            next: self.next.as_deref().map(entity_id).transpose()?,
        })
    }
}

impl From<&LockedEntity> for WireLocked {
    fn from(locked: &LockedEntity) -> Self {
        Self {
            entity: locked.entity.as_str().to_owned(),
            holder: (&locked.holder).into(),
            waiters: locked.waiters.iter().map(WireLock::from).collect(),
        }
    }
}

impl WireLocked {
    pub(super) fn read(self) -> Read<LockedEntity> {
        Ok(LockedEntity {
            entity: entity_id(&self.entity)?,
            holder: self.holder.into(),
            waiters: self.waiters.into_iter().map(LockView::from).collect(),
        })
    }
}

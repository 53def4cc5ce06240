//! Entities in the API: what they are, who holds them, what waits for them, and signals.
//!
//! `routes` are the handlers, `node` asks the partitions. Not here: the paths of Durable Functions
//! (`functions`), which show less.

mod node;
pub(super) mod routes;
#[cfg(test)]
pub(super) mod tests;

use std::fmt;

use engine::id::EntityId;
use engine::partition::view::EntitiesFilter;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub(super) use node::{list, show};

use super::problem::Problem;
use crate::node::States;
use crate::observe::codes;

/// A page of a task hub's entities.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EntityList {
    /// Version of this shape.
    pub schema: u32,
    /// In order of partition and id.
    pub entities: Vec<Entity>,
    /// Give it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An entity.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Entity {
    /// `@name@key`.
    pub id: String,
    /// What workers register it by.
    pub name: String,
    /// Which entity of that name.
    pub key: String,
    /// The partition it is in.
    pub partition: u32,
    /// When it last changed.
    pub modified_at: String,
    /// Operations and lock requests that wait.
    pub backlog: u32,
    /// Who uses it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<EntityLock>,
    /// Why no worker can run it: it is held until somebody resumes it, and its calls fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck: Option<String>,
    /// Bytes of its state; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_bytes: Option<u32>,
    /// Its state, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub state: Option<Box<RawValue>>,
}

/// A lock that is held.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EntityLock {
    /// The orchestration.
    pub instance: String,
    /// Its execution: the lock ends with it.
    pub execution: String,
    /// Since when.
    pub since: String,
}

/// Which entities of a hub are asked for, and what of them.
#[derive(Clone, PartialEq, Eq)]
pub struct EntityFilter {
    /// Which.
    pub entities: EntitiesFilter,
    /// Whether their states are wanted.
    pub states: States,
}

/// Names a list in its cursors.
impl fmt::Debug for EntityFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.entities, self.states)
    }
}

/// A page of entities and where the next one begins.
#[derive(Debug, Default)]
pub struct EntityPage {
    /// The entities.
    pub entities: Vec<Entity>,
    /// What to ask for the next page with; `None` on the last one.
    pub next: Option<String>,
}

/// There is no such entity.
pub(super) fn not_found(id: &EntityId) -> Problem {
    Problem::new(&codes::ENTITY_NOT_FOUND, format!("there is no entity {:?} in this task hub", id.as_str()))
}

//! The entities of all partitions of a hub as one list.
//!
//! Not here: how a page is bounded (`crate::node`).

use engine::id::{EntityId, PartitionId};
use engine::partition::view::EntityView;

use super::super::model::stored_json;
use super::super::node::unavailable;
use super::super::problem::Problem;
use super::super::shapes::time;
use super::{Entity, EntityFilter, EntityLock, EntityPage};
use crate::node::{EntityPlace, Hub};
use crate::observe::codes;

/// A page of entities after a place that an earlier page named.
pub(in super::super) async fn list(
    hub: &Hub,
    filter: EntityFilter,
    after: Option<String>,
    limit: usize,
) -> Result<EntityPage, Problem> {
    let from = after.as_deref().map(read_place).transpose()?;
    let listed = hub.list_entities(&filter.entities, from, limit, filter.states).await;
    let (found, next) = listed.map_err(unavailable)?;
    let next = next.map(|place| {
        let after = place.after.as_ref().map_or("", EntityId::as_str);
        format!("{} {after}", place.partition.0)
    });
    Ok(EntityPage { entities: found.into_iter().map(|view| shaped(hub, view)).collect(), next })
}

fn read_place(place: &str) -> Result<EntityPlace, Problem> {
    let parsed = place.split_once(' ').and_then(|(partition, after)| {
        let after = if after.is_empty() { None } else { Some(EntityId::parse(after).ok()?) };
        Some(EntityPlace { partition: PartitionId(partition.parse().ok()?), after })
    });
    parsed.ok_or_else(|| Problem::new(&codes::CURSOR_INVALID, "the cursor does not belong to this list"))
}

/// An entity with its state.
pub(in super::super) async fn show(hub: &Hub, id: &EntityId) -> Result<Option<Entity>, Problem> {
    Ok(hub.entity(id, true).await.map_err(unavailable)?.map(|view| shaped(hub, view)))
}

fn shaped(hub: &Hub, view: EntityView) -> Entity {
    Entity {
        id: view.entity.as_str().to_owned(),
        name: view.entity.name().to_owned(),
        key: view.entity.key().to_owned(),
        partition: view.entity.as_instance().partition(hub.partitions()).0,
        modified_at: time(view.modified),
        backlog: view.backlog,
        locked_by: view.lock.map(|lock| EntityLock {
            instance: lock.section.instance,
            execution: lock.section.execution,
            since: time(lock.since),
        }),
        stuck: view.stuck,
        state_bytes: view.state_bytes,
        state: view.state.as_deref().map(stored_json),
    }
}

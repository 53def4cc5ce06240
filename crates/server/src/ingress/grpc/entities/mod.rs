//! Clients' calls about entities: signal, read, list, clean up.
//!
//! Not here: what these do to an entity (`engine`), and what is on a page (`node`).

use std::sync::Arc;

use engine::event::{EntityOperationSignaled, EventKind, HistoryEvent};
use engine::id::{EntityId, InstanceId, PartitionId};
use engine::limits::NAME_BYTES_MAX;
use engine::partition::command::{Command, DeleteEntity, ReleaseLock, RequestId, SignalEntity};
use engine::partition::effect::Reply;
use engine::partition::view::{EntitiesFilter, EntitiesKind, EntityView, LockedEntity};
use outlast_proto::durable_task as proto;
use tonic::Status;

use super::call::Call;
use super::cursor::ById;
use super::query::{READS_MAX, page_size};
use super::{check, convert, status};
use crate::node::{EntityPlace, Hub, States};
use crate::observe::codes;

/// Locked entities read at once.
const LOCKS_AT_ONCE: usize = 100;

/// Puts an operation into an entity's mailbox.
pub(super) async fn signal(
    call: Call,
    request: proto::SignalEntityRequest,
) -> Result<proto::SignalEntityResponse, Status> {
    let entity = call.entity(&request.instance_id)?;
    let signaled = EntityOperationSignaled {
        operation: check::name("the name of an operation", request.name)?,
        scheduled_time: check::scheduled_start(request.scheduled_time),
        input: check::value("the input", request.input)?,
        target_instance_id: Some(entity.as_str().to_owned()),
        request_id: check_request(request.request_id)?,
    };
    let command = Command::SignalEntity(SignalEntity {
        entity: entity.as_str().to_owned(),
        request: call.request_id()?.or_else(|| repeat_of(&entity, &signaled.request_id)),
        event: Box::new(HistoryEvent {
            event_id: -1,
            timestamp: None,
            kind: Some(EventKind::EntityOperationSignaled(signaled)),
        }),
    });
    match call.ask(entity.as_instance(), command).await? {
        Reply::Done | Reply::Unchanged => Ok(proto::SignalEntityResponse {}),
        Reply::Refused(refusal) => Err(status::refusal(refusal, entity.as_str())),
        other @ (Reply::Started { .. } | Reply::Purged { .. }) => Err(status::unexpected(&other)),
    }
}

fn check_request(id: String) -> Result<String, Status> {
    if id.len() > NAME_BYTES_MAX {
        let told = format!("a request id has at most {NAME_BYTES_MAX} bytes");
        return Err(status::invalid(&codes::METADATA_INVALID, told));
    }
    Ok(id)
}

/// The SDKs give each signal an id; a signal that is sent again with it is the same one.
fn repeat_of(entity: &EntityId, request: &str) -> Option<RequestId> {
    (!request.is_empty()).then(|| RequestId { source: format!("signal {entity} {request}"), counter: 0 })
}

/// What is known about an entity.
pub(super) async fn get(
    call: Call,
    request: proto::GetEntityRequest,
) -> Result<proto::GetEntityResponse, Status> {
    let entity = call.entity(&request.instance_id)?;
    let hub = call.hub().await?;
    let found = hub.entity(&entity, request.include_state).await;
    let found = found.map_err(|error| status::unavailable(&error))?;
    Ok(proto::GetEntityResponse { exists: found.is_some(), entity: found.map(metadata) })
}

fn metadata(view: EntityView) -> proto::EntityMetadata {
    proto::EntityMetadata {
        instance_id: view.entity.as_str().to_owned(),
        last_modified_time: Some(convert::time(view.modified)),
        backlog_queue_size: i32::try_from(view.backlog).unwrap_or(i32::MAX),
        locked_by: view.lock.map(|lock| lock.section.instance),
        serialized_state: view.state,
    }
}

/// Entities that pass a filter, in order of partition and id.
pub(super) async fn query(
    call: Call,
    request: proto::QueryEntitiesRequest,
) -> Result<proto::QueryEntitiesResponse, Status> {
    let query = request.query.unwrap_or_default();
    let hub = call.hub().await?;
    let start = ById::parse(query.continuation_token.as_deref())?;
    let filter = EntitiesFilter {
        prefix: query.instance_id_starts_with.unwrap_or_default(),
        modified_from: query.last_modified_from.map(check::time),
        modified_to: query.last_modified_to.map(check::time),
        kind: if query.include_transient { EntitiesKind::All } else { EntitiesKind::WithState },
    };
    let size = page_size(query.page_size.unwrap_or(0));
    let states = if query.include_state { States::Shown } else { States::Left };
    let listed = hub.list_entities(&filter, start.map(place_of), size, states).await;
    let (entities, next) = listed.map_err(|error| status::unavailable(&error))?;
    Ok(proto::QueryEntitiesResponse {
        entities: entities.into_iter().map(metadata).collect(),
        continuation_token: next.map(|next| by_id(&next).to_text()),
    })
}

fn place_of(by_id: ById) -> EntityPlace {
    let after = by_id.after.and_then(|id| EntityId::parse(id.as_str()).ok());
    EntityPlace { partition: by_id.partition, after }
}

fn by_id(place: &EntityPlace) -> ById {
    let after = place.after.as_ref().map(|entity| entity.as_instance().clone());
    ById { partition: place.partition, after }
}

/// Takes locks from orchestrations that are over. Empty entities are never kept, so none is removed.
pub(super) async fn clean_storage(
    call: Call,
    request: proto::CleanEntityStorageRequest,
) -> Result<proto::CleanEntityStorageResponse, Status> {
    let hub = call.hub().await?;
    let start = ById::parse(request.continuation_token.as_deref())?;
    let mut place = start.unwrap_or(ById { partition: PartitionId(0), after: None });
    let mut released = 0_i32;
    for _ in 0..READS_MAX {
        if !request.release_orphaned_locks || place.partition.0 >= hub.partitions() {
            break;
        }
        let after = place.after.as_ref().and_then(|id| EntityId::parse(id.as_str()).ok());
        let locks = hub.locks(place.partition, after, LOCKS_AT_ONCE).await;
        let locks = locks.map_err(|error| status::unavailable(&error))?;
        for lock in &locks {
            released += i32::from(release_if_orphaned(&call, &hub, lock).await?);
        }
        match locks.last().filter(|_| locks.len() >= LOCKS_AT_ONCE) {
            Some(last) => place.after = Some(last.entity.as_instance().clone()),
            None => place = ById { partition: PartitionId(place.partition.0 + 1), after: None },
        }
    }
    let more = request.release_orphaned_locks && place.partition.0 < hub.partitions();
    Ok(proto::CleanEntityStorageResponse {
        continuation_token: more.then(|| place.to_text()),
        empty_entities_removed: 0,
        orphaned_locks_released: released,
    })
}

/// Executions are never used again, so one that is over now was over when it was looked at.
async fn release_if_orphaned(call: &Call, hub: &Hub, lock: &LockedEntity) -> Result<bool, Status> {
    let section = &lock.holder.section;
    let Ok(holder) = InstanceId::parse(&section.instance) else { return Ok(false) };
    let found = hub.instance(&holder, false).await.map_err(|error| status::unavailable(&error))?;
    let lives = |execution: &str, ended: bool| execution == section.execution && !ended;
    if found.is_some_and(|view| lives(&view.execution, view.status.is_terminal())) {
        return Ok(false);
    }
    let entity = call.entity(lock.entity.as_str())?;
    let release = ReleaseLock { entity: entity.as_str().to_owned(), request: None, section: section.clone() };
    let reply = hub.ask(entity.as_instance(), Command::ReleaseLock(release)).await;
    Ok(matches!(reply.map_err(|error| status::unavailable(&error))?, Reply::Done))
}

/// Removes an entity's state; how many had one.
pub(super) async fn delete(hub: Arc<Hub>, entity: EntityId) -> Result<u32, Status> {
    let delete = DeleteEntity { entity: entity.as_str().to_owned(), request: None };
    let reply = hub.ask(entity.as_instance(), Command::DeleteEntity(delete)).await;
    match reply.map_err(|error| status::unavailable(&error))? {
        Reply::Purged { count } => Ok(count),
        Reply::Refused(refusal) => Err(status::refusal(refusal, entity.as_str())),
        other @ (Reply::Done | Reply::Unchanged | Reply::Started { .. }) => Err(status::unexpected(&other)),
    }
}

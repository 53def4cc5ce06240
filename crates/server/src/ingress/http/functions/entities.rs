//! Entities: read, list, signal, delete.
//!
//! `$` in a path stands for the empty key. An entity is shown where it has a state, and only then.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::id::EntityId;
use engine::partition::effect::Reply;
use engine::partition::view::{EntitiesFilter, EntitiesKind};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::entities::routes::{parse_entity, refused_of, signal_command};
use super::super::entities::{Entity, EntityFilter, not_found};
use super::super::extract::{parse_name, parse_value};
use super::super::{App, cursor};
use super::Refused;
use super::call::{Call, Content};
use super::instances::{CONTINUATION, just_after, page_size};
use crate::ingress::auth::{Action, Resource};
use crate::node::States;

/// The operation of a `DELETE`.
const DELETE: &str = "delete";

/// An entity as lists have it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntityStatus {
    entity_id: EntityName,
    last_operation_time: String,
    /// Only with `fetchState`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    state: Option<Box<RawValue>>,
}

/// An entity's id in its parts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntityName {
    name: String,
    key: String,
}

impl EntityStatus {
    fn of(entity: Entity) -> Self {
        Self {
            entity_id: EntityName { name: entity.name, key: entity.key },
            last_operation_time: entity.modified_at,
            state: entity.state,
        }
    }
}

/// Entities of all names.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/entities", tag = "entities", operation_id = "listEntities", params(super::openapi::Addressing, super::openapi::Entities, super::openapi::Continuation), responses((status = 200, body = Vec<EntityStatus>, headers(("x-ms-continuation-token" = String, description = "Where the next page begins; absent on the last one")))))]
pub(super) async fn list(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    listed(&app, &call, "@".to_owned()).await
}

/// Entities of one name.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/entities/{name}", tag = "entities", operation_id = "listEntitiesNamed", params(("name" = String, Path), super::openapi::Addressing, super::openapi::Entities, super::openapi::Continuation), responses((status = 200, body = Vec<EntityStatus>, headers(("x-ms-continuation-token" = String, description = "Where the next page begins; absent on the last one")))))]
pub(super) async fn list_named(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    let any = parse_entity(&format!("@{}@", call.name("name")?))?;
    listed(&app, &call, any.as_str().to_owned()).await
}

async fn listed(app: &App, call: &Call, prefix: String) -> Result<Response, Refused> {
    let hub = call.hub();
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let entities = EntitiesFilter {
        prefix,
        modified_from: call.time("lastOperationTimeFrom")?,
        // The end is meant inclusively here.
        modified_to: call.time("lastOperationTimeTo")?.map(just_after),
        kind: EntitiesKind::WithState,
    };
    let states = if call.flag("fetchState")?.unwrap_or(false) { States::Shown } else { States::Left };
    let filter = EntityFilter { entities, states };
    let limit = page_size(call)?;
    let name = format!("functions entities of {hub}: {filter:?}");
    let token = call.headers.get(CONTINUATION).and_then(|token| token.to_str().ok()).unwrap_or("");
    let after = if token.is_empty() { None } else { Some(cursor::read(&name, token)?) };
    let page = app.backend.entities(hub, filter, after, limit).await?;
    let shown: Vec<EntityStatus> = page.entities.into_iter().map(EntityStatus::of).collect();
    let mut response = JsonBody(shown).into_response();
    if let Some(place) = page.next {
        let token = HeaderValue::from_str(&cursor::write(&name, &place)).expect("a cursor is hex");
        response.headers_mut().insert(CONTINUATION, token);
    }
    Ok(response)
}

/// An entity's state.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/entities/{name}/{key}", tag = "entities", operation_id = "showEntity", params(("name" = String, Path), ("key" = String, Path), super::openapi::Addressing), responses((status = 200, body = serde_json::Value)))]
pub(super) async fn show(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    let (hub, id) = (call.hub(), entity(&call)?);
    app.allow(Action::Read, Resource::Instance(&hub, id.as_instance()))?;
    let state = app.backend.entity(hub, id.clone()).await?.and_then(|entity| entity.state);
    Ok(JsonBody(state.ok_or_else(|| not_found(&id))?).into_response())
}

/// Signals an entity. A body that is not sent as JSON is a text.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/entities/{name}/{key}", tag = "entities", operation_id = "signalEntity", params(("name" = String, Path), ("key" = String, Path), super::openapi::Addressing, super::openapi::Operation), request_body(content = Option<serde_json::Value>), responses((status = 202, description = "The signal is kept")))]
pub(super) async fn signal(
    State(app): State<App>,
    call: Call,
    content: Content,
) -> Result<StatusCode, Refused> {
    // An operation may be without a name; the entity's code sees that.
    let operation = call.get("op").map(|op| parse_name("op", op)).transpose()?.unwrap_or_default();
    let input = parse_value("the operation's input", content.json_or_text()?)?;
    signaled(&app, &call, operation, input).await
}

/// Signals an entity to delete itself.
#[utoipa::path(delete, path = "/runtime/webhooks/durabletask/entities/{name}/{key}", tag = "entities", operation_id = "deleteEntity", params(("name" = String, Path), ("key" = String, Path), super::openapi::Addressing), responses((status = 202, description = "The signal is kept")))]
pub(super) async fn delete(State(app): State<App>, call: Call) -> Result<StatusCode, Refused> {
    signaled(&app, &call, DELETE.to_owned(), None).await
}

async fn signaled(
    app: &App,
    call: &Call,
    operation: String,
    input: Option<String>,
) -> Result<StatusCode, Refused> {
    let (hub, id) = (call.hub(), entity(call)?);
    app.allow(Action::Write, Resource::Instance(&hub, id.as_instance()))?;
    let command = signal_command(&id, operation, input, (None, None));
    match app.backend.ask(hub, id.as_instance().clone(), command).await? {
        Reply::Done | Reply::Unchanged | Reply::Started { .. } | Reply::Purged { .. } => {
            Ok(StatusCode::ACCEPTED)
        }
        Reply::Refused(refusal) => Err(refused_of(refusal, &id).into()),
    }
}

fn entity(call: &Call) -> Result<EntityId, Refused> {
    let key = call.part("key");
    let key = if key == "$" { "" } else { key };
    Ok(parse_entity(&format!("@{}@{key}", call.name("name")?))?)
}

//! The handlers about entities: list, show, signal, resume, delete.
//!
//! Not here: shapes (`super`), and asking the partitions (`node`). A signal is kept in the entity's
//! mailbox, durably, when it is answered; what comes of it nobody is told.

use axum::Json as JsonBody;
use axum::extract::{FromRequestParts, State};
use engine::event::{EntityOperationSignaled, EventKind, HistoryEvent};
use engine::id::EntityId;
use engine::partition::command::{Command, DeleteEntity, RequestId, ResumeEntity, SignalEntity};
use engine::partition::effect::{Refusal, Reply};
use engine::partition::view::{EntitiesFilter, EntitiesKind};
use engine::time::Timestamp;
use http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::extract::{
    AnyJson, HubPath, NamePath, Params, Repeat, parse_time, parse_value, path_values,
};
use super::super::model::{Done, Purged, SCHEMA};
use super::super::problem::Problem;
use super::super::routes::actions::{Idempotency, refused};
use super::super::routes::instances::page_size;
use super::super::{App, cursor};
use super::{Entity, EntityFilter, EntityList, not_found};
use crate::ingress::auth::{Action, Resource};
use crate::node::States;
use crate::observe::codes;

/// `{hub}` and `{id}` of a path, the id an entity's.
#[derive(Debug)]
pub(in super::super) struct EntityPath {
    hub: String,
    id: EntityId,
}

impl<S: Send + Sync> FromRequestParts<S> for EntityPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut values = path_values(parts, state).await?;
        let id = parse_entity(&values.remove("id").unwrap_or_default())?;
        Ok(Self { hub: values.remove("hub").unwrap_or_default(), id })
    }
}

/// An entity's id.
pub(in super::super) fn parse_entity(text: &str) -> Result<EntityId, Problem> {
    EntityId::parse(text).map_err(|invalid| Problem::new(&codes::ID_INVALID, invalid.to_string()))
}

/// Which entities, and which page of them.
#[expect(clippy::struct_excessive_bools, reason = "parameters of a query")]
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Listing {
    /// Beginning of the id.
    #[param(example = "@counter@")]
    prefix: Option<String>,
    /// Changed then or later: RFC 3339.
    #[param(format = DateTime)]
    modified_from: Option<String>,
    /// Changed before: RFC 3339.
    #[param(format = DateTime)]
    modified_before: Option<String>,
    /// Only those that no worker can run.
    #[serde(default)]
    #[param(required = false)]
    stuck: bool,
    /// Whether their states are wanted.
    #[serde(default)]
    #[param(required = false)]
    values: bool,
    /// Entities on the page, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before, with the same filter.
    cursor: Option<String>,
}

impl Listing {
    fn filter(&self) -> Result<EntityFilter, Problem> {
        let time =
            |field, text: &Option<String>| text.as_deref().map(|text| parse_time(field, text)).transpose();
        let entities = EntitiesFilter {
            prefix: self.prefix.clone().unwrap_or_default(),
            modified_from: time("modified_from", &self.modified_from)?,
            modified_to: time("modified_before", &self.modified_before)?,
            kind: if self.stuck { EntitiesKind::Stuck } else { EntitiesKind::All },
        };
        Ok(EntityFilter { entities, states: if self.values { States::Shown } else { States::Left } })
    }
}

/// A page of a task hub's entities.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/entities", tag = "entities", operation_id = "listEntities", params(("hub" = String, Path), Listing), responses((status = 200, body = EntityList)))]
pub(in super::super) async fn list(
    State(app): State<App>,
    HubPath(hub): HubPath,
    Params(listing): Params<Listing>,
) -> Result<JsonBody<EntityList>, Problem> {
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let filter = listing.filter()?;
    let limit = page_size(listing.limit)?;
    let name = format!("entities of {hub}: {filter:?}");
    let after = listing.cursor.as_deref().map(|text| cursor::read(&name, text)).transpose()?;
    let page = app.backend.entities(hub, filter, after, limit).await?;
    let next = page.next.map(|place| cursor::write(&name, &place));
    Ok(JsonBody(EntityList { schema: SCHEMA, entities: page.entities, next }))
}

/// An entity with its state.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/entities/{id}", tag = "entities", operation_id = "showEntity", params(("hub" = String, Path), ("id" = String, Path)), responses((status = 200, body = Entity)))]
pub(in super::super) async fn show(
    State(app): State<App>,
    path: EntityPath,
) -> Result<JsonBody<Entity>, Problem> {
    app.allow(Action::Read, Resource::Instance(&path.hub, path.id.as_instance()))?;
    let found = app.backend.entity(path.hub, path.id.clone()).await?;
    found.map(JsonBody).ok_or_else(|| not_found(&path.id))
}

/// When a signal is put into the mailbox.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Signaling {
    /// Not before this time: RFC 3339; now where absent.
    #[param(format = DateTime)]
    at: Option<String>,
}

/// Signals an entity: it does the operation when its turn comes, and nobody is told what comes of it.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/entities/{id}/signals/{name}", tag = "entities", operation_id = "signalEntity", params(("hub" = String, Path), ("id" = String, Path), ("name" = String, Path), Signaling, Idempotency), request_body(content = Option<serde_json::Value>, description = "The operation's input: any JSON"), responses((status = 200, body = Done)))]
pub(in super::super) async fn signal(
    State(app): State<App>,
    (path, NamePath(name)): (EntityPath, NamePath),
    Params(signaling): Params<Signaling>,
    repeat: Repeat,
    AnyJson(input): AnyJson,
) -> Result<JsonBody<Done>, Problem> {
    let at = signaling.at.map(|at| parse_time("at", &at)).transpose()?;
    let input = parse_value("the operation's input", input)?;
    let command = signal_command(&path.id, name, input, (at, repeat.request));
    done(&app, path, command).await
}

/// Puts an operation into an entity's mailbox, at a time if it has one.
pub(in super::super) fn signal_command(
    id: &EntityId,
    operation: String,
    input: Option<String>,
    (at, request): (Option<Timestamp>, Option<RequestId>),
) -> Command {
    let signaled = EntityOperationSignaled {
        request_id: String::new(),
        operation,
        scheduled_time: at.map(Into::into),
        input,
        target_instance_id: Some(id.as_str().to_owned()),
    };
    let kind = Some(EventKind::EntityOperationSignaled(signaled));
    let event = Box::new(HistoryEvent { event_id: -1, timestamp: None, kind });
    Command::SignalEntity(SignalEntity { entity: id.as_str().to_owned(), request, event })
}

/// Lets an entity go on that no worker could run.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/entities/{id}/resume", tag = "entities", operation_id = "resumeEntity", params(("hub" = String, Path), ("id" = String, Path), Idempotency), responses((status = 200, body = Done)))]
pub(in super::super) async fn resume(
    State(app): State<App>,
    path: EntityPath,
    repeat: Repeat,
) -> Result<JsonBody<Done>, Problem> {
    let entity = path.id.as_str().to_owned();
    let command = Command::ResumeEntity(ResumeEntity { entity, request: repeat.request });
    done(&app, path, command).await
}

/// Removes an entity's state; what waits for it finds it without one.
#[utoipa::path(delete, path = "/api/v1/hubs/{hub}/entities/{id}", tag = "entities", operation_id = "deleteEntity", params(("hub" = String, Path), ("id" = String, Path), Idempotency), responses((status = 200, body = Purged, description = "`purged` is 0 where it had no state")))]
pub(in super::super) async fn delete(
    State(app): State<App>,
    path: EntityPath,
    repeat: Repeat,
) -> Result<JsonBody<Purged>, Problem> {
    app.allow(Action::Purge, Resource::Instance(&path.hub, path.id.as_instance()))?;
    let entity = path.id.as_str().to_owned();
    let command = Command::DeleteEntity(DeleteEntity { entity, request: repeat.request });
    match app.backend.ask(path.hub.clone(), path.id.as_instance().clone(), command).await? {
        Reply::Purged { count: 0 } => {
            let found = app.backend.entity(path.hub, path.id.clone()).await?;
            found.map(|_| JsonBody(Purged { schema: SCHEMA, purged: 0 })).ok_or_else(|| not_found(&path.id))
        }
        Reply::Purged { count } => Ok(JsonBody(Purged { schema: SCHEMA, purged: count })),
        Reply::Done | Reply::Unchanged | Reply::Started { .. } => {
            Ok(JsonBody(Purged { schema: SCHEMA, purged: 0 }))
        }
        Reply::Refused(refusal) => Err(refused_of(refusal, &path.id)),
    }
}

async fn done(app: &App, path: EntityPath, command: Command) -> Result<JsonBody<Done>, Problem> {
    app.allow(Action::Write, Resource::Instance(&path.hub, path.id.as_instance()))?;
    let changed = match app.backend.ask(path.hub, path.id.as_instance().clone(), command).await? {
        Reply::Done | Reply::Started { .. } | Reply::Purged { .. } => true,
        Reply::Unchanged => false,
        Reply::Refused(refusal) => return Err(refused_of(refusal, &path.id)),
    };
    Ok(JsonBody(Done { schema: SCHEMA, id: path.id.as_str().to_owned(), changed }))
}

/// A refusal of the partition as a problem.
pub(in super::super) fn refused_of(refusal: Refusal, id: &EntityId) -> Problem {
    if refusal == Refusal::InstanceNotFound { not_found(id) } else { refused(refusal, id.as_instance()) }
}

//! Task hubs: list, create, delete so that it can be undone, bring back, remove for good.
//!
//! Deleting is two steps on purpose: the first keeps everything and can be undone,
//! the second needs the name once more.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::App;
use super::super::extract::{HubPath, Json, Params};
use super::super::model::{Hub, HubList, NewHub, SCHEMA};
use super::super::problem::Problem;
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;

/// All task hubs.
#[utoipa::path(get, path = "/api/v1/hubs", tag = "hubs", operation_id = "listHubs", responses((status = 200, body = HubList)))]
pub(in super::super) async fn list(State(app): State<App>) -> Result<JsonBody<HubList>, Problem> {
    app.allow(Action::Read, Resource::Node)?;
    Ok(JsonBody(HubList { schema: SCHEMA, hubs: app.backend.hubs().await? }))
}

/// Creates a task hub.
#[utoipa::path(post, path = "/api/v1/hubs", tag = "hubs", operation_id = "createHub", request_body = NewHub, responses((status = 201, body = Hub)))]
pub(in super::super) async fn create(
    State(app): State<App>,
    Json(new): Json<NewHub>,
) -> Result<Response, Problem> {
    app.allow(Action::Administer, Resource::Hub(&new.name))?;
    if new.partitions.is_some_and(|partitions| !(1..=1_024).contains(&partitions)) {
        return Err(Problem::new(&codes::BODY_INVALID, "partitions is not 1 to 1024"));
    }
    if new.replicas.is_some_and(|replicas| !(1..=9).contains(&replicas)) {
        return Err(Problem::new(&codes::BODY_INVALID, "replicas is not 1 to 9"));
    }
    let hub = app.backend.create_hub(new).await?;
    // A hub's name has only letters that need no encoding.
    let place = format!("/api/v1/hubs/{}", hub.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], JsonBody(hub)).into_response())
}

/// A task hub.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}", tag = "hubs", operation_id = "showHub", params(("hub" = String, Path)), responses((status = 200, body = Hub)))]
pub(in super::super) async fn show(
    State(app): State<App>,
    HubPath(name): HubPath,
) -> Result<JsonBody<Hub>, Problem> {
    app.allow(Action::Read, Resource::Hub(&name))?;
    let found = app.backend.hubs().await?.into_iter().find(|hub| hub.name == name);
    found.map(JsonBody).ok_or_else(|| not_found(&name))
}

/// How to delete a task hub.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Deletion {
    /// Remove a hub that is deleted already, for good.
    #[serde(default, rename = "final")]
    #[param(required = false)]
    last: bool,
    /// The hub's name once more; needed with `final=true`.
    confirm: Option<String>,
}

/// Deletes a task hub; it can be brought back. With `final=true`, removes a deleted one for good.
#[utoipa::path(delete, path = "/api/v1/hubs/{hub}", tag = "hubs", operation_id = "deleteHub", params(("hub" = String, Path), Deletion), responses((status = 200, body = Hub), (status = 204, description = "Removed for good")))]
pub(in super::super) async fn delete(
    State(app): State<App>,
    HubPath(name): HubPath,
    Params(deletion): Params<Deletion>,
) -> Result<Response, Problem> {
    app.allow(Action::Administer, Resource::Hub(&name))?;
    if !deletion.last {
        return Ok(JsonBody(app.backend.delete_hub(name).await?).into_response());
    }
    if deletion.confirm.as_deref() != Some(name.as_str()) {
        let detail = format!("to remove {name:?} for good, repeat its name as confirm={name}");
        return Err(Problem::new(&codes::CONFIRMATION_MISSING, detail));
    }
    app.backend.remove_hub(name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Brings a deleted task hub back.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/undelete", tag = "hubs", operation_id = "undeleteHub", params(("hub" = String, Path)), responses((status = 200, body = Hub)))]
pub(in super::super) async fn undelete(
    State(app): State<App>,
    HubPath(name): HubPath,
) -> Result<JsonBody<Hub>, Problem> {
    app.allow(Action::Administer, Resource::Hub(&name))?;
    app.backend.undelete_hub(name).await.map(JsonBody)
}

fn not_found(name: &str) -> Problem {
    Problem::new(&codes::HUB_NOT_FOUND, format!("there is no task hub {name:?}"))
}

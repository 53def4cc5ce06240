//! Entities: read, list, signal, delete. The server does not run them yet, so each says so with 501.
//!
//! Not here: parsing keys (`$` stands for the empty one), which comes with the first that works.

use axum::extract::State;
use axum::response::Response;

use super::super::App;
use super::Refused;
use super::call::Call;
use crate::ingress::auth::{Action, Resource};

/// Entities of all names.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/entities", tag = "entities", operation_id = "listEntities", params(super::openapi::Addressing), responses((status = 200, body = Vec<serde_json::Value>)))]
pub(super) async fn list(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    refuse(&app, &call, Action::Read)
}

/// Entities of one name.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/entities/{name}", tag = "entities", operation_id = "listEntitiesNamed", params(("name" = String, Path), super::openapi::Addressing), responses((status = 200, body = Vec<serde_json::Value>)))]
pub(super) async fn list_named(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    refuse(&app, &call, Action::Read)
}

/// An entity's state.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/entities/{name}/{key}", tag = "entities", operation_id = "showEntity", params(("name" = String, Path), ("key" = String, Path), super::openapi::Addressing), responses((status = 200, body = serde_json::Value)))]
pub(super) async fn show(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    refuse(&app, &call, Action::Read)
}

/// Signals an entity.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/entities/{name}/{key}", tag = "entities", operation_id = "signalEntity", params(("name" = String, Path), ("key" = String, Path), super::openapi::Addressing, super::openapi::Operation), request_body(content = Option<serde_json::Value>), responses((status = 202, description = "The signal is kept")))]
pub(super) async fn signal(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    refuse(&app, &call, Action::Write)
}

/// Signals an entity to delete itself.
#[utoipa::path(delete, path = "/runtime/webhooks/durabletask/entities/{name}/{key}", tag = "entities", operation_id = "deleteEntity", params(("name" = String, Path), ("key" = String, Path), super::openapi::Addressing), responses((status = 202, description = "The signal is kept")))]
pub(super) async fn delete(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    refuse(&app, &call, Action::Write)
}

fn refuse(app: &App, call: &Call, action: Action) -> Result<Response, Refused> {
    app.allow(action, Resource::Hub(&call.hub()))?;
    Err(Refused::unsupported("entities are"))
}

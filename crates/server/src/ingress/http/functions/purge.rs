//! Removing finished instances: one, or all that pass a filter.
//!
//! A filter needs `createdTimeFrom`, so that nobody removes everything by leaving it out.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as JsonBody;
use axum::extract::State;
use engine::id::InstanceId;
use engine::partition::command::{Command, Purge};
use engine::partition::effect::{Refusal, Reply};
use http::StatusCode;
use tokio::task::JoinSet;

use super::super::App;
use super::super::extract::parse_id;
use super::super::model::Status;
use super::super::problem::Problem;
use super::super::routes::actions::refused;
use super::super::routes::instances::not_found;
use super::Refused;
use super::call::Call;
use super::instances::filter;
use super::payload::PurgeResult;
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;

/// Purges of one request that are under way together.
const AT_ONCE: usize = 64;
/// After this long a purge by filter answers with what it has done so far: callers and proxies give a
/// request up at some time, and then nobody knows. The same request goes on.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Removes a finished instance and its history.
#[utoipa::path(delete, path = "/runtime/webhooks/durabletask/instances/{id}", tag = "instances", operation_id = "purge", params(("id" = String, Path), super::openapi::Addressing), responses((status = 200, body = PurgeResult)))]
pub(super) async fn one(State(app): State<App>, call: Call) -> Result<JsonBody<PurgeResult>, Refused> {
    let (hub, id) = (call.hub(), call.id()?);
    app.allow(Action::Purge, Resource::Instance(&hub, &id))?;
    match purge(&app, hub.clone(), id.clone()).await? {
        0 => match app.backend.instance(hub, id.clone()).await? {
            Some(_) => {
                let detail = format!("instance {:?} has not finished", id.as_str());
                let problem = Problem::new(&codes::INSTANCE_RUNNING, detail);
                Err(Refused(problem.answered_with(StatusCode::PRECONDITION_FAILED)))
            }
            None => Err(not_found(&id).into()),
        },
        instances_deleted => Ok(JsonBody(PurgeResult { instances_deleted })),
    }
}

/// Removes the finished instances that pass a filter.
#[utoipa::path(delete, path = "/runtime/webhooks/durabletask/instances", tag = "instances", operation_id = "purgeMany", params(super::openapi::Addressing, super::openapi::Purging), responses((status = 200, body = PurgeResult, description = "How many went; where there are more than could be removed in time, ask again")))]
pub(super) async fn many(State(app): State<App>, call: Call) -> Result<JsonBody<PurgeResult>, Refused> {
    let hub = call.hub();
    app.allow(Action::Purge, Resource::Hub(&hub))?;
    if call.time("createdTimeFrom")?.is_none() {
        return Err(Problem::new(&codes::PARAMETER_INVALID, "createdTimeFrom is missing").into());
    }
    let instances_deleted = match filter(&call)? {
        Some(filter) => purge_all(&app, hub, filter).await?,
        None => 0,
    };
    if instances_deleted == 0 {
        let detail = "no finished instance passes the filter";
        return Err(Problem::new(&codes::INSTANCE_NOT_FOUND, detail).into());
    }
    Ok(JsonBody(PurgeResult { instances_deleted }))
}

async fn purge_all(app: &App, hub: String, mut filter: super::super::Filter) -> Result<u32, Problem> {
    filter.values = false;
    if filter.statuses.is_empty() {
        filter.statuses = Status::ALL.to_vec();
    }
    filter.statuses.retain(|status| status.is_final());
    if filter.statuses.is_empty() {
        return Ok(0);
    }
    let (mut count, mut after) = (0, None);
    let begun = app.backend.monotonic();
    loop {
        let page = app.backend.instances(hub.clone(), filter.clone(), after, AT_ONCE).await?;
        let mut purges = JoinSet::new();
        for instance in page.instances {
            let (app, hub, id) = (app.clone(), hub.clone(), parse_id(&instance.id)?);
            purges.spawn(async move { purge(&app, hub, id).await });
        }
        while let Some(purged) = purges.join_next().await {
            let panicked =
                |error| Problem::new(&codes::OUTCOME_UNKNOWN, format!("a purge broke off: {error}"));
            count += purged.map_err(panicked)??;
        }
        let is_over = app.backend.monotonic().saturating_sub(begun) >= TIME_MAX;
        match page.next {
            Some(next) if count == 0 || !is_over => after = Some(next),
            Some(_) | None => return Ok(count),
        }
    }
}

async fn purge(app: &App, hub: String, id: InstanceId) -> Result<u32, Problem> {
    let command = Purge { instance: id.as_str().to_owned(), request: None, recursive: false };
    match Arc::clone(&app.backend).ask(hub, id.clone(), Command::Purge(command)).await? {
        Reply::Purged { count } => Ok(count),
        Reply::Refused(Refusal::InstanceNotFound) => Ok(0),
        Reply::Refused(refusal) => Err(refused(refusal, &id)),
        _ => Ok(0),
    }
}

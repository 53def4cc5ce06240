//! The handlers about schedules.
//!
//! Not here: shapes (`super`), reading them (`parse`), and asking the partitions (`node`).

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::partition::command::RequestId;
use engine::partition::schedules::command::{
    Change, ChangeSchedule, DeleteSchedule, PauseSchedule, PutSchedule, ResumeSchedule, Run,
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::extract::{HubPath, Json, NamePath, OptionalJson, Params, Repeat};
use super::super::model::{Reason, SCHEMA};
use super::super::problem::Problem;
use super::super::routes::actions::Idempotency;
use super::super::{App, cursor};
use super::{NewSchedule, Schedule, ScheduleList, Triggered, parse};
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;

/// Schedules on a page where the caller does not say, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Paging {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Schedules on the page, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A task hub's schedules.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/schedules", tag = "schedules", operation_id = "listSchedules", params(("hub" = String, Path), Paging), responses((status = 200, body = ScheduleList)))]
pub(in super::super) async fn list(
    State(app): State<App>,
    HubPath(hub): HubPath,
    Params(paging): Params<Paging>,
) -> Result<JsonBody<ScheduleList>, Problem> {
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let limit = paging.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        let detail = format!("limit: {limit} is not 1 to {PAGE_MAX}");
        return Err(Problem::new(&codes::PARAMETER_INVALID, detail));
    }
    let name = format!("schedules of {hub}");
    let after = paging.cursor.as_deref().map(|text| cursor::read(&name, text)).transpose()?;
    let (schedules, next) = app.backend.schedules(hub, after, limit).await?;
    let next = next.map(|place| cursor::write(&name, &place));
    Ok(JsonBody(ScheduleList { schema: SCHEMA, schedules, next }))
}

/// A schedule.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/schedules/{name}", tag = "schedules", operation_id = "showSchedule", params(("hub" = String, Path), ("name" = String, Path)), responses((status = 200, body = Schedule)))]
pub(in super::super) async fn show(
    State(app): State<App>,
    HubPath(hub): HubPath,
    NamePath(name): NamePath,
) -> Result<JsonBody<Schedule>, Problem> {
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let name = parse::name(&name)?;
    shown(&app, hub, name).await
}

async fn shown(app: &App, hub: String, name: String) -> Result<JsonBody<Schedule>, Problem> {
    let found = app.backend.schedule(hub, name.clone()).await?;
    found.map(JsonBody).ok_or_else(|| not_found(&name))
}

/// There is no such schedule.
pub(super) fn not_found(name: &str) -> Problem {
    Problem::new(&codes::SCHEDULE_NOT_FOUND, format!("there is no schedule {name:?} in this task hub"))
}

/// Creates a schedule.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/schedules/{name}", tag = "schedules", operation_id = "createSchedule", params(("hub" = String, Path), ("name" = String, Path), Idempotency), request_body = NewSchedule, responses((status = 201, body = Schedule)))]
pub(in super::super) async fn create(
    State(app): State<App>,
    HubPath(hub): HubPath,
    NamePath(name): NamePath,
    repeat: Repeat,
    Json(new): Json<NewSchedule>,
) -> Result<Response, Problem> {
    app.allow(Action::Write, Resource::Hub(&hub))?;
    let command = put_command(&name, repeat, new, true)?;
    app.backend.put_schedule(hub.clone(), command).await?;
    Ok((StatusCode::CREATED, shown(&app, hub, name).await?).into_response())
}

/// Changes what a schedule starts and when; what it has done so far stays.
#[utoipa::path(put, path = "/api/v1/hubs/{hub}/schedules/{name}", tag = "schedules", operation_id = "updateSchedule", params(("hub" = String, Path), ("name" = String, Path), Idempotency), request_body = NewSchedule, responses((status = 200, body = Schedule)))]
pub(in super::super) async fn update(
    State(app): State<App>,
    HubPath(hub): HubPath,
    NamePath(name): NamePath,
    repeat: Repeat,
    Json(new): Json<NewSchedule>,
) -> Result<JsonBody<Schedule>, Problem> {
    app.allow(Action::Write, Resource::Hub(&hub))?;
    let command = put_command(&name, repeat, new, false)?;
    app.backend.put_schedule(hub.clone(), command).await?;
    shown(&app, hub, name).await
}

fn put_command(name: &str, repeat: Repeat, new: NewSchedule, create: bool) -> Result<PutSchedule, Problem> {
    let (name, request) = (parse::name(name)?, repeat.request);
    Ok(PutSchedule { name, request, spec: Some(Box::new(parse::spec(new)?)), next: None, create })
}

/// Removes a schedule; instances that it started go on.
#[utoipa::path(delete, path = "/api/v1/hubs/{hub}/schedules/{name}", tag = "schedules", operation_id = "deleteSchedule", params(("hub" = String, Path), ("name" = String, Path)), responses((status = 204, description = "It is gone")))]
pub(in super::super) async fn delete(
    State(app): State<App>,
    HubPath(hub): HubPath,
    NamePath(name): NamePath,
    repeat: Repeat,
) -> Result<StatusCode, Problem> {
    app.allow(Action::Write, Resource::Hub(&hub))?;
    let command = change_command(&name, repeat.request, Change::Delete(DeleteSchedule {}))?;
    app.backend.change_schedule(hub, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn change_command(name: &str, request: Option<RequestId>, change: Change) -> Result<ChangeSchedule, Problem> {
    Ok(ChangeSchedule { name: parse::name(name)?, request, change: Some(change) })
}

/// Stops a schedule's ticks until it is resumed.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/schedules/{name}/pause", tag = "schedules", operation_id = "pauseSchedule", params(("hub" = String, Path), ("name" = String, Path), Idempotency), request_body = Option<Reason>, responses((status = 200, body = Schedule)))]
pub(in super::super) async fn pause(
    State(app): State<App>,
    HubPath(hub): HubPath,
    NamePath(name): NamePath,
    repeat: Repeat,
    OptionalJson(body): OptionalJson<Option<Reason>>,
) -> Result<JsonBody<Schedule>, Problem> {
    app.allow(Action::Write, Resource::Hub(&hub))?;
    let reason = body.and_then(|body| body.reason).unwrap_or_default();
    if reason.len() > engine::limits::NAME_BYTES_MAX {
        return Err(Problem::new(&codes::BODY_INVALID, "reason has more than 1,024 bytes"));
    }
    let command = change_command(&name, repeat.request, Change::Pause(PauseSchedule { reason }))?;
    app.backend.change_schedule(hub.clone(), command).await?;
    shown(&app, hub, name).await
}

/// Lets a paused schedule tick again, from now on.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/schedules/{name}/resume", tag = "schedules", operation_id = "resumeSchedule", params(("hub" = String, Path), ("name" = String, Path), Idempotency), responses((status = 200, body = Schedule)))]
pub(in super::super) async fn resume(
    State(app): State<App>,
    HubPath(hub): HubPath,
    NamePath(name): NamePath,
    repeat: Repeat,
) -> Result<JsonBody<Schedule>, Problem> {
    app.allow(Action::Write, Resource::Hub(&hub))?;
    let command = change_command(&name, repeat.request, Change::Resume(ResumeSchedule { next: None }))?;
    app.backend.change_schedule(hub.clone(), command).await?;
    shown(&app, hub, name).await
}

/// Starts a run now, beside the ticks.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/schedules/{name}/trigger", tag = "schedules", operation_id = "triggerSchedule", params(("hub" = String, Path), ("name" = String, Path), Idempotency), responses((status = 202, body = Triggered)))]
pub(in super::super) async fn trigger(
    State(app): State<App>,
    HubPath(hub): HubPath,
    NamePath(name): NamePath,
    repeat: Repeat,
) -> Result<Response, Problem> {
    app.allow(Action::Write, Resource::Hub(&hub))?;
    let name = parse::name(&name)?;
    // A repeat with the same key must name the same instance.
    let execution = match &repeat.key {
        Some(key) => {
            blake3::hash(format!("{hub}\n{name}\n{key}").as_bytes()).to_hex().chars().take(32).collect()
        }
        None => app.backend.fresh_id(),
    };
    let id = format!("{name}:{}", execution.chars().take(12).collect::<String>());
    let run = Run { instance: id.clone(), execution, ..Run::default() };
    let command = change_command(&name, repeat.request, Change::Trigger(run))?;
    app.backend.change_schedule(hub, command).await?;
    Ok((StatusCode::ACCEPTED, JsonBody(Triggered { schema: SCHEMA, id })).into_response())
}

//! What is done to an instance: events, suspend, resume, terminate, purge, and begin again.
//!
//! Each is one command, answered once it is durable. Doing what is done already is no error:
//! `changed` says whether this request did it.

use axum::Json as JsonBody;
use axum::extract::State;
use engine::id::InstanceId;
use engine::limits::{REWIND_BYTES_MAX, SCHEDULES_MAX};
use engine::partition::command::{Command, Purge, RaiseEvent, Restart, Resume, Rewind, Suspend, Terminate};
use engine::partition::effect::{Refusal, Reply};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::App;
use super::super::extract::{AnyJson, InstancePath, NamePath, OptionalJson, Params, Repeat, parse_value};
use super::super::model::{Done, Purged, Reason, SCHEMA, Termination};
use super::super::problem::Problem;
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;

/// The parameters that `Idempotency-Key` becomes.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub(in super::super) struct Idempotency {
    /// Repeats of a request with the same key are carried out once; remembered for 10 minutes.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")]
    #[expect(dead_code, reason = "describes the header; `extract::Repeat` reads it")]
    key: Option<String>,
}

/// Delivers an external event. It is kept until the instance's code awaits it.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/instances/{id}/events/{name}", tag = "instances", operation_id = "raiseEvent", params(("hub" = String, Path), ("id" = String, Path), ("name" = String, Path), Idempotency), request_body(content = Option<serde_json::Value>, description = "The event's data: any JSON"), responses((status = 200, body = Done)))]
pub(in super::super) async fn raise(
    State(app): State<App>,
    path: InstancePath,
    NamePath(name): NamePath,
    repeat: Repeat,
    AnyJson(data): AnyJson,
) -> Result<JsonBody<Done>, Problem> {
    let command = Command::RaiseEvent(RaiseEvent {
        instance: path.id.as_str().to_owned(),
        request: repeat.request,
        name,
        input: parse_value("the event's data", data)?,
    });
    done(&app, path, command).await
}

/// Holds an instance: its code takes no more turns until it is resumed.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/instances/{id}/suspend", tag = "instances", operation_id = "suspendInstance", params(("hub" = String, Path), ("id" = String, Path), Idempotency), request_body = Option<Reason>, responses((status = 200, body = Done)))]
pub(in super::super) async fn suspend(
    State(app): State<App>,
    path: InstancePath,
    repeat: Repeat,
    OptionalJson(body): OptionalJson<Option<Reason>>,
) -> Result<JsonBody<Done>, Problem> {
    let command = Command::Suspend(Suspend {
        instance: path.id.as_str().to_owned(),
        request: repeat.request,
        reason: parse_reason(body)?,
    });
    done(&app, path, command).await
}

/// Lets a suspended or stuck instance go on.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/instances/{id}/resume", tag = "instances", operation_id = "resumeInstance", params(("hub" = String, Path), ("id" = String, Path), Idempotency), request_body = Option<Reason>, responses((status = 200, body = Done)))]
pub(in super::super) async fn resume(
    State(app): State<App>,
    path: InstancePath,
    repeat: Repeat,
    OptionalJson(body): OptionalJson<Option<Reason>>,
) -> Result<JsonBody<Done>, Problem> {
    let command = Command::Resume(Resume {
        instance: path.id.as_str().to_owned(),
        request: repeat.request,
        reason: parse_reason(body)?,
    });
    done(&app, path, command).await
}

/// Begins a finished instance anew: same id, name, version, input and tags.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/instances/{id}/restart", tag = "instances", operation_id = "restartInstance", params(("hub" = String, Path), ("id" = String, Path), Idempotency), responses((status = 200, body = Done)))]
pub(in super::super) async fn restart(
    State(app): State<App>,
    path: InstancePath,
    repeat: Repeat,
) -> Result<JsonBody<Done>, Problem> {
    let command = Command::Restart(Restart {
        instance: path.id.as_str().to_owned(),
        request: repeat.request,
        execution: app.backend.fresh_id(),
    });
    done(&app, path, command).await
}

/// Lets a failed instance try its failed steps again; what succeeded is not done again.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/instances/{id}/rewind", tag = "instances", operation_id = "rewindInstance", params(("hub" = String, Path), ("id" = String, Path), Idempotency), request_body = Option<Reason>, responses((status = 200, body = Done)))]
pub(in super::super) async fn rewind(
    State(app): State<App>,
    path: InstancePath,
    repeat: Repeat,
    OptionalJson(body): OptionalJson<Option<Reason>>,
) -> Result<JsonBody<Done>, Problem> {
    let command = Command::Rewind(Rewind {
        instance: path.id.as_str().to_owned(),
        request: repeat.request,
        reason: parse_reason(body)?,
    });
    done(&app, path, command).await
}

/// Ends an instance, and its sub-orchestrations unless `recursive` is false.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/instances/{id}/terminate", tag = "instances", operation_id = "terminateInstance", params(("hub" = String, Path), ("id" = String, Path), Idempotency), request_body = Option<Termination>, responses((status = 200, body = Done)))]
pub(in super::super) async fn terminate(
    State(app): State<App>,
    path: InstancePath,
    repeat: Repeat,
    OptionalJson(body): OptionalJson<Option<Termination>>,
) -> Result<JsonBody<Done>, Problem> {
    let body = body.unwrap_or_default();
    let command = Command::Terminate(Terminate {
        instance: path.id.as_str().to_owned(),
        request: repeat.request,
        output: parse_value("output", body.output)?,
        recursive: body.recursive.unwrap_or(true),
    });
    done(&app, path, command).await
}

/// How to purge.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Purging {
    /// Sub-orchestrations too.
    #[serde(default)]
    #[param(required = false)]
    recursive: bool,
}

/// Removes a finished instance and its history.
#[utoipa::path(delete, path = "/api/v1/hubs/{hub}/instances/{id}", tag = "instances", operation_id = "purgeInstance", params(("hub" = String, Path), ("id" = String, Path), Purging), responses((status = 200, body = Purged)))]
pub(in super::super) async fn purge(
    State(app): State<App>,
    path: InstancePath,
    Params(purging): Params<Purging>,
    repeat: Repeat,
) -> Result<JsonBody<Purged>, Problem> {
    app.allow(Action::Purge, Resource::Instance(&path.hub, &path.id))?;
    let command = Command::Purge(Purge {
        instance: path.id.as_str().to_owned(),
        request: repeat.request,
        recursive: purging.recursive,
    });
    let id = path.id.clone();
    match app.backend.ask(path.hub.clone(), path.id, command).await? {
        Reply::Purged { count: 0 } => Err(not_purged(&app, path.hub, id).await?),
        Reply::Purged { count } => Ok(JsonBody(Purged { schema: SCHEMA, purged: count })),
        Reply::Done | Reply::Started { .. } => Ok(JsonBody(Purged { schema: SCHEMA, purged: 1 })),
        Reply::Unchanged => Ok(JsonBody(Purged { schema: SCHEMA, purged: 0 })),
        Reply::Refused(refusal) => Err(refused(refusal, &id)),
    }
}

/// Why nothing was purged: there is no such instance, or it goes on.
async fn not_purged(app: &App, hub: String, id: InstanceId) -> Result<Problem, Problem> {
    Ok(match app.backend.instance(hub, id.clone()).await? {
        Some(_) => {
            Problem::new(&codes::INSTANCE_RUNNING, format!("instance {:?} has not finished", id.as_str()))
        }
        None => refused(Refusal::InstanceNotFound, &id),
    })
}

async fn done(app: &App, path: InstancePath, command: Command) -> Result<JsonBody<Done>, Problem> {
    app.allow(Action::Write, Resource::Instance(&path.hub, &path.id))?;
    let id = path.id.clone();
    let changed = match app.backend.ask(path.hub, path.id, command).await? {
        Reply::Done | Reply::Started { .. } | Reply::Purged { .. } => true,
        Reply::Unchanged => false,
        Reply::Refused(refusal) => return Err(refused(refusal, &id)),
    };
    Ok(JsonBody(Done { schema: SCHEMA, id: id.as_str().to_owned(), changed }))
}

/// A refusal of the partition as a problem.
pub(in super::super) fn refused(refusal: Refusal, id: &InstanceId) -> Problem {
    let id = id.as_str();
    match refusal {
        Refusal::InstanceNotFound => {
            Problem::new(&codes::INSTANCE_NOT_FOUND, format!("there is no instance {id:?} in this task hub"))
        }
        Refusal::InstanceExists => {
            Problem::new(&codes::INSTANCE_EXISTS, format!("there is an instance {id:?} already"))
        }
        Refusal::StaleWorkItem => Problem::new(&codes::STALE_WORK_ITEM, "the work item is another one's"),
        Refusal::InboxFull => {
            Problem::new(&codes::INBOX_FULL, format!("instance {id:?} takes no more events for now"))
        }
        Refusal::MailboxFull => {
            Problem::new(&codes::MAILBOX_FULL, format!("entity {id:?} takes no more operations for now"))
        }
        Refusal::TooManySchedules => Problem::new(
            &codes::SCHEDULES_FULL,
            format!("a partition keeps at most {SCHEDULES_MAX} schedules, and that of {id:?} has them"),
        ),
        Refusal::EpochOver => Problem::new(&codes::UNAVAILABLE, "the partition has a new owner"),
        Refusal::NotEnded => {
            Problem::new(&codes::INSTANCE_RUNNING, format!("instance {id:?} has not finished"))
        }
        Refusal::NotFailed => {
            Problem::new(&codes::INSTANCE_NOT_FAILED, format!("instance {id:?} has not failed"))
        }
        Refusal::HeldLocks => {
            let why = format!("instance {id:?} failed while it held locks on entities");
            Problem::new(&codes::REWIND_IMPOSSIBLE, why)
        }
        Refusal::PayloadMissing => Problem::new(
            &codes::TEXT_RESERVED,
            "a name or a reason holds U+10FFFF and 72 digits, which name a large value",
        ),
        Refusal::HistoryTooLarge => {
            let why = format!("the history of instance {id:?} has more than {REWIND_BYTES_MAX} bytes");
            Problem::new(&codes::REWIND_IMPOSSIBLE, why)
        }
    }
}

fn parse_reason(body: Option<Reason>) -> Result<Option<String>, Problem> {
    let reason = body.and_then(|body| body.reason);
    if reason.as_ref().is_some_and(|reason| reason.len() > engine::limits::NAME_BYTES_MAX) {
        return Err(Problem::new(&codes::BODY_INVALID, "reason has more than 1,024 bytes"));
    }
    Ok(reason)
}

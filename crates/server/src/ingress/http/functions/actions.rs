//! What is done to an instance: events, terminate, suspend, resume, rewind, restart; and to the site.
//!
//! 202 says that it is done durably, 410 that there is nobody any more to do it to.

use axum::extract::State;
use axum::response::Response;
use engine::id::InstanceId;
use engine::partition::command::{
    Command, RaiseEvent, Restart, Resume, Rewind, StartOrchestration, Suspend, Terminate,
};
use engine::partition::effect::Reply;
use http::StatusCode;

use super::super::App;
use super::super::extract::{parse_id, parse_value};
use super::super::model::Instance;
use super::super::problem::Problem;
use super::super::routes::actions::refused;
use super::super::routes::instances::not_found;
use super::Refused;
use super::call::{Call, Content};
use super::payload::{quoted, started};
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;

/// Delivers an external event; the body is its data.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/instances/{id}/raiseEvent/{event}", tag = "instances", operation_id = "raiseEvent", params(("id" = String, Path), ("event" = String, Path, min_length = 1, max_length = 1024), super::openapi::Addressing), request_body(content = serde_json::Value), responses((status = 202, description = "It is kept until the instance awaits it")))]
pub(super) async fn raise(
    State(app): State<App>,
    call: Call,
    content: Content,
) -> Result<StatusCode, Refused> {
    let id = call.id()?;
    app.allow(Action::Write, Resource::Instance(&call.hub(), &id))?;
    let data = match content.json_only() {
        Ok(data) => data,
        // An instance that is gone is told first, as Durable Functions does.
        Err(unreadable) => {
            must_go_on(&app, &call, &id).await?;
            return Err(unreadable);
        }
    };
    let command = Command::RaiseEvent(RaiseEvent {
        instance: id.as_str().to_owned(),
        request: None,
        name: call.name("event")?,
        input: parse_value("the event's data", Some(data))?,
    });
    accepted(&app, &call, id, command).await
}

/// Ends an instance; its sub-orchestrations go on.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/instances/{id}/terminate", tag = "instances", operation_id = "terminate", params(("id" = String, Path), super::openapi::Addressing, super::openapi::Why), responses((status = 202, description = "It ends")))]
pub(super) async fn terminate(State(app): State<App>, call: Call) -> Result<StatusCode, Refused> {
    let id = call.id()?;
    let output = call.reason()?.map(|reason| quoted(&reason));
    let instance = id.as_str().to_owned();
    let command = Command::Terminate(Terminate { instance, request: None, output, recursive: false });
    accepted(&app, &call, id, command).await
}

/// Holds an instance.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/instances/{id}/suspend", tag = "instances", operation_id = "suspend", params(("id" = String, Path), super::openapi::Addressing, super::openapi::Why), responses((status = 202, description = "It is held")))]
pub(super) async fn suspend(State(app): State<App>, call: Call) -> Result<StatusCode, Refused> {
    let id = call.id()?;
    let instance = id.as_str().to_owned();
    let command = Command::Suspend(Suspend { instance, request: None, reason: call.reason()? });
    accepted(&app, &call, id, command).await
}

/// Lets a held instance go on.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/instances/{id}/resume", tag = "instances", operation_id = "resume", params(("id" = String, Path), super::openapi::Addressing, super::openapi::Why), responses((status = 202, description = "It goes on")))]
pub(super) async fn resume(State(app): State<App>, call: Call) -> Result<StatusCode, Refused> {
    let id = call.id()?;
    let instance = id.as_str().to_owned();
    let command = Command::Resume(Resume { instance, request: None, reason: call.reason()? });
    accepted(&app, &call, id, command).await
}

/// Runs the failed parts of a failed instance again.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/instances/{id}/rewind", tag = "instances", operation_id = "rewind", params(("id" = String, Path), super::openapi::Addressing, super::openapi::Why), responses((status = 202, description = "It goes on")))]
pub(super) async fn rewind(State(app): State<App>, call: Call) -> Result<StatusCode, Refused> {
    let id = call.id()?;
    let instance = id.as_str().to_owned();
    let command = Command::Rewind(Rewind { instance, request: None, reason: call.reason()? });
    accepted(&app, &call, id, command).await
}

/// Starts an instance again with its input, under a new id unless its own is asked for.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/instances/{id}/restart", tag = "instances", operation_id = "restart", params(("id" = String, Path), super::openapi::Addressing, super::openapi::Restarting), responses((status = 202, body = super::payload::CheckStatus)))]
pub(super) async fn restart(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    let id = call.id()?;
    app.allow(Action::Write, Resource::Instance(&call.hub(), &id))?;
    let renamed = call.flag("restartWithNewInstanceId")?.unwrap_or(true);
    let Some(found) = app.backend.instance(call.hub(), id.clone()).await? else {
        // The one operation for which an unknown instance is a bad request there.
        return Err(Refused(not_found(&id).answered_with(StatusCode::BAD_REQUEST)));
    };
    let execution = app.backend.fresh_id();
    let (target, command) = if renamed {
        let target = parse_id(&app.backend.fresh_id())?;
        let instance = target.as_str().to_owned();
        (target, again(found, StartOrchestration { instance, execution, ..StartOrchestration::default() }))
    } else {
        let instance = id.as_str().to_owned();
        (id, Command::Restart(Restart { instance, request: None, execution }))
    };
    match app.backend.ask(call.hub(), target.clone(), command).await? {
        Reply::Refused(refusal) => Err(refused(refusal, &target).into()),
        _ => Ok(started(&call, &target)),
    }
}

/// The start of another instance with what this one was begun with.
fn again(found: Instance, start: StartOrchestration) -> Command {
    Command::StartOrchestration(StartOrchestration {
        name: found.name,
        version: found.version,
        input: found.input.map(|input| input.get().to_owned()),
        tags: found.tags,
        ..start
    })
}

/// Moves the task hub to this site. There are no sites yet: 400, as where leases are off.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/makeprimary", tag = "site", operation_id = "makeprimary", params(super::openapi::Addressing), responses((status = 200, description = "This site owns the task hub")))]
pub(super) async fn claim(State(app): State<App>, call: Call) -> Result<StatusCode, Refused> {
    app.allow(Action::Administer, Resource::Hub(&call.hub()))?;
    let problem = Problem::new(&codes::UNSUPPORTED, "this task hub is not leased to a site");
    Err(Refused(problem.answered_with(StatusCode::BAD_REQUEST)))
}

async fn accepted(app: &App, call: &Call, id: InstanceId, command: Command) -> Result<StatusCode, Refused> {
    app.allow(Action::Write, Resource::Instance(&call.hub(), &id))?;
    match app.backend.ask(call.hub(), id.clone(), command).await? {
        Reply::Refused(refusal) => Err(refused(refusal, &id).into()),
        // Nothing had to change: so already, or over.
        Reply::Unchanged => must_go_on(app, call, &id).await.map(|()| StatusCode::ACCEPTED),
        _ => Ok(StatusCode::ACCEPTED),
    }
}

async fn found(app: &App, call: &Call, id: &InstanceId) -> Result<Instance, Refused> {
    Ok(app.backend.instance(call.hub(), id.clone()).await?.ok_or_else(|| not_found(id))?)
}

/// 404 where there is no such instance, 410 where it has finished.
async fn must_go_on(app: &App, call: &Call, id: &InstanceId) -> Result<(), Refused> {
    let found = found(app, call, id).await?;
    if !found.status.is_final() {
        return Ok(());
    }
    let detail = format!("instance {:?} is {}", id.as_str(), found.status.word());
    Err(Problem::new(&codes::INSTANCE_FINISHED, detail).into())
}

//! Starting an instance, and waiting for it where the caller wants to.
//!
//! An id whose instance has finished may be used again, as in Durable Functions; one that is at work
//! is refused with 409.

use std::time::Duration;

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::id::InstanceId;
use engine::partition::command::{Command, ReusePolicy, StartOrchestration};
use engine::partition::effect::Reply;
use http::StatusCode;

use super::super::App;
use super::super::extract::{parse_id, parse_name, parse_value};
use super::super::model::Status;
use super::super::routes::actions::refused;
use super::super::routes::instances::wire_number;
use super::Refused;
use super::call::{Call, Content, unreadable};
use super::payload::{CheckStatus, InstanceStatus, started};
use crate::ingress::auth::{Action, Resource};

/// Starts an instance under an id of the server's choice. The body is its input: JSON, or nothing.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/orchestrators/{name}", tag = "orchestrators", operation_id = "start", params(("name" = String, Path, min_length = 1, max_length = 1024), super::openapi::Addressing, super::openapi::Starting), request_body(content = Option<serde_json::Value>), responses((status = 202, body = CheckStatus), (status = 200, body = serde_json::Value, description = "Its output, where it finished within `timeout`")))]
pub(super) async fn start(State(app): State<App>, call: Call, content: Content) -> Result<Response, Refused> {
    let id = parse_id(&app.backend.fresh_id())?;
    begin(app, call, id, content).await
}

/// Starts an instance under an id of the caller's choice.
#[utoipa::path(post, path = "/runtime/webhooks/durabletask/orchestrators/{name}/{id}", tag = "orchestrators", operation_id = "startAs", params(("name" = String, Path, min_length = 1, max_length = 1024), ("id" = String, Path), super::openapi::Addressing, super::openapi::Starting), request_body(content = Option<serde_json::Value>), responses((status = 202, body = CheckStatus), (status = 200, body = serde_json::Value, description = "Its output, where it finished within `timeout`")))]
pub(super) async fn start_as(
    State(app): State<App>,
    call: Call,
    content: Content,
) -> Result<Response, Refused> {
    let id = call.id()?;
    begin(app, call, id, content).await
}

async fn begin(app: App, call: Call, id: InstanceId, content: Content) -> Result<Response, Refused> {
    let hub = call.hub();
    app.allow(Action::Write, Resource::Instance(&hub, &id))?;
    let timeout = timeout(&app, &call)?;
    let command = Command::StartOrchestration(StartOrchestration {
        instance: id.as_str().to_owned(),
        request: None,
        execution: app.backend.fresh_id(),
        name: call.name("name")?,
        version: call.get("version").map(|version| parse_name("version", version)).transpose()?,
        input: parse_value("the input", content.value()?)?,
        tags: std::collections::BTreeMap::new(),
        scheduled_start: None,
        reuse: Some(finished_ones()),
        trace: call.trace(),
    });
    if let Reply::Refused(refusal) = app.backend.ask(hub.clone(), id.clone(), command).await? {
        return Err(refused(refusal, &id).into());
    }
    match timeout {
        Some(timeout) => waited(&app, &call, id, timeout).await,
        None => Ok(started(&call, &id)),
    }
}

fn finished_ones() -> ReusePolicy {
    let finished = Status::ALL.into_iter().filter(|status| status.is_final());
    ReusePolicy { replaceable: finished.map(wire_number).collect() }
}

/// How long to wait: `timeout` in seconds, fractions allowed. `pollingInterval` is not needed,
/// because nothing is polled here.
fn timeout(app: &App, call: &Call) -> Result<Option<Duration>, Refused> {
    let Some(text) = call.get("timeout") else { return Ok(None) };
    let seconds: Option<f64> =
        text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    let seconds = seconds.ok_or_else(|| unreadable("timeout", text, "a number of seconds"))?;
    Ok(Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(app.http.wait_max)))
}

async fn waited(app: &App, call: &Call, id: InstanceId, timeout: Duration) -> Result<Response, Refused> {
    let found = app.backend.wait(call.hub(), id.clone(), timeout).await?;
    let Some(instance) = found.filter(|instance| instance.status.is_final()) else {
        return Ok(started(call, &id));
    };
    if instance.status == Status::Completed {
        return Ok(JsonBody(instance.output).into_response());
    }
    Ok((StatusCode::OK, JsonBody(InstanceStatus::of(instance, true, None))).into_response())
}

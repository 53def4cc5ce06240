//! The status of one instance, and the list.
//!
//! Not here: histories (`history`). 202 means "not finished, ask again": clients follow `Location`
//! until it changes.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::time::Timestamp;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::super::backend::Filter;
use super::super::model::Status;
use super::super::routes::instances::not_found;
use super::super::{App, cursor};
use super::Refused;
use super::call::{Call, unreadable};
use super::history;
use super::payload::{InstanceStatus, runtime_status};
use crate::ingress::auth::{Action, Resource};

/// Carries the place in a list, both ways.
pub(super) const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation-token");
/// Instances on a page where the caller does not say, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Seconds after which somebody who looked at an instance may look again.
const STATUS_RETRY: &str = "5";

/// The status of an instance: 202 while it goes on, 200 when it has ended.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/instances/{id}", tag = "instances", operation_id = "status", params(("id" = String, Path), super::openapi::Addressing, super::openapi::Showing), responses((status = 200, body = InstanceStatus), (status = 202, body = InstanceStatus, description = "It goes on"), (status = 500, body = InstanceStatus, description = "It failed, and `returnInternalServerErrorOnFailure` was asked for")))]
pub(super) async fn show(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    let (hub, id) = (call.hub(), call.id()?);
    app.allow(Action::Read, Resource::Instance(&hub, &id))?;
    let input = call.flag("showInput")?.unwrap_or(true);
    let wants_history = call.flag("showHistory")?.unwrap_or(false);
    let results = call.flag("showHistoryOutput")?.unwrap_or(false);
    let failures = call.flag("returnInternalServerErrorOnFailure")?.unwrap_or(false);
    let found = app.backend.instance(hub.clone(), id.clone()).await?.ok_or_else(|| not_found(&id))?;
    let history = match found.status {
        Status::Pending => None,
        status if wants_history => Some(history::read(&app, hub, id, (status, results)).await?),
        _ => None,
    };
    let status = match found.status {
        Status::Pending | Status::Running | Status::Suspended => StatusCode::ACCEPTED,
        Status::Failed if failures => StatusCode::INTERNAL_SERVER_ERROR,
        Status::Completed | Status::Failed | Status::Terminated => StatusCode::OK,
    };
    Ok(answered(&call, status, InstanceStatus::of(found, input, history)))
}

fn answered(call: &Call, status: StatusCode, body: InstanceStatus) -> Response {
    let mut response = (status, JsonBody(body)).into_response();
    if status == StatusCode::ACCEPTED {
        let place = format!("{}{}", call.origin(), call.uri);
        if let Ok(place) = HeaderValue::from_str(&place) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(STATUS_RETRY));
    }
    response
}

/// Instances that pass a filter, page by page; `x-ms-continuation-token` goes back unchanged.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/instances", tag = "instances", operation_id = "list", params(super::openapi::Addressing, super::openapi::Filtering, super::openapi::Paging, super::openapi::Continuation), responses((status = 200, body = Vec<InstanceStatus>, headers(("x-ms-continuation-token" = String, description = "Where the next page begins; absent on the last one")))))]
pub(super) async fn list(State(app): State<App>, call: Call) -> Result<Response, Refused> {
    let hub = call.hub();
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let input = call.flag("showInput")?.unwrap_or(true);
    let limit = page_size(&call)?;
    let Some(filter) = filter(&call)? else {
        return Ok(JsonBody(Vec::<InstanceStatus>::new()).into_response());
    };
    let name = format!("functions instances of {hub}: {filter:?}");
    let token = call.headers.get(CONTINUATION).and_then(|token| token.to_str().ok()).unwrap_or("");
    let after = if token.is_empty() { None } else { Some(cursor::read(&name, token)?) };
    let page = app.backend.instances(hub, filter, after, limit).await?;
    let shown: Vec<InstanceStatus> =
        page.instances.into_iter().map(|instance| InstanceStatus::of(instance, input, None)).collect();
    let mut response = JsonBody(shown).into_response();
    if let Some(place) = page.next {
        let token = HeaderValue::from_str(&cursor::write(&name, &place)).expect("a cursor is hex");
        response.headers_mut().insert(CONTINUATION, token);
    }
    Ok(response)
}

/// How many are wanted on a page.
pub(super) fn page_size(call: &Call) -> Result<usize, Refused> {
    let Some(text) = call.get("top") else { return Ok(PAGE) };
    let size = text.parse().ok().filter(|size: &usize| *size > 0);
    size.map(|size| size.min(PAGE_MAX)).ok_or_else(|| unreadable("top", text, "a number from 1"))
}

/// The end of a span that has `to` in it.
pub(super) fn just_after(to: Timestamp) -> Timestamp {
    to.plus(std::time::Duration::from_nanos(1))
}

/// What the query asks for; `None`: a status that no instance of ours can have.
pub(super) fn filter(call: &Call) -> Result<Option<Filter>, Refused> {
    let mut statuses = Vec::new();
    let mut is_asked = false;
    for word in call.all("runtimeStatus").flat_map(|text| text.split(',')).map(str::trim) {
        if word.is_empty() {
            continue;
        }
        is_asked = true;
        let known = Status::ALL.into_iter().find(|status| runtime_status(*status).eq_ignore_ascii_case(word));
        let is_elsewhere =
            ["ContinuedAsNew", "Canceled"].iter().any(|other| other.eq_ignore_ascii_case(word));
        match known {
            Some(status) => statuses.push(status),
            None if is_elsewhere => {}
            None => return Err(unreadable("runtimeStatus", word, "a status of an instance")),
        }
    }
    if is_asked && statuses.is_empty() {
        return Ok(None);
    }
    Ok(Some(Filter {
        statuses,
        prefix: call.get("instanceIdPrefix").unwrap_or("").to_owned(),
        created_from: call.time("createdTimeFrom")?,
        // The end is meant inclusively here.
        created_before: call.time("createdTimeTo")?.map(just_after),
        values: true,
    }))
}

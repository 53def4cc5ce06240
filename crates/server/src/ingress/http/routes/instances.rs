//! Instances: start, list, show, history, wait.
//!
//! Waiting is pushed by the node, never polled; a request holds nothing but itself.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::id::InstanceId;
use engine::partition::command::{Command, RequestId, ReusePolicy, StartOrchestration};
use engine::partition::effect::Reply;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::backend::Filter;
use super::super::extract::{
    HubPath, InstancePath, Json, Params, Repeat, parse_id, parse_name, parse_span, parse_tags, parse_time,
    parse_value,
};
use super::super::model::{History, Instance, InstanceList, NewInstance, SCHEMA, StartedInstance, Status};
use super::super::problem::Problem;
use super::super::{App, cursor};
use super::actions::{Idempotency, refused};
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;

/// Instances or events on a page where the caller does not say.
const PAGE: usize = 100;
/// Instances or events on a page at most.
const PAGE_MAX: usize = 1_000;

/// The longest time to wait that is read at all.
const WAIT_READABLE: std::time::Duration = std::time::Duration::from_secs(1_000_000);

/// Starts an instance. Without an id one is minted: the same for repeats with the same key.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/instances", tag = "instances", operation_id = "startInstance", params(("hub" = String, Path), Idempotency), request_body = NewInstance, responses((status = 201, body = StartedInstance), (status = 200, body = StartedInstance, description = "This request had started it before")))]
pub(in super::super) async fn start(
    State(app): State<App>,
    HubPath(hub): HubPath,
    repeat: Repeat,
    Json(new): Json<NewInstance>,
) -> Result<Response, Problem> {
    let id = match &new.id {
        Some(id) => parse_id(id)?,
        None => parse_id(&minted_id(&app, &hub, repeat.key))?,
    };
    app.allow(Action::Write, Resource::Instance(&hub, &id))?;
    let command = start_command(&app, &id, new, repeat.request)?;
    let created = match app.backend.ask(hub.clone(), id.clone(), command).await? {
        Reply::Started { .. } | Reply::Done | Reply::Purged { .. } => true,
        Reply::Unchanged => false,
        Reply::Refused(refusal) => return Err(refused(refusal, &id)),
    };
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let place = format!("/api/v1/hubs/{hub}/instances/{}", percent_encoded(id.as_str()));
    let body = StartedInstance { schema: SCHEMA, id: id.as_str().to_owned(), created };
    Ok((status, [(header::LOCATION, place)], JsonBody(body)).into_response())
}

/// A repeat must reach the same partition, so its id may depend on nothing but the key.
fn minted_id(app: &App, hub: &str, key: Option<String>) -> String {
    match key {
        Some(key) => blake3::hash(format!("{hub}\n{key}").as_bytes()).to_hex().chars().take(32).collect(),
        None => app.backend.fresh_id(),
    }
}

fn start_command(
    app: &App,
    id: &InstanceId,
    new: NewInstance,
    request: Option<RequestId>,
) -> Result<Command, Problem> {
    let version = new.version.filter(|version| !version.is_empty());
    let start_at = new.start_at.map(|at| parse_time("start_at", &at)).transpose()?;
    Ok(Command::StartOrchestration(StartOrchestration {
        instance: id.as_str().to_owned(),
        request,
        execution: app.backend.fresh_id(),
        name: parse_name("name", &new.name)?,
        version: version.map(|version| parse_name("version", &version)).transpose()?,
        input: parse_value("input", new.input)?,
        tags: parse_tags(new.tags)?,
        scheduled_start: start_at.map(Into::into),
        reuse: (!new.replace.is_empty())
            .then(|| ReusePolicy { replaceable: new.replace.into_iter().map(wire_number).collect() }),
        trace: None,
    }))
}

/// The wire's `OrchestrationStatus`.
pub(in super::super) fn wire_number(status: Status) -> i32 {
    match status {
        Status::Running => 0,
        Status::Completed => 1,
        Status::Failed => 3,
        Status::Terminated => 5,
        Status::Pending => 6,
        Status::Suspended => 7,
    }
}

/// A text as one segment of a path, or a value of a query.
pub(in super::super) fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Which instances, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Listing {
    /// Statuses, separated by commas.
    #[param(example = "running,failed", pattern = "^([a-z]+(,[a-z]+)*)?$")]
    status: Option<String>,
    /// Beginning of the id.
    prefix: Option<String>,
    /// Created then or later: RFC 3339.
    #[param(format = DateTime)]
    created_from: Option<String>,
    /// Created before: RFC 3339.
    #[param(format = DateTime)]
    created_before: Option<String>,
    /// Whether inputs, outputs and custom statuses are wanted.
    #[serde(default)]
    #[param(required = false)]
    values: bool,
    /// Instances on the page, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before, with the same filter.
    cursor: Option<String>,
}

impl Listing {
    fn filter(&self) -> Result<Filter, Problem> {
        let words = self.status.as_deref().unwrap_or("").split(',').filter(|word| !word.is_empty());
        let time =
            |field, text: &Option<String>| text.as_deref().map(|text| parse_time(field, text)).transpose();
        Ok(Filter {
            statuses: words.map(parse_status).collect::<Result<_, _>>()?,
            prefix: self.prefix.clone().unwrap_or_default(),
            created_from: time("created_from", &self.created_from)?,
            created_before: time("created_before", &self.created_before)?,
            values: self.values,
        })
    }
}

fn parse_status(word: &str) -> Result<Status, Problem> {
    Status::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Status::ALL.into_iter().map(Status::word).collect();
        let shown: String = word.chars().take(32).collect();
        Problem::new(&codes::PARAMETER_INVALID, format!("status: {shown:?} is none of {}", words.join(", ")))
    })
}

/// How many are wanted on a page.
pub(in super::super) fn page_size(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(PAGE) {
        limit if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        limit => {
            Err(Problem::new(&codes::PARAMETER_INVALID, format!("limit: {limit} is not 1 to {PAGE_MAX}")))
        }
    }
}

/// A page of a task hub's instances.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/instances", tag = "instances", operation_id = "listInstances", params(("hub" = String, Path), Listing), responses((status = 200, body = InstanceList)))]
pub(in super::super) async fn list(
    State(app): State<App>,
    HubPath(hub): HubPath,
    Params(listing): Params<Listing>,
) -> Result<JsonBody<InstanceList>, Problem> {
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let filter = listing.filter()?;
    let limit = page_size(listing.limit)?;
    let name = format!("instances of {hub}: {filter:?}");
    let after = listing.cursor.as_deref().map(|text| cursor::read(&name, text)).transpose()?;
    let page = app.backend.instances(hub, filter, after, limit).await?;
    let next = page.next.map(|place| cursor::write(&name, &place));
    Ok(JsonBody(InstanceList { schema: SCHEMA, instances: page.instances, next }))
}

/// An instance with its input, output and custom status.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/instances/{id}", tag = "instances", operation_id = "showInstance", params(("hub" = String, Path), ("id" = String, Path)), responses((status = 200, body = Instance)))]
pub(in super::super) async fn show(
    State(app): State<App>,
    path: InstancePath,
) -> Result<JsonBody<Instance>, Problem> {
    app.allow(Action::Read, Resource::Instance(&path.hub, &path.id))?;
    let found = app.backend.instance(path.hub, path.id.clone()).await?;
    found.map(JsonBody).ok_or_else(|| not_found(&path.id))
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Waiting {
    /// Seconds, or a number with a unit like `500ms`; 30 seconds where absent, never longer than
    /// `http.wait_max`.
    #[param(example = "30", pattern = "^[0-9]{1,6}(ms|s)?$")]
    timeout: Option<String>,
}

/// Waits until an instance has finished: 200 then, 202 with the instance as it is after the timeout.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/instances/{id}/wait", tag = "instances", operation_id = "waitForInstance", params(("hub" = String, Path), ("id" = String, Path), Waiting), responses((status = 200, body = Instance), (status = 202, body = Instance, description = "Not finished yet; ask again")))]
pub(in super::super) async fn wait(
    State(app): State<App>,
    path: InstancePath,
    Params(waiting): Params<Waiting>,
) -> Result<Response, Problem> {
    app.allow(Action::Read, Resource::Instance(&path.hub, &path.id))?;
    let timeout = match &waiting.timeout {
        Some(text) => parse_span("timeout", text, WAIT_READABLE)?.min(app.http.wait_max),
        None => app.http.wait_max.min(std::time::Duration::from_secs(30)),
    };
    let found = app.backend.wait(path.hub, path.id.clone(), timeout).await?;
    let instance = found.ok_or_else(|| not_found(&path.id))?;
    let status = if instance.status.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, JsonBody(instance)).into_response())
}

/// Which page of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct HistoryPaging {
    /// Events on the page, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A page of an instance's history.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/instances/{id}/history", tag = "instances", operation_id = "showHistory", params(("hub" = String, Path), ("id" = String, Path), HistoryPaging), responses((status = 200, body = History)))]
pub(in super::super) async fn history(
    State(app): State<App>,
    path: InstancePath,
    Params(paging): Params<HistoryPaging>,
) -> Result<JsonBody<History>, Problem> {
    app.allow(Action::Read, Resource::Instance(&path.hub, &path.id))?;
    let limit = page_size(paging.limit)?;
    let name = format!("history of {}/{}", path.hub, path.id);
    let place = paging.cursor.as_deref().map(|text| cursor::read(&name, text)).transpose()?;
    let place = place.as_deref().and_then(|place| place.split_once(' '));
    let (execution, after) =
        (place.map(|(execution, _)| execution), place.map(|(_, after)| after.to_owned()));
    let found = app.backend.history(path.hub, path.id.clone(), after, limit).await?;
    let mut page = found.ok_or_else(|| not_found(&path.id))?;
    if execution.is_some_and(|execution| execution != page.execution) {
        // Continue-as-new and replacing begin a new history: page numbers of the old one mean nothing.
        return Err(Problem::new(&codes::CURSOR_INVALID, "the instance has begun a new execution"));
    }
    page.next = page.next.map(|after| cursor::write(&name, &format!("{} {after}", page.execution)));
    Ok(JsonBody(page))
}

/// There is no such instance.
pub(in super::super) fn not_found(id: &InstanceId) -> Problem {
    Problem::new(
        &codes::INSTANCE_NOT_FOUND,
        format!("there is no instance {:?} in this task hub", id.as_str()),
    )
}

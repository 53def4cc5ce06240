//! What this API's JSON looks like, field by field as Durable Functions sends it.
//!
//! Not here: histories (`history`). Times have no fractions and values are the stored JSON.

use axum::Json as JsonBody;
use axum::response::{IntoResponse, Response};
use engine::id::InstanceId;
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::model::{Instance, Status, stored_json};
use super::super::routes::instances::percent_encoded;
use super::BASE;
use super::call::Call;
use super::history::HistoryItem;

/// The connection of a call that names none.
const CONNECTION: &str = "Storage";
/// Seconds after which somebody who has just started an instance may look at it.
const STARTED_RETRY: &str = "10";

/// Where to ask about an instance and to act on it. `{eventName}` and `{text}` are for the caller to
/// fill in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckStatus {
    id: String,
    status_query_get_uri: String,
    send_event_post_uri: String,
    terminate_post_uri: String,
    purge_history_delete_uri: String,
    restart_post_uri: String,
    suspend_post_uri: String,
    resume_post_uri: String,
}

impl CheckStatus {
    /// The addresses of an instance, for the caller of `call`.
    pub(super) fn of(call: &Call, id: &InstanceId) -> Self {
        let instance = format!("{}{BASE}/instances/{}", call.origin(), percent_encoded(id.as_str()));
        let query = common_query(call);
        let plain = || format!("{instance}?{query}");
        let act = |operation: &str| format!("{instance}/{operation}?reason={{text}}&{query}");
        Self {
            id: id.as_str().to_owned(),
            status_query_get_uri: plain(),
            send_event_post_uri: format!("{instance}/raiseEvent/{{eventName}}?{query}"),
            terminate_post_uri: act("terminate"),
            purge_history_delete_uri: plain(),
            restart_post_uri: format!("{instance}/restart?{query}"),
            suspend_post_uri: act("suspend"),
            resume_post_uri: act("resume"),
        }
    }
}

fn common_query(call: &Call) -> String {
    let connection = call.get("connection").unwrap_or(CONNECTION);
    let mut query =
        format!("taskHub={}&connection={}", percent_encoded(&call.hub()), percent_encoded(connection));
    if let Some(code) = call.get("code") {
        query.push_str("&code=");
        query.push_str(&percent_encoded(code));
    }
    query
}

/// The answer to a start: accepted, and where to look.
pub(super) fn started(call: &Call, id: &InstanceId) -> Response {
    let body = CheckStatus::of(call, id);
    let headers = [
        (header::LOCATION, body.status_query_get_uri.clone()),
        (header::RETRY_AFTER, STARTED_RETRY.to_owned()),
    ];
    (StatusCode::ACCEPTED, headers, JsonBody(body)).into_response()
}

/// An instance as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceStatus {
    name: String,
    instance_id: String,
    runtime_status: &'static str,
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    #[schema(value_type = Option<serde_json::Value>)]
    custom_status: Option<Box<RawValue>>,
    /// What it returned; the message of its failure where it failed.
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Box<RawValue>>,
    created_time: String,
    last_updated_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_events: Option<Vec<HistoryItem>>,
}

impl InstanceStatus {
    /// An instance, with its input if wanted and its history if given.
    pub(super) fn of(instance: Instance, input: bool, history: Option<Vec<HistoryItem>>) -> Self {
        let failure = instance.failure.map(|failure| stored_json(&quoted(&failure.message)));
        Self {
            name: instance.name,
            instance_id: instance.id,
            runtime_status: runtime_status(instance.status),
            input: instance.input.filter(|_| input),
            custom_status: instance.custom_status,
            output: instance.output.or(failure),
            created_time: to_the_second(&instance.created_at),
            last_updated_time: to_the_second(&instance.updated_at),
            history_events: history,
        }
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The word for a status.
pub(super) fn runtime_status(status: Status) -> &'static str {
    match status {
        Status::Pending => "Pending",
        Status::Running => "Running",
        Status::Suspended => "Suspended",
        Status::Completed => "Completed",
        Status::Failed => "Failed",
        Status::Terminated => "Terminated",
    }
}

fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

/// How many instances went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PurgeResult {
    pub(super) instances_deleted: u32,
}

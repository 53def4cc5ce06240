//! The node itself: health, metrics, status, the API's own description.
//!
//! `/healthz` says that the process answers; `/readyz` that queries work.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, header};

use super::super::model::{NodeStatus, Status};
use super::super::problem::Problem;
use super::super::{App, openapi};
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;
use crate::observe::metrics::{CLASSIC_TYPE, OPEN_METRICS_TYPE};

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "node", operation_id = "health", responses((status = 200, body = String, content_type = "text/plain")))]
pub(in super::super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the node is ready: queries and commands work.
#[utoipa::path(get, path = "/readyz", tag = "node", operation_id = "ready", responses((status = 200, body = String, content_type = "text/plain")))]
pub(in super::super) async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.backend.is_ready() {
        Ok("ready\n")
    } else {
        Err(Problem::new(&codes::NOT_READY, "the node is starting or stopping"))
    }
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "node", operation_id = "metrics", responses((status = 200, body = String, content_type = "text/plain")))]
pub(in super::super) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    // A scrape of a node that is not ready still gets everything else.
    if app.backend.is_ready()
        && let Ok(status) = app.backend.status().await
    {
        set_instances(&app, &status);
    }
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accepted.contains("application/openmetrics-text") {
        ([(header::CONTENT_TYPE, OPEN_METRICS_TYPE)], app.metrics.open_metrics()).into_response()
    } else {
        ([(header::CONTENT_TYPE, CLASSIC_TYPE)], app.metrics.classic()).into_response()
    }
}

fn set_instances(app: &App, status: &NodeStatus) {
    for hub in &status.hubs {
        for word in Status::ALL {
            match &hub.instances {
                Some(counts) => {
                    let count = counts.get(&word).copied().unwrap_or(0);
                    app.metrics.set_instances(&hub.name, word.word(), count);
                }
                None => app.metrics.forget_instances(&hub.name, word.word()),
            }
        }
    }
}

/// The node's state.
#[utoipa::path(get, path = "/api/v1/status", tag = "node", operation_id = "status", responses((status = 200, body = NodeStatus)))]
pub(in super::super) async fn status(State(app): State<App>) -> Result<JsonBody<NodeStatus>, Problem> {
    app.allow(Action::Connect, Resource::Node)?;
    app.backend.status().await.map(JsonBody)
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "node", operation_id = "openapi", responses((status = 200, body = serde_json::Value)))]
pub(in super::super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::document()).into_response()
}

/// The description as a page.
#[utoipa::path(get, path = "/api/v1/docs", tag = "node", operation_id = "docs", responses((status = 200, body = String, content_type = "text/html")))]
pub(in super::super) async fn docs() -> Html<String> {
    Html(openapi::page())
}

/// What a code means.
#[utoipa::path(get, path = "/api/v1/errors/{code}", tag = "node", operation_id = "explainCode", params(("code" = String, Path)), responses((status = 200, body = String, content_type = "text/plain")))]
pub(in super::super) async fn explain(code: Option<Path<String>>) -> Result<String, Problem> {
    let text = code.map(|Path(text)| text).unwrap_or_default();
    let found = codes::find(&text).map(codes::Code::explain);
    found.ok_or_else(|| Problem::new(&codes::ROUTE_NOT_FOUND, "there is no such code"))
}

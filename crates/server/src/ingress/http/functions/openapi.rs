//! This API's own description, OpenAPI 3.1, and the parameters that its operations share.
//!
//! Not here: our own API's description (`super::super::openapi`). A test checks that description and
//! router agree.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::{IntoParams, OpenApi};

use super::super::openapi::{Bounds, Errors};
use super::super::problem::ProblemBody;
use super::{actions, entities, instances, purge, start};

/// What every call may say.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Addressing {
    /// The task hub; `default` where absent.
    task_hub: Option<String>,
    /// Comes back in the addresses of answers; has no meaning here.
    connection: Option<String>,
    /// Comes back in the addresses of answers; for a proxy that asks for it.
    code: Option<String>,
}

/// How to start.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Starting {
    /// The orchestration's version.
    #[param(max_length = 1024)]
    version: Option<String>,
    /// Seconds to wait for the end, with fractions if need be; nothing: no wait.
    #[param(pattern = r"^([0-9]{1,6}(\.[0-9]{1,3})?)?$")]
    timeout: Option<String>,
    /// Taken and not needed: nothing is polled.
    polling_interval: Option<String>,
}

/// What to show of an instance.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Showing {
    /// The input; true where absent.
    show_input: Option<bool>,
    /// The history; false where absent.
    show_history: Option<bool>,
    /// Results in the history; false where absent.
    show_history_output: Option<bool>,
    /// Answer 500 for a failed instance.
    return_internal_server_error_on_failure: Option<bool>,
}

/// Which instances.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Filtering {
    /// Created then or later: a date, with or without time and offset.
    created_time_from: Option<String>,
    /// Created then or before.
    created_time_to: Option<String>,
    /// Statuses, separated by commas.
    #[param(example = "Completed,Failed")]
    runtime_status: Option<String>,
    /// Beginning of the id.
    instance_id_prefix: Option<String>,
}

/// Which finished instances.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Purging {
    /// Created then or later: a date, with or without time and offset.
    #[param(format = DateTime)]
    created_time_from: String,
    /// Created then or before.
    created_time_to: Option<String>,
    /// Statuses, separated by commas.
    #[param(example = "Completed,Failed")]
    runtime_status: Option<String>,
}

/// Which page.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Paging {
    /// The input; true where absent.
    show_input: Option<bool>,
    /// Instances on the page; 100 where absent, never more than 1,000.
    #[param(minimum = 1)]
    top: Option<u64>,
}

/// Where a list goes on.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Continuation {
    /// As the page before gave it.
    #[param(rename = "x-ms-continuation-token")]
    token: Option<String>,
}

/// Why, for people.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Why {
    /// Kept in the history.
    #[param(max_length = 1024)]
    reason: Option<String>,
}

/// How to restart.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Restarting {
    /// Under an id of the server's choice; true where absent.
    restart_with_new_instance_id: Option<bool>,
}

/// Which entities, and what of them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Entities {
    /// Their states; false where absent.
    fetch_state: Option<bool>,
    /// Changed then or later: a date, with or without time and offset.
    last_operation_time_from: Option<String>,
    /// Changed then or before.
    last_operation_time_to: Option<String>,
    /// Entities on the page; 100 where absent, never more than 1,000.
    #[param(minimum = 1)]
    top: Option<u64>,
}

/// What an entity is to do.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `call` reads them")]
pub(super) struct Operation {
    /// The operation's name; without one where absent.
    #[param(max_length = 1024)]
    op: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Outlast: HTTP API of Durable Functions",
        version = "1",
        description = "Paths, payloads and status codes of Durable Functions. Errors are RFC 9457 problems with a stable code.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        show, start::start, start::start_as, instances::list, instances::show, purge::one, purge::many,
        actions::raise, actions::terminate, actions::suspend, actions::resume, actions::rewind,
        actions::restart, actions::claim,
        entities::list, entities::list_named, entities::show, entities::signal, entities::delete,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Errors, &Bounds),
)]
struct Api;

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Api::openapi().to_pretty_json().expect("the description has only plain values"));

/// The description as JSON.
pub(super) fn document() -> &'static str {
    &DOCUMENT
}

/// This description.
#[utoipa::path(get, path = "/runtime/webhooks/durabletask/openapi.json", tag = "description", operation_id = "openapi", responses((status = 200, body = serde_json::Value)))]
pub(super) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document()).into_response()
}

//! The HTTP API of Durable Functions: its paths, parameters, payloads, headers and status codes, so
//! that what was written against it works against this server.
//!
//! Not here: our own API, which can do more (`routes`). The two share the node behind them, the
//! checks in front and the problems they answer with; this one turns a problem's status into the
//! one that callers of Durable Functions know (`Refused`).

mod actions;
mod call;
mod entities;
mod history;
mod instances;
mod openapi;
mod payload;
mod purge;
mod start;
#[cfg(test)]
mod tests;

use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use http::StatusCode;

use super::App;
use super::problem::Problem;

/// Where the API begins.
const BASE: &str = "/runtime/webhooks/durabletask";

macro_rules! at {
    ($path:literal) => {
        concat!("/runtime/webhooks/durabletask", $path)
    };
}

/// Every path with its methods.
pub(super) fn table() -> Vec<(&'static str, MethodRouter<App>)> {
    vec![
        (at!("/openapi.json"), get(openapi::show)),
        (at!("/orchestrators/{name}"), post(start::start)),
        (at!("/orchestrators/{name}/{id}"), post(start::start_as)),
        (at!("/instances"), get(instances::list).delete(purge::many)),
        (at!("/instances/{id}"), get(instances::show).delete(purge::one)),
        (at!("/instances/{id}/raiseEvent/{event}"), post(actions::raise)),
        (at!("/instances/{id}/terminate"), post(actions::terminate)),
        (at!("/instances/{id}/suspend"), post(actions::suspend)),
        (at!("/instances/{id}/resume"), post(actions::resume)),
        (at!("/instances/{id}/rewind"), post(actions::rewind)),
        (at!("/instances/{id}/restart"), post(actions::restart)),
        (at!("/entities"), get(entities::list)),
        (at!("/entities/{name}"), get(entities::list_named)),
        (
            at!("/entities/{name}/{key}"),
            get(entities::show).post(entities::signal).merge(delete(entities::delete)),
        ),
        (at!("/makeprimary"), post(actions::claim)),
    ]
}

/// A problem with the status that this API gives it.
#[derive(Debug)]
struct Refused(Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        // Durable Functions knows one status for what cannot be read.
        Self(match problem.status() {
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                problem.answered_with(StatusCode::BAD_REQUEST)
            }
            _ => problem,
        })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

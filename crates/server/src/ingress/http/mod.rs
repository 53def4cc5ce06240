//! HTTP: the API under `/api/v1`, that of Durable Functions, `/metrics`, `/healthz` and `/readyz`.
//!
//! A request passes `guard` (hosts, headers, counting), is parsed in `extract`, handled in `routes`
//! and answered with a shape of `model` or a `problem`. `functions` serves the paths of Durable
//! Functions. `backend` is what is needed of a node, `openapi` describes our own API.
//!
//! Not here: deciding anything. A handler turns a request into a command or a query, and an answer
//! into JSON.

mod backend;
#[expect(unused_qualifications, reason = "in what utoipa's macros write")]
mod cluster;
mod cursor;
#[expect(unused_qualifications, reason = "in what utoipa's macros write")]
mod entities;
mod extract;
#[expect(unused_qualifications, reason = "in what utoipa's macros write")]
mod feed;
mod functions;
mod guard;
mod model;
mod node;
#[cfg(test)]
mod node_tests;
mod openapi;
mod problem;
#[expect(unused_qualifications, reason = "in what utoipa's macros write")]
mod routes;
#[expect(unused_qualifications, reason = "in what utoipa's macros write")]
mod schedules;
mod serve;
mod shapes;
#[cfg(test)]
mod tests;
mod waiting;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;

pub use backend::{Answer, Backend, Filter, Page};
pub use cluster::{
    ClusterNode, ClusterNodeList, ClusterPlan, DomainPlan, HubDistance, LevelPlan, Partition, PartitionList,
    PlannedMove, Replica, StuckReplica,
};
pub use entities::{Entity, EntityFilter, EntityList, EntityLock, EntityPage};
pub use feed::{EventList, Letter, LetterList, Resend, Resent, SubscriptionList, SubscriptionStatus};
pub use model::*;
pub use node::{Addresses, NodeApi};
pub use openapi::document;
pub use problem::Problem;
pub use schedules::{CatchUp, NewSchedule, Overlap, Schedule, ScheduleList, ScheduleState, Triggered};
pub use serve::serve;

use crate::config;
use crate::ingress::auth::{Action, Principal, Resource, authorize};
use crate::observe::codes;
use crate::observe::metrics::Metrics;

/// What every handler has.
#[derive(Clone)]
struct App {
    backend: Arc<dyn Backend>,
    metrics: Arc<Metrics>,
    http: Arc<config::Http>,
}

impl App {
    /// Asks whether the caller may; every handler but those about health and documentation does.
    fn allow(&self, action: Action, resource: Resource<'_>) -> Result<(), Problem> {
        // Every listener is for callers that need no proof until there are others.
        authorize(Principal::Local, action, resource)
            .map_err(|denied| Problem::new(&codes::DENIED, denied.to_string()))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("http", &self.http).finish_non_exhaustive()
    }
}

/// Everything that is served over HTTP.
pub fn router(backend: Arc<dyn Backend>, metrics: Arc<Metrics>, settings: &config::Http) -> Router {
    let app = App { backend, metrics, http: Arc::new(settings.clone()) };
    let table = routes::table().into_iter().chain(functions::table());
    table
        .fold(Router::new(), |router, (path, methods): (&str, MethodRouter<App>)| router.route(path, methods))
        .fallback(|| async { Problem::new(&codes::ROUTE_NOT_FOUND, "nothing is at this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(&codes::METHOD_NOT_ALLOWED, "the resource at this path has no such method")
        })
        .layer(DefaultBodyLimit::max(settings.body_bytes_max))
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

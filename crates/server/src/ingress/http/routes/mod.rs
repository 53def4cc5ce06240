//! The handlers, and the table of which path leads to which.
//!
//! A new endpoint is a handler with its `utoipa::path`, a row here and a name in `openapi`; a test
//! fails if one of them is missing.

pub(super) mod actions;
pub(super) mod hubs;
pub(super) mod instances;
pub(super) mod node;
#[cfg(test)]
mod tests;

use axum::routing::{MethodRouter, get, post};

use super::App;
use super::cluster::routes as cluster;
use super::entities::routes as entities;
use super::feed::routes as feed;
use super::schedules::routes as schedules;

/// Every path with its methods.
pub(super) fn table() -> Vec<(&'static str, MethodRouter<App>)> {
    vec![
        ("/healthz", get(node::healthz)),
        ("/readyz", get(node::readyz)),
        ("/metrics", get(node::metrics)),
        ("/api/v1/openapi.json", get(node::openapi)),
        ("/api/v1/docs", get(node::docs)),
        ("/api/v1/errors/{code}", get(node::explain)),
        ("/api/v1/status", get(node::status)),
        ("/api/v1/hubs", get(hubs::list).post(hubs::create)),
        ("/api/v1/hubs/{hub}", get(hubs::show).delete(hubs::delete)),
        ("/api/v1/hubs/{hub}/undelete", post(hubs::undelete)),
        ("/api/v1/hubs/{hub}/partitions", get(cluster::partitions)),
        ("/api/v1/hubs/{hub}/partitions/{partition}", get(cluster::partition)),
        ("/api/v1/cluster/plan", get(cluster::plan)),
        ("/api/v1/nodes", get(cluster::list)),
        ("/api/v1/nodes/{node}", get(cluster::show).delete(cluster::remove)),
        ("/api/v1/nodes/{node}/drain", post(cluster::drain)),
        ("/api/v1/nodes/{node}/resume", post(cluster::resume)),
        ("/api/v1/hubs/{hub}/schedules", get(schedules::list)),
        (
            "/api/v1/hubs/{hub}/schedules/{name}",
            get(schedules::show).post(schedules::create).put(schedules::update).delete(schedules::delete),
        ),
        ("/api/v1/hubs/{hub}/schedules/{name}/pause", post(schedules::pause)),
        ("/api/v1/hubs/{hub}/schedules/{name}/resume", post(schedules::resume)),
        ("/api/v1/hubs/{hub}/schedules/{name}/trigger", post(schedules::trigger)),
        ("/api/v1/hubs/{hub}/events", get(feed::list)),
        ("/api/v1/hubs/{hub}/events/subscriptions", get(feed::subscriptions)),
        ("/api/v1/hubs/{hub}/events/dead", get(feed::dead)),
        ("/api/v1/hubs/{hub}/events/resend", post(feed::resend)),
        ("/api/v1/hubs/{hub}/entities", get(entities::list)),
        ("/api/v1/hubs/{hub}/entities/{id}", get(entities::show).delete(entities::delete)),
        ("/api/v1/hubs/{hub}/entities/{id}/signals/{name}", post(entities::signal)),
        ("/api/v1/hubs/{hub}/entities/{id}/resume", post(entities::resume)),
        ("/api/v1/hubs/{hub}/instances", get(instances::list).post(instances::start)),
        ("/api/v1/hubs/{hub}/instances/{id}", get(instances::show).delete(actions::purge)),
        ("/api/v1/hubs/{hub}/instances/{id}/history", get(instances::history)),
        ("/api/v1/hubs/{hub}/instances/{id}/wait", get(instances::wait)),
        ("/api/v1/hubs/{hub}/instances/{id}/events/{name}", post(actions::raise)),
        ("/api/v1/hubs/{hub}/instances/{id}/suspend", post(actions::suspend)),
        ("/api/v1/hubs/{hub}/instances/{id}/resume", post(actions::resume)),
        ("/api/v1/hubs/{hub}/instances/{id}/terminate", post(actions::terminate)),
        ("/api/v1/hubs/{hub}/instances/{id}/restart", post(actions::restart)),
        ("/api/v1/hubs/{hub}/instances/{id}/rewind", post(actions::rewind)),
    ]
}

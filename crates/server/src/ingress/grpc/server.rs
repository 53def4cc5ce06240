//! The gRPC listeners: what their calls share, their end, and the services beside the task hub's.
//!
//! A stop has two steps, because a worker that has just been handed something must be able to
//! answer: in `Draining` streams end and no work goes out, but calls are answered; in `Stopped`
//! connections end too.

use std::sync::Arc;
use std::time::Duration;

use outlast_proto::durable_task::FILE_DESCRIPTOR_SET;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::{Routes, RoutesBuilder};
use tonic::{Code, Status};
use tonic_health::server::HealthReporter;

use super::connection;
use super::rpc::Handled;
use super::service::TaskHubService;
use super::status;
use super::workers::parts::Parts;
use crate::node::Node;
use crate::observe::codes;

/// The service's name, for health checks.
const SERVICE: &str = "TaskHubSidecarService";
/// What may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The largest message that is read.
    pub message_bytes_max: usize,
    /// How often a silent connection is asked whether it is there.
    pub keepalive: Duration,
    /// Whether the reflection service answers.
    pub reflection: bool,
}

/// Where a node is in its life, for its listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// Workers' streams have ended; calls are answered.
    Draining,
    /// Connections end.
    Stopped,
}

/// Why the listeners ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reflection service could not be built: a defect of the build.
    #[error("describe the gRPC services: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// What all calls share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) node: Arc<Node>,
    pub(super) options: Options,
    pub(super) phase: watch::Receiver<Phase>,
    /// Calls that were answered well.
    pub(super) handled: Handled,
    /// Turns' answers that arrive in parts.
    pub(super) parts: Parts,
}

impl Shared {
    /// Returns once the phase is `phase` or later.
    pub(super) async fn reached(&self, phase: Phase) {
        // The sender's end is the node's end.
        let mut now = self.phase.clone();
        let _ended = now.wait_for(|now| *now >= phase).await;
    }

    pub(super) fn stopping() -> Status {
        status::coded(&codes::STOPPING, Code::Unavailable, "the server is stopping; connect again")
    }
}

/// Serves gRPC on a listener until the phase is `Stopped` and every connection has ended.
pub async fn serve(
    node: Arc<Node>,
    listener: TcpListener,
    options: Options,
    phase: watch::Receiver<Phase>,
) -> Result<(), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for service in ["", SERVICE] {
        reporter.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    let mut others = Routes::builder();
    others.add_service(health);
    if options.reflection {
        add_reflection(&mut others)?;
    }
    let handled = Handled::new(&node.metrics().requests);
    let shared = Arc::new(Shared { node, options, phase, handled, parts: Parts::default() });
    let service = TaskHubService { shared: Arc::clone(&shared), others: others.routes().prepare() };
    tokio::join!(connection::serve(listener, service), report_draining(&shared, &reporter));
    Ok(())
}

async fn report_draining(shared: &Shared, reporter: &HealthReporter) {
    shared.reached(Phase::Draining).await;
    for service in ["", SERVICE] {
        reporter.set_service_status(service, tonic_health::ServingStatus::NotServing).await;
    }
}

fn add_reflection(others: &mut RoutesBuilder) -> Result<(), Error> {
    let describe = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    others.add_service(describe().build_v1()?);
    others.add_service(describe().build_v1alpha()?);
    Ok(())
}

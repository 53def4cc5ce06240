//! A whole server: a node and its listeners, started in the order in which they need each other and
//! stopped in the reverse.
//!
//! Not here: signals, arguments, and where the chosen addresses are written down (the binary's).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::ingress::bind::{BindError, bind, bind_if_free};
use crate::ingress::grpc::{self, Phase};
use crate::ingress::http::{self, Addresses, NodeApi};
use crate::membership::Membership;
use crate::node::cluster::Place;
use crate::node::{Node, Platform, StartError};
use crate::observe::metrics::Metrics;
use crate::observe::{codes, health};
use crate::peers::Refusal;
use crate::{events, schedules};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The node did not come up.
    #[error(transparent)]
    Node(#[from] StartError),
    /// It is part of a cluster, and cannot be.
    #[error(transparent)]
    Cluster(#[from] Refusal),
}

/// A server that takes calls.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    api: Arc<NodeApi>,
    addresses: Addresses,
    phase: watch::Sender<Phase>,
    listeners: JoinSet<()>,
    /// Where the node is one of a cluster.
    membership: Option<Membership>,
}

/// How often it is said that the node is open to others.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// How often dispatch is told the time while something of it waits for a time.
const DISPATCH_TICK: Duration = Duration::from_millis(100);

impl Server {
    /// Takes the addresses, brings up the node, then takes calls. Addresses come first, because a
    /// server that nobody can reach should not touch data; HTTP answers from then on, so that
    /// `/readyz` says "not yet" while the node replays.
    pub async fn start(config: Config, platform: Platform) -> Result<Self, Error> {
        let listening = Listening::open(&config).await?;
        let addresses = listening.addresses();
        let mut membership = Membership::open(&config, &platform).await?;
        let place = membership.as_ref().map_or_else(Place::alone, Membership::place);
        let metrics = Arc::new(Metrics::new(outlast_proto::VERSION, platform.clock.wall()));
        let (phase, _) = watch::channel(Phase::Serving);
        let mut listeners = JoinSet::new();
        let api = NodeApi::new(config.clone(), platform.clone(), Arc::clone(&metrics), addresses.clone());
        let api = Arc::new(api);
        let router = http::router(api.clone(), Arc::clone(&metrics), &config.http);
        for listener in listening.http {
            let stopped = reached(phase.subscribe(), Phase::Stopped);
            listeners.spawn(http::serve(listener, router.clone(), stopped));
        }
        let node = Node::start(config, platform, metrics, place).await?;
        if let Some(membership) = &mut membership {
            let stopped = reached(phase.subscribe(), Phase::Stopped);
            membership.begin(&node, &mut listeners, stopped).await?;
        }
        api.serve_node(Arc::clone(&node));
        for listener in listening.grpc {
            listeners.spawn(serve_grpc(Arc::clone(&node), listener, phase.subscribe()));
        }
        listeners.spawn(tick_dispatch(Arc::clone(&node), phase.subscribe()));
        let stopped = reached(phase.subscribe(), Phase::Stopped);
        listeners.spawn(events::run(Arc::clone(&node), stopped));
        let stopped = reached(phase.subscribe(), Phase::Draining);
        listeners.spawn(schedules::run(Arc::clone(&node), stopped));
        if let Some(open) = health::open_to_others(node.config()) {
            let stopped = reached(phase.subscribe(), Phase::Stopped);
            listeners.spawn(repeat(WARN_EVERY, stopped, move || warn_open(&open)));
        }
        Ok(Self { node, api, addresses, phase, listeners, membership })
    }

    /// The node behind the listeners.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Where gRPC is served.
    pub fn grpc(&self) -> &[SocketAddr] {
        &self.addresses.grpc
    }

    /// Where HTTP is served.
    pub fn http(&self) -> &[SocketAddr] {
        &self.addresses.http
    }

    /// Drains and stops: workers are sent away, what is in flight is answered, everything
    /// acknowledged is on disk.
    pub async fn stop(mut self) -> Result<(), storage::Error> {
        self.api.drain();
        self.phase.send_replace(Phase::Draining);
        let patience = self.node.config().node.drain_timeout;
        let drained = async {
            while self.node.busy() {
                tokio::time::sleep(DISPATCH_TICK).await;
            }
        };
        if tokio::time::timeout(patience, drained).await.is_err() {
            tracing::warn!(
                code = codes::DRAIN_TIMED_OUT.id,
                "some calls were still open when the time to drain was over"
            );
        }
        self.node.hand_over().await;
        self.phase.send_replace(Phase::Stopped);
        let ended = async { while self.listeners.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, ended).await.is_err() {
            self.listeners.shutdown().await;
        }
        if let Some(membership) = &self.membership {
            membership.stop().await;
        }
        self.node.stop().await
    }
}

#[derive(Debug, Default)]
struct Listening {
    grpc: Vec<TcpListener>,
    http: Vec<TcpListener>,
}

impl Listening {
    async fn open(config: &Config) -> Result<Self, BindError> {
        let mut listening = Self::default();
        for address in &config.grpc.listen {
            listening.grpc.push(bind(*address, "grpc.listen").await?);
        }
        for address in &config.grpc.listen_if_free {
            listening.grpc.extend(bind_if_free(*address, "grpc.listen_if_free").await);
        }
        for address in &config.http.listen {
            listening.http.push(bind(*address, "http.listen").await?);
        }
        Ok(listening)
    }

    /// The addresses as they are, where the settings asked for any free port.
    fn addresses(&self) -> Addresses {
        let of = |listeners: &[TcpListener]| {
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
        };
        Addresses { grpc: of(&self.grpc), http: of(&self.http) }
    }
}

async fn serve_grpc(node: Arc<Node>, listener: TcpListener, phase: watch::Receiver<Phase>) {
    let settings = &node.config().grpc;
    let options = grpc::Options {
        message_bytes_max: settings.message_bytes_max,
        keepalive: settings.keepalive,
        reflection: settings.reflection,
    };
    if let Err(error) = grpc::serve(node, listener, options, phase).await {
        tracing::error!(code = codes::LISTENER_ENDED.id, %error, "a gRPC listener has ended");
    }
}

fn warn_open(addresses: &str) {
    tracing::warn!(
        code = codes::INSECURE.id,
        addresses,
        "others can reach this node without encryption or proof"
    );
}

/// Says something now and then until `stop`.
async fn repeat(every: Duration, stop: impl Future<Output = ()>, mut say: impl FnMut()) {
    let mut interval = tokio::time::interval(every);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return,
            _ = interval.tick() => say(),
        }
    }
}

/// Returns once the server is at `phase` or beyond.
async fn reached(mut phases: watch::Receiver<Phase>, phase: Phase) {
    // A sender that is gone means that the server is.
    drop(phases.wait_for(|now| *now >= phase).await.map(drop));
}

/// Tells dispatch the time where an item waits for one: a redelivery after a pause, a slow turn.
async fn tick_dispatch(node: Arc<Node>, phases: watch::Receiver<Phase>) {
    let ticking = async {
        loop {
            tokio::time::sleep(DISPATCH_TICK).await;
            node.gateway().catch_up();
            let now = node.platform().clock.monotonic();
            for hub in node.open_hub_list() {
                if hub.dispatch().due().is_some_and(|due| due <= now) {
                    hub.dispatch().tick(now);
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = reached(phases, Phase::Stopped) => {}
        () = ticking => {}
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;

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
use crate::ingress::http;
use crate::node::{Node, Platform, StartError};
use crate::observe::codes;
use crate::observe::metrics::Metrics;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The node did not come up.
    #[error(transparent)]
    Node(#[from] StartError),
}

/// A server that takes calls.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    grpc: Vec<SocketAddr>,
    http: Vec<SocketAddr>,
    phase: watch::Sender<Phase>,
    listeners: JoinSet<()>,
}

/// How often dispatch is told the time while something of it waits for a time.
const DISPATCH_TICK: Duration = Duration::from_millis(100);

impl Server {
    /// Takes the addresses, brings up the node, then takes calls. Addresses come first, because a
    /// server that nobody can reach should not touch data.
    pub async fn start(config: Config, platform: Platform) -> Result<Self, Error> {
        let mut listening = Listening::default();
        for address in &config.grpc.listen {
            listening.grpc.push(bind(*address, "grpc.listen").await?);
        }
        for address in &config.grpc.listen_if_free {
            listening.grpc.extend(bind_if_free(*address, "grpc.listen_if_free").await);
        }
        for address in &config.http.listen {
            listening.http.push(bind(*address, "http.listen").await?);
        }
        let node = Node::start(config, platform, Arc::new(Metrics::new())).await?;
        Ok(Self::listen(node, listening))
    }

    fn listen(node: Arc<Node>, listening: Listening) -> Self {
        let (phase, _) = watch::channel(Phase::Serving);
        let addresses = |listeners: &[TcpListener]| {
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect::<Vec<_>>()
        };
        let (grpc_addresses, http_addresses) = (addresses(&listening.grpc), addresses(&listening.http));
        let mut listeners = JoinSet::new();
        let settings = node.config();
        let options = grpc::Options {
            message_bytes_max: settings.grpc.message_bytes_max,
            keepalive: settings.grpc.keepalive,
            reflection: settings.grpc.reflection,
        };
        let router = http::router(node.clone(), Arc::clone(node.metrics()), &settings.http);
        for listener in listening.grpc {
            let (node, phase) = (Arc::clone(&node), phase.subscribe());
            listeners.spawn(async move {
                if let Err(error) = grpc::serve(node, listener, options, phase).await {
                    tracing::error!(code = codes::LISTENER_ENDED.id, %error, "a gRPC listener has ended");
                }
            });
        }
        for listener in listening.http {
            listeners.spawn(http::serve(listener, router.clone(), reached(phase.subscribe(), Phase::Stopped)));
        }
        listeners.spawn(tick_dispatch(Arc::clone(&node), phase.subscribe()));
        Self { node, grpc: grpc_addresses, http: http_addresses, phase, listeners }
    }

    /// The node behind the listeners.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Where gRPC is served.
    pub fn grpc(&self) -> &[SocketAddr] {
        &self.grpc
    }

    /// Where HTTP is served.
    pub fn http(&self) -> &[SocketAddr] {
        &self.http
    }

    /// Drains and stops: workers are sent away, what is in flight is answered, everything
    /// acknowledged is on disk.
    pub async fn stop(mut self) -> Result<(), storage::Error> {
        self.phase.send_replace(Phase::Draining);
        let patience = self.node.config().node.drain_timeout;
        let drained = async {
            while self.node.busy() {
                tokio::time::sleep(DISPATCH_TICK).await;
            }
        };
        if tokio::time::timeout(patience, drained).await.is_err() {
            tracing::warn!(code = codes::DRAIN_TIMED_OUT.id, "some calls were still open when the time to drain was over");
        }
        self.phase.send_replace(Phase::Stopped);
        let ended = async { while self.listeners.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, ended).await.is_err() {
            self.listeners.shutdown().await;
        }
        self.node.stop().await
    }
}

#[derive(Debug, Default)]
struct Listening {
    grpc: Vec<TcpListener>,
    http: Vec<TcpListener>,
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

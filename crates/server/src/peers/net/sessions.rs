//! The door: what a node starts, tells about the others, and stops.
//!
//! One task accepts connections and keeps a dialler for each node that is known. Not here: what is said
//! (`frame`), and who is believed (`greeting`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::id::NodeId;
use platform::{Clock, Entropy};
use rustls::{ClientConfig, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::dialler;
use super::greeting::{Greeted, Own, Trouble};
use super::quiet::Quiet;
use super::table::Table;
use super::tls;
use crate::ingress::accept::accept;
use crate::observe::codes;
use crate::peers::Refusal;
use crate::peers::frame::Frame;
use crate::peers::identity::admitting::Joins;
use crate::peers::identity::{Identity, Unusable};
use crate::peers::links::{Carrier, Hears, Lane, Peer};

/// Connections at once that have not said who they are. More wait in the system's queue.
const STRANGERS_MAX: usize = 128;
/// A greeting takes a few round trips and two signatures of each side.
const GREETING: u32 = 2;

/// Where each known node is reached, `HOST:PORT`.
pub(super) type Addresses = BTreeMap<NodeId, String>;

/// What sessions are told.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// After how long without a word a peer is lost.
    pub silence_max: Duration,
}

impl Settings {
    /// How long it may take until both sides have agreed.
    pub(super) fn greeting_max(self) -> Duration {
        self.silence_max * GREETING
    }
}

/// What sessions need.
#[derive(Debug)]
pub struct Start {
    /// Who this node is.
    pub identity: Arc<Identity>,
    /// Drawn for this process.
    pub incarnation: u64,
    /// Where other nodes come in.
    pub listener: TcpListener,
    /// What becomes of what is heard.
    pub hears: Arc<dyn Hears>,
    /// Times.
    pub settings: Settings,
    /// Lets others join, where this node may.
    pub joins: Option<Arc<Joins>>,
    /// For certificates and pauses.
    pub clock: Arc<dyn Clock>,
    /// For pauses.
    pub entropy: Arc<dyn Entropy>,
}

/// What all tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) own: Own,
    pub(super) table: Arc<Table>,
    pub(super) hears: Arc<dyn Hears>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) dialling: Arc<ClientConfig>,
    listening: Arc<ServerConfig>,
    joins: Option<Arc<Joins>>,
    pub(super) quiet: Quiet,
}

/// Sessions with all other nodes that are known or come by themselves.
#[derive(Debug)]
pub struct Sessions {
    shared: Arc<Shared>,
    known: watch::Sender<Addresses>,
    stopping: watch::Sender<bool>,
    keeping: Mutex<Option<JoinHandle<()>>>,
}

impl Sessions {
    /// Listens from now on. Must be called within the runtime. An identity that does not fit together is
    /// an error.
    pub fn start(start: Start) -> Result<Arc<Self>, Unusable> {
        let Start { identity, incarnation, listener, hears, settings, joins, clock, entropy } = start;
        let shared = Arc::new(Shared {
            dialling: tls::dialling(&identity, Arc::clone(&clock))?,
            listening: tls::listening(&identity, Arc::clone(&clock))?,
            own: Own { identity, incarnation },
            table: Table::new(),
            joins,
            hears,
            settings,
            quiet: Quiet::new(Arc::clone(&clock)),
            clock,
            entropy,
        });
        let known = watch::Sender::new(Addresses::new());
        let stopping = watch::Sender::new(false);
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            known: known.subscribe(),
            diallers: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        let keeping = tokio::spawn(keeper.run(listener, stopping.subscribe()));
        Ok(Arc::new(Self { shared, known, stopping, keeping: Mutex::new(Some(keeping)) }))
    }

    /// All nodes that there are and where they are reached, `HOST:PORT`; this node may be among them. A
    /// session with one that was known and is not any more is ended.
    pub fn know(&self, nodes: BTreeMap<NodeId, String>) {
        self.known.send_if_modified(|known| {
            let is_new = *known != nodes;
            *known = nodes;
            is_new
        });
    }

    /// A node has been removed for good: its session is ended and none begins any more, although its
    /// certificate is good. Holds for this process.
    pub fn expel(&self, node: NodeId) {
        self.shared.table.expel(node);
    }

    /// With whom there is a session now.
    pub fn peers(&self) -> Vec<Peer> {
        self.shared.table.peers()
    }

    /// Takes no more frames, writes those that wait, and ends all sessions. Returns when each has been
    /// told to be lost.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        let keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeping) = keeping {
            // It ends by itself, or has panicked and said so.
            drop(keeping.await);
        }
    }
}

impl Carrier for Sessions {
    fn send(&self, to: NodeId, lane: Lane, frame: Frame) -> bool {
        self.shared.table.send(to, lane, frame)
    }
}

/// The task that the others belong to.
struct Keeper {
    shared: Arc<Shared>,
    known: watch::Receiver<Addresses>,
    diallers: BTreeMap<NodeId, AbortHandle>,
    tasks: JoinSet<()>,
}

impl Keeper {
    async fn run(mut self, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        self.know();
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                Ok(()) = self.known.changed() => self.know(),
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        // A dialler may be among those that a mistake of ours has ended.
                        self.diallers.retain(|_, dialler| !dialler.is_finished());
                        self.know();
                    }
                }
                (stream, permit) = accept(&listener, &strangers) => {
                    let known = self.known.clone();
                    self.tasks.spawn(hear(Arc::clone(&self.shared), known, stream, permit));
                }
            }
        }
        drop(listener);
        self.shared.table.drain();
        let patience = self.shared.settings.silence_max;
        let table = Arc::clone(&self.shared.table);
        let drained = async {
            for peer in table.peers() {
                table.vacant(peer.node).await;
            }
        };
        // What has not gone by then is cut; each session says that it is lost when its task goes.
        drop(timeout(patience, drained).await);
        self.tasks.shutdown().await;
    }

    /// Begins with new nodes, ends with those that are gone.
    fn know(&mut self) {
        let known = self.known.borrow_and_update().clone();
        let gone: Vec<NodeId> =
            self.diallers.keys().filter(|node| !known.contains_key(node)).copied().collect();
        for node in gone {
            if let Some(dialler) = self.diallers.remove(&node) {
                dialler.abort();
            }
            self.shared.table.cut(node);
        }
        for node in known.into_keys().filter(|node| *node != self.shared.own.identity.node) {
            if !self.diallers.contains_key(&node) {
                let dialler = dialler::run(Arc::clone(&self.shared), node, self.known.clone());
                self.diallers.insert(node, self.tasks.spawn(dialler));
            }
        }
    }
}

/// Hears somebody who came by himself.
async fn hear(
    shared: Arc<Shared>,
    known: watch::Receiver<Addresses>,
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
) {
    let from = stream.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip());
    let patience = shared.settings.greeting_max();
    let met = timeout(patience, meet(&shared, stream)).await.unwrap_or(Err(Trouble::Late));
    match met {
        Ok(Met::Node(greeted)) => {
            drop(permit);
            shared.quiet.forget(greeted.place.peer.node);
            dialler::run_session(&shared, greeted).await;
        }
        Ok(Met::Joiner(stream, joins)) => {
            let nodes = known.borrow().clone();
            match joins.hear(stream, nodes, patience).await {
                Ok(node) => tracing::info!(node = node.0, %from, "a node has joined the cluster"),
                Err(trouble) => shared.quiet.tell_heard(from, &trouble),
            }
        }
        Err(trouble) => shared.quiet.tell_heard(from, &trouble),
    }
}

/// Who came.
enum Met {
    /// Another node.
    Node(Greeted<TlsStream<TcpStream>>),
    /// Somebody who wants to be one.
    Joiner(TlsStream<TcpStream>, Arc<Joins>),
}

async fn meet(shared: &Shared, stream: TcpStream) -> Result<Met, Trouble> {
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&shared.listening));
    let stream = acceptor.accept(stream).await.map_err(tls::trouble)?;
    let (_, connection) = stream.get_ref();
    if connection.alpn_protocol() == Some(tls::JOIN) {
        let joins = shared.joins.clone().ok_or_else(|| {
            Trouble::Refused(Refusal::new(&codes::NO_IDENTITY, "this node does not have the authority's key"))
        });
        return Ok(Met::Joiner(stream, joins?));
    }
    let certificate = connection.peer_certificates().and_then(|chain| chain.first()).cloned();
    Ok(Met::Node(shared.own.greet(stream, certificate, None, &shared.table).await?))
}

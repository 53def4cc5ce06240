//! What tests of sessions share: a cluster's authority, nodes on loopback, what they heard, and a wire
//! that can be cut.
//!
//! Not here: what is tested. Waiting is for a state, with a deadline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::id::NodeId;
use platform::fault::{SimClock, SimEntropy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Sessions, Settings, Start};
use crate::peers::frame::{Frame, Kind, Row, Rows};
use crate::peers::identity::authority::{Authority, new_key};
use crate::peers::identity::{ClusterId, Identity, Proof};
use crate::peers::links::{Hears, Peer};

pub(in crate::peers) const NOW: Duration = Duration::from_secs(1_800_000_000);
pub(in crate::peers) const SILENCE_MAX: Duration = Duration::from_millis(500);
/// A test that waits that long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A part of rows of about this size.
pub(super) fn rows(part: u32, bytes: usize) -> Frame {
    let row = Row { key: Bytes::new(), value: vec![7; bytes].into() };
    Kind::Rows(Rows { part, rows: vec![row], ..Rows::default() }).into()
}

/// What a node heard, in order.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::peers) enum Said {
    Connected(Peer),
    Heard(NodeId, Frame),
    Lost(Peer),
}

#[derive(Debug, Default)]
pub(in crate::peers) struct Heard(watch::Sender<Vec<Said>>);

impl Heard {
    fn push(&self, said: Said) {
        self.0.send_modify(|all| all.push(said));
    }

    /// All, once it is as wanted.
    pub(in crate::peers) async fn until(&self, wanted: impl Fn(&[Said]) -> bool) -> Vec<Said> {
        let mut all = self.0.subscribe();
        let waiting = all.wait_for(|all| wanted(all));
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("still {:?}", self.events())).expect("the sender is here").clone()
    }

    /// What was said without the frames.
    pub(super) fn events(&self) -> Vec<Said> {
        self.0.borrow().iter().filter(|said| !matches!(said, Said::Heard(..))).cloned().collect()
    }
}

impl Hears for Heard {
    fn connected(&self, peer: Peer) {
        self.push(Said::Connected(peer));
    }

    fn heard(&self, from: NodeId, frame: Frame) {
        self.push(Said::Heard(from, frame));
    }

    fn lost(&self, peer: Peer) {
        self.push(Said::Lost(peer));
    }
}

/// A cluster that can be joined without asking.
pub(super) struct World {
    pub(super) cluster: ClusterId,
    authority: Authority,
}

impl World {
    pub(super) fn new() -> Self {
        let cluster = ClusterId([9; 16]);
        Self { cluster, authority: Authority::found(cluster, NOW).unwrap() }
    }

    pub(super) fn identity(&self, node: u64) -> Identity {
        let key = new_key().unwrap();
        let certificate = self.authority.sign(NodeId(node), &key.public, NOW).unwrap();
        let proof = Proof { ca: self.authority.certificate_pem().to_owned(), certificate, key: key.pem };
        Identity::new(self.cluster, NodeId(node), format!("n{node}"), &proof).unwrap()
    }

    pub(super) async fn node(&self, node: u64, incarnation: u64) -> Node {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Heard::default());
        let sessions = Sessions::start(Start {
            identity: Arc::new(self.identity(node)),
            incarnation,
            listener,
            hears: heard.clone(),
            settings: Settings { silence_max: SILENCE_MAX },
            joins: None,
            clock: clock(),
            entropy: Arc::new(SimEntropy::new(node)),
        });
        Node { sessions: sessions.unwrap(), heard, address, peer: Peer { node: NodeId(node), incarnation } }
    }
}

pub(in crate::peers) fn clock() -> Arc<SimClock> {
    Arc::new(SimClock::new(NOW))
}

pub(super) struct Node {
    pub(super) sessions: Arc<Sessions>,
    pub(super) heard: Arc<Heard>,
    pub(super) address: SocketAddr,
    pub(super) peer: Peer,
}

impl Node {
    pub(super) fn know(&self, nodes: &[(u64, SocketAddr)]) {
        self.sessions.know(nodes.iter().map(|(node, at)| (NodeId(*node), at.to_string())).collect());
    }

    /// Until there have been this many sessions with a peer.
    pub(super) async fn connected(&self, peer: &Peer, times: usize) {
        let wanted = Said::Connected(peer.clone());
        self.heard.until(|all| all.iter().filter(|said| **said == wanted).count() >= times).await;
    }

    pub(super) async fn lost(&self, peer: &Peer) {
        let wanted = Said::Lost(peer.clone());
        self.heard.until(|all| all.contains(&wanted)).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Bytes pass.
    Whole,
    /// They stay where they are, and nobody is told.
    Mute,
    /// Connections are closed; new ones may come.
    Cut,
}

/// Stands between two nodes.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) wire: watch::Sender<Wire>,
}

impl Proxy {
    pub(super) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = watch::Sender::new(Wire::Whole);
        let state = wire.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target).await else { continue };
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::spawn(pass(near_read, far_write, state.clone()));
                tokio::spawn(pass(far_read, near_write, state.clone()));
            }
        });
        Self { address, wire }
    }

    /// Closes what is open and lets new connections pass.
    pub(super) fn cut(&self) {
        self.wire.send_replace(Wire::Cut);
        self.wire.send_replace(Wire::Whole);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut wire: watch::Receiver<Wire>,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let wire_now = *wire.borrow_and_update();
        tokio::select! {
            biased;
            // Any change ends what was open, but for being mute.
            changed = wire.changed() => if changed.is_err() || *wire.borrow() != Wire::Mute { return },
            read = from.read(&mut buffer), if wire_now == Wire::Whole => match read {
                Ok(length) if length > 0 => if to.write_all(&buffer[..length]).await.is_err() { return },
                _ => return,
            },
        }
    }
}

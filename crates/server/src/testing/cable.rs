//! Sessions between nodes of one process, to be cut and mended.
//!
//! Each node has one task that hears what comes for it, in order. Not here: sockets (`peers::net`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::id::NodeId;
use tokio::sync::{mpsc, watch};

use crate::peers::frame::{Frame, Kind};
use crate::peers::links::{Carrier, Hears, Lane, Links, Peer};

/// Frames on their way to one node.
const ROOM: usize = 10_000;

/// What connects the nodes. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Cable(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inside: Mutex<Inside>,
    swallowed: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Inside {
    ears: BTreeMap<NodeId, mpsc::Sender<Said>>,
    /// Pairs with a session, the lower node first, and which session it is.
    up: BTreeMap<(NodeId, NodeId), u64>,
    sessions: u64,
    /// What comes of calls gets lost.
    swallows_outcomes: bool,
}

#[derive(Debug)]
enum Said {
    Connected(Peer),
    Frame { from: NodeId, session: u64, frame: Frame },
    Lost(Peer),
}

fn pair(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    (a.min(b), a.max(b))
}

fn peer(node: NodeId) -> Peer {
    Peer { node, incarnation: node.0 }
}

impl Cable {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared { inside: Mutex::default(), swallowed: watch::channel(0).0 }))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `node` sends by.
    pub(crate) fn links(&self, node: NodeId) -> Links {
        Links::new(Arc::new(Plug { node, cable: self.clone() }))
    }

    /// `hears` hears for `node` from now on.
    pub(crate) fn plug_in(&self, node: NodeId, hears: Arc<dyn Hears>) {
        let (ear, mut said) = mpsc::channel(ROOM);
        self.lock().ears.insert(node, ear);
        let cable = self.clone();
        tokio::spawn(async move {
            while let Some(said) = said.recv().await {
                match said {
                    Said::Connected(peer) => hears.connected(peer),
                    Said::Lost(peer) => hears.lost(peer),
                    Said::Frame { from, session, frame } => {
                        if cable.delivers(pair(node, from), session, &frame) {
                            hears.heard(from, frame);
                        }
                    }
                }
            }
        });
    }

    fn delivers(&self, pair: (NodeId, NodeId), session: u64, frame: &Frame) -> bool {
        let inside = self.lock();
        let swallows = inside.swallows_outcomes && matches!(frame.kind, Some(Kind::Told(_)));
        let is_up = inside.up.get(&pair) == Some(&session);
        drop(inside);
        if swallows {
            self.0.swallowed.send_modify(|count| *count += 1);
        }
        is_up && !swallows
    }

    /// A session between two nodes begins.
    pub(crate) fn connect(&self, a: NodeId, b: NodeId) {
        let mut inside = self.lock();
        inside.sessions += 1;
        let session = inside.sessions;
        inside.up.insert(pair(a, b), session);
        inside.say(a, Said::Connected(peer(b)));
        inside.say(b, Said::Connected(peer(a)));
    }

    /// It ends, and what is on its way is lost.
    pub(crate) fn cut(&self, a: NodeId, b: NodeId) {
        let mut inside = self.lock();
        inside.up.remove(&pair(a, b));
        inside.say(a, Said::Lost(peer(b)));
        inside.say(b, Said::Lost(peer(a)));
    }

    /// Whether what comes of calls gets lost from now on.
    pub(crate) fn swallow_outcomes(&self, swallows: bool) {
        self.lock().swallows_outcomes = swallows;
    }

    /// Waits until so many outcomes got lost.
    pub(crate) async fn swallowed(&self, count: usize) {
        let mut swallowed = self.0.swallowed.subscribe();
        swallowed.wait_for(|lost| *lost >= count).await.expect("the cable is there");
    }

    /// Nothing is carried any more.
    pub(crate) fn unplug(&self) {
        let mut inside = self.lock();
        let up: BTreeSet<(NodeId, NodeId)> = inside.up.keys().copied().collect();
        for (a, b) in up {
            inside.say(a, Said::Lost(peer(b)));
            inside.say(b, Said::Lost(peer(a)));
        }
        inside.up.clear();
        inside.ears.clear();
    }
}

impl Inside {
    fn say(&self, to: NodeId, said: Said) -> bool {
        self.ears.get(&to).is_some_and(|ear| ear.try_send(said).is_ok())
    }
}

/// One node's end.
#[derive(Debug)]
struct Plug {
    node: NodeId,
    cable: Cable,
}

impl Carrier for Plug {
    fn send(&self, to: NodeId, _lane: Lane, frame: Frame) -> bool {
        let inside = self.cable.lock();
        let Some(session) = inside.up.get(&pair(self.node, to)).copied() else { return false };
        inside.say(to, Said::Frame { from: self.node, session, frame })
    }
}

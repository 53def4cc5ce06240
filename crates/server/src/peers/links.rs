//! Sending frames to other nodes, and hearing theirs.
//!
//! A *session* is the time during which two nodes hear each other. Not here: sockets and proof of who
//! is at the other end; what carries frames has both, or is a test's loop.

use std::sync::Arc;

use engine::id::NodeId;

use super::frame::Frame;

/// Which queue a frame waits in: a large state on its way must not delay a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Consensus, calls and work items, in the order they were sent.
    Urgent,
    /// Rows of a replica that is far behind, in the order they were sent.
    Bulk,
}

/// Who is at the other end of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Its number in the catalog.
    pub node: NodeId,
    /// Drawn anew for each process: two sessions with one incarnation are with one process.
    pub incarnation: u64,
}

/// What carries frames.
pub trait Carrier: Send + Sync + std::fmt::Debug {
    /// Queues a frame and never blocks; `false`: there is no session, or its queue is full, and the
    /// frame is gone.
    fn send(&self, to: NodeId, lane: Lane, frame: Frame) -> bool;
}

/// What becomes of what is heard. Called from the session's task: implementations only post.
pub trait Hears: Send + Sync + std::fmt::Debug {
    /// A session begins.
    fn connected(&self, peer: Peer);
    /// A frame of a session has come.
    fn heard(&self, from: NodeId, frame: Frame);
    /// The session has ended: what was sent and not answered may have arrived or not.
    fn lost(&self, peer: Peer);
}

/// A handle to what carries frames; a node without others has one that carries nothing.
#[derive(Debug, Clone)]
pub struct Links(Option<Arc<dyn Carrier>>);

impl Links {
    /// Over this carrier.
    pub fn new(carrier: Arc<dyn Carrier>) -> Self {
        Self(Some(carrier))
    }

    /// To nobody.
    pub fn none() -> Self {
        Self(None)
    }

    /// Whether there may be anybody to speak to.
    pub fn are_some(&self) -> bool {
        self.0.is_some()
    }

    /// See [`Carrier::send`].
    pub fn send(&self, to: NodeId, lane: Lane, frame: impl Into<Frame>) -> bool {
        self.0.as_ref().is_some_and(|carrier| carrier.send(to, lane, frame.into()))
    }
}

//! Calls to other nodes that are not answered yet.
//!
//! Whoever calls waits on a channel of its own: it hears what was told, or that nothing will be,
//! because the session has ended. Not here: what is asked and how long somebody waits (`route`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engine::id::NodeId;
use tokio::sync::oneshot;

use super::frame::{Call, Kind, Told};
use super::post::Post;

/// See the file's header. Numbers of calls are never used again within a process.
#[derive(Debug, Default)]
pub(super) struct Asking {
    last: AtomicU64,
    open: Mutex<BTreeMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    node: NodeId,
    told: oneshot::Sender<Bytes>,
}

/// One call that is open for as long as somebody waits.
#[derive(Debug)]
pub(super) struct Called<'a> {
    asking: &'a Asking,
    number: u64,
    told: oneshot::Receiver<Bytes>,
}

impl Asking {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a call; `None`: it was not sent.
    pub(super) fn call(&self, post: &Post, node: NodeId, mut call: Call) -> Option<Called<'_>> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (told, receiver) = oneshot::channel();
        // Open before it is sent: the session may end in between, and must find it.
        self.lock().insert(number, Open { node, told });
        let called = Called { asking: self, number, told: receiver };
        call.call = number;
        post.send_now(node, Kind::Call(call)).then_some(called)
    }

    /// What came of a call.
    pub(super) fn told(&self, from: NodeId, told: Told) {
        let mut open = self.lock();
        if open.get(&told.call).is_some_and(|open| open.node == from)
            && let Some(called) = open.remove(&told.call)
        {
            // Whoever went away meanwhile needs no answer.
            drop(called.told.send(told.outcome));
        }
    }

    /// Nothing will come of the calls to a node.
    pub(super) fn lost(&self, node: NodeId) {
        self.lock().retain(|_, open| open.node != node);
    }
}

impl Called<'_> {
    /// What was told; `None`: nothing will be.
    pub(super) async fn told(mut self) -> Option<Bytes> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Called<'_> {
    fn drop(&mut self) {
        self.asking.lock().remove(&self.number);
    }
}

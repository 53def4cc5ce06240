//! Frames that must not get lost while a session lasts.
//!
//! What finds the session's queue full is kept, in order, and sent when there is room; it goes with
//! the session. Not here: rows and messages between replicas, which are sent again anyway.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::id::NodeId;

use super::frame::Kind;
use super::links::{Lane, Links};
use super::net::wire::FRAME_BYTES_MAX;
use crate::observe::codes;

/// Frames kept for one node, and their bytes. A node that is so far behind loses what comes on top, and
/// with it the time that somebody waits for it.
const KEPT_MAX: usize = 65_536;
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Frames of one session that found no room, in order.
#[derive(Debug, Default)]
struct Kept {
    frames: VecDeque<Kind>,
    bytes: usize,
}

impl Kept {
    fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    fn push(&mut self, kind: Kind, bytes: usize) -> bool {
        let fits = self.frames.len() < KEPT_MAX && self.bytes + bytes <= KEPT_BYTES_MAX;
        if fits {
            self.bytes += bytes;
            self.frames.push_back(kind);
        }
        fits
    }

    fn send(&mut self, links: &Links, to: NodeId) {
        while let Some(kind) = self.frames.front() {
            let bytes = kind.encoded_len();
            if !links.send(to, Lane::Urgent, kind.clone()) {
                break;
            }
            self.bytes -= bytes;
            self.frames.pop_front();
        }
    }
}

/// See the file's header. The lock is held while a frame is sent: a carrier only queues.
#[derive(Debug)]
pub(super) struct Post {
    links: Links,
    kept: Mutex<BTreeMap<NodeId, Kept>>,
    /// Something may be kept.
    keeps: AtomicBool,
}

impl Post {
    pub(super) fn new(links: Links) -> Self {
        Self { links, kept: Mutex::default(), keeps: AtomicBool::new(false) }
    }

    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session begins: from now on frames for this node are kept.
    pub(super) fn connected(&self, node: NodeId) {
        self.lock().insert(node, Kept::default());
    }

    /// The session has ended, and with it what was kept.
    pub(super) fn lost(&self, node: NodeId) {
        self.lock().remove(&node);
    }

    /// Sends a frame, now or later. Without a session it is gone.
    pub(super) fn send(&self, to: NodeId, kind: Kind) {
        let mut kept = self.lock();
        let Some(queue) = kept.get_mut(&to) else { return };
        queue.send(&self.links, to);
        if queue.is_empty() && self.links.send(to, Lane::Urgent, kind.clone()) {
            return;
        }
        let bytes = kind.encoded_len();
        if bytes > FRAME_BYTES_MAX {
            // It would never find room, nor what comes after it.
            tracing::error!(code = codes::INTERNAL.id, %to, bytes, "a frame is longer than any may be");
            return;
        }
        if !queue.push(kind, bytes) {
            return tracing::warn!(code = codes::OVERLOADED.id, %to, "another node is far behind; a frame is lost");
        }
        self.keeps.store(true, Ordering::Relaxed);
    }

    /// Sends a frame now, behind all others; `false`: it is gone.
    pub(super) fn send_now(&self, to: NodeId, kind: Kind) -> bool {
        let kept = self.lock();
        kept.get(&to).is_some_and(Kept::is_empty) && self.links.send(to, Lane::Urgent, kind)
    }

    /// Sends what was kept, as far as there is room. To be called now and then.
    pub(super) fn catch_up(&self) {
        if !self.keeps.load(Ordering::Relaxed) {
            return;
        }
        let mut kept = self.lock();
        for (node, queue) in kept.iter_mut() {
            queue.send(&self.links, *node);
        }
        self.keeps.store(kept.values().any(|queue| !queue.is_empty()), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::peers::frame::{Frame, Work, WorkerGone};
    use crate::peers::links::Carrier;

    /// Takes so many frames more.
    #[derive(Debug, Default)]
    struct Narrow(Mutex<(usize, Vec<u64>)>);

    impl Narrow {
        fn room(&self, frames: usize) {
            self.0.lock().expect("no panic").0 = frames;
        }

        fn taken(&self) -> Vec<u64> {
            self.0.lock().expect("no panic").1.clone()
        }
    }

    impl Carrier for Narrow {
        fn send(&self, _to: NodeId, _lane: Lane, frame: Frame) -> bool {
            let mut inside = self.0.lock().expect("no panic");
            let (true, Some(Kind::WorkerGone(gone))) = (inside.0 > 0, frame.kind) else { return false };
            inside.0 -= 1;
            inside.1.push(gone.worker);
            true
        }
    }

    #[test]
    fn what_finds_no_room_is_sent_later_and_in_order() {
        let narrow = Arc::new(Narrow::default());
        let post = Post::new(Links::new(Arc::<Narrow>::clone(&narrow)));
        let gone = |worker| Kind::WorkerGone(WorkerGone { worker });
        let node = NodeId(2);
        narrow.room(1);
        post.send(node, gone(0));
        assert_eq!(narrow.taken(), [0; 0], "there is no session");
        post.connected(node);
        (1..=3).for_each(|worker| post.send(node, gone(worker)));
        assert_eq!(narrow.taken(), [1]);
        narrow.room(1);
        assert!(!post.send_now(node, gone(9)), "others wait before it");
        post.send(node, gone(4));
        post.catch_up();
        assert_eq!(narrow.taken(), [1, 2]);
        narrow.room(9);
        post.catch_up();
        assert_eq!(narrow.taken(), [1, 2, 3, 4]);
        assert!(post.send_now(node, gone(5)));
        narrow.room(0);
        let item = bytes::Bytes::from(vec![0; FRAME_BYTES_MAX]);
        post.send(node, Kind::Work(Work { worker: 1, item }));
        post.send(node, gone(6));
        narrow.room(1);
        post.catch_up();
        assert_eq!(narrow.taken().last(), Some(&6), "what fits into no frame keeps nothing up");
        narrow.room(0);
        post.send(node, gone(7));
        post.lost(node);
        post.connected(node);
        narrow.room(9);
        post.catch_up();
        assert_eq!(narrow.taken(), [1, 2, 3, 4, 5, 6], "the rest went with its session");
    }
}

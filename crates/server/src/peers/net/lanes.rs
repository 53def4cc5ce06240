//! Frames that wait to be written to one session.
//!
//! Putting one in never waits: where there is no room, it is refused. Urgent ones go first; of the bulk
//! one at a time goes between them, so that an urgent frame waits for at most one part of rows.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use prost::Message as _;
use tokio::sync::Notify;

use super::wire::{FRAME_BYTES_MAX, put};
use crate::peers::frame::Frame;
use crate::peers::links::Lane;

/// What may wait in a lane. One frame always may, however long.
#[derive(Debug, Clone, Copy)]
struct Room {
    bytes: usize,
    frames: usize,
}

/// Two of the longest entries: a leader that is that far ahead of a follower has to slow down anyway.
const URGENT: Room = Room { bytes: 64 << 20, frames: 32_768 };
/// The sender waits for parts to be taken before it sends more.
const BULK: Room = Room { bytes: 16 << 20, frames: 1_024 };
/// Bytes that are written at once.
const BATCH_BYTES: usize = 256 << 10;

/// How it goes on with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Frames come and go.
    Open,
    /// No new ones; those that wait are written, then it ends.
    Draining,
    /// It ends at once.
    Cut,
}

#[derive(Debug)]
struct Queue {
    frames: VecDeque<(usize, Frame)>,
    bytes: usize,
    room: Room,
}

impl Queue {
    fn new(room: Room) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, room }
    }

    fn push(&mut self, bytes: usize, frame: Frame) -> bool {
        let fits = self.bytes + bytes <= self.room.bytes && self.frames.len() < self.room.frames;
        if fits || self.frames.is_empty() {
            self.bytes += bytes;
            self.frames.push_back((bytes, frame));
            return true;
        }
        false
    }

    fn pop(&mut self) -> Option<(usize, Frame)> {
        let (bytes, frame) = self.frames.pop_front()?;
        self.bytes -= bytes;
        Some((bytes, frame))
    }
}

#[derive(Debug)]
struct Inner {
    urgent: Queue,
    bulk: Queue,
    phase: Phase,
}

/// See the file's header.
#[derive(Debug)]
pub(super) struct Lanes {
    inner: Mutex<Inner>,
    changed: Notify,
    cut: Notify,
}

impl Lanes {
    pub(super) fn new() -> Self {
        let inner = Inner { urgent: Queue::new(URGENT), bulk: Queue::new(BULK), phase: Phase::Open };
        Self { inner: Mutex::new(inner), changed: Notify::new(), cut: Notify::new() }
    }

    /// Never waits; `false`: the frame is gone.
    pub(super) fn push(&self, lane: Lane, frame: Frame) -> bool {
        let bytes = frame.encoded_len();
        if bytes > FRAME_BYTES_MAX {
            return false;
        }
        let mut inner = self.lock();
        if inner.phase != Phase::Open {
            return false;
        }
        let taken = match lane {
            Lane::Urgent => inner.urgent.push(bytes, frame),
            Lane::Bulk => inner.bulk.push(bytes, frame),
        };
        drop(inner);
        if taken {
            self.changed.notify_one();
        }
        taken
    }

    /// Goes to a later phase; an earlier one changes nothing.
    pub(super) fn advance(&self, phase: Phase) {
        let mut inner = self.lock();
        inner.phase = inner.phase.max(phase);
        drop(inner);
        self.changed.notify_one();
        if phase == Phase::Cut {
            self.cut.notify_one();
        }
    }

    /// Returns when the session is to end at once. For one task.
    pub(super) async fn cut(&self) {
        self.cut.notified().await;
    }

    /// Appends what should be written next and returns once there is something. The phase says whether
    /// more may follow: with `Draining`, what was appended is the last.
    pub(super) async fn next(&self, into: &mut BytesMut) -> Phase {
        loop {
            let phase = self.fill(into);
            if phase == Phase::Cut || !into.is_empty() || phase == Phase::Draining {
                return phase;
            }
            self.changed.notified().await;
        }
    }

    /// `Open` also while a drain has more than one batch to go.
    fn fill(&self, into: &mut BytesMut) -> Phase {
        let mut inner = self.lock();
        while into.len() < BATCH_BYTES
            && let Some((bytes, frame)) = inner.urgent.pop()
        {
            put(&frame, bytes, into);
        }
        if into.len() < BATCH_BYTES
            && let Some((bytes, frame)) = inner.bulk.pop()
        {
            put(&frame, bytes, into);
        }
        let is_done = inner.urgent.frames.is_empty() && inner.bulk.frames.is_empty();
        match inner.phase {
            Phase::Draining if !is_done => Phase::Open,
            phase @ (Phase::Open | Phase::Draining | Phase::Cut) => phase,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::frame::{CatalogMoved, Kind};
    use crate::peers::net::testing::rows;
    use crate::peers::net::wire::Incoming;

    fn moved(index: u64) -> Frame {
        Kind::CatalogMoved(CatalogMoved { index }).into()
    }

    #[test]
    fn a_full_lane_refuses_and_the_other_goes_on() {
        let lanes = Lanes::new();
        let part = || rows(1, 1 << 20);
        let taken = (0..100).take_while(|_| lanes.push(Lane::Bulk, part())).count();
        assert!((14..=16).contains(&taken), "{taken}");
        assert!(lanes.push(Lane::Urgent, moved(1)));
        let many = (0..100_000).take_while(|at| lanes.push(Lane::Urgent, moved(*at))).count();
        assert_eq!(many, URGENT.frames - 1);
    }

    #[test]
    fn a_frame_longer_than_its_lane_goes_alone_and_one_that_is_too_long_never() {
        let lanes = Lanes::new();
        assert!(lanes.push(Lane::Bulk, rows(1, BULK.bytes + 1)));
        assert!(!lanes.push(Lane::Bulk, moved(1)));
        assert!(!lanes.push(Lane::Urgent, rows(1, FRAME_BYTES_MAX)));
    }

    #[tokio::test]
    async fn urgent_frames_overtake_bulk_and_a_drain_writes_all() {
        let lanes = Lanes::new();
        for at in 0..3 {
            assert!(lanes.push(Lane::Bulk, rows(at, BATCH_BYTES)));
        }
        assert!(lanes.push(Lane::Urgent, moved(7)));
        lanes.advance(Phase::Draining);
        assert!(!lanes.push(Lane::Urgent, moved(8)), "no new ones");
        let mut batches = Vec::new();
        let mut phase = Phase::Open;
        while phase == Phase::Open {
            let mut batch = BytesMut::new();
            phase = lanes.next(&mut batch).await;
            batches.push(batch);
        }
        let first = {
            let mut incoming = Incoming::new(FRAME_BYTES_MAX);
            incoming.fill(&mut &batches[0][..]).await.unwrap();
            Frame::decode(incoming.take().unwrap().unwrap()).unwrap()
        };
        assert_eq!((first, batches.len()), (moved(7), 3), "one part of the bulk for each write");
        lanes.advance(Phase::Open);
        assert_eq!(lanes.next(&mut BytesMut::new()).await, Phase::Draining, "a drain does not end");
        lanes.advance(Phase::Cut);
        assert_eq!(lanes.next(&mut BytesMut::new()).await, Phase::Cut);
    }
}

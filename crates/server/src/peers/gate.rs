//! The last step before a worker: it never has more items at once than it has slots.
//!
//! Several boards hand out to one worker, each for a share of its slots, and shares of at least one may
//! be more than the slots together. So what comes on top waits here. Only where there are other nodes.
//! Not here: which board has which share (`work`).
//!
//! An item counts until its answer passes through this node. One whose answer went elsewhere is
//! noticed when its board, which never has more out than its share, hands out the next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use engine::id::{Epoch, HubId, NodeId, PartitionId};

use crate::dispatch::{HandOutId, Kind, PerKind, Task, Token};
use crate::partition::mutants;

/// Which hand-out: unique for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Out {
    hub: HubId,
    hand_out: HandOutId,
    partition: PartitionId,
    epoch: Epoch,
    kind: Kind,
}

impl From<&Token> for Out {
    fn from(token: &Token) -> Self {
        let Token { hub, partition, epoch, hand_out, .. } = token;
        let kind = match token.task {
            Task::Turn { .. } => Kind::Turn,
            Task::Activity { .. } => Kind::Activity,
            Task::Batch { .. } => Kind::Batch,
        };
        Self { hub: *hub, hand_out: *hand_out, partition: *partition, epoch: *epoch, kind }
    }
}

/// Items waiting for one worker. More are given back.
const WAITING_MAX: usize = 4_096;

#[derive(Debug)]
struct Item {
    from: NodeId,
    out: Option<Out>,
    bytes: Bytes,
}

/// See the file's header.
#[derive(Debug)]
pub(super) struct Gate(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    slots: PerKind<u32>,
    shares: BTreeMap<NodeId, PerKind<u32>>,
    /// With the worker, by whom they were handed out, in the order of hand-outs.
    out: BTreeMap<NodeId, PerKind<BTreeSet<Out>>>,
    waiting: VecDeque<Item>,
    stream: Option<Waker>,
}

impl Gate {
    /// For a worker with so many slots.
    pub(super) fn new(slots: PerKind<u32>) -> Self {
        Self(Mutex::new(Inside {
            slots,
            shares: BTreeMap::new(),
            out: BTreeMap::new(),
            waiting: VecDeque::new(),
            stream: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node's board has this share of the slots.
    pub(super) fn share(&self, node: NodeId, share: PerKind<u32>) {
        self.lock().shares.insert(node, share);
    }

    /// A node hands out no more; what of it waits is handed out by somebody else, and is given back.
    #[must_use = "nobody holds these any more"]
    pub(super) fn gone(&self, node: NodeId) -> Vec<Out> {
        let mut inside = self.lock();
        inside.shares.remove(&node);
        let (gone, stays): (VecDeque<Item>, VecDeque<Item>) =
            std::mem::take(&mut inside.waiting).into_iter().partition(|item| item.from == node);
        inside.waiting = stays;
        gone.into_iter().filter_map(|item| item.out).collect()
    }

    /// An item has come. Whether it is taken, and which others the worker has answered elsewhere.
    #[must_use = "an item that is not taken must be given back"]
    pub(super) fn arrived(&self, from: NodeId, token: Option<&Token>, bytes: Bytes) -> (bool, Vec<Out>) {
        let mut inside = self.lock();
        if inside.waiting.len() >= WAITING_MAX {
            return (false, Vec::new());
        }
        let out = token.map(Out::from);
        let done = out.map_or_else(Vec::new, |out| inside.clip(from, out.kind));
        inside.waiting.push_back(Item { from, out, bytes });
        inside.wake();
        (true, done)
    }

    /// The worker has answered or given back what it had.
    pub(super) fn answered(&self, token: &Token) {
        let out = Out::from(token);
        let mut inside = self.lock();
        let had = inside.out.values_mut().any(|outs| outs.of_mut(out.kind).remove(&out));
        if had && !inside.waiting.is_empty() {
            inside.wake();
        }
    }

    /// The next item that the worker has a slot for. Where there is none, `stream` is woken when there
    /// may be.
    pub(super) fn next(&self, stream: &Waker) -> Option<Bytes> {
        let mut inside = self.lock();
        let next = (0..inside.waiting.len()).find(|index| {
            let out = inside.waiting.get(*index).and_then(|item| item.out);
            let has_slot = |out: Out| inside.used(out.kind) < *inside.slots.of(out.kind);
            out.is_none_or(has_slot) || mutants::active("worker-has-more-than-its-slots")
        });
        let Some(item) = next.and_then(|index| inside.waiting.remove(index)) else {
            inside.stream = Some(stream.clone());
            return None;
        };
        if let Some(out) = item.out {
            inside.out.entry(item.from).or_default().of_mut(out.kind).insert(out);
        }
        Some(item.bytes)
    }
}

impl Inside {
    fn wake(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.wake();
        }
    }

    fn used(&self, kind: Kind) -> u32 {
        let count: usize = self.out.values().map(|outs| outs.of(kind).len()).sum();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// A board hands out one more: it has at most its share less one out, the oldest are done.
    fn clip(&mut self, from: NodeId, kind: Kind) -> Vec<Out> {
        let waiting = self.waiting.iter().filter(|item| item.from == from);
        let waiting = waiting.filter(|item| item.out.is_some_and(|out| out.kind == kind)).count();
        let share = self.shares.get(&from).map_or(0, |share| *share.of(kind));
        let allowed = usize::try_from(share).unwrap_or(usize::MAX).saturating_sub(waiting + 1);
        let Some(outs) = self.out.get_mut(&from).map(|outs| outs.of_mut(kind)) else { return Vec::new() };
        let done = outs.len().saturating_sub(allowed);
        (0..done).filter_map(|_| outs.pop_first()).collect()
    }
}

#[cfg(test)]
mod tests {
    use engine::id::{EntityId, InstanceId};

    use super::*;

    const HERE: NodeId = NodeId(1);
    const THERE: NodeId = NodeId(2);

    fn token(hand_out: u64, partition: u32) -> Token {
        let entity = EntityId::parse("@counter@a").expect("an id");
        Token {
            hub: HubId(1),
            partition: PartitionId(partition),
            epoch: Epoch::default(),
            instance: InstanceId::parse(entity.as_str()).expect("an id"),
            execution: String::new(),
            task: Task::Batch { turn: 1, delivered: 1 },
            attempt: 1,
            hand_out: HandOutId(hand_out),
        }
    }

    fn slots(count: u32) -> PerKind<u32> {
        PerKind { turns: count, activities: count, batches: count }
    }

    fn arrives(gate: &Gate, from: NodeId, token: &Token) {
        let bytes = Bytes::copy_from_slice(&token.hand_out.0.to_be_bytes());
        assert!(gate.arrived(from, Some(token), bytes).0);
    }

    fn next(gate: &Gate) -> Option<u64> {
        let bytes = gate.next(Waker::noop())?;
        Some(u64::from_be_bytes(*bytes.first_chunk().expect("eight bytes")))
    }

    #[test]
    fn a_worker_has_no_more_than_its_slots_whoever_hands_out() {
        let gate = Gate::new(slots(1));
        [HERE, THERE].into_iter().for_each(|node| gate.share(node, slots(1)));
        let (first, second) = (token(1, 0), token(2, 1));
        arrives(&gate, HERE, &first);
        arrives(&gate, THERE, &second);
        assert_eq!((next(&gate), next(&gate)), (Some(1), None));
        gate.answered(&second);
        assert_eq!(next(&gate), None, "that was not with the worker");
        gate.answered(&first);
        assert_eq!((next(&gate), next(&gate)), (Some(2), None));
    }

    #[test]
    fn an_answer_that_went_elsewhere_is_noticed_with_the_next_item() {
        let gate = Gate::new(slots(1));
        gate.share(THERE, slots(1));
        arrives(&gate, THERE, &token(1, 0));
        assert_eq!(next(&gate), Some(1));
        arrives(&gate, THERE, &token(2, 0));
        assert_eq!(next(&gate), Some(2), "its board has one slot, so the first is done");
    }

    #[test]
    fn what_waits_goes_with_its_node() {
        let gate = Gate::new(slots(1));
        [HERE, THERE].into_iter().for_each(|node| gate.share(node, slots(1)));
        let first = token(1, 0);
        arrives(&gate, HERE, &first);
        arrives(&gate, THERE, &token(2, 1));
        assert_eq!(next(&gate), Some(1));
        assert_eq!(gate.gone(THERE), [Out::from(&token(2, 1))]);
        gate.answered(&first);
        assert_eq!(next(&gate), None);
        assert!(gate.arrived(HERE, None, Bytes::from_static(b"11111111")).0, "what has no token");
        assert!(next(&gate).is_some(), "is not counted");
    }
    #[cfg(feature = "mutants")]
    #[test]
    fn the_seeded_bug_of_the_gate_is_found() {
        mutants::set(Some("worker-has-more-than-its-slots"));
        let found = std::panic::catch_unwind(a_worker_has_no_more_than_its_slots_whoever_hands_out);
        mutants::set(None);
        assert!(found.is_err());
    }
}

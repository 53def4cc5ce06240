//! The board: what is offered, what is handed out, and to whom. A pure state machine.
//!
//! An item is one piece of [`Work`] from its first offer until the partition says it has ended. A
//! hand-out is one delivery of it to one worker, and holds one of that worker's slots until the
//! worker answers or goes away, even where the item itself is long done: the two are counted apart.
//! Not here: clocks (`tick` is told the time), channels, bytes, tokens (`shell`). What is lost with
//! this state is offered again by the partitions.
//!
//! ```text
//! Waiting --(worker free)--> Building --(delivered)--> Out --(answered)--> Answered --(ended)--> gone
//! Building --(nothing)--> gone      Building, Out --(worker gone, too slow)--> Waiting
//! Out --(abandoned)--> Delayed      Answered --(unanswered)--> Delayed     Delayed --(tick)--> Waiting
//! ```

#[path = "standing.rs"]
mod standing;

pub use standing::{GivenBack, Stage, Standing};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::id::{Epoch, PartitionId};

use super::filter::Filter;
use super::lanes::{ClassId, End, ItemId, LaneId, LaneKey, Lanes, StreamId};
use super::offer::{Ended, Kind, Offer, PerKind, Work};
use super::options::Options;

/// One delivery of an item, never used again within a process. With the epoch it was made in, which
/// no other process shares, it is unique for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandOutId(pub u64);

/// Something for the shell to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Build this work and deliver it.
    Assign(Assignment),
    /// Offers of this partition were dropped for want of room; there is room again.
    Refill(PartitionId),
}

/// A worker's slot, reserved for an item that is to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) hand_out: HandOutId,
    pub(super) stream: StreamId,
    pub(super) partition: PartitionId,
    pub(super) work: Arc<Work>,
    /// Counted from 1.
    pub(super) attempt: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Delayed { due: Duration },
    Building { hand_out: HandOutId },
    Out { hand_out: HandOutId },
    Answered { hand_out: HandOutId },
}

#[derive(Debug)]
struct Item {
    partition: PartitionId,
    work: Arc<Work>,
    lane: LaneId,
    offered: Duration,
    state: State,
    attempts: u32,
    setbacks: u32,
    /// How often workers gave it back.
    given_back: u32,
    /// The worker that gave it back or took too long.
    avoid: Option<StreamId>,
    /// It was offered again since it was last built.
    again: bool,
}

#[derive(Debug)]
struct HandOut {
    stream: StreamId,
    kind: Kind,
    item: ItemId,
    work: Arc<Work>,
    /// Set once it is delivered.
    out: Option<(Epoch, Duration)>,
}

#[derive(Debug)]
struct Stream {
    class: ClassId,
    limits: PerKind<u32>,
    used: PerKind<u32>,
}

/// See the file's header.
///
/// Invariant: an item in `Building`, `Out` or `Answered` names its newest hand-out, and no two items
/// name the same; `used` of a stream counts its hand-outs.
#[derive(Debug, Default)]
pub(super) struct Board {
    options: Options,
    now: Duration,
    items: BTreeMap<ItemId, Item>,
    by_work: BTreeMap<Arc<Work>, ItemId>,
    hand_outs: BTreeMap<HandOutId, HandOut>,
    streams: BTreeMap<StreamId, Stream>,
    lanes: Lanes,
    delayed: BTreeSet<(Duration, ItemId)>,
    overflowed: BTreeSet<PartitionId>,
    /// Invariant: how many hand-outs of a kind there are.
    handed_out: PerKind<usize>,
    redelivered: u64,
    next_id: u64,
    next_check: Duration,
    actions: Vec<Action>,
}

/// How much there is on the board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Items that wait for a worker.
    pub waiting: PerKind<usize>,
    /// Slots that are taken.
    pub in_flight: PerKind<usize>,
    /// Connected workers.
    pub workers: usize,
    /// Items ever handed out again because their worker went away or was too slow.
    pub redelivered: u64,
}

impl Board {
    pub(super) fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    pub(super) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    // -- the partitions' side

    /// Something is to be done. Where it is on the board already, that is noted and nothing else.
    pub(super) fn offer(&mut self, offer: Offer) {
        if let Some(item) = self.by_work.get(&offer.work).and_then(|id| self.items.get_mut(id)) {
            item.again = true;
            return;
        }
        if self.items.len() >= self.options.items_max {
            self.overflowed.insert(offer.partition);
            return;
        }
        let kind = offer.work.kind();
        let lane = self.lanes.join_lane(LaneKey { kind, name: offer.name, version: offer.version });
        let id = ItemId(self.id());
        let work = Arc::new(offer.work);
        self.by_work.insert(Arc::clone(&work), id);
        let item = Item {
            partition: offer.partition,
            work,
            lane,
            offered: self.now,
            state: State::Waiting,
            attempts: 0,
            setbacks: 0,
            given_back: 0,
            avoid: None,
            again: false,
        };
        self.items.insert(id, item);
        self.place(id, End::Back);
    }

    /// The work of a hand-out was built and is on its way. `false`: nobody wants it any more.
    pub(super) fn deliver(&mut self, hand_out: HandOutId, epoch: Epoch) -> bool {
        let Some(out) = self.hand_outs.get_mut(&hand_out) else { return false };
        let Some(item) = self.items.get_mut(&out.item) else {
            self.free(hand_out);
            return false;
        };
        out.out = Some((epoch, self.now));
        item.state = State::Out { hand_out };
        item.again = false;
        true
    }

    /// The work of a hand-out does not exist any more, or was given up by the partition.
    pub(super) fn nothing(&mut self, hand_out: HandOutId) {
        if let Some(id) = self.current(hand_out) {
            self.remove(id);
        }
        self.free(hand_out);
    }

    /// A hand-out was not built: the item waits again, and this does not count as an attempt.
    pub(super) fn give_up(&mut self, hand_out: HandOutId) {
        let Some(id) = self.current(hand_out) else { return self.free(hand_out) };
        if let Some(item) = self.items.get_mut(&id) {
            item.attempts = item.attempts.saturating_sub(1);
        }
        self.free(hand_out);
        self.delay(id);
    }

    /// A completion of this work was applied.
    pub(super) fn ended(&mut self, work: &Work, ended: Ended) {
        let Some((id, item)) = self.by_work.get(work).and_then(|id| Some((*id, self.items.get_mut(id)?)))
        else {
            return;
        };
        let answered = matches!(item.state, State::Answered { .. });
        match ended {
            Ended::Accepted => self.remove(id),
            // A late answer to an earlier hand-out: the present one goes on.
            Ended::Refused if !answered => {}
            // The answer was to something else than is offered now, such as a new instance of the
            // same id whose offer was only noted.
            Ended::Refused if item.again => {
                (item.attempts, item.again) = (0, false);
                item.state = State::Waiting;
                self.place(id, End::Front);
            }
            Ended::Refused => self.remove(id),
        }
    }

    /// The partition does not lead any more: everything of it is forgotten, slots excepted.
    pub(super) fn reset(&mut self, partition: PartitionId) {
        self.overflowed.remove(&partition);
        let of = |(id, item): (&ItemId, &Item)| (item.partition == partition).then_some((*id, item.lane));
        let gone: BTreeMap<ItemId, LaneId> = self.items.iter().filter_map(of).collect();
        let lanes: BTreeSet<LaneId> = gone.values().copied().collect();
        for lane in lanes {
            self.lanes.withdraw(lane, |item| gone.contains_key(&item));
        }
        for id in gone.keys() {
            // Already withdrawn, with all others of its lane at once.
            if let Some(item) = self.items.get_mut(id).filter(|item| item.state == State::Waiting) {
                item.state = State::Building { hand_out: HandOutId(0) };
            }
            self.remove(*id);
        }
    }

    // -- the workers' side

    /// A worker is there.
    pub(super) fn connect(&mut self, filter: Filter, limits: PerKind<u32>) -> StreamId {
        let id = StreamId(self.id());
        let class = self.lanes.join_class(filter);
        self.streams.insert(id, Stream { class, limits, used: PerKind::default() });
        self.mark(id);
        Kind::ALL.into_iter().for_each(|kind| self.fill(id, kind));
        id
    }

    /// A worker has so many slots from now on. What it has beyond them it keeps.
    pub(super) fn resize(&mut self, id: StreamId, limits: PerKind<u32>) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.limits = limits;
        self.mark(id);
        Kind::ALL.into_iter().for_each(|kind| self.fill(id, kind));
    }

    /// A worker has gone: what it held is handed out again at once.
    pub(super) fn disconnect(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        self.lanes.leave_class(stream.class, id);
        let held = self.hand_outs.iter().filter(|(_, out)| out.stream == id).map(|(id, _)| *id);
        let held: Vec<HandOutId> = held.collect();
        for hand_out in held.into_iter().rev() {
            let item = self.held(hand_out);
            if let Some(out) = self.hand_outs.remove(&hand_out) {
                *self.handed_out.of_mut(out.kind) -= 1;
            }
            if let Some(item) = item {
                self.again(item, None);
            }
        }
    }

    /// A worker's answer has arrived. Its slot is free; the item stays until the partition speaks.
    pub(super) fn answered(&mut self, hand_out: HandOutId, work: &Work, epoch: Epoch) {
        if !self.is(hand_out, work, epoch) {
            return;
        }
        if let Some(item) = self.held(hand_out).and_then(|id| self.items.get_mut(&id)) {
            item.state = State::Answered { hand_out };
        }
        self.free(hand_out);
    }

    /// An answer that arrived could not be brought to the partition.
    pub(super) fn unanswered(&mut self, hand_out: HandOutId, work: &Work) {
        let Some(id) = self.by_work.get(work).copied() else { return };
        let state = self.items.get(&id).map(|item| item.state);
        if state == Some(State::Answered { hand_out }) {
            self.delay(id);
        }
    }

    /// A worker gives an item back: it is handed out again after a while, rather to another. This
    /// does not count as an attempt: the worker lives, and another may be of the right version.
    pub(super) fn abandoned(&mut self, hand_out: HandOutId, work: &Work, epoch: Epoch) {
        if let Some(item) = self.back(hand_out, work, epoch) {
            item.given_back = item.given_back.saturating_add(1);
            item.attempts = item.attempts.saturating_sub(1);
        }
    }

    /// A worker's answer cannot be used: the item is handed out again, and this counts as an attempt.
    pub(super) fn spoilt(&mut self, hand_out: HandOutId, work: &Work, epoch: Epoch) {
        self.back(hand_out, work, epoch);
    }

    /// A worker answered this without saying which hand-out it answers: whoever has it now does not
    /// keep it for good.
    pub(super) fn unnamed(&mut self, work: &Work) {
        let item = self.by_work.get(work).and_then(|id| self.items.get(id));
        let Some(State::Out { hand_out }) = item.map(|item| item.state) else { return };
        if let Some((epoch, _)) = self.hand_outs.get(&hand_out).and_then(|out| out.out) {
            self.spoilt(hand_out, work, epoch);
        }
    }

    fn back(&mut self, hand_out: HandOutId, work: &Work, epoch: Epoch) -> Option<&mut Item> {
        if !self.is(hand_out, work, epoch) {
            return None;
        }
        let stream = self.hand_outs.get(&hand_out).map(|out| out.stream);
        let held = self.held(hand_out);
        if let Some(id) = held {
            if let Some(item) = self.items.get_mut(&id) {
                item.avoid = stream;
            }
            self.delay(id);
        }
        self.free(hand_out);
        self.items.get_mut(&held?)
    }

    /// How long the item of a hand-out has been on the board; `None`: it is not wanted any more.
    pub(super) fn waited(&self, hand_out: HandOutId) -> Option<Duration> {
        let item = self.items.get(&self.current(hand_out)?)?;
        Some(self.now.saturating_sub(item.offered))
    }

    /// How long the worker has had what it was handed; `None`: it was not handed this.
    pub(super) fn held_for(&self, hand_out: HandOutId, work: &Work, epoch: Epoch) -> Option<Duration> {
        let (_, since) = self.hand_outs.get(&hand_out).filter(|_| self.is(hand_out, work, epoch))?.out?;
        Some(self.now.saturating_sub(since))
    }

    // -- time

    /// It is `now`, and what is due waits for the next tick: for measuring.
    pub(super) fn it_is(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// It is `now`; a time before the last one counts as the last one.
    pub(super) fn tick(&mut self, now: Duration) {
        self.now = self.now.max(now);
        while let Some((due, id)) = self.delayed.first().copied() {
            if due > self.now {
                break;
            }
            self.delayed.remove(&(due, id));
            if let Some(item) = self.items.get_mut(&id) {
                item.state = State::Waiting;
                self.place(id, End::Front);
            }
        }
        if self.now >= self.next_check {
            self.next_check = self.now + self.options.check_every;
            self.recall_slow_turns();
        }
        self.refill();
    }

    /// When [`Self::tick`] has something to do; `None` until something else happens.
    pub(super) fn due(&self) -> Option<Duration> {
        let delayed = self.delayed.first().map(|(due, _)| *due);
        let check = (!self.hand_outs.is_empty() || !self.overflowed.is_empty()).then_some(self.next_check);
        match (delayed, check) {
            (Some(delayed), Some(check)) => Some(delayed.min(check)),
            (delayed, check) => delayed.or(check),
        }
    }

    fn recall_slow_turns(&mut self) {
        let Some(turn_max) = self.options.turn_max else { return };
        let now = self.now;
        let slow = |out: &HandOut| {
            out.kind != Kind::Activity && out.out.is_some_and(|(_, since)| since + turn_max <= now)
        };
        let slow: Vec<HandOutId> =
            self.hand_outs.iter().filter(|(_, out)| slow(out)).map(|(id, _)| *id).collect();
        for hand_out in slow {
            // The worker keeps its slot: it may be busy with this turn for ever.
            let stream = self.hand_outs.get(&hand_out).map(|out| out.stream);
            if let Some(id) = self.held(hand_out) {
                self.again(id, stream);
            }
        }
    }

    fn refill(&mut self) {
        if self.items.len() <= self.options.items_max / 2
            && let Some(partition) = self.overflowed.pop_first()
        {
            self.actions.push(Action::Refill(partition));
        }
    }

    // -- inside

    /// The item whose newest hand-out this is, whatever its state.
    fn current(&self, hand_out: HandOutId) -> Option<ItemId> {
        let id = self.hand_outs.get(&hand_out)?.item;
        match self.items.get(&id)?.state {
            State::Building { hand_out: newest }
            | State::Out { hand_out: newest }
            | State::Answered { hand_out: newest } => (newest == hand_out).then_some(id),
            State::Waiting | State::Delayed { .. } => None,
        }
    }

    /// The item that depends on this hand-out being answered.
    fn held(&self, hand_out: HandOutId) -> Option<ItemId> {
        let id = self.current(hand_out)?;
        let answered = matches!(self.items.get(&id)?.state, State::Answered { .. });
        (!answered).then_some(id)
    }

    fn is(&self, hand_out: HandOutId, work: &Work, epoch: Epoch) -> bool {
        self.hand_outs
            .get(&hand_out)
            .is_some_and(|out| *out.work == *work && out.out.is_some_and(|(of, _)| of == epoch))
    }

    /// To the next worker at once; but what several workers in a row did not survive waits longer
    /// each time, so that it does not take the rest of them along.
    fn again(&mut self, id: ItemId, avoid: Option<StreamId>) {
        self.redelivered += 1;
        let Some(item) = self.items.get_mut(&id) else { return };
        item.avoid = avoid;
        if item.attempts >= self.options.attempts_at_once {
            return self.delay(id);
        }
        item.state = State::Waiting;
        self.place(id, End::Front);
    }

    fn delay(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let delay = self.options.backoff(item.setbacks);
        item.setbacks = item.setbacks.saturating_add(1);
        let due = self.now + delay;
        item.state = State::Delayed { due };
        self.delayed.insert((due, id));
    }

    /// Hands a waiting item to a free worker, or puts it in its lane.
    fn place(&mut self, id: ItemId, end: End) {
        let Some(item) = self.items.get(&id) else { return };
        match self.lanes.worker_for(item.lane, item.avoid) {
            Some(stream) => self.assign(id, stream),
            None => self.lanes.wait(item.lane, id, end),
        }
    }

    fn assign(&mut self, id: ItemId, stream_id: StreamId) {
        let hand_out = HandOutId(self.id());
        let (Some(item), Some(stream)) = (self.items.get_mut(&id), self.streams.get_mut(&stream_id)) else {
            return;
        };
        let kind = item.work.kind();
        item.state = State::Building { hand_out };
        item.attempts = item.attempts.saturating_add(1);
        *stream.used.of_mut(kind) += 1;
        let work = Arc::clone(&item.work);
        let out = HandOut { stream: stream_id, kind, item: id, work: Arc::clone(&work), out: None };
        let (partition, attempt) = (item.partition, item.attempts);
        self.hand_outs.insert(hand_out, out);
        *self.handed_out.of_mut(kind) += 1;
        self.mark(stream_id);
        self.actions.push(Action::Assign(Assignment {
            hand_out,
            stream: stream_id,
            partition,
            work,
            attempt,
        }));
    }

    /// A worker's slot is free: the next item takes it.
    fn free(&mut self, hand_out: HandOutId) {
        let Some(out) = self.hand_outs.remove(&hand_out) else { return };
        *self.handed_out.of_mut(out.kind) -= 1;
        if let Some(stream) = self.streams.get_mut(&out.stream) {
            *stream.used.of_mut(out.kind) -= 1;
            self.mark(out.stream);
            self.fill(out.stream, out.kind);
        }
    }

    fn fill(&mut self, id: StreamId, kind: Kind) {
        while let Some(stream) = self.streams.get(&id) {
            if stream.used.of(kind) >= stream.limits.of(kind) {
                break;
            }
            let Some(item) = self.lanes.item_for(stream.class, kind) else { break };
            self.assign(item, id);
        }
    }

    fn mark(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        let free = PerKind {
            turns: stream.used.turns < stream.limits.turns,
            activities: stream.used.activities < stream.limits.activities,
            batches: stream.used.batches < stream.limits.batches,
        };
        self.lanes.mark(stream.class, id, free);
    }

    fn remove(&mut self, id: ItemId) {
        let Some(item) = self.items.remove(&id) else { return };
        self.by_work.remove(&item.work);
        match item.state {
            State::Waiting => self.lanes.withdraw(item.lane, |waiting| waiting == id),
            State::Delayed { due } => {
                self.delayed.remove(&(due, id));
            }
            State::Building { .. } | State::Out { .. } | State::Answered { .. } => {}
        }
        self.lanes.leave_lane(item.lane);
        self.refill();
    }

    pub(super) fn load(&self) -> Load {
        Load {
            waiting: self.lanes.waiting(),
            in_flight: self.handed_out,
            workers: self.streams.len(),
            redelivered: self.redelivered,
        }
    }

    pub(super) fn lanes(&self) -> &Lanes {
        &self.lanes
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;

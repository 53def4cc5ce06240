//! The state of one turn, shared by the context, its futures and the replay.
//!
//! Not here: reading history (`replay`) and user-facing types (`context`, `future`).
//! The one thing to know: a waker is never woken or dropped while this state is borrowed, because both
//! can run user code that borrows it again.

use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;
use std::task::Waker;

use outlast_proto::durable_task as pb;
use pb::orchestrator_action::OrchestratorActionType as Action;
use prost_types::Timestamp;

use super::patches::Patches;
use super::section::Sections;
use crate::failure::Failure;

/// What an orchestration is, as its history's first event says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) instance: String,
    pub(crate) execution: String,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What has become of one scheduled task.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Its result has not arrived; somebody may be waiting.
    Open(Option<Waker>),
    /// Its result has arrived and nobody has taken it.
    Done(Result<Option<String>, Failure>),
    /// Its result was taken, or nobody wants it.
    Closed,
}

/// An external event that has arrived and that nobody has taken.
#[derive(Debug)]
struct Arrived {
    order: u64,
    event: pb::HistoryEvent,
}

/// How far the turn is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The code goes over what is committed.
    #[default]
    Replaying,
    /// The code sees what is new.
    Live,
    /// The code is dropped, not because it went on but because there is nothing more to see.
    Over,
}

#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) identity: Identity,
    pub(crate) now: Timestamp,
    pub(crate) phase: Phase,
    /// Actions that history has not confirmed, by id.
    pub(crate) pending: BTreeMap<i32, Action>,
    /// The task with id `n` is at `n - 1`. Invariant: one slot for each id given out.
    slots: Vec<Slot>,
    /// Where in the code each task was asked for. Invariant: as many as slots.
    places: Vec<&'static Location<'static>>,
    /// Which task waits for the answer to an entity, by the request's id.
    requests: BTreeMap<String, i32>,
    pub(crate) sections: Sections,
    pub(crate) patches: Patches,
    /// By name in lower case, oldest first.
    arrived: BTreeMap<String, VecDeque<Arrived>>,
    arrived_count: u64,
    waiters: BTreeMap<u64, (String, Waker)>,
    waiter_last: u64,
    /// How many ids `new_id` has given out.
    pub(crate) ids_made: u64,
    pub(crate) custom_status: Option<String>,
    /// The input of the next generation, once the code has asked for one.
    pub(crate) continue_as_new: Option<String>,
}

impl Turn {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, ..Self::default() }
    }

    /// Adds an action and gives its id; the first is 1.
    #[track_caller]
    pub(crate) fn schedule(&mut self, action: Action) -> i32 {
        self.schedule_at(action, Location::caller())
    }

    /// The same for an action that was asked for at another place of the code.
    pub(crate) fn schedule_at(&mut self, action: Action, place: &'static Location<'static>) -> i32 {
        let id = self.add(Slot::Open(None), place);
        self.pending.insert(id, action);
        id
    }

    /// A task that had its result before it was scheduled, because it cannot be asked for.
    #[track_caller]
    pub(crate) fn schedule_failed(&mut self, failure: Failure) -> i32 {
        self.add(Slot::Done(Err(failure)), Location::caller())
    }

    /// A task that waits for the answer to a request of its own id.
    #[track_caller]
    pub(crate) fn schedule_request(&mut self, request: String, action: Action) -> i32 {
        let id = self.schedule(action);
        self.requests.insert(request, id);
        id
    }

    /// Which task waits for the answer to a request.
    pub(crate) fn task_of(&mut self, request: &str) -> Option<i32> {
        self.requests.remove(request)
    }

    fn add(&mut self, slot: Slot, place: &'static Location<'static>) -> i32 {
        self.slots.push(slot);
        self.places.push(place);
        i32::try_from(self.slots.len()).expect("a turn's history holds fewer than 2^31 tasks")
    }

    /// Where in the code a task was asked for.
    pub(crate) fn place(&self, id: i32) -> Option<&'static Location<'static>> {
        self.places.get(usize::try_from(id).ok()?.checked_sub(1)?).copied()
    }

    /// Where in the code the last task was asked for.
    pub(crate) fn last_place(&self) -> Option<&'static Location<'static>> {
        self.places.last().copied()
    }

    /// Whether a task has its result, taken or not.
    pub(crate) fn is_done(&mut self, id: i32) -> bool {
        matches!(self.slot(id), Some(Slot::Done(_)))
    }

    /// The names of the events that are waited for, in lower case.
    pub(crate) fn awaited_events(&self) -> Vec<String> {
        self.waiters.values().map(|(name, _)| name.clone()).collect()
    }

    fn slot(&mut self, id: i32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    /// A result has arrived: keeps it and gives the waker to wake. A second result changes nothing.
    pub(crate) fn resolve(&mut self, id: i32, result: Result<Option<String>, Failure>) -> Option<Waker> {
        let slot = self.slot(id)?;
        match slot {
            Slot::Open(waker) => {
                let waker = waker.take();
                *slot = Slot::Done(result);
                waker
            }
            Slot::Done(_) | Slot::Closed => None,
        }
    }

    /// Takes the result if it is there, else remembers whom to wake and gives back the waker it replaces.
    pub(crate) fn take_or_wait(
        &mut self,
        id: i32,
        waker: &Waker,
    ) -> Result<Result<Option<String>, Failure>, Option<Waker>> {
        let Some(slot) = self.slot(id) else { return Err(None) };
        match slot {
            Slot::Open(Some(old)) if old.will_wake(waker) => Err(None),
            Slot::Open(waiting) => Err(waiting.replace(waker.clone())),
            Slot::Done(_) => match std::mem::replace(slot, Slot::Closed) {
                Slot::Done(result) => Ok(result),
                Slot::Open(_) | Slot::Closed => Err(None),
            },
            Slot::Closed => Err(None),
        }
    }

    /// Nobody waits for the task any more. What it held is given back to be dropped by the caller.
    pub(crate) fn forget(&mut self, id: i32) -> Option<Waker> {
        match self.slot(id)? {
            Slot::Open(waker) => waker.take(),
            Slot::Done(_) | Slot::Closed => None,
        }
    }

    /// An external event has arrived: keeps it and gives the wakers of all who wait for its name.
    pub(crate) fn event_arrived(&mut self, name: &str, event: pb::HistoryEvent) -> Vec<Waker> {
        let key = name.to_lowercase();
        self.arrived_count += 1;
        let arrived = Arrived { order: self.arrived_count, event };
        let wakers = self.waiters.values().filter(|(name, _)| *name == key).map(|(_, waker)| waker.clone());
        let wakers = wakers.collect();
        self.arrived.entry(key).or_default().push_back(arrived);
        wakers
    }

    /// Takes the oldest event of the name, which is in lower case.
    pub(crate) fn take_event(&mut self, name: &str) -> Option<Option<String>> {
        let queue = self.arrived.get_mut(name)?;
        let arrived = queue.pop_front()?;
        if queue.is_empty() {
            self.arrived.remove(name);
        }
        match arrived.event.event_type {
            Some(pb::history_event::EventType::EventRaised(raised)) => Some(raised.input),
            _ => Some(None),
        }
    }

    /// Takes every event nobody has waited for, in the order in which they arrived.
    pub(crate) fn take_events(&mut self) -> Vec<pb::HistoryEvent> {
        let mut all: Vec<Arrived> = std::mem::take(&mut self.arrived).into_values().flatten().collect();
        all.sort_unstable_by_key(|arrived| arrived.order);
        all.into_iter().map(|arrived| arrived.event).collect()
    }

    pub(crate) fn new_waiter(&mut self) -> u64 {
        self.waiter_last += 1;
        self.waiter_last
    }

    pub(crate) fn wait_for(&mut self, waiter: u64, name: &str, waker: &Waker) -> Option<Waker> {
        if let Some((_, old)) = self.waiters.get_mut(&waiter) {
            return Some(std::mem::replace(old, waker.clone()));
        }
        self.waiters.insert(waiter, (name.to_owned(), waker.clone()));
        None
    }

    pub(crate) fn stop_waiting(&mut self, waiter: u64) -> Option<Waker> {
        self.waiters.remove(&waiter).map(|(_, waker)| waker)
    }

    /// Whether any task or event is being waited for; if not, the code waits for something foreign.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.waiters.is_empty() || self.slots.iter().any(|slot| matches!(slot, Slot::Open(Some(_))))
    }
}

//! The board behind a lock, with channels to the workers' streams: what runner threads and gRPC
//! tasks call.
//!
//! The lock is held for the board's own steps only: never while work is encoded, sent or claimed.
//! Not here: which item goes to which worker (`board`), how it is encoded (`work_item`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use engine::id::{EntityId, Epoch, HubId, InstanceId, PartitionId};
use engine::partition::command::{ActivityKey, Command};
use platform::clock::Clock;
use tokio::sync::mpsc;

use super::board::{Action, Assignment, Board, GivenBack, Load, Standing};
use super::filter::Filter;
use super::lanes::StreamId;
use super::offer::{Ended, Kind, Offer, PerKind, Work};
use super::options::Options;
use super::token::{Invalid, Token, TokenKey};
use super::work_item::{self, Counts, Encoded, Item, Past};
use crate::observe::metrics::HubMetrics;

/// What dispatch asks of the partitions. Called from any thread, also from inside a call of the same
/// partition's runner: implementations only post to the partition's mailbox.
pub trait Claims: Send + Sync + std::fmt::Debug {
    /// A worker has a free slot for work that was offered: build it and deliver the grant.
    fn claim(&self, partition: PartitionId, work: Work, grant: Grant);
    /// Offers of this partition were dropped because the board was full. There is room again: go
    /// through everything outstanding from the start. What is on the board already is recognised.
    fn refill(&self, partition: PartitionId);
}

/// Who gets which work item, for one task hub. Clones share one board.
#[derive(Debug, Clone)]
pub struct Dispatch(Arc<Shell>);

#[derive(Debug)]
struct Shell {
    hub: HubId,
    key: TokenKey,
    options: Options,
    claims: Box<dyn Claims>,
    measure: Measure,
    counts: Counts,
    inner: Mutex<Inner>,
}

/// How long things take, and where that is written down.
#[derive(Debug)]
pub struct Measure {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Of the hub.
    pub metrics: HubMetrics,
}

#[derive(Debug, Default)]
struct Inner {
    board: Board,
    routes: BTreeMap<StreamId, Route>,
    closed: bool,
}

/// The way to a worker.
#[derive(Debug, Clone)]
struct Route {
    sender: mpsc::Sender<Bytes>,
    past: Past,
}

/// What a worker said when it connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// What it takes.
    pub filter: Filter,
    /// How many at once, as sent: 0 is "not stated".
    pub slots: PerKind<i32>,
    /// Whether it can read a long past by itself.
    pub past: Past,
}

/// Work of one name and version that is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Turns, activities or entity batches.
    pub kind: Kind,
    /// Their name.
    pub name: String,
    /// Their version, or "".
    pub version: String,
    /// How many wait.
    pub waiting: usize,
    /// Whether any connected worker takes them at all.
    pub taken: bool,
}

impl Dispatch {
    /// Dispatch of a hub, whose tokens are signed with `key`.
    pub fn new(
        hub: HubId,
        key: TokenKey,
        options: Options,
        claims: Box<dyn Claims>,
        measure: Measure,
    ) -> Self {
        let inner = Inner { board: Board::new(options), ..Inner::default() };
        Self(Arc::new(Shell {
            hub,
            key,
            options,
            claims,
            measure,
            counts: Counts::default(),
            inner: Mutex::new(inner),
        }))
    }

    /// Work is to be done. `Some`: a worker is free now; build the work and deliver it.
    pub fn offer(&self, offer: Offer) -> Option<Grant> {
        let now = self.0.measure.clock.monotonic();
        let mut inner = self.lock();
        inner.board.it_is(now);
        inner.board.offer(offer);
        let mut grants = self.take_grants(&mut inner);
        drop(inner);
        // An offer is matched with nothing but itself, and nothing is removed by it.
        debug_assert!(grants.len() <= 1, "an offer led to {} hand-outs", grants.len());
        match grants.pop() {
            Some(Do::Claim(grant)) => Some(grant),
            Some(Do::Refill(_)) | None => None,
        }
    }

    /// A turn's completion was applied; called before that entry's effects are performed. An accepted
    /// turn is offered again by its partition if the inbox holds anything.
    pub fn turn_ended(&self, _partition: PartitionId, instance: &InstanceId, ended: Ended) {
        let work = Work::Turn { instance: instance.clone() };
        self.change(|board| board.ended(&work, ended));
    }

    /// An activity's completion was applied.
    pub fn activity_ended(&self, key: &ActivityKey, ended: Ended) {
        let work = Work::Activity { key: key.clone() };
        self.change(|board| board.ended(&work, ended));
    }

    /// An entity batch's completion was applied. An accepted one is followed by another offer if the
    /// mailbox holds anything.
    pub fn batch_ended(&self, entity: &EntityId, ended: Ended) {
        let work = Work::Batch { entity: entity.clone() };
        self.change(|board| board.ended(&work, ended));
    }

    /// The partition's leadership has ended: forget its offers and hand-outs.
    pub fn reset(&self, partition: PartitionId) {
        self.change(|board| board.reset(partition));
    }

    /// The time, of a clock that never goes back. To be called when [`Self::due`] is reached; ten
    /// times a second is as good.
    pub fn tick(&self, now: Duration) {
        self.change(|board| board.tick(now));
    }

    /// When [`Self::tick`] will have something to do; `None`: not before something else happens.
    pub fn due(&self) -> Option<Duration> {
        self.lock().board.due()
    }

    /// A worker is there; it leaves when the stream is dropped.
    pub fn connect(&self, worker: Worker) -> WorkerStream {
        let slots = self.slots(&worker);
        let places = slots.turns.saturating_add(slots.activities).saturating_add(slots.batches);
        self.connect_with(worker, slots, places)
    }

    /// A worker that is connected to another node, with its share of the slots, which may change.
    pub fn connect_far(&self, worker: Worker) -> WorkerStream {
        let slots = self.slots(&worker);
        self.connect_with(worker, slots, self.0.options.slots_max.saturating_mul(3))
    }

    /// The slots that a worker gets which asks for these.
    pub fn slots(&self, worker: &Worker) -> PerKind<u32> {
        let options = &self.0.options;
        PerKind {
            turns: options.slots(worker.slots.turns),
            activities: options.slots(worker.slots.activities),
            batches: options.slots(worker.slots.batches),
        }
    }

    /// Each slot has at most one item on its way, so a send never finds the channel full.
    fn connect_with(&self, worker: Worker, slots: PerKind<u32>, places: u32) -> WorkerStream {
        let (sender, receiver) = mpsc::channel(usize::try_from(places).unwrap_or(1).max(1));
        let mut inner = self.lock();
        let id = inner.board.connect(worker.filter, slots);
        if !inner.closed {
            inner.routes.insert(id, Route { sender, past: worker.past });
        }
        let grants = self.take_grants(&mut inner);
        drop(inner);
        self.perform(grants);
        WorkerStream { dispatch: self.clone(), id, receiver }
    }

    /// A worker's answer has arrived: its slot is free for the next item. Until the partition has
    /// spoken, or [`Self::unanswered`] says that it will not, the work is not handed out again.
    pub fn answered(&self, token: &Token) {
        let work = token.work();
        let now = self.0.measure.clock.monotonic();
        let mut held = None;
        self.change(|board| {
            board.it_is(now);
            held = board.held_for(token.hand_out, &work, token.epoch);
            board.answered(token.hand_out, &work, token.epoch);
        });
        if let Some(held) = held {
            let metrics = &self.0.measure.metrics;
            let seconds = match work.kind() {
                Kind::Turn => &metrics.turn_seconds,
                Kind::Activity => &metrics.activity_seconds,
                Kind::Batch => &metrics.batch_seconds,
            };
            seconds.observe(held.as_secs_f64());
        }
    }

    /// An answer could not be brought to the partition, or nobody knows whether it was.
    pub fn unanswered(&self, token: &Token) {
        let work = token.work();
        self.change(|board| board.unanswered(token.hand_out, &work));
    }

    /// A worker gives an item back undone.
    pub fn abandoned(&self, token: &Token) {
        let work = token.work();
        self.change(|board| board.abandoned(token.hand_out, &work, token.epoch));
    }

    /// An answer cannot be used: the item goes to another worker, or to this one again.
    pub fn spoilt(&self, token: &Token) {
        let work = token.work();
        self.change(|board| board.spoilt(token.hand_out, &work, token.epoch));
    }

    /// A turn was answered without a token: it goes to another worker.
    pub fn unnamed(&self, instance: &InstanceId) {
        let work = Work::Turn { instance: instance.clone() };
        self.change(|board| board.unnamed(&work));
    }

    /// Ends all workers' streams, and those that are still to come.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let routes = std::mem::take(&mut inner.routes);
        drop(inner);
        drop(routes);
    }

    /// Takes workers again.
    pub fn reopen(&self) {
        self.lock().closed = false;
    }

    /// Reads a token that a worker sent back.
    pub fn token(&self, text: &str) -> Result<Token, Invalid> {
        Token::parse(text, self.0.hub, &self.0.key)
    }

    /// The token as its worker was given it.
    pub fn sign(&self, token: &Token) -> String {
        token.sign(&self.0.key)
    }

    /// What waits, by name: the answer to "why is it pending".
    pub fn queues(&self) -> Vec<Queue> {
        let inner = self.lock();
        let view = inner.board.lanes().view().filter(|(_, waiting, _)| *waiting > 0);
        view.map(|(key, waiting, taken)| Queue {
            kind: key.kind,
            name: key.name.clone(),
            version: key.version.clone(),
            waiting,
            taken,
        })
        .collect()
    }

    /// Where the work of an instance stands that is on the board.
    pub fn standings(&self, instance: &InstanceId) -> Vec<Standing> {
        self.lock().board.standings(instance)
    }

    /// What workers have given back at least `often` times and waits for its next try.
    pub fn given_back(&self, often: u32) -> Vec<GivenBack> {
        self.lock().board.given_back(often)
    }

    /// How much waits and how much is handed out.
    pub fn load(&self) -> Load {
        self.lock().board.load()
    }

    /// How many workers are connected.
    pub fn workers(&self) -> usize {
        self.load().workers
    }

    /// Counters of encoded and spliced bytes and events.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The board is left consistent by each of its steps; a panic in one stops the process anyway.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, step: impl FnOnce(&mut Board)) {
        let mut inner = self.lock();
        step(&mut inner.board);
        let grants = self.take_grants(&mut inner);
        drop(inner);
        self.perform(grants);
    }

    fn take_grants(&self, inner: &mut Inner) -> Vec<Do> {
        let actions = inner.board.take_actions();
        let grant = |action| match action {
            Action::Assign(assignment) => {
                let route = inner.routes.get(&assignment.stream).cloned();
                Do::Claim(Grant { dispatch: self.clone(), assignment, route, open: true })
            }
            Action::Refill(partition) => Do::Refill(partition),
        };
        actions.into_iter().map(grant).collect()
    }

    fn perform(&self, todo: Vec<Do>) {
        for action in todo {
            match action {
                Do::Claim(grant) => {
                    let work = Work::clone(&grant.assignment.work);
                    self.0.claims.claim(grant.assignment.partition, work, grant);
                }
                Do::Refill(partition) => self.0.claims.refill(partition),
            }
        }
    }

    fn disconnect(&self, id: StreamId) {
        let mut inner = self.lock();
        inner.routes.remove(&id);
        inner.board.disconnect(id);
        let grants = self.take_grants(&mut inner);
        drop(inner);
        self.perform(grants);
    }
}

#[derive(Debug)]
enum Do {
    Claim(Grant),
    Refill(PartitionId),
}

/// A worker's free slot, reserved for one item. Dropped without a word, the item waits for the next
/// try.
#[derive(Debug)]
pub struct Grant {
    dispatch: Dispatch,
    assignment: Assignment,
    /// `None`: the worker has gone, or dispatch is closed.
    route: Option<Route>,
    open: bool,
}

impl Grant {
    /// What is to be built.
    pub fn work(&self) -> Arc<Work> {
        Arc::clone(&self.assignment.work)
    }

    /// Sends the work to the worker. `Some`: this item can be handed to nobody, because it is too
    /// large or failed too often; it was not sent, and the partition proposes this instead.
    #[must_use = "an item that is not handed out must be marked as stuck"]
    #[expect(clippy::needless_pass_by_value, reason = "an item is delivered once, and is of no use after")]
    pub fn deliver(mut self, item: Item) -> Option<Command> {
        self.open = false;
        let shell = &self.dispatch.0;
        let attempt = self.assignment.attempt;
        if attempt > shell.options.attempts_max {
            return Some(self.refuse(&item, work_item::failed_too_often(attempt - 1)));
        }
        let token = item.token(shell.hub, &self.assignment);
        let past = self.route.as_ref().map_or(Past::Inline, |route| route.past);
        let bytes_max = shell.options.item_bytes_max;
        let bytes = match item.encode(&token.sign(&shell.key), (past, bytes_max), &shell.counts) {
            Encoded::Bytes(bytes) => bytes,
            Encoded::TooLarge { bytes } => {
                return Some(self.refuse(&item, work_item::too_large(bytes, bytes_max)));
            }
        };
        if let (true, Some(route)) = (self.hand_out(token.epoch), &self.route) {
            // Gone: the stream's end takes the item back. Full: cannot be, see `connect`.
            if let Err(mpsc::error::TrySendError::Full(_)) = route.sender.try_send(bytes) {
                self.dispatch.abandoned(&token);
            }
        }
        None
    }

    /// The item is on its way; `false`: nobody wants it any more.
    fn hand_out(&self, epoch: Epoch) -> bool {
        let Assignment { hand_out, work, attempt, .. } = &self.assignment;
        let measure = &self.dispatch.0.measure;
        let now = measure.clock.monotonic();
        let (wanted, waited) = {
            let board = &mut self.dispatch.lock().board;
            board.it_is(now);
            (board.deliver(*hand_out, epoch), board.waited(*hand_out))
        };
        // Later attempts waited for other reasons than want of workers.
        if let (Kind::Activity, 1, Some(waited)) = (work.kind(), attempt, waited) {
            measure.metrics.activity_wait_seconds.observe(waited.as_secs_f64());
        }
        wanted
    }

    /// There is no such work any more: the slot goes to the next item.
    pub fn nothing(mut self) {
        self.open = false;
        self.dispatch.change(|board| board.nothing(self.assignment.hand_out));
    }

    fn refuse(&self, item: &Item, reason: String) -> Command {
        self.dispatch.change(|board| board.nothing(self.assignment.hand_out));
        item.mark_stuck(reason)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.open {
            self.dispatch.change(|board| board.give_up(self.assignment.hand_out));
        }
    }
}

/// The work items of one worker, encoded. Dropping it is the worker going away.
#[derive(Debug)]
pub struct WorkerStream {
    dispatch: Dispatch,
    id: StreamId,
    receiver: mpsc::Receiver<Bytes>,
}

impl WorkerStream {
    /// The next encoded `WorkItem`; `None` once dispatch is closed.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.receiver.poll_recv(context)
    }

    /// Its worker's slots.
    pub fn slots(&self) -> Slots {
        Slots { dispatch: self.dispatch.clone(), id: self.id }
    }
}

/// Changes how many items a connected worker may have at once.
#[derive(Debug, Clone)]
pub struct Slots {
    dispatch: Dispatch,
    id: StreamId,
}

impl Slots {
    /// It has so many from now on, at most as many as it was connected with, or is allowed.
    pub fn set(&self, slots: PerKind<u32>) {
        self.dispatch.change(|board| board.resize(self.id, slots));
    }
}

impl Drop for WorkerStream {
    fn drop(&mut self) {
        self.dispatch.disconnect(self.id);
    }
}

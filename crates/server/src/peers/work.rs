//! Workers that take work of other nodes: ours of theirs, and theirs of ours.
//!
//! A worker's stream is connected to the board of its own node, and mirrored to each node that leads
//! partitions of its hub, with a share of its slots. Shares are divided again whenever others lead.
//! Not here: which items a worker gets (`dispatch`), and that it never has too many (`gate`).

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use engine::id::{HubId, InstanceId, NodeId};
use prost::Message as _;
use tokio::task::AbortHandle;

use super::calls;
use super::frame::{self, GivenBack, Kind, Work, WorkerGone};
use super::gate::{Gate, Out};
use super::gateway::Gateway;
use super::post::Post;
use super::routing::Leaders;
use crate::dispatch::{Dispatch, Past, PerKind, Slots, Token, Worker, WorkerStream};
use crate::node::Hub;

/// Before an item is sent again that found no room.
const ROOM_AFTER: Duration = Duration::from_millis(20);
/// Workers of one hub, as where they connect.
const WORKERS_MAX: usize = 10_000;

/// The workers of a node: those that are connected to it, and those of others.
#[derive(Debug, Default)]
pub(super) struct Desk {
    last: AtomicU64,
    near: Mutex<BTreeMap<u64, Near>>,
    far: Mutex<BTreeMap<(NodeId, u64), Far>>,
    /// Who has an item that was handed out.
    holders: Mutex<BTreeMap<Out, Arc<Gate>>>,
}

/// A worker that is connected here.
#[derive(Debug)]
struct Near {
    hub: HubId,
    /// As others are told, but for the share.
    worker: frame::Worker,
    slots: PerKind<u32>,
    here: Slots,
    gate: Arc<Gate>,
    told: BTreeMap<NodeId, PerKind<u32>>,
}

/// A worker that is connected to another node. Dropped, its stream ends.
#[derive(Debug)]
struct Far {
    hub: HubId,
    slots: Slots,
    pump: AbortHandle,
}

impl Drop for Far {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

fn share(slots: PerKind<u32>, nodes: usize) -> PerKind<u32> {
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX).max(1);
    let of = |slots: u32| slots.div_ceil(nodes).max(1);
    PerKind { turns: of(slots.turns), activities: of(slots.activities), batches: of(slots.batches) }
}

impl Near {
    /// Divides its slots among those who lead.
    fn divide(&mut self, me: NodeId, leaders: &Leaders, post: &Post) -> Vec<Out> {
        let mut dropped = Vec::new();
        let gone: Vec<NodeId> =
            self.told.keys().filter(|node| !leaders.nodes.contains(node)).copied().collect();
        for node in gone {
            self.told.remove(&node);
            dropped.extend(self.gate.gone(node));
            post.send(node, Kind::WorkerGone(WorkerGone { worker: self.worker.worker }));
        }
        let share = share(self.slots, leaders.nodes.len() + usize::from(leaders.here));
        if leaders.here {
            self.gate.share(me, share);
            self.here.set(share);
        }
        for node in &leaders.nodes {
            if self.told.insert(*node, share) == Some(share) {
                continue;
            }
            self.gate.share(*node, share);
            let PerKind { turns, activities, batches } = share;
            let worker = frame::Worker { turns, activities, batches, ..self.worker.clone() };
            post.send(*node, Kind::Worker(worker));
        }
        dropped
    }
}

impl Desk {
    fn holders(&self) -> std::sync::MutexGuard<'_, BTreeMap<Out, Arc<Gate>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn near(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Near>> {
        self.near.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn far(&self) -> std::sync::MutexGuard<'_, BTreeMap<(NodeId, u64), Far>> {
        self.far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Divides the slots of a hub's workers again. The lock is held throughout: what is divided last
    /// is what was last known.
    pub(super) fn divide(&self, me: NodeId, hub: HubId, leaders: impl FnOnce() -> Leaders, post: &Post) {
        let mut near = self.near();
        let leaders = leaders();
        let of_hub = near.values_mut().filter(|near| near.hub == hub);
        let dropped: Vec<Out> = of_hub.flat_map(|near| near.divide(me, &leaders, post)).collect();
        self.dropped(&dropped);
    }

    fn dropped(&self, outs: &[Out]) {
        if !outs.is_empty() {
            let mut holders = self.holders();
            outs.iter().for_each(|out| drop(holders.remove(out)));
        }
    }

    /// A session has ended: its workers are gone, and ours get nothing from there.
    pub(super) fn lost(&self, node: NodeId) {
        for near in self.near().values_mut() {
            near.told.remove(&node);
            self.dropped(&near.gate.gone(node));
        }
        self.far().retain(|(of, _), _| *of != node);
    }

    /// A worker's answer passes through here: it has a slot again.
    pub(super) fn answered(&self, token: &Token) {
        let holder = self.holders().remove(&Out::from(token));
        if let Some(gate) = holder {
            gate.answered(token);
        }
    }

    fn arrived(&self, gate: &Arc<Gate>, from: NodeId, (token, item): (Option<&Token>, Bytes)) -> bool {
        if let Some(token) = token {
            self.holders().insert(Out::from(token), Arc::clone(gate));
        }
        let (is_taken, done) = gate.arrived(from, token, item);
        self.dropped(&done);
        if let (false, Some(token)) = (is_taken, token) {
            self.dropped(&[Out::from(token)]);
        }
        is_taken
    }

    /// An item for a worker that is connected here.
    pub(super) fn work(
        &self,
        from: NodeId,
        work: Work,
        hub: impl FnOnce(HubId) -> Option<Arc<Hub>>,
        post: &Post,
    ) {
        let near = self.near();
        let known = near.get(&work.worker).filter(|near| near.told.contains_key(&from));
        // One that has just gone: its board was told, or will be.
        let Some((id, gate)) = known.map(|near| (near.hub, Arc::clone(&near.gate))) else { return };
        drop(near);
        let Some(hub) = hub(id) else { return };
        let token = token_of(&work.item, hub.dispatch());
        if !self.arrived(&gate, from, (token.as_ref(), work.item))
            && let Some(token) = token
        {
            let token = hub.dispatch().sign(&token);
            post.send(from, Kind::GivenBack(GivenBack { hub: id.0, token, ..GivenBack::default() }));
        }
    }

    /// A worker of another node, or its new share.
    pub(super) fn far_worker(&self, from: NodeId, hub: &Hub, told: frame::Worker, post: &Arc<Post>) {
        let key = (from, told.worker);
        let slots = PerKind { turns: told.turns, activities: told.activities, batches: told.batches };
        let mut far = self.far();
        if let Some(known) = far.get(&key).filter(|known| !known.pump.is_finished() && known.hub == hub.id())
        {
            return known.slots.set(slots);
        }
        let filter = calls::read_filter(told.filter);
        let Ok(filter) = filter.inspect_err(|why| tracing::warn!(%from, %why, "a worker's filter")) else {
            return;
        };
        if hub.dispatch().workers() >= WORKERS_MAX {
            return tracing::warn!(%from, hub = hub.name(), "too many workers");
        }
        let asked = |slots: u32| i32::try_from(slots).unwrap_or(i32::MAX);
        let slots = PerKind {
            turns: asked(slots.turns),
            activities: asked(slots.activities),
            batches: asked(slots.batches),
        };
        let past = if told.streams_past { Past::Streamed } else { Past::Inline };
        let stream = hub.dispatch().connect_far(Worker { filter, slots, past });
        let slots = stream.slots();
        let pump = tokio::spawn(pump(stream, Arc::clone(post), key)).abort_handle();
        far.insert(key, Far { hub: hub.id(), slots, pump });
    }

    /// A worker of another node has gone.
    pub(super) fn far_gone(&self, from: NodeId, worker: u64) {
        self.far().remove(&(from, worker));
    }
}

/// Sends a worker's items to its node until it goes.
async fn pump(mut stream: WorkerStream, post: Arc<Post>, (node, worker): (NodeId, u64)) {
    while let Some(item) = poll_fn(|context| stream.poll_next(context)).await {
        // Where there is no session any more, this is about to be aborted.
        while !post.send_now(node, Kind::Work(Work { worker, item: item.clone() })) {
            tokio::time::sleep(ROOM_AFTER).await;
        }
    }
}

/// Another node's worker has not done what a board of this one handed out.
pub(super) fn given_back(hub: &Hub, back: &GivenBack) {
    let dispatch = hub.dispatch();
    match (dispatch.token(&back.token), InstanceId::parse(&back.instance)) {
        (Ok(token), _) if back.spoilt => dispatch.spoilt(&token),
        (Ok(token), _) => dispatch.abandoned(&token),
        (Err(_), Ok(instance)) => dispatch.unnamed(&instance),
        (Err(_), Err(_)) => {}
    }
}

/// What of an item is looked at.
#[derive(Clone, PartialEq, prost::Message)]
struct Handed {
    /// `WorkItem.completionToken`.
    #[prost(string, tag = "10")]
    token: String,
}

fn token_of(item: &Bytes, dispatch: &Dispatch) -> Option<Token> {
    let handed = Handed::decode(item.clone()).ok()?;
    dispatch.token(&handed.token).ok()
}

/// The work items of a worker, whoever hands them out. Dropping it is the worker going away.
#[derive(Debug)]
pub struct Items {
    here: WorkerStream,
    mirror: Option<Mirror>,
}

/// What a worker's stream has where there are other nodes.
#[derive(Debug)]
struct Mirror {
    number: u64,
    dispatch: Dispatch,
    gate: Arc<Gate>,
    gateway: Arc<Gateway>,
}

impl Items {
    pub(super) fn connect(gateway: &Arc<Gateway>, hub: &Hub, worker: Worker) -> Self {
        let dispatch = hub.dispatch();
        if gateway.is_alone() {
            return Self { here: dispatch.connect(worker), mirror: None };
        }
        let slots = dispatch.slots(&worker);
        let told = frame::Worker {
            worker: gateway.desk().last.fetch_add(1, Ordering::Relaxed) + 1,
            hub: hub.id().0,
            filter: calls::filter(&worker.filter),
            streams_past: worker.past == Past::Streamed,
            ..frame::Worker::default()
        };
        let here = dispatch.connect(worker);
        let gate = Arc::new(Gate::new(slots));
        gate.share(gateway.me(), slots);
        let number = told.worker;
        let near = Near {
            hub: hub.id(),
            worker: told,
            slots,
            here: here.slots(),
            gate: Arc::clone(&gate),
            told: BTreeMap::new(),
        };
        gateway.desk().near().insert(number, near);
        gateway.divide(hub.id());
        let mirror = Mirror { number, dispatch: dispatch.clone(), gate, gateway: Arc::clone(gateway) };
        Self { here, mirror: Some(mirror) }
    }

    /// The next encoded `WorkItem`; `None` once dispatch is closed.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(mirror) = &self.mirror else { return self.here.poll_next(context) };
        let (desk, me) = (mirror.gateway.desk(), mirror.gateway.me());
        loop {
            if let Some(item) = mirror.gate.next(context.waker()) {
                return Poll::Ready(Some(item));
            }
            let item = match self.here.poll_next(context) {
                Poll::Ready(Some(item)) => item,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            let token = token_of(&item, &mirror.dispatch);
            if !desk.arrived(&mirror.gate, me, (token.as_ref(), item))
                && let Some(token) = token
            {
                mirror.dispatch.abandoned(&token);
            }
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let desk = self.gateway.desk();
        let near = desk.near().remove(&self.number);
        desk.holders().retain(|_, gate| !Arc::ptr_eq(gate, &self.gate));
        for node in near.iter().flat_map(|near| near.told.keys()) {
            self.gateway.send(*node, Kind::WorkerGone(WorkerGone { worker: self.number }));
        }
    }
}

/// Hubs among keys, once each.
pub(super) fn hubs_of(keys: &[super::routing::Key]) -> BTreeSet<HubId> {
    keys.iter().map(|(hub, _)| *hub).collect()
}

#[cfg(test)]
mod tests {
    use engine::id::PartitionId;

    use super::*;
    use crate::dispatch::{self, Claims, Filter, Grant, Measure, TokenKey};
    use crate::observe::metrics::Metrics;
    use crate::peers::frame::Frame;
    use crate::peers::links::{Carrier, Lane, Links};

    #[derive(Debug)]
    struct NoClaims;

    impl Claims for NoClaims {
        fn claim(&self, _partition: PartitionId, _work: dispatch::Work, grant: Grant) {
            grant.nothing();
        }

        fn refill(&self, _partition: PartitionId) {}
    }

    /// What other nodes were told of workers.
    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<String>>);

    impl Carrier for Told {
        fn send(&self, to: NodeId, _lane: Lane, frame: Frame) -> bool {
            let told = match frame.kind {
                Some(Kind::Worker(worker)) => {
                    format!("{to}: {} {} {}", worker.turns, worker.activities, worker.batches)
                }
                Some(Kind::WorkerGone(_)) => format!("{to}: gone"),
                other => panic!("{other:?} is not about workers"),
            };
            self.0.lock().expect("no panic").push(told);
            true
        }
    }

    fn measure() -> Measure {
        Measure {
            clock: Arc::new(platform::real::RealClock::new()),
            metrics: Metrics::new("test", Duration::ZERO).hub("default"),
        }
    }

    #[test]
    fn slots_are_divided_among_those_who_lead_and_again_when_others_do() {
        let told = Arc::new(Told::default());
        let post = Post::new(Links::new(Arc::<Told>::clone(&told)));
        let me = NodeId(1);
        [2, 3].into_iter().for_each(|node| post.connected(NodeId(node)));
        let key = TokenKey { id: 1, secret: [1; 32] };
        let dispatch =
            Dispatch::new(HubId(1), key, dispatch::Options::default(), Box::new(NoClaims), measure());
        let slots = PerKind { turns: 10, activities: 3, batches: 1 };
        let here = dispatch.connect(Worker { filter: Filter::Everything, slots, past: Past::Inline });
        let slots = PerKind { turns: 10, activities: 3, batches: 1 };
        let near = Near {
            hub: HubId(1),
            worker: frame::Worker { worker: 7, ..frame::Worker::default() },
            slots,
            here: here.slots(),
            gate: Arc::new(Gate::new(slots)),
            told: BTreeMap::new(),
        };
        let desk = Desk::default();
        desk.near().insert(7, near);
        let divide = |hub: u32, here: bool, nodes: &[u64]| {
            let nodes = nodes.iter().copied().map(NodeId).collect();
            desk.divide(me, HubId(hub), || Leaders { here, nodes }, &post);
            std::mem::take(&mut *told.0.lock().expect("no panic"))
        };
        assert_eq!(divide(1, true, &[2, 3]), ["2: 4 1 1", "3: 4 1 1"], "at least one of each");
        assert!(divide(1, true, &[2, 3]).is_empty(), "they know");
        assert!(divide(2, true, &[]).is_empty(), "another hub");
        assert_eq!(divide(1, false, &[2]), ["3: gone", "2: 10 3 1"]);
        desk.lost(NodeId(2));
        assert!(divide(1, true, &[]).is_empty(), "its session is gone, and the worker with it");
        assert_eq!(divide(1, true, &[2]), ["2: 5 2 1"]);
    }
}

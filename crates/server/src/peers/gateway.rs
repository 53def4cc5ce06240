//! What this node does for clients and workers of others, and they for its own.
//!
//! Any node serves any client and worker of any hub: it is their *gateway* to the nodes that lead the
//! hub's partitions. Here frames become calls of local partitions, and leadership becomes news for
//! others. Not here: the way to a partition (`route`), what is known of leaders (`routing`).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use engine::id::{HubId, InstanceId, NodeId, PartitionId};

use super::asking::{Asking, Called};
use super::calls::{self, Malformed};
use super::frame::{Call, Frame, Kind, Leads, Told};
use super::links::{Hears, Links, Peer};
use super::net::wire::FRAME_BYTES_MAX;
use super::post::Post;
use super::route::Route;
use super::routing::{Key, Rank, Routing};
use super::work::{Desk, Items, given_back, hubs_of};
use crate::dispatch::{Dispatch, Token, Worker};
use crate::ingress::auth::{Action, Principal, Resource, authorize};
use crate::node::Hub;
use crate::partition::address::{Address, Tells, Waiting};
use crate::partition::mailbox::Admission;
use crate::partition::messages::{Answer, Event, Outcome, Unavailable};
use crate::partition::watch::Until;

/// What may be told of one call, with room for what goes around it.
const TOLD_BYTES_MAX: usize = FRAME_BYTES_MAX - (64 << 10);

/// See the file's header.
#[derive(Debug)]
pub struct Gateway {
    me: NodeId,
    post: Arc<Post>,
    routing: Routing,
    asking: Asking,
    desk: Desk,
    served: RwLock<Served>,
    /// Hears what is between replicas and of the catalog.
    replicas: OnceLock<Arc<dyn Hears>>,
}

/// What others may ask of.
#[derive(Debug, Default)]
struct Served {
    catalog: Option<(Route, Admission)>,
    hubs: BTreeMap<HubId, Arc<Hub>>,
}

/// What a call is about.
struct Target {
    route: Route,
    admission: Admission,
    /// `None`: the catalog has no work.
    dispatch: Option<Dispatch>,
}

impl Gateway {
    /// Of node `me`, which reaches others over `links`.
    pub fn new(me: NodeId, links: Links) -> Arc<Self> {
        Arc::new(Self {
            me,
            post: Arc::new(Post::new(links)),
            routing: Routing::default(),
            asking: Asking::default(),
            desk: Desk::default(),
            served: RwLock::default(),
            replicas: OnceLock::new(),
        })
    }

    /// Of a node without others.
    pub fn alone() -> Arc<Self> {
        Self::new(NodeId(1), Links::none())
    }

    /// Which node this is.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// The way to other nodes.
    pub fn links(&self) -> &Links {
        self.post.links()
    }

    /// Whether there can be no other nodes.
    pub(super) fn is_alone(&self) -> bool {
        !self.links().are_some()
    }

    /// Who hears `Raft`, `Rows`, `RowsTaken` and `CatalogMoved`, and each session's begin and end after
    /// this has. The first one counts.
    pub fn set_replicas(&self, replicas: Arc<dyn Hears>) {
        drop(self.replicas.set(replicas));
    }

    /// The way to a partition.
    pub(crate) fn route(self: &Arc<Self>, key: Key) -> Route {
        Route::new(key, self.routing.of(key), Arc::clone(self))
    }

    /// Others may ask the catalog through this node.
    pub(crate) fn serve_catalog(&self, route: Route, admission: Admission) {
        self.served.write().unwrap_or_else(PoisonError::into_inner).catalog = Some((route, admission));
    }

    /// Others may ask a hub's partitions through this node.
    pub(crate) fn serve_hub(&self, hub: Arc<Hub>) {
        self.served.write().unwrap_or_else(PoisonError::into_inner).hubs.insert(hub.id(), hub);
    }

    /// Others may not ask a hub through this node any more.
    pub(crate) fn close_hub(&self, hub: HubId) {
        self.served.write().unwrap_or_else(PoisonError::into_inner).hubs.remove(&hub);
    }

    /// A hub is gone for good.
    pub(crate) fn forget_hub(&self, hub: HubId) {
        self.close_hub(hub);
        self.routing.forget(hub);
    }

    /// Nobody is served any more.
    pub(crate) fn close(&self) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Served::default();
    }

    /// A hub that is open or closed here, but not gone.
    fn hub(&self, hub: HubId) -> Option<Arc<Hub>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).hubs.get(&hub).cloned()
    }

    /// Sends a frame, now or when there is room. It is gone with the session.
    pub(super) fn send(&self, to: NodeId, kind: Kind) {
        self.post.send(to, kind);
    }

    /// Sends what has found no room. To be called now and then.
    pub fn catch_up(&self) {
        self.post.catch_up();
    }

    /// Connects a worker of a hub, wherever its partitions are led.
    pub(crate) fn connect(self: &Arc<Self>, hub: &Hub, worker: Worker) -> Items {
        Items::connect(self, hub, worker)
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// A worker's answer passes through here, on its way to wherever it goes.
    pub(crate) fn answered(&self, token: &Token) {
        if !self.is_alone() {
            self.desk.answered(token);
        }
    }

    /// Divides the slots of a hub's workers among those who lead its partitions now.
    pub(super) fn divide(&self, hub: HubId) {
        if !self.is_alone() {
            self.desk.divide(self.me, hub, || self.routing.leaders(hub), &self.post);
        }
    }

    /// Others lead than before, or nobody does.
    fn moved(&self, keys: &[Key]) {
        hubs_of(keys).into_iter().for_each(|hub| self.divide(hub));
        for (hub, partition) in keys {
            if let Some(hub) = self.hub(*hub) {
                hub.moved(*partition);
            }
        }
    }

    pub(super) fn call(&self, node: NodeId, call: Call) -> Option<Called<'_>> {
        self.asking.call(&self.post, node, call)
    }

    pub(super) fn begins(&self, key: Key, rank: Rank, address: &Address) {
        let told = self.routing.begins(key, rank, address.clone());
        self.tell_all(told, &leads(key, rank, false));
        self.divide(key.0);
    }

    pub(super) fn ended(&self, key: Key, rank: Rank) {
        let told = self.routing.ended(key, rank);
        self.tell_all(told, &leads(key, rank, true));
        self.divide(key.0);
    }

    fn tell_all(&self, told: Vec<NodeId>, leads: &Leads) {
        for node in told {
            self.send(node, Kind::Leads(leads.clone()));
        }
    }

    /// Says what is led here to a node that has just come. What ended while it was said is said again.
    fn introduce(&self, node: NodeId) {
        let said = self.routing.led_here();
        for (key, rank) in &said {
            self.send(node, Kind::Leads(leads(*key, *rank, false)));
        }
        let still = self.routing.led_here();
        for (key, rank) in said.iter().filter(|led| !still.contains(led)) {
            self.send(node, Kind::Leads(leads(*key, *rank, true)));
        }
    }

    fn target(&self, hub: HubId, partition: PartitionId) -> Option<Target> {
        if hub == HubId(0) {
            let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
            let (route, admission) = served.catalog.clone().filter(|_| partition == PartitionId(0))?;
            return Some(Target { route, admission, dispatch: None });
        }
        let hub = self.hub(hub)?;
        let route = hub.route(partition)?;
        let dispatch = Some(hub.dispatch().clone());
        Some(Target { route, admission: hub.admission().clone(), dispatch })
    }

    /// Another node asks something of a partition.
    fn called(&self, from: NodeId, call: &Call) {
        let target = self.target(HubId(call.hub), PartitionId(call.partition));
        let home = target.and_then(|target| Some((target.route.at_home(Address::clone)?, target)));
        let done = match &home {
            Some((address, target)) => self.pass_on(from, call, (address, target)),
            None => Err(Unavailable::NotLeading),
        };
        if let Err(why) = done {
            let outcome = match call.request.is_empty() {
                true => calls::answer(&Err(why)),
                false => calls::outcome(&Err(why)),
            };
            self.caller(from, call, None).say(outcome);
        }
    }

    /// Gives a call to the partition, which answers it itself.
    fn pass_on(
        &self,
        from: NodeId,
        call: &Call,
        (address, target): (&Address, &Target),
    ) -> Result<(), Unavailable> {
        let senseless = |why: Malformed| {
            tracing::warn!(%from, %why, "another node asks for something that makes no sense here");
            Unavailable::Halted(format!("its node does not understand what was asked: {why}"))
        };
        let enter = || target.admission.enter().ok_or(Unavailable::Overloaded);
        if call.request.is_empty() {
            let question = calls::read_question(call.question.clone()).map_err(senseless)?;
            let caller = Box::new(self.caller(from, call, None));
            address.question(question, Waiting::elsewhere(enter()?, caller));
            return Ok(());
        }
        let request = calls::read_request(call.request.clone()).map_err(senseless)?;
        if call.call == 0 {
            address.send(Event::Asked { request, ticket: None });
            return Ok(());
        }
        let admitted = enter()?;
        let answers = target.dispatch.as_ref().and_then(|dispatch| {
            let token = dispatch.token(&call.token).ok()?;
            dispatch.answered(&token);
            Some((dispatch.clone(), token))
        });
        address.ask(request, Waiting::elsewhere(admitted, Box::new(self.caller(from, call, answers))));
        Ok(())
    }

    fn caller(&self, node: NodeId, call: &Call, answers: Option<(Dispatch, Token)>) -> Caller {
        let unknown = match call.request.is_empty() {
            true => calls::answer(&Err(Unavailable::NotLeading)),
            false => calls::outcome(&Err(Unavailable::Unknown)),
        };
        Caller { post: Arc::clone(&self.post), node, call: call.call, unknown: Some(unknown), answers }
    }

    /// A node is not heard any more.
    fn is_lost(&self, node: NodeId) {
        self.post.lost(node);
        let led = self.routing.lost(node);
        self.asking.lost(node);
        self.desk.lost(node);
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        let hubs: Vec<Arc<Hub>> = served.hubs.values().cloned().collect();
        drop(served);
        hubs.iter().for_each(|hub| hub.watchers().lost(node));
        self.moved(&led);
    }

    fn leads(&self, from: NodeId, leads: &Leads) {
        if self.routing.heard(from, leads) {
            self.moved(&[(HubId(leads.hub), PartitionId(leads.partition))]);
        }
    }

    fn with_hub(&self, hub: u32, then: impl FnOnce(&Hub)) {
        if let Some(hub) = self.hub(HubId(hub)) {
            then(&hub);
        }
    }

    fn with_instance(&self, hub: u32, instance: &str, then: impl FnOnce(&Hub, &InstanceId)) {
        if let Ok(instance) = InstanceId::parse(instance) {
            self.with_hub(hub, |hub| then(hub, &instance));
        }
    }

    /// Whether a node may have this node do something.
    fn may(from: NodeId) -> bool {
        authorize(Principal::Node(from), Action::Relay, Resource::Node).is_ok()
    }
}

impl Hears for Gateway {
    fn connected(&self, peer: Peer) {
        if !self.routing.connected(peer.node) {
            // Its process is another one, or the end of the last session was not heard.
            self.is_lost(peer.node);
            self.routing.connected(peer.node);
        }
        self.post.connected(peer.node);
        self.introduce(peer.node);
        self.replicas.get().inspect(|replicas| replicas.connected(peer));
    }

    fn heard(&self, from: NodeId, frame: Frame) {
        if !Self::may(from) {
            return;
        }
        match frame.kind {
            Some(Kind::Leads(leads)) => self.leads(from, &leads),
            Some(Kind::Leaving(_)) => self.moved(&self.routing.leads_no_more(from)),
            Some(Kind::Call(call)) => self.called(from, &call),
            Some(Kind::Told(told)) => self.asking.told(from, told),
            Some(Kind::WorkerGone(gone)) => self.desk.far_gone(from, gone.worker),
            Some(Kind::Work(work)) => self.desk.work(from, work, |hub| self.hub(hub), &self.post),
            Some(Kind::Worker(worker)) => {
                self.with_hub(worker.hub, |hub| self.desk.far_worker(from, hub, worker, &self.post));
            }
            Some(Kind::GivenBack(back)) => self.with_hub(back.hub, |hub| given_back(hub, &back)),
            Some(Kind::Watch(watch)) => {
                let until = if watch.until_ended { Until::Ended } else { Until::Changed };
                let watched = |hub: &Hub, id: &InstanceId| hub.watchers().watch_from(from, id, until);
                self.with_instance(watch.hub, &watch.instance, watched);
            }
            Some(Kind::Unwatch(watch)) => {
                let unwatched = |hub: &Hub, id: &InstanceId| hub.watchers().unwatch_from(from, id);
                self.with_instance(watch.hub, &watch.instance, unwatched);
            }
            Some(Kind::Changed(changed)) => {
                let woken = |hub: &Hub, id: &InstanceId| hub.watchers().wake(id, changed.ended);
                self.with_instance(changed.hub, &changed.instance, woken);
            }
            Some(Kind::Raft(_) | Kind::Rows(_) | Kind::RowsTaken(_) | Kind::CatalogMoved(_)) => {
                self.replicas.get().inspect(|replicas| replicas.heard(from, frame));
            }
            // Of a later version.
            None => {}
        }
    }

    fn lost(&self, peer: Peer) {
        self.is_lost(peer.node);
        self.replicas.get().inspect(|replicas| replicas.lost(peer));
    }
}

fn leads((hub, partition): Key, rank: Rank, ended: bool) -> Leads {
    Leads { hub: hub.0, partition: partition.0, lineage: rank.lineage, term: rank.term, ended }
}

/// Somebody on another node who waits for what comes of a call.
#[derive(Debug)]
struct Caller {
    post: Arc<Post>,
    node: NodeId,
    call: u64,
    /// What it is told where nobody knows; `None`: it was told already.
    unknown: Option<Bytes>,
    /// The hand-out that the call answers.
    answers: Option<(Dispatch, Token)>,
}

impl Caller {
    fn say(&mut self, outcome: Bytes) {
        self.unknown = None;
        if self.call > 0 {
            self.post.send(self.node, Kind::Told(Told { call: self.call, outcome }));
        }
    }

    fn unanswered(&mut self) {
        if let Some((dispatch, token)) = self.answers.take() {
            dispatch.unanswered(&token);
        }
    }
}

/// What fits into a frame: large values of many things at once do not.
fn short(said: Bytes, or: impl Fn(Unavailable) -> Bytes) -> Bytes {
    if said.len() <= TOLD_BYTES_MAX {
        return said;
    }
    or(Unavailable::TooLarge { bytes: said.len(), bytes_max: TOLD_BYTES_MAX })
}

impl Tells<Outcome> for Caller {
    fn tell(mut self: Box<Self>, outcome: Result<Outcome, Unavailable>) {
        if outcome.is_err() {
            self.unanswered();
        }
        self.say(short(calls::outcome(&outcome), |why| calls::outcome(&Err(why))));
    }
}

impl Tells<Answer> for Caller {
    fn tell(mut self: Box<Self>, answer: Result<Answer, Unavailable>) {
        self.say(short(calls::answer(&answer), |why| calls::answer(&Err(why))));
    }
}

/// A partition that goes without an answer: it may have happened or not.
impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(unknown) = self.unknown.take() {
            self.unanswered();
            self.say(unknown);
        }
    }
}

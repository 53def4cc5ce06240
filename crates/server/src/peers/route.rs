//! The way to one partition, wherever it is led.
//!
//! What is asked goes to the local replica while that leads, else to the leader's node, and waits a
//! while for a leader where there is none. What was answered "nothing was changed" because leadership
//! was elsewhere is asked again; so is what may be repeated, where nobody knows what came of it.
//! Not here: who leads (`routing`), and what the other node does with a call (`gateway`).

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::id::{Epoch, InstanceId, NodeId};
use engine::partition::command::Command;
use tokio::sync::{oneshot, watch};

use super::calls::{self, Malformed};
use super::frame;
use super::gateway::Gateway;
use super::routing::{Key, Leading, Rank};
use crate::dispatch::{Dispatch, Token};
use crate::node::LEADER_WAIT;
use crate::partition::address::{Address, Waiting};
use crate::partition::mailbox::Admission;
use crate::partition::messages::{Answer, Event, Outcome, Question, Request, Unavailable};

/// Before somebody is asked again who said that he does not lead.
const AGAIN: Duration = Duration::from_millis(50);

/// The way to one partition. Clones are the same way.
#[derive(Debug, Clone)]
pub struct Route {
    key: Key,
    leading: watch::Receiver<Leading>,
    gateway: Arc<Gateway>,
}

/// What can be asked of a partition: a command or a question.
pub(crate) trait Asked: Clone + Send + Sync + 'static {
    /// What it is answered with.
    type Told: Send + 'static;
    /// What is known where an answer has been lost.
    const LOST: Unavailable;

    fn post(self, address: &Address, waiting: Waiting<Self::Told>);
    fn put(&self, call: &mut frame::Call);
    fn read(told: Bytes) -> Result<Result<Self::Told, Unavailable>, Malformed>;
    /// Asking it twice does nothing that asking it once does not.
    fn may_repeat(&self) -> bool;
}

impl Asked for Request {
    type Told = Outcome;
    const LOST: Unavailable = Unavailable::Unknown;

    fn post(self, address: &Address, waiting: Waiting<Outcome>) {
        address.ask(self, waiting);
    }

    fn put(&self, call: &mut frame::Call) {
        call.request = calls::request(self);
    }

    fn read(told: Bytes) -> Result<Result<Outcome, Unavailable>, Malformed> {
        calls::read_outcome(told)
    }

    /// A token or a content is accepted once.
    fn may_repeat(&self) -> bool {
        matches!(
            self,
            Self::Partition(
                Command::CompleteOrchestrationTurn(_)
                    | Command::CompleteActivity(_)
                    | Command::CompleteEntityBatch(_)
                    | Command::StorePayload(_)
            )
        )
    }
}

impl Asked for Question {
    type Told = Answer;
    const LOST: Unavailable = Unavailable::NotLeading;

    fn post(self, address: &Address, waiting: Waiting<Answer>) {
        address.question(self, waiting);
    }

    fn put(&self, call: &mut frame::Call) {
        call.question = calls::question(self);
    }

    fn read(told: Bytes) -> Result<Result<Answer, Unavailable>, Malformed> {
        calls::read_answer(told)
    }

    fn may_repeat(&self) -> bool {
        true
    }
}

/// The hand-out that a command answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered<'a> {
    pub(crate) dispatch: &'a Dispatch,
    pub(crate) token: &'a Token,
}

enum Posted<A: Asked> {
    /// To the local replica; where there are other nodes, with a copy to ask again.
    Here(oneshot::Receiver<Result<A::Told, Unavailable>>, Option<A>),
    /// It does not lead.
    Back(A),
}

/// One question or command on its way.
struct Going<'a, A> {
    admission: &'a Admission,
    asked: A,
    answered: Option<Answered<'a>>,
}

impl Route {
    pub(super) fn new(key: Key, leading: watch::Receiver<Leading>, gateway: Arc<Gateway>) -> Self {
        Self { key, leading, gateway }
    }

    /// Waits until this node leads, or does not. Without an end where that can never be.
    pub(crate) async fn until_here(&self, here: bool) {
        let mut leading = self.leading.clone();
        let is = |leading: &Leading| matches!(leading, Leading::Here { .. }) == here;
        if leading.wait_for(is).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether anybody leads that this node hears of.
    pub(crate) fn is_led(&self) -> bool {
        !matches!(&*self.leading.borrow(), Leading::Nobody)
    }

    /// The other node that leads, if one does.
    pub(crate) fn is_at(&self) -> Option<NodeId> {
        match &*self.leading.borrow() {
            Leading::At { node, .. } => Some(*node),
            Leading::Nobody | Leading::Here { .. } => None,
        }
    }

    /// Waits until somebody leads, at most [`LEADER_WAIT`].
    pub(crate) async fn leads(&self) -> Result<(), Unavailable> {
        let mut leading = self.leading.clone();
        let led = leading.wait_for(|leading| !matches!(leading, Leading::Nobody));
        match tokio::time::timeout(LEADER_WAIT, led).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unavailable::NotLeading),
        }
    }

    /// Gives the partition a command whose outcome nobody waits for. It may get lost.
    pub(crate) fn tell(&self, request: Request) {
        let node = match &*self.leading.borrow() {
            Leading::Nobody => return,
            Leading::Here { address, .. } => {
                return address.send(Event::Asked { request, ticket: None });
            }
            Leading::At { node, .. } => *node,
        };
        let mut call = self.empty_call();
        request.put(&mut call);
        self.gateway.send(node, frame::Kind::Call(call));
    }

    /// Does something with the partition's address while it is led here.
    pub(crate) fn at_home<T>(&self, with: impl FnOnce(&Address) -> T) -> Option<T> {
        match &*self.leading.borrow() {
            Leading::Here { address, .. } => Some(with(address)),
            Leading::Nobody | Leading::At { .. } => None,
        }
    }

    /// Asks, wherever the partition is led; answers once the outcome is committed.
    pub(crate) async fn ask<A: Asked>(
        &self,
        admission: &Admission,
        asked: A,
        answered: Option<Answered<'_>>,
    ) -> Result<A::Told, Unavailable> {
        let asked = match self.post(admission, asked)? {
            Posted::Here(told, copy) => {
                // A runner that went away without an answer: it may be in the log or not.
                match (told.await.unwrap_or(Err(A::LOST)), copy) {
                    (Err(why), Some(copy)) if goes_on(&why, &copy) => copy,
                    (told, _) => return told,
                }
            }
            Posted::Back(asked) => asked,
        };
        let mut unknown = false;
        // In a box: who is led here does not carry it around.
        let going = Box::pin(self.ask_until(Going { admission, asked, answered }, &mut unknown));
        match tokio::time::timeout(LEADER_WAIT, going).await {
            Ok(told) => told,
            Err(_) if unknown => Err(A::LOST),
            Err(_) => Err(Unavailable::NotLeading),
        }
    }

    fn post<A: Asked>(&self, admission: &Admission, asked: A) -> Result<Posted<A>, Unavailable> {
        let leading = self.leading.borrow();
        let Leading::Here { address, .. } = &*leading else { return Ok(Posted::Back(asked)) };
        let admitted = admission.enter().ok_or(Unavailable::Overloaded)?;
        let (waiting, told) = Waiting::new(admitted);
        let copy = (!self.gateway.is_alone()).then(|| asked.clone());
        asked.post(address, waiting);
        Ok(Posted::Here(told, copy))
    }

    /// Asks until there is an answer. `unknown` is set while nobody knows whether it has happened.
    async fn ask_until<A: Asked>(
        &self,
        going: Going<'_, A>,
        unknown: &mut bool,
    ) -> Result<A::Told, Unavailable> {
        let mut leading = self.leading.clone();
        loop {
            let node = match &*leading.borrow_and_update() {
                Leading::Here { .. } => Some(None),
                Leading::At { node, .. } => Some(Some(*node)),
                Leading::Nobody => None,
            };
            let told = match node {
                None => {
                    leading.changed().await.map_err(|_| Unavailable::NotLeading)?;
                    continue;
                }
                Some(None) => match self.post(going.admission, going.asked.clone())? {
                    Posted::Here(told, _) => {
                        *unknown = true;
                        told.await.unwrap_or(Err(A::LOST))
                    }
                    Posted::Back(_) => continue,
                },
                Some(Some(node)) => self.call(node, &going, unknown).await,
            };
            match told {
                Err(why) if goes_on(&why, &going.asked) => *unknown = why == Unavailable::Unknown,
                told => return told,
            }
            // It does not lead any more, or not yet, and may say so before it is known here.
            drop(tokio::time::timeout(AGAIN, leading.changed()).await);
        }
    }

    async fn call<A: Asked>(
        &self,
        node: NodeId,
        going: &Going<'_, A>,
        unknown: &mut bool,
    ) -> Result<A::Told, Unavailable> {
        let _admitted = going.admission.enter().ok_or(Unavailable::Overloaded)?;
        let mut call = self.empty_call();
        going.asked.put(&mut call);
        if let Some(Answered { dispatch, token }) = going.answered {
            call.token = dispatch.sign(token);
        }
        let called = self.gateway.call(node, call).ok_or(Unavailable::NotLeading)?;
        *unknown = true;
        let told = called.told().await.ok_or(A::LOST)?;
        A::read(told).unwrap_or_else(|malformed| {
            tracing::warn!(%node, %malformed, "another node's answer makes no sense");
            Err(A::LOST)
        })
    }

    /// Gives an item back to the other node that leads; `false`: there is none.
    pub(crate) fn gives_back(&self, Answered { dispatch, token }: Answered<'_>, spoilt: bool) -> bool {
        let token = || dispatch.sign(token);
        self.send_back(|back| frame::GivenBack { token: token(), spoilt, ..back })
    }

    /// [`Self::gives_back`] of a turn whose worker has named no token.
    pub(crate) fn gives_back_unnamed(&self, instance: &InstanceId) -> bool {
        self.send_back(|back| frame::GivenBack { instance: instance.as_str().to_owned(), ..back })
    }

    fn send_back(&self, fill: impl FnOnce(frame::GivenBack) -> frame::GivenBack) -> bool {
        let Some(node) = self.is_at() else { return false };
        let back = fill(frame::GivenBack { hub: self.key.0.0, ..frame::GivenBack::default() });
        // It is gone with the session at the most, and with that the item is handed out again.
        self.gateway.send(node, frame::Kind::GivenBack(back));
        true
    }

    fn empty_call(&self) -> frame::Call {
        frame::Call { hub: self.key.0.0, partition: self.key.1.0, ..frame::Call::default() }
    }
}

/// Whether another leader may answer what this one has not.
fn goes_on<A: Asked>(why: &Unavailable, asked: &A) -> bool {
    match why {
        Unavailable::NotLeading => true,
        Unavailable::Unknown => asked.may_repeat(),
        Unavailable::Overloaded
        | Unavailable::Halted(_)
        | Unavailable::DiskFull
        | Unavailable::TooLarge { .. } => false,
    }
}

/// Says of one local replica when it leads. Dropped, it leads no more.
#[derive(Debug)]
pub struct Lead {
    key: Key,
    address: Address,
    gateway: Arc<Gateway>,
    rank: Cell<Option<Rank>>,
}

impl Lead {
    /// Of the replica that is reached at `address`.
    pub fn new(key: Key, address: Address, gateway: Arc<Gateway>) -> Self {
        Self { key, address, gateway, rank: Cell::new(None) }
    }

    /// It leads, and has begun to.
    pub fn begins(&self, epoch: Epoch) {
        let rank = Rank::from(epoch);
        self.rank.set(Some(rank));
        self.gateway.begins(self.key, rank, &self.address);
    }

    /// It leads no more.
    pub fn ended(&self) {
        if let Some(rank) = self.rank.take() {
            self.gateway.ended(self.key, rank);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.ended();
    }
}

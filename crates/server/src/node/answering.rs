//! Workers' answers on their way to the partition whose work it was, wherever that is led now.
//!
//! The slot is free when the answer arrives, but the work is not handed out again until the partition
//! has spoken. The board that handed it out is on the leader's node: where that is another, it frees the
//! slot when the call arrives there. Not here: what an answer may say (`ingress`).

use engine::id::InstanceId;
use engine::partition::command::Command;
use engine::partition::effect::Reply;

use super::counting::Counted;
use super::hub::Hub;
use crate::dispatch::Token;
use crate::partition::messages::Unavailable;
use crate::peers::route::Answered;

impl Hub {
    /// Brings an answer to its partition; returns once it is durable.
    pub async fn answer(&self, token: &Token, command: Command) -> Result<Reply, Unavailable> {
        let counted = Counted::of(&command);
        let answering = Answering::begin(self, token);
        let answered = Answered { dispatch: self.dispatch(), token };
        let reply = self.ask_member(self.member(token.partition)?, command, Some(answered)).await?;
        answering.spoken();
        counted.count(&reply, self.metrics());
        Ok(reply)
    }

    /// A worker gives an item back undone.
    pub fn abandoned(&self, token: &Token) {
        self.gateway.answered(token);
        if !self.gives_back(token, false) {
            self.dispatch().abandoned(token);
        }
    }

    /// An answer cannot be used: the item goes to another worker, or to this one again.
    pub fn spoilt(&self, token: &Token) {
        self.gateway.answered(token);
        if !self.gives_back(token, true) {
            self.dispatch().spoilt(token);
        }
    }

    /// A turn was answered without a token: it goes to another worker.
    pub fn unnamed(&self, instance: &InstanceId) {
        let route = self.member(instance.partition(self.partitions())).map(|member| &member.route);
        if !route.is_ok_and(|route| route.gives_back_unnamed(instance)) {
            self.dispatch().unnamed(instance);
        }
    }

    /// Whether another node was told, whose work it is.
    fn gives_back(&self, token: &Token, spoilt: bool) -> bool {
        let answered = Answered { dispatch: self.dispatch(), token };
        self.member(token.partition).is_ok_and(|member| member.route.gives_back(answered, spoilt))
    }
}

/// An answer on its way to the partition. Dropped before the partition has spoken, the work is handed
/// out again: at worst it is done twice and the second answer is refused.
struct Answering<'a> {
    hub: &'a Hub,
    token: &'a Token,
    open: bool,
}

impl<'a> Answering<'a> {
    fn begin(hub: &'a Hub, token: &'a Token) -> Self {
        hub.gateway.answered(token);
        hub.dispatch().answered(token);
        Self { hub, token, open: true }
    }

    fn spoken(mut self) {
        self.open = false;
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        if self.open && !self.hub.gives_back(self.token, false) {
            self.hub.dispatch().unanswered(self.token);
        }
    }
}

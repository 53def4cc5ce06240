//! What each input does to the consensus library.
//!
//! Not here: what comes out of it afterwards (`collect`), and which inputs there are (`types`).
//! The one thing to know: a message is checked before it counts, and a refused one changes nothing.

use bytes::Bytes;
use raft::eraftpb::{Message, MessageType};
use storage::Record;

use super::Driver;
use crate::error::Refusal;
use crate::mutants;
use crate::types::{ReplicaId, Role};
use crate::validate::{self, Verdict};
use crate::wire::{self, Incoming, Kind};

impl Driver {
    pub(super) fn message(&mut self, from: ReplicaId, bytes: Bytes) -> Result<(), Refusal> {
        let incoming = wire::decode(self.config.group, from, bytes)?;
        let verdict = validate::check(&self.node.raft, &incoming, self.durable >= self.urgent)?;
        let is_replaced = self.installing.is_some();
        if verdict == Verdict::Stale || (is_replaced && incoming.kind == Kind::TimeoutNow) {
            return Ok(());
        }
        let Incoming { kind, message, extra } = incoming;
        let all_matched = if message.term >= self.node.raft.term { extra.all_matched } else { 0 };
        let (peer, term) = (message.from, message.term);
        let is_vote = matches!(kind, Kind::VoteResponse | Kind::PreVoteResponse) && !message.reject;
        let counts = if is_vote { self.ballot(message, extra.doubtful) } else { vec![message] };
        let says_vouched = matches!(kind, Kind::AppendResponse | Kind::HeartbeatResponse);
        if says_vouched && self.is_leader() && term == self.node.raft.term {
            self.told_vouched.insert(peer, extra.vouched);
        }
        for message in counts {
            self.node.step(message).map_err(|_| Refusal::Field("kind"))?;
        }
        self.check_progress(peer);
        if all_matched > self.all_matched {
            self.all_matched = all_matched;
            if self.compact_wanted <= all_matched {
                self.compact();
            }
        }
        Ok(())
    }

    /// The library may send a follower back to what it has confirmed already; see `validate`.
    fn check_progress(&self, peer: u64) {
        if let Some(progress) = self.node.raft.prs().get(peer).filter(|_| self.is_leader()) {
            debug_assert!(progress.next_idx > progress.matched, "NextAboveMatched: {progress:?}");
        }
    }

    pub(super) fn persisted(&mut self, number: u64) -> Result<(), Refusal> {
        if number > self.number {
            return Err(Refusal::UnknownOutput(number));
        }
        let mut ready = 0;
        while self.in_flight.front().is_some_and(|front| front.number <= number) {
            let Some(front) = self.in_flight.pop_front() else { break };
            ready = ready.max(front.ready);
            self.vouched = self.vouched.max(front.vouches);
        }
        self.durable = self.durable.max(number);
        if ready > 0 {
            self.node.on_persist_ready(ready);
            self.installed();
            if mutants::active("commit-on-sub-quorum") {
                self.forge_append_response();
            }
        }
        Ok(())
    }

    /// The seeded bug "commit on a sub-quorum": another voter is taken to have everything.
    fn forge_append_response(&mut self) {
        let raft = &self.node.raft;
        let other = self.members().voters.iter().find(|voter| voter.0 != raft.id).copied();
        let Some(other) = other.filter(|_| self.is_leader()) else { return };
        let mut message = Message {
            from: other.0,
            to: raft.id,
            term: raft.term,
            index: raft.raft_log.last_index(),
            ..Message::default()
        };
        message.set_msg_type(MessageType::MsgAppendResponse);
        if self.node.step(message).is_err() {
            self.campaign_due = false;
        }
    }

    pub(super) fn campaign(&mut self) {
        let was_due = std::mem::take(&mut self.campaign_due);
        let others_vote = !self.members().is_only_voter(self.replica());
        // The library checks this only where its own clock makes a candidate.
        if !self.node.raft.promotable() || self.installing.is_some() || (was_due && others_vote) {
            return;
        }
        // The only error is a log that cannot be read, and this one is in memory.
        let _outcome = self.node.campaign();
    }

    pub(super) fn read_index(&mut self, id: u64) -> Result<(), Refusal> {
        if self.role() != Role::Established {
            return Err(Refusal::NotEstablished);
        }
        self.node.read_index(id.to_be_bytes().to_vec());
        Ok(())
    }

    pub(super) fn transfer_to(&mut self, replica: ReplicaId) -> Result<(), Refusal> {
        if self.role() != Role::Established {
            return Err(Refusal::NotEstablished);
        }
        if self.node.raft.prs().get(replica.0).is_none() {
            return Err(Refusal::UnknownSender);
        }
        self.node.transfer_leader(replica.0);
        Ok(())
    }

    /// How far the log is durable.
    pub(super) fn durable_end(&self) -> u64 {
        self.node.raft.raft_log.persisted
    }

    /// Entries from here on are others now: nothing has vouched for these.
    pub(super) fn replaced_from(&mut self, first: u64) {
        self.vouched = self.vouched.min(first - 1);
        self.in_flight.iter_mut().for_each(|front| front.vouches = front.vouches.min(first - 1));
    }

    /// Drops entries that the caller does not need and that every member has; what members lack who
    /// are too far behind goes too.
    pub(super) fn compact(&mut self) {
        let is_too_much = self.node.store().bytes() > self.config.limits.behind_bytes_max;
        let reach = if is_too_much { u64::MAX } else { self.all_matched_now() };
        let upto = self.compact_wanted.min(reach).min(self.node.raft.raft_log.applied);
        if upto <= self.node.store().compacted().index {
            return;
        }
        self.node.mut_store().compact(upto);
        let group = self.config.group;
        self.records.push(self.state_record());
        self.records.push(Record::Compacted { group, upto });
    }

    pub(super) fn all_matched_now(&self) -> u64 {
        if !self.is_leader() {
            return self.all_matched;
        }
        let forgotten = self.node.store().forgotten().index;
        let vouched = |(id, progress): (&u64, &raft::Progress)| {
            let told = self.told_vouched.get(id).copied().unwrap_or(0);
            progress.matched.min(if *id == self.node.raft.id { self.vouched } else { told })
        };
        // Whoever needs a snapshot anyway holds nothing back.
        let members = self.node.raft.prs().iter().filter(|(_, progress)| progress.next_idx > forgotten);
        members.map(vouched).min().unwrap_or(0)
    }
}

//! Drives the consensus library: inputs in, outputs out, and the disk's answer in between.
//!
//! - [`open`]: from what the node log holds to a driver that may run.
//! - [`collect`]: one `Ready` of the library becomes part of an [`Output`].
//! - [`input`]: what each input does.
//! - [`held`]: what waits for the disk.
//! - [`members`]: who takes part, and states that take the log's place.
//! - [`doubt`]: votes of and for replicas that may have lost what they acknowledged.
//!
//! Not here: containment of panics (`group`) and the checks on messages (`validate`).
//! The one thing to know: what depends on the disk is *held* with the number of the output it
//! depends on, and an output is built only from what is not held any more.

mod collect;
mod doubt;
mod held;
mod input;
mod members;
mod open;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use raft::eraftpb::{Entry, Message, MessageType};
use raft::{RawNode, StateRole};
use storage::Record;

use self::doubt::Ballot;
use self::held::Held;
use crate::election::Timeouts;
use crate::error::{Error, ProposeError};
use crate::format::StateBytes;
use crate::log_store::LogStore;
use crate::membership::Membership;
use crate::mutants;
use crate::types::{Config, Event, Input, LogId, Outgoing, Output, ReplicaId, Role};

/// An output whose records the disk has not answered yet.
#[derive(Debug)]
struct InFlight {
    number: u64,
    /// The library's newest `Ready` that is durable with it; 0: none.
    ready: u64,
    /// The log was durable up to here when it was given out, so once it is durable itself the node
    /// log vouches for that.
    vouches: u64,
}

/// One replica of one group, without containment.
pub(crate) struct Driver {
    config: Config,
    node: RawNode<LogStore>,
    timeouts: Timeouts,
    /// The timeout in force; put in place of the library's own draw after every input.
    timeout: usize,
    /// Term and role after the last input.
    standing: (u64, StateRole),
    leader: u64,
    /// The newest output given out, and the newest that is durable.
    number: u64,
    durable: u64,
    /// The newest output with entries, a vote or a term; messages that answer for them wait for it.
    urgent: u64,
    /// The newest output with a change of term or vote; what is committed waits for it.
    vote: u64,
    /// Invariant: numbers rise.
    in_flight: VecDeque<InFlight>,
    held_messages: Held<Outgoing>,
    held_events: Held<Event>,
    /// Events that depend on nothing.
    events: Vec<Event>,
    /// Records that the library does not know of: creation and compaction.
    records: Vec<Record>,
    /// The empty entry of the leadership this replica holds.
    own_empty: Option<LogId>,
    /// The term of the leadership that was announced to the caller.
    established: Option<u64>,
    /// A lone voter elects itself once everything known to be committed has been given out.
    campaign_due: bool,
    /// Every voter has the log up to here, vouched for, as a leader said.
    all_matched: u64,
    /// The node log vouches for this replica's log up to here.
    vouched: u64,
    /// ... and for the others', as they told this leader.
    told_vouched: BTreeMap<u64, u64>,
    compact_wanted: u64,
    /// A state that takes the log's place, and the output that says so.
    installing: Option<(u64, LogId)>,
    /// What this replica acknowledged in this term and before may be lost; 0: nothing may.
    doubted: u64,
    /// Votes for this replica that do not count yet.
    ballot: Ballot,
}

impl Driver {
    pub(crate) fn propose(&mut self, data: Bytes) -> Result<LogId, ProposeError> {
        if self.role() != Role::Established || self.node.raft.lead_transferee.is_some() {
            return Err(ProposeError::NotEstablished);
        }
        let limit = self.config.limits.entry_bytes_max;
        if data.is_empty() {
            return Err(ProposeError::Empty);
        }
        if data.len() > limit {
            return Err(ProposeError::TooLarge { size: data.len(), limit });
        }
        let mut message = Message { from: self.node.raft.id, ..Message::default() };
        message.set_msg_type(MessageType::MsgPropose);
        message.set_entries(vec![Entry { data, ..Entry::default() }].into());
        self.node.raft.step(message).map_err(|_| ProposeError::Busy)?;
        self.observe();
        Ok(LogId { term: self.node.raft.term, index: self.node.raft.raft_log.last_index() })
    }

    pub(crate) fn step(&mut self, input: Input) -> Result<(), Error> {
        let outcome = match input {
            // A replica whose log is being replaced is no candidate.
            Input::Tick if self.installing.is_some() => Ok(()),
            Input::Tick => {
                self.node.tick();
                Ok(())
            }
            Input::Message { from, bytes } => self.message(from, bytes),
            Input::Persisted { number } => self.persisted(number),
            Input::Campaign => {
                self.campaign();
                Ok(())
            }
            Input::Compact { upto } => {
                self.compact_wanted = self.compact_wanted.max(upto);
                self.compact();
                Ok(())
            }
            Input::ReadIndex { id } => self.read_index(id),
            Input::TransferTo { replica } => self.transfer_to(replica),
            Input::ChangeMembers(changes) => self.change_members(changes),
            Input::Install { id, membership } => self.install(id, &membership),
        };
        self.observe();
        outcome.map_err(Error::Refused)
    }

    fn state_record(&self) -> Record {
        let store = self.node.store();
        let mut state = StateBytes::of(&store.hard, store.base(), store.compacted(), self.doubted);
        if mutants::active("vote-forgotten") {
            state.vote = 0;
        }
        Record::State { group: self.config.group, state: state.encoded() }
    }

    /// Looks at what an input has changed in term, role and leader.
    fn observe(&mut self) {
        let raft = &mut self.node.raft;
        let now = (raft.term, raft.state);
        if now != self.standing {
            self.standing = now;
            self.ballot = Ballot::default();
            self.told_vouched.clear();
            self.timeout = self.timeouts.draw();
            self.own_empty = (now.1 == StateRole::Leader)
                .then(|| LogId { term: now.0, index: raft.raft_log.last_index() });
            if self.established.take().is_some() {
                self.events.push(Event::Deposed);
            }
            self.held_events.retain(|event| !matches!(event, Event::Established { .. }));
        }
        raft.set_randomized_election_timeout(self.timeout);
        if self.leader != raft.leader_id {
            self.leader = raft.leader_id;
            self.events.push(Event::LeaderIs(self.leader()));
        }
        if mutants::active("leader-starts-at-elected") && self.is_leader() && self.established.is_none() {
            self.established = Some(now.0);
            self.events.push(Event::Established { term: now.0 });
        }
    }

    pub(super) fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    pub(crate) fn take_output(&mut self) -> Option<Output> {
        if self.campaign_due && !self.node.has_ready() {
            self.campaign();
            self.observe();
        }
        self.end_change();
        let mut output = Output { records: std::mem::take(&mut self.records), ..Output::default() };
        // Nobody may hear from a replica before it exists on disk, or before its doubts do.
        output.urgent = self.number == 0 && !output.records.is_empty();
        if output.urgent {
            output.proof = self.proof();
        }
        let number = self.number + 1;
        let ready = if self.node.has_ready() { self.collect(&mut output, number) } else { 0 };
        if !output.records.is_empty() {
            self.number = number;
            let vouches = self.durable_end();
            self.in_flight.push_back(InFlight { number, ready, vouches });
        } else if let Some(newest) = self.in_flight.back_mut() {
            newest.ready = newest.ready.max(ready);
        } else if ready > 0 {
            self.node.on_persist_ready(ready);
        }
        output.number = self.number;
        self.release(&mut output);
        let nothing = output.records.is_empty() && output.messages.is_empty() && output.events.is_empty();
        (!nothing).then_some(output)
    }

    /// Moves what waits for nothing any more into the output.
    fn release(&mut self, output: &mut Output) {
        let durable = self.durable;
        while let Some(message) = self.held_messages.next(durable) {
            output.messages.push(message);
        }
        output.events.append(&mut self.events);
        while let Some(event) = self.held_events.next(durable) {
            if let Event::Established { term } = event {
                self.established = Some(term);
            }
            output.events.push(event);
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self.node.raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader if self.established == Some(self.node.raft.term) => Role::Established,
            StateRole::Leader => Role::Elected,
        }
    }

    pub(crate) fn term(&self) -> u64 {
        self.node.raft.term
    }

    pub(crate) fn leader(&self) -> Option<ReplicaId> {
        let leader = self.node.raft.leader_id;
        (leader != 0).then_some(ReplicaId(leader))
    }

    pub(crate) fn last(&self) -> LogId {
        let log = &self.node.raft.raft_log;
        LogId { term: log.last_term(), index: log.last_index() }
    }

    pub(crate) fn commit(&self) -> u64 {
        self.node.raft.raft_log.committed
    }

    pub(crate) fn first_index(&self) -> u64 {
        self.node.store().compacted().index + 1
    }

    pub(crate) fn held(&self) -> usize {
        self.node.store().held()
    }

    pub(crate) fn members(&self) -> &Membership {
        self.node.store().members()
    }

    pub(crate) fn members_at(&self, index: u64) -> Option<&Membership> {
        self.node.store().members_at(index)
    }

    pub(super) fn replica(&self) -> ReplicaId {
        ReplicaId(self.config.group.replica)
    }

    /// Whether nobody else gets the log.
    pub(crate) fn is_lone_voter(&self) -> bool {
        let members = self.members();
        members.is_only_voter(self.replica()) && members.learners.is_empty()
    }

    pub(crate) fn durable_output(&self) -> u64 {
        self.durable
    }
}

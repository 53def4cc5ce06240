//! Who takes part: changes of members, and states that take the place of a log.
//!
//! A change counts on each replica when it is given out there, and one follows another only then. A
//! change of voters takes two entries, the second of which the leader of the day proposes by itself.
//! A state is carried by the caller; installing it is one atomic step in the log: before it the old
//! log and state count, after it the new ones.
//!
//! Not here: what makes a membership of another (`membership`), and votes (`doubt`).

use raft::eraftpb::{Entry, EntryType, Message, MessageType, Snapshot};
use raft::{ProgressState, StateRole};
use storage::Record;

use super::Driver;
use crate::error::Refusal;
use crate::format::{StateBytes, kind_of};
use crate::membership::{Change, MemberChange, Membership};
use crate::mutants;
use crate::types::{EntryKind, Event, LogId, Output, ReplicaId, Role};

/// Entries that a learner may lack and still become a voter: it has them within a few round trips.
const CATCH_UP_ENTRIES: u64 = 1024;

impl Driver {
    pub(super) fn change_members(&mut self, changes: Vec<MemberChange>) -> Result<(), Refusal> {
        if self.role() != Role::Established || self.node.raft.lead_transferee.is_some() {
            return Err(Refusal::NotEstablished);
        }
        if self.node.raft.has_pending_conf() {
            return Err(Refusal::Changing);
        }
        if changes.is_empty() {
            return Err(Refusal::Members("no change is asked for"));
        }
        let change = Change(changes);
        let members = self.members();
        let next = members.after(&change)?;
        if !next.voters.contains(&self.replica()) {
            return Err(Refusal::Members("the leader has to hand over before it goes"));
        }
        if !next.voters.difference(&members.voters).all(|voter| self.has_caught_up(*voter)) {
            return Err(Refusal::Members("a voter has to be a learner that has caught up"));
        }
        self.propose_change(&change, next.is_joint())
    }

    fn has_caught_up(&self, replica: ReplicaId) -> bool {
        let last = self.node.raft.raft_log.last_index();
        let progress = self.node.raft.prs().get(replica.0);
        progress.is_some_and(|progress| {
            progress.state == ProgressState::Replicate && progress.matched + CATCH_UP_ENTRIES >= last
        })
    }

    fn propose_change(&mut self, change: &Change, joint: bool) -> Result<(), Refusal> {
        let mut entry = Entry { data: change.encode(joint), ..Entry::default() };
        entry.set_entry_type(EntryType::EntryConfChangeV2);
        let mut message = Message { from: self.node.raft.id, ..Message::default() };
        message.set_msg_type(MessageType::MsgPropose);
        message.set_entries(vec![entry].into());
        self.node.step(message).map_err(|_| Refusal::Changing)
    }

    /// Ends a change of voters that counts on this leader. Whoever leads does it, so it needs no memory.
    pub(super) fn end_change(&mut self) {
        let raft = &self.node.raft;
        let may = self.role() == Role::Established && raft.lead_transferee.is_none();
        if may && self.members().is_joint() && !raft.has_pending_conf() {
            // Too much is uncommitted: there will be another occasion.
            let _busy = self.propose_change(&Change::default(), false);
        }
    }

    /// Lets the changes among entries that are given out count; says so to the caller afterwards.
    pub(super) fn apply_changes(&mut self, entries: &[Entry]) -> Vec<Event> {
        let mut events = Vec::new();
        for entry in entries.iter().filter(|entry| kind_of(entry) == EntryKind::Configuration) {
            let (change, joint) = Change::decode(&entry.data).expect("a change was read before it was taken");
            let members = self.members().after(&change).expect("a leader proposes only what may be");
            let conf = self.node.apply_conf_change(&change.of_library(joint));
            let conf = conf.expect("the library takes what may be");
            assert_eq!(Membership::of_conf_state(&conf), members, "the library agrees on the members");
            self.node.mut_store().change(entry.index, members.clone());
            events.push(Event::Members { index: entry.index, membership: members });
        }
        events
    }

    /// A leader that is no voter any more leads no longer. It was elected while it still was one, with
    /// the change in its log, so this could not be refused.
    pub(super) fn leave_office(&mut self) {
        if self.is_leader() && !self.members().voters.contains(&self.replica()) && !self.members().is_joint()
        {
            let term = self.node.raft.term;
            self.node.raft.become_follower(term, 0);
            self.observe();
        }
    }

    /// See [`crate::Group::wants_snapshot`].
    pub(crate) fn wants_snapshot(&self) -> Vec<(ReplicaId, u64)> {
        // One that is only elected may need them to become established.
        if !self.is_leader() {
            return Vec::new();
        }
        let (store, own) = (self.node.store(), self.node.raft.id);
        let forgotten = store.forgotten().index;
        let members = self.node.raft.prs().iter();
        let behind = members.filter(|(id, progress)| **id != own && progress.next_idx <= forgotten);
        let needs = |id: u64| (ReplicaId(id), forgotten.max(store.member_since(ReplicaId(id))));
        let mut wants: Vec<_> = behind.map(|(id, _)| needs(*id)).collect();
        wants.sort_unstable();
        wants
    }

    pub(super) fn install(&mut self, id: LogId, membership: &Membership) -> Result<(), Refusal> {
        let raft = &self.node.raft;
        if self.installing.is_some() {
            return Err(Refusal::Changing);
        }
        if id.index == 0 || id.term == 0 || id.term > raft.term {
            return Err(Refusal::Field("id"));
        }
        if !membership.contains(self.replica()) {
            return Err(Refusal::Members("this replica is none of them"));
        }
        if raft.state != StateRole::Follower || raft.leader_id == 0 {
            return Err(Refusal::NoLeader);
        }
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        (metadata.index, metadata.term) = (id.index, id.term);
        metadata.set_conf_state(membership.conf_state());
        let mut message =
            Message { from: raft.leader_id, to: raft.id, term: raft.term, ..Message::default() };
        message.set_msg_type(MessageType::MsgSnapshot);
        message.set_snapshot(snapshot);
        self.node.step(message).map_err(|_| Refusal::Field("kind"))?;
        // Even if there is nothing new in it, the leader now hears how far this log is: it may have
        // missed that, and go on offering what is older than its own log.
        let is_taken = self.node.raft.raft_log.unstable_snapshot().is_some();
        if is_taken { Ok(()) } else { Err(Refusal::NothingNew) }
    }

    /// A state takes the log's place. It is the state record that makes it so; what stands behind the
    /// state in the old log contradicts what is committed, and goes before.
    pub(super) fn collect_snapshot(&mut self, snapshot: &Snapshot, output: &mut Output, number: u64) {
        let group = self.config.group;
        let metadata = snapshot.get_metadata();
        let id = LogId { term: metadata.term, index: metadata.index };
        let members = if mutants::active("members-of-snapshot-forgotten") {
            self.node.store().base().clone()
        } else {
            Membership::of_conf_state(metadata.get_conf_state())
        };
        self.replaced_from(id.index + 1);
        let store = self.node.mut_store();
        if store.last().index > id.index {
            output.records.push(Record::Entries { group, first: id.index + 1, entries: Vec::new() });
        }
        store.install(id, members);
        let state = StateBytes::of(&store.hard, store.base(), id, self.doubted).encoded();
        output.records.push(Record::State { group, state });
        output.records.push(Record::Compacted { group, upto: id.index });
        self.installing = Some((number, id));
        let after = if mutants::active("installed-before-durable") { 0 } else { number };
        self.held_events.hold(after, Event::Installed { id });
    }

    /// The disk has answered: entries behind an installed state may be given out.
    pub(super) fn installed(&mut self) {
        let durable = self.durable;
        if let Some((_, id)) = self.installing.take_if(|(number, _)| *number <= durable) {
            self.node.advance_apply_to(id.index);
        }
    }
}

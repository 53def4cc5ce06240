//! One `Ready` of the consensus library becomes records, messages and events.
//!
//! | part of a `Ready`            | goes out                                                       |
//! |------------------------------|----------------------------------------------------------------|
//! | entries, hard state          | at once, as records; before a change of members, the commit    |
//! | a leader's messages          | at once                                                        |
//! | everybody else's messages    | when all entries, votes and terms before them are durable      |
//! | committed entries            | when all votes and terms before them are durable; the library  |
//! |                              | gives out only such as are durable themselves                  |
//! | `Established`                | after the leader's own empty entry in that order               |
//!
//! Not here: when the disk has answered (`driver`).

use bytes::Bytes;
use raft::eraftpb::{Entry, HardState, Message, MessageType};
use raft::{ReadState, Ready};
use storage::Record;

use super::Driver;
use crate::format::{EntryBytes, StateBytes, kind_of};
use crate::mutants;
use crate::types::{CommittedEntry, EntryKind, Event, LogId, Outgoing, Output, ReplicaId};
use crate::wire::{self, Extra};

use prost::Message as _;

impl Driver {
    /// Takes one `Ready` and returns its number.
    pub(super) fn collect(&mut self, output: &mut Output, number: u64) -> u64 {
        let mut ready = self.node.ready();
        let ready_number = ready.number();
        self.collect_records(&mut ready, output, number);
        let all_matched = self.all_matched_now();
        output.messages.extend(self.outgoing(&ready.take_messages(), all_matched));
        self.hold_messages(&mut ready, all_matched);
        for read in ready.take_read_states() {
            self.events.extend(read_ready(&read));
        }
        let committed = ready.take_committed_entries();
        self.node.advance_append_async(ready);
        self.hold_committed(committed);
        self.acknowledge_early(ready_number);
        ready_number
    }

    /// Entries before the state: a state never speaks of entries that a torn tail took.
    fn collect_records(&mut self, ready: &mut Ready, output: &mut Output, number: u64) {
        if !ready.snapshot().is_empty() {
            self.collect_snapshot(ready.snapshot(), output, number);
        }
        let entries = ready.take_entries();
        if let Some(first) = entries.first().map(|first| first.index) {
            let commit = ready.hs().map_or(self.node.store().hard.commit, |hard| hard.commit);
            for part in entries.chunk_by(|_, next| kind_of(next) != EntryKind::Configuration) {
                self.record_entries(part, commit, output);
            }
            self.node.mut_store().append(&entries);
            self.replaced_from(first);
        }
        if let Some(hard) = ready.hs() {
            let before = &self.node.store().hard;
            if (before.term, before.vote) != (hard.term, hard.vote) {
                self.vote = number;
                output.proof = self.proof();
            }
            self.node.mut_store().hard = hard.clone();
            output.records.push(self.state_record());
        }
        if ready.must_sync() {
            output.urgent = true;
            self.urgent = number;
        }
    }

    /// Before a change of members, what is committed: the change before it is among that, since one is
    /// proposed only when the last counts. So a replica that restarts is at most one change behind its
    /// own log, and its quorums share a half with everybody's.
    fn record_entries(&self, entries: &[Entry], commit: u64, output: &mut Output) {
        let Some(first) = entries.first() else { return };
        let group = self.config.group;
        let changes = kind_of(first) == EntryKind::Configuration;
        if changes && !mutants::active("change-written-before-the-commit-of-the-last") {
            let store = self.node.store();
            let hard = HardState { commit: commit.min(first.index - 1), ..store.hard.clone() };
            let state = StateBytes::of(&hard, store.base(), store.compacted(), self.doubted).encoded();
            output.records.push(Record::State { group, state });
        }
        let bytes = entries.iter().map(|entry| EntryBytes::of(entry).encode_to_vec().into()).collect();
        output.records.push(Record::Entries { group, first: first.index, entries: bytes });
    }

    fn outgoing(&self, messages: &[Message], all_matched: u64) -> Vec<Outgoing> {
        let group = self.config.group;
        let doubtful = self.is_doubtful();
        let outgoing = |message: &Message| {
            let extra = match message.get_msg_type() {
                MessageType::MsgAppend | MessageType::MsgHeartbeat => {
                    Extra { all_matched, ..Extra::default() }
                }
                MessageType::MsgRequestVoteResponse | MessageType::MsgRequestPreVoteResponse => {
                    Extra { doubtful, ..Extra::default() }
                }
                MessageType::MsgAppendResponse | MessageType::MsgHeartbeatResponse => {
                    Extra { vouched: self.vouched, ..Extra::default() }
                }
                _ => Extra::default(),
            };
            let bytes = wire::encode(group, message, extra)?;
            Some(Outgoing { to: ReplicaId(message.to), bytes })
        };
        messages.iter().filter_map(outgoing).collect()
    }

    fn hold_messages(&mut self, ready: &mut Ready, all_matched: u64) {
        let sent_early = mutants::active("persisted-messages-sent-before-persisting");
        let after = if sent_early { 0 } else { self.urgent };
        for message in self.outgoing(&ready.take_persisted_messages(), all_matched) {
            self.held_messages.hold(after, message);
        }
    }

    fn hold_committed(&mut self, entries: Vec<Entry>) {
        let Some(last) = entries.last().map(|entry| entry.index) else { return };
        self.node.advance_apply_to(last);
        let given_early = mutants::active("committed-before-hard-state-durable");
        let after = if given_early { 0 } else { self.vote };
        let changes = self.apply_changes(&entries);
        if self.is_lone_voter() {
            // Nobody will ask for them: what is not in the tables yet is in the node log.
            self.node.mut_store().forget(last);
        }
        let committed = entries.into_iter().map(committed_entry).collect();
        self.held_events.hold(after, Event::Committed(committed));
        changes.into_iter().for_each(|change| self.held_events.hold(after, change));
        if let Some(own) = self.own_empty.take_if(|own| own.index <= last)
            && self.established.is_none()
        {
            self.held_events.hold(after, Event::Established { term: own.term });
        }
        self.leave_office();
    }

    /// The seeded bugs that take the disk's answer for granted.
    fn acknowledge_early(&mut self, ready_number: u64) {
        if mutants::active("persist-reported-early") {
            self.node.on_persist_ready(ready_number);
        }
        if mutants::active("own-ack-before-fsync") && self.is_leader() {
            let last = self.node.store().last();
            self.node.raft.on_persist_entries(last.index, last.term);
        }
    }
}

fn committed_entry(entry: Entry) -> CommittedEntry {
    let id = LogId { term: entry.term, index: entry.index };
    let kind = kind_of(&entry);
    let data = if kind == EntryKind::Command { entry.data } else { Bytes::new() };
    CommittedEntry { id, kind, data }
}

fn read_ready(read: &ReadState) -> Option<Event> {
    let id = u64::from_be_bytes(read.request_ctx.as_slice().try_into().ok()?);
    Some(Event::ReadReady { id, index: read.index })
}

//! One `Ready` of the consensus library becomes records, messages and events.
//!
//! | part of a `Ready`            | goes out                                                       |
//! |------------------------------|----------------------------------------------------------------|
//! | entries, hard state          | at once, as records                                            |
//! | a leader's messages          | at once                                                        |
//! | everybody else's messages    | when all entries, votes and terms before them are durable      |
//! | committed entries            | when all votes and terms before them are durable; the library  |
//! |                              | gives out only such as are durable themselves                  |
//! | `Established`                | after the leader's own empty entry in that order               |
//!
//! Not here: when the disk has answered (`driver`).

use raft::eraftpb::{Entry, Message, MessageType};
use raft::{ReadState, Ready};
use storage::Record;

use super::Driver;
use crate::format::{EntryBytes, kind_of};
use crate::mutants;
use crate::types::{CommittedEntry, Event, LogId, Outgoing, Output, ReplicaId};
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
        let group = self.config.group;
        let entries = ready.take_entries();
        if let Some(first) = entries.first() {
            let first = first.index;
            let bytes = entries.iter().map(|entry| EntryBytes::of(entry).encode_to_vec().into()).collect();
            output.records.push(Record::Entries { group, first, entries: bytes });
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
        if self.is_lone_voter() {
            // Nobody will ask for them: what is not in the tables yet is in the node log.
            self.node.mut_store().forget(last);
        }
        let given_early = mutants::active("committed-before-hard-state-durable");
        let after = if given_early { 0 } else { self.vote };
        let committed = entries.into_iter().map(committed_entry).collect();
        self.held_events.hold(after, Event::Committed(committed));
        if let Some(own) = self.own_empty.take_if(|own| own.index <= last)
            && self.established.is_none()
        {
            self.held_events.hold(after, Event::Established { term: own.term });
        }
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
    CommittedEntry { id, kind: kind_of(&entry), data: entry.data }
}

fn read_ready(read: &ReadState) -> Option<Event> {
    let id = u64::from_be_bytes(read.request_ctx.as_slice().try_into().ok()?);
    Some(Event::ReadReady { id, index: read.index })
}

//! What a leader does without being asked: due timers, unanswered terminations, unacknowledged
//! messages, cascades, and handing out again what earlier leaders left.
//!
//! A few at a time, so that new work is admitted before the backlog.

use std::collections::BTreeSet;

use engine::id::PartitionId;
use engine::partition::command::{Command, FireTimers, ForceTerminate, ReceiveMessages};
use engine::partition::view;
use engine::time::Timestamp;

use super::core::{Halt, Partition};
use super::messages::{Outputs, Perform, Request};
use super::mutants;
use crate::node::payloads::part_of;

/// Follow-ups proposed in one round.
const FOLLOW_UPS_MAX: usize = 8;

impl Partition {
    pub(super) fn go_on(&mut self, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        self.fire_timers(now, outputs)?;
        self.force_terminations(now, outputs)?;
        self.send_again(now, outputs)?;
        self.follow_up(now, outputs)?;
        self.hand_out_outstanding(outputs)
    }

    fn fire_timers(&mut self, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        let Some(leader) = &mut self.leader else { return Ok(()) };
        let Some(due) = leader.due_at.take_if(|due| *due <= now) else { return Ok(()) };
        outputs.perform.push(Perform::TimersFired { late: now.since(due) });
        let command = Command::FireTimers(FireTimers {});
        self.propose(Request::Partition(command), None, now, outputs)
    }

    fn force_terminations(&mut self, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        let Some(leader) = &mut self.leader else { return Ok(()) };
        let later = leader.terminations.split_off(&now);
        let due = std::mem::replace(&mut leader.terminations, later);
        for (instance, execution) in due.into_values().flatten() {
            let command =
                Command::ForceTerminate(ForceTerminate { instance: instance.as_str().to_owned(), execution });
            self.propose(Request::Partition(command), None, now, outputs)?;
        }
        Ok(())
    }

    fn follow_up(&mut self, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        for _ in 0..FOLLOW_UPS_MAX {
            let next = self.leader.as_mut().and_then(|leader| leader.follow_ups.pop_front());
            let Some(request) = next else { break };
            self.propose(request, None, now, outputs)?;
        }
        Ok(())
    }

    /// One page of what state says is unfinished. It may name what is already on its way: whoever
    /// performs effects recognises that.
    fn hand_out_outstanding(&mut self, outputs: &mut Outputs) -> Result<(), Halt> {
        let Some(cursor) = self.leader.as_mut().and_then(|leader| leader.outstanding.take()) else {
            return Ok(());
        };
        let machine = self.machine;
        let (effects, next) = self.see(|rows| machine.outstanding(rows, cursor.clone()))?;
        if let Some(leader) = &mut self.leader {
            leader.outstanding = next;
        }
        self.hold(effects, self.applied.index, None, outputs);
        Ok(())
    }

    /// The causes of these messages are committed.
    pub(super) fn send_upto(
        &mut self,
        to: PartitionId,
        upto: u64,
        outputs: &mut Outputs,
    ) -> Result<(), Halt> {
        if let Some(leader) = &mut self.leader {
            let sent = leader.sent.entry(to).or_default();
            sent.released = sent.released.max(upto);
        }
        self.send(to, outputs)
    }

    /// Hands the outbox's next released messages for one partition over, from the last one sent.
    fn send(&mut self, to: PartitionId, outputs: &mut Outputs) -> Result<(), Halt> {
        let Some(leader) = &self.leader else { return Ok(()) };
        let (after, released) = leader.sent.get(&to).map_or((0, 0), |sent| (sent.upto, sent.released));
        let limit = self.tuning.messages_max;
        if after >= released {
            return Ok(());
        }
        let machine = self.machine;
        let mut found = self.see(|rows| machine.outbox(rows, to, after, limit))?;
        found.retain(|(sequence, _)| *sequence <= released);
        if let (Some(first), Some(last)) = (found.first(), found.last()) {
            let upto = self.provide(to, (first.0, last.0), outputs)?;
            found.retain(|(sequence, _)| *sequence <= upto);
        }
        let (Some(first), Some(last)) = (found.first().map(|m| m.0), found.last().map(|m| m.0)) else {
            return Ok(());
        };
        let again_at = self.last_stamp().plus(self.tuning.resend_after);
        let Some(leader) = &mut self.leader else { return Ok(()) };
        let sent = leader.sent.entry(to).or_default();
        sent.upto = last;
        sent.again_at = Some(again_at);
        let messages = ReceiveMessages {
            from: self.machine.partition().0,
            from_lineage: self.lineage.0,
            to_lineage: self.lineage.0,
            first,
            messages: found.into_iter().map(|(_, message)| message).collect(),
        };
        outputs.perform.push(Perform::Deliver { to, messages });
        Ok(())
    }

    /// Gives a partition the large texts that messages for it name, so that they are there first; up to
    /// which message. What is on its way twice is stored once.
    fn provide(
        &mut self,
        to: PartitionId,
        (first, last): (u64, u64),
        outputs: &mut Outputs,
    ) -> Result<u64, Halt> {
        let machine = self.machine;
        // What our own messages to ourselves name is here.
        if to == machine.partition() || mutants::active("messages-sent-without-their-payloads") {
            return Ok(last);
        }
        let named = self.see(|rows| machine.outbox_references(rows, to, (first, last)))?;
        let mut bytes = 0_usize;
        let mut provided = BTreeSet::new();
        for (sequence, reference) in named {
            if !provided.insert(reference) {
                continue;
            }
            bytes = bytes.saturating_add(usize::try_from(reference.bytes).unwrap_or(usize::MAX));
            if bytes > self.tuning.provided_max && sequence > first {
                return Ok(sequence - 1);
            }
            let parts = self.see(|rows| view::payload(rows, reference))?.unwrap_or_default();
            let mut offset = 0;
            for part in parts {
                let length = part.len();
                let part = part_of(reference, offset, part, self.tuning.apart);
                outputs.perform.push(Perform::Provide { to, part });
                offset += length;
            }
        }
        Ok(last)
    }

    /// A partition has our messages durably: goes on with the next page.
    pub(super) fn on_acknowledged(
        &mut self,
        from: PartitionId,
        upto: u64,
        outputs: &mut Outputs,
    ) -> Result<(), Halt> {
        let Some(leader) = &mut self.leader else { return Ok(()) };
        let sent = leader.sent.entry(from).or_default();
        sent.acknowledged = sent.acknowledged.max(upto);
        if sent.acknowledged >= sent.upto {
            sent.upto = sent.acknowledged;
            sent.again_at = None;
            return self.send(from, outputs);
        }
        Ok(())
    }

    /// Starts over with the first unacknowledged message of each partition that has been silent.
    fn send_again(&mut self, now: Timestamp, outputs: &mut Outputs) -> Result<(), Halt> {
        let Some(leader) = &mut self.leader else { return Ok(()) };
        let mut silent = Vec::new();
        for (to, sent) in &mut leader.sent {
            if sent.again_at.is_some_and(|at| at <= now) && !mutants::active("messages-never-sent-again") {
                sent.again_at = None;
                sent.upto = sent.acknowledged;
                silent.push(*to);
            }
        }
        for to in silent {
            self.send(to, outputs)?;
        }
        Ok(())
    }
}

//! What a leader does with a command: place, apply, propose, hold its effects, release them.
//!
//! Not here: what the leader does without being asked (`chores`), and the log's own events (`core`).

use engine::id::LogId;
use engine::limits;
use engine::partition::effect::{Durability, Effect, Effects, Refusal, Reply};
use engine::rows::WorkingSet;
use engine::time::Timestamp;

use super::core::{Halt, Partition, Room};
use super::leader::Held;
use super::machine::{Applied, Entry};
use super::messages::{Outcome, Outputs, Perform, Request, Settled, Ticket, Unavailable};
use super::mutants;
use crate::dispatch::{Ended, Work};

impl Partition {
    pub(super) fn on_asked(
        &mut self,
        request: Request,
        ticket: Option<Ticket>,
        now: Timestamp,
        outputs: &mut Outputs,
    ) -> Result<(), Halt> {
        let refusal = match &self.leader {
            None => Some(Unavailable::NotLeading),
            Some(_) if self.room == Room::None => Some(Unavailable::DiskFull),
            Some(_) => None,
        };
        match refusal {
            None => self.propose(request, ticket, now, outputs),
            Some(why) => {
                outputs.settled.extend(ticket.map(|ticket| (ticket, Settled::Reply(Err(why)))));
                Ok(())
            }
        }
    }

    /// Before the log: applies the command where it will stand, then proposes it. Should it not get
    /// that place, the working set goes: what it holds is only a cache until it is written out.
    pub(super) fn propose(
        &mut self,
        request: Request,
        ticket: Option<Ticket>,
        now: Timestamp,
        outputs: &mut Outputs,
    ) -> Result<(), Halt> {
        let answers = request.answers();
        let acknowledged = request.acknowledges();
        let at = self.last_at.max(now);
        let entry = self.machine.entry(at, request);
        let data = entry.encode();
        if data.len() > limits::ENTRY_BYTES_MAX {
            let why = Unavailable::TooLarge { bytes: data.len(), bytes_max: limits::ENTRY_BYTES_MAX };
            outputs.settled.extend(ticket.map(|ticket| (ticket, Settled::Reply(Err(why)))));
            return Ok(());
        }
        let place = LogId { term: self.group.term(), index: self.group.last().index + 1 };
        let applied = self.apply_at(place, &entry)?;
        if let Err(refused) = self.group.propose(data) {
            self.rows = WorkingSet::new();
            let why = match refused {
                replication::ProposeError::Busy => Unavailable::Overloaded,
                replication::ProposeError::NotEstablished
                | replication::ProposeError::TooLarge { .. }
                | replication::ProposeError::Empty
                | replication::ProposeError::Stopped => Unavailable::NotLeading,
            };
            outputs.settled.extend(ticket.map(|ticket| (ticket, Settled::Reply(Err(why)))));
            return Ok(());
        }
        self.last_at = at;
        self.applied = place;
        self.overlay.push(place, self.rows.take_writes());
        self.dirty_since.get_or_insert(now);
        outputs.perform.extend(answers.and_then(|work| ended(work, &applied.effects)));
        self.hold(applied.effects, place.index, ticket, outputs);
        if let (Some(reply), Some(ticket), Some(leader)) = (applied.catalog, ticket, &mut self.leader) {
            let settled = Settled::Reply(Ok(Outcome::Catalog(reply)));
            leader.hold(place.index, Held::Settle(ticket, settled));
        }
        match acknowledged {
            Some((from, upto)) => self.on_acknowledged(from, upto, outputs),
            None => Ok(()),
        }
    }

    /// Applies an entry at its place, loading what it touches.
    pub(super) fn apply_at(&mut self, id: LogId, entry: &Entry) -> Result<Applied, Halt> {
        loop {
            match self.machine.try_apply(&mut self.rows, id, entry) {
                Ok(applied) => return Ok(applied),
                Err(needs) => self.load_now(&needs)?,
            }
        }
    }

    /// Lets go of what needs no durability and holds the rest until `index` is committed.
    pub(super) fn hold(
        &mut self,
        effects: Effects,
        index: u64,
        ticket: Option<Ticket>,
        outputs: &mut Outputs,
    ) {
        let Some(leader) = &mut self.leader else { return };
        for effect in effects {
            let durability = effect.durability();
            match effect {
                Effect::OfferTurn { instance, name, version } => {
                    debug_assert_eq!(durability, Durability::Proposed, "turns have no outside effect");
                    outputs.perform.push(Perform::OfferTurn { instance, name, version });
                }
                Effect::OfferBatch { entity } => {
                    debug_assert_eq!(durability, Durability::Proposed, "batches have no outside effect");
                    outputs.perform.push(Perform::OfferBatch(entity));
                }
                Effect::OfferActivity { activity, name, version } => {
                    let offer = Perform::OfferActivity { activity, name, version };
                    match self.tuning.activities {
                        Durability::Proposed => outputs.perform.push(offer),
                        Durability::Committed => leader.hold(index, Held::Perform(offer)),
                    }
                }
                Effect::Reply(reply) => {
                    let Some(ticket) = ticket else { continue };
                    let settled = Settled::Reply(Ok(Outcome::Partition(reply)));
                    let speculated =
                        self.tuning.activities == Durability::Proposed && mutants::active("reply-speculated");
                    if speculated {
                        outputs.settled.push((ticket, settled));
                    } else {
                        leader.hold(index, Held::Settle(ticket, settled));
                    }
                }
                Effect::Send { to, upto } => leader.hold(index, Held::Send { to, upto }),
                Effect::Acknowledge { to, upto } => {
                    leader.hold(index, Held::Perform(Perform::Acknowledge { to, upto }));
                }
                Effect::InstanceChanged { instance, status } => {
                    leader.hold(index, Held::Perform(Perform::InstanceChanged(instance, status)));
                }
                Effect::ScheduleMoved => leader.hold(index, Held::Perform(Perform::ScheduleMoved)),
                Effect::FeedGrew => leader.hold(index, Held::Perform(Perform::FeedGrew)),
                Effect::WakeAt(at) => leader.wake_at(at),
                Effect::AwaitTermination { instance, execution } => {
                    let by = self.last_at.plus(self.tuning.termination_wait);
                    leader.terminations.entry(by).or_default().push((instance, execution));
                }
                Effect::FollowUp(command) => leader.follow_ups.push_back(Request::Partition(command)),
            }
        }
    }

    pub(super) fn release(&mut self, outputs: &mut Outputs) -> Result<(), Halt> {
        let committed = self.committed.index;
        while let Some(held) = self.leader.as_mut().and_then(|leader| leader.release(committed)) {
            match held {
                Held::Perform(perform) => outputs.perform.push(perform),
                Held::Settle(ticket, settled) => outputs.settled.push((ticket, settled)),
                Held::Send { to, upto } => self.send_upto(to, upto, outputs)?,
            }
        }
        Ok(())
    }
}

/// How a work item's answer fared: told before the answer's own effects are performed. `None`: its large
/// texts are to be brought again, and then it comes once more.
fn ended(work: Work, effects: &Effects) -> Option<Perform> {
    let missing = Effect::Reply(Reply::Refused(Refusal::PayloadMissing));
    if effects.iter().any(|effect| *effect == missing) {
        return None;
    }
    // `Unchanged` repeats an answer that had counted before: what is out now may be the next turn.
    let accepted = effects.iter().any(|effect| matches!(effect, Effect::Reply(Reply::Done)));
    let ended = if accepted { Ended::Accepted } else { Ended::Refused };
    Some(match work {
        Work::Turn { instance } => Perform::TurnEnded(instance, ended),
        Work::Activity { key } => Perform::ActivityEnded(key, ended),
        Work::Batch { entity } => Perform::BatchEnded(entity, ended),
    })
}

//! When a question may be answered: once all it saw is committed, and once a majority has said,
//! after the question came, that this replica still leads.
//!
//! Not here: the answers (`answers`). A leader that was cut off believes for a while that it leads;
//! what it knows is committed, and yet others may have gone on without it. A lone voter asks nobody.

use super::core::{Halt, Partition, Room};
use super::leader::Held;
use super::messages::{Outputs, Question, Settled, Ticket, Unavailable};
use super::mutants;

impl Partition {
    pub(super) fn on_questioned(
        &mut self,
        question: &Question,
        ticket: Ticket,
        outputs: &mut Outputs,
    ) -> Result<(), Halt> {
        if self.leader.is_none() {
            outputs.settled.push((ticket, Settled::Answer(Err(Unavailable::NotLeading))));
            return Ok(());
        }
        if self.room == Room::None && self.applied.index > self.committed.index {
            // It would see what cannot be made durable, and nobody knows for how long.
            outputs.settled.push((ticket, Settled::Answer(Err(Unavailable::DiskFull))));
            return Ok(());
        }
        let answer = self.answer(question)?;
        let alone = self.group.is_lone_voter() || mutants::active("read-without-quorum");
        let Some(leader) = &mut self.leader else { return Ok(()) };
        if alone {
            leader.hold(self.applied.index, Held::Settle(ticket, Settled::Answer(Ok(answer))));
            return Ok(());
        }
        leader.reads.insert(ticket, answer);
        self.feed(replication::Input::ReadIndex { id: ticket.0 })
    }

    /// A majority follows this leader, or did after the question came.
    pub(super) fn on_quorum_answered(&mut self, id: u64) {
        let Some(leader) = &mut self.leader else { return };
        if let Some(answer) = leader.reads.remove(&Ticket(id)) {
            // At least what the answer saw; more only where more is held already.
            leader.hold(self.applied.index, Held::Settle(Ticket(id), Settled::Answer(Ok(answer))));
        }
    }
}

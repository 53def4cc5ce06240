//! Requests reach cores, answers reach those who asked; both take time, and a dead process answers
//! nothing.
//!
//! Not here: what clients ask for (`workloads`), what workers answer (`workers`).

use engine::id::PartitionId;
use server::partition::messages::{Event, Outcome, Question, Request, Settled, Ticket};

use super::World;
use super::queue::{Asker, Life};
use crate::violation::{Violation, require};

impl World {
    pub(super) fn ask(
        &mut self,
        to: usize,
        partition: PartitionId,
        request: Request,
        asker: Asker,
    ) -> Result<(), Violation> {
        let Some(life) = self.life(to) else { return Ok(()) };
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let ticket = match asker {
            Asker::Peer => None,
            Asker::Client(_) | Asker::Worker(_) | Asker::Courier | Asker::Ticker => {
                Some(resident.ticket(asker))
            }
        };
        self.feed(life, partition, Event::Asked { request, ticket })?;
        self.heard(life, partition, ticket, 0);
        Ok(())
    }

    fn heard(&mut self, life: Life, partition: PartitionId, ticket: Option<Ticket>, committed: u64) {
        if let (Some(resident), Some(ticket)) = (self.resident(life, partition), ticket) {
            resident.heard(ticket, committed);
        }
    }

    /// A client reads; the answer comes like that of a request.
    pub(super) fn question(
        &mut self,
        to: usize,
        partition: PartitionId,
        (question, committed): (Question, u64),
        asker: Asker,
    ) -> Result<(), Violation> {
        let Some(life) = self.life(to) else { return Ok(()) };
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let ticket = resident.ticket(asker);
        self.feed(life, partition, Event::Questioned { question, ticket })?;
        self.heard(life, partition, Some(ticket), committed);
        Ok(())
    }

    pub(super) fn settled(
        &mut self,
        life: Life,
        partition: PartitionId,
        ticket: Ticket,
        settled: Settled,
    ) -> Result<(), Violation> {
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        // A confirmed answer was proposed in the leadership that confirms it, even where that has
        // ended in the same batch.
        let leads = resident.core.leads().map(|epoch| epoch.term);
        let term = leads.or(resident.led).unwrap_or(0);
        let committed = resident.core.committed().index;
        let asked = resident.askers.remove(&ticket);
        if let (Some(asked), Settled::Reply(Ok(_)) | Settled::Answer(Ok(_))) = (asked, &settled) {
            self.checkers.committed.on_read(partition, asked.committed, asked.position)?;
            require(committed >= asked.applied, "AnswersAreCommitted", || {
                format!("{partition:?} answers at {committed} what depends on {}", asked.applied)
            })?;
        }
        match (asked.map(|asked| asked.asker), settled) {
            (Some(Asker::Worker(item)), Settled::Reply(Ok(Outcome::Partition(reply)))) => {
                self.worked(item, term, &Ok(reply))
            }
            (Some(Asker::Worker(item)), Settled::Reply(Err(why))) => self.worked(item, term, &Err(why)),
            (Some(Asker::Ticker), settled) => self.ticker_heard(life, partition, settled),
            (Some(Asker::Courier), settled) => {
                self.courier_heard(life, partition, settled);
                Ok(())
            }
            (Some(Asker::Client(call)), settled) => self.answered(call, settled),
            (Some(Asker::Worker(_) | Asker::Peer) | None, _) => Ok(()),
        }
    }
}

//! The log thread and the store thread of each process, played by the queue.
//!
//! Not here: what the records mean. Everything that waits becomes one append and one sync; those
//! who wait for it hear a little later, and a crash may come between.

use std::sync::Arc;

use engine::id::PartitionId;
use replication::Proof;
use server::partition::messages::{Event, LogOutput, StoreOutput};
use storage::{Durability, Tables};

use super::World;
use super::process::{Job, LogWriter, Process};
use super::queue::{Happening, Life, MS};
use crate::violation::Violation;

/// How long an idle log waits before it records how far it is durable; as the server's.
const IDLE: u64 = 500 * MS;

impl World {
    pub(super) fn write(&mut self, life: Life, partition: PartitionId, outputs: Vec<LogOutput>, flush: bool) {
        let soon = self.soon(10, 100);
        let Some(process) = self.process(life) else { return };
        let Some(resident) = process.residents.get_mut(&partition) else { return };
        process.jobs.extend(resident.write(partition, outputs, flush));
        process.vouched &= process.jobs.is_empty();
        if process.writer == LogWriter::Idle && !process.jobs.is_empty() {
            process.writer = LogWriter::Busy;
            self.queue.push(soon, Happening::LogWrite(life));
        }
    }

    pub(super) fn log_write(&mut self, life: Life) -> Result<(), Violation> {
        let Some(machine) = self.nodes.get_mut(life.node) else { return Ok(()) };
        let delayed_before = machine.disk.counters().sync_delay;
        let Some(process) = machine.process(life) else { return Ok(()) };
        let recycled = process.log.usage().recycled;
        let jobs = std::mem::take(&mut process.jobs);
        let outcome = commit(process, &jobs);
        let recycled = process.log.usage().recycled - recycled;
        let slow = machine.disk.counters().sync_delay - delayed_before;
        self.marks.reach_times("segment recycled", recycled);
        let took = u64::try_from(slow.as_micros()).unwrap_or(0);
        match outcome {
            Ok(()) => self.log_written(life, &jobs, took),
            Err(storage::Error::Full { .. }) => self.log_full(life, jobs),
            Err(error) => self.log_failed(life, &jobs, &error),
        }
        self.look_at_disk(life.node);
        Ok(())
    }

    fn log_written(&mut self, life: Life, jobs: &[Job], took: u64) {
        let owners: Vec<_> = jobs.iter().map(|job| (job.partition, job.number)).collect();
        for job in jobs {
            self.checkers.elections.on_durable(job.partition, life.node, job.term);
        }
        let at = self.soon(80, 400) + took;
        let was_full = self.process(life).is_some_and(|process| process.writer == LogWriter::Full);
        if was_full {
            self.marks.reach("disk full and room again");
            self.tell(life, jobs, || Event::DiskFull(false));
        }
        if let Some(process) = self.process(life) {
            process.writer = LogWriter::Busy;
        }
        self.trace.line(format_args!("{} node {} wrote {} of the log", self.now, life.node, jobs.len()));
        self.queue.push(at, Happening::LogDone(life, owners));
    }

    fn log_full(&mut self, life: Life, jobs: Vec<Job>) {
        self.marks.reach("disk full refused a record");
        self.tell(life, &jobs, || Event::DiskFull(true));
        let Some(process) = self.process(life) else { return };
        process.writer = LogWriter::Full;
        process.jobs.splice(0..0, jobs);
        self.queue.push(self.now + 20 * MS, Happening::LogWrite(life));
    }

    fn log_failed(&mut self, life: Life, jobs: &[Job], error: &storage::Error) {
        let why = error.to_string();
        self.trace.line(format_args!("{} node {} log failed: {why}", self.now, life.node));
        self.tell(life, jobs, || Event::Failed { why: why.clone() });
        if let Some(process) = self.process(life) {
            process.writer = LogWriter::Idle;
        }
    }

    fn tell(&mut self, life: Life, jobs: &[Job], event: impl Fn() -> Event) {
        for job in jobs {
            let at = self.soon(1, 20);
            self.queue.push(at, Happening::Feed(life, job.partition, Box::new(event())));
        }
    }

    pub(super) fn log_done(&mut self, life: Life, owners: Vec<(PartitionId, u64)>) -> Result<(), Violation> {
        let (soon, idle) = (self.soon(10, 50), self.now + IDLE);
        let Some(process) = self.process(life) else { return Ok(()) };
        if process.jobs.is_empty() {
            process.writer = LogWriter::Idle;
            let appends = process.log.usage().appends;
            self.queue.push(idle, Happening::LogIdle(life, appends));
        } else {
            self.queue.push(soon, Happening::LogWrite(life));
        }
        for (partition, number) in owners {
            self.feed(life, partition, Event::Persisted { number })?;
        }
        Ok(())
    }

    pub(super) fn log_idle(&mut self, life: Life, appends: u64) -> Result<(), Violation> {
        let Some(process) = self.process(life) else { return Ok(()) };
        if process.writer != LogWriter::Idle || process.log.usage().appends != appends {
            return Ok(());
        }
        // It says again what is durable already; losing it is harmless.
        let frames = process.log.usage().frames;
        let _noted = process.log.note_durable();
        process.vouched = process.log.usage().frames > frames;
        self.look_at_disk(life.node);
        Ok(())
    }

    pub(super) fn store(
        &mut self,
        life: Life,
        partition: PartitionId,
        (tables, store): (Arc<Tables>, StoreOutput),
    ) -> Result<(), Violation> {
        if self.process(life).is_none() {
            return Ok(());
        }
        let StoreOutput { batch, upto } = store;
        let event = match tables.store(batch, Durability::Checkpoint) {
            Ok(()) => Event::Stored { upto },
            Err(storage::Error::Full { .. }) => Event::StoreDeferred,
            Err(error) => Event::Failed { why: error.to_string() },
        };
        if matches!(event, Event::Stored { .. }) {
            self.marks.reach("checkpoint stored");
            self.trace.line(format_args!("{} node {} stored {partition:?} to {upto}", self.now, life.node));
        }
        let at = self.soon(10, MS);
        self.queue.push(at, Happening::Feed(life, partition, Box::new(event)));
        self.look_at_disk(life.node);
        Ok(())
    }
}

fn commit(process: &mut Process, jobs: &[Job]) -> Result<(), storage::Error> {
    let fresh = jobs.iter().skip(process.written);
    let records: Vec<_> = fresh.flat_map(|job| job.records.iter().cloned()).collect();
    process.log.append(&records)?;
    process.log.sync()?;
    process.written = jobs.len();
    if jobs.iter().any(|job| job.proof == Proof::Vouched) {
        process.log.vouch()?;
    }
    process.written = 0;
    Ok(())
}

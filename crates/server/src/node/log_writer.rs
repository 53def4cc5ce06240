//! The thread that owns the node log: everything waiting becomes one write and one fdatasync.
//!
//! Whoever waits hears of it afterwards. A full disk is waited for; a failed write or sync ends the
//! log for good. Not here: which records there are (`replication`) and their bytes (`storage`).

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use platform::clock::Clock;
use storage::{NodeLog, Record, Usage};

use crate::observe::codes;
use crate::observe::metrics::LogMetrics;

use crate::partition::address::Address;
use crate::partition::mailbox::Mailbox;
use crate::partition::messages::Event;

/// Something for the log thread.
#[derive(Debug)]
pub enum Job {
    /// Records of one partition; their owner hears `Persisted { number }`.
    Append {
        /// Whom to tell.
        owner: Address,
        /// The highest number among them.
        number: u64,
        /// In order.
        records: Vec<Record>,
        /// Damage to these must never pass for an unfinished write: a vote is among them.
        vouch: bool,
    },
    /// Close the log cleanly and end.
    Close {
        /// Told once the log is closed.
        done: SyncSender<Result<(), storage::Error>>,
    },
}

/// How often a full disk is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// How long an idle log waits before it records how far it is durable.
const IDLE: Duration = Duration::from_millis(500);

/// A sync that takes longer is worth a line.
const SLOW: Duration = Duration::from_secs(1);

/// Bytes of entries in one append; what waits is split into several, with one sync for all.
const APPEND_BYTES: usize = 8 << 20;

/// Runs until told to close.
pub fn run(log: NodeLog, mailbox: &Mailbox<Job>, metrics: &LogMetrics, clock: &dyn Clock, calm: fn()) {
    let (waiting, refused) = (Vec::new(), Vec::new());
    let mut writer = Writer { log, mailbox, metrics, clock, waiting, refused, close: None };
    let mut idle_noted = true;
    let mut counted = Usage::default();
    while writer.close.is_none() {
        let mut jobs = std::mem::take(&mut writer.waiting);
        if jobs.is_empty() {
            mailbox.receive(&mut jobs, || (!idle_noted).then_some(IDLE));
        }
        idle_noted = jobs.is_empty();
        if idle_noted {
            let noted = writer.log.note_durable();
            writer.tell(&[], noted.as_ref().err());
            calm();
        } else {
            writer.work(jobs);
        }
        count(metrics, writer.log.usage(), &mut counted);
    }
    let closed = writer.log.close();
    if let Err(error) = &closed {
        tracing::warn!(code = error.code(), %error, "the log was not closed cleanly; the next start reads it as after a crash");
    }
    if writer.close.is_some_and(|done| done.send(closed).is_err()) {
        tracing::debug!("nobody waits for the log to close");
    }
}

type Close = Option<SyncSender<Result<(), storage::Error>>>;

/// What is written and synced together.
struct Batch {
    records: Vec<Record>,
    vouch: bool,
}

struct Writer<'a> {
    log: NodeLog,
    mailbox: &'a Mailbox<Job>,
    metrics: &'a LogMetrics,
    clock: &'a dyn Clock,
    /// Jobs that came while the disk was full.
    waiting: Vec<Job>,
    /// Who was told that the disk is full.
    refused: Vec<Address>,
    /// Whoever waits for the log to close: nothing is begun any more.
    close: Close,
}

impl Writer<'_> {
    fn work(&mut self, jobs: Vec<Job>) {
        let mut owners = Vec::with_capacity(jobs.len());
        let mut records = Vec::with_capacity(jobs.len() * 2);
        let mut vouches = false;
        for job in jobs {
            match job {
                Job::Append { owner, number, records: more, vouch } => {
                    vouches |= vouch;
                    owners.push((owner, number));
                    records.extend(more);
                }
                Job::Close { done } => self.close = Some(done),
            }
        }
        match self.commit(Batch { records, vouch: vouches }, &owners) {
            Ok(()) => self.tell(&owners, None),
            // Only a stop gives up on a full disk. What was not written was never acknowledged, and
            // the log is as good as before.
            Err(error @ storage::Error::Full { .. }) => {
                tracing::warn!(code = error.code(), %error, "stopped while the disk is full; what was not acknowledged is not kept");
            }
            Err(error) => self.tell(&owners, Some(&error)),
        }
    }

    fn tell(&self, owners: &[(Address, u64)], failed: Option<&storage::Error>) {
        for (owner, number) in owners {
            owner.send(match failed {
                None => Event::Persisted { number: *number },
                Some(error) => Event::Failed { why: error.to_string() },
            });
        }
        if let Some(error) = failed {
            self.metrics.poisoned.set(1);
            tracing::error!(code = error.code(), %error, "the node log has failed; its partitions halt");
        }
    }

    /// As few writes as the limits allow, and one sync; a vote costs a second.
    fn commit(&mut self, batch: Batch, owners: &[(Address, u64)]) -> Result<(), storage::Error> {
        if batch.records.is_empty() {
            return Ok(());
        }
        let entries = entries(&batch.records);
        for portion in portions(batch.records) {
            self.with_room(owners, |log| log.append(&portion))?;
        }
        let begun = self.clock.monotonic();
        self.log.sync()?;
        let took = self.clock.monotonic().saturating_sub(begun);
        self.metrics.sync_seconds.observe(took);
        if took > SLOW {
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                code = codes::SYNC_SLOW.id,
                milliseconds,
                "the disk is slow to make the log durable"
            );
        }
        if batch.vouch {
            self.with_room(owners, NodeLog::vouch)?;
        }
        self.metrics.commits.inc_by(entries);
        if !self.refused.is_empty() {
            tracing::info!("the disk has room again; work is accepted");
            self.metrics.disk_full.set(0);
            self.refused.drain(..).for_each(|owner| owner.send(Event::DiskFull(false)));
        }
        Ok(())
    }

    /// A full disk is waited for: nothing of this was promised, and the log goes on once there is
    /// room. Only a stop does not wait.
    fn with_room(
        &mut self,
        owners: &[(Address, u64)],
        write: impl Fn(&mut NodeLog) -> Result<(), storage::Error>,
    ) -> Result<(), storage::Error> {
        loop {
            match write(&mut self.log) {
                Ok(()) => return Ok(()),
                Err(error @ storage::Error::Full { .. }) => {
                    self.metrics.disk_full.set(1);
                    if self.refused.is_empty() {
                        tracing::error!(code = error.code(), %error, "the disk is full; no new work is accepted");
                        owners.iter().for_each(|(owner, _)| self.refuse(owner));
                    }
                    if self.close.is_some() {
                        return Err(error);
                    }
                    self.wait_for_room();
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn wait_for_room(&mut self) {
        let mut jobs = Vec::new();
        self.mailbox.receive(&mut jobs, || Some(RETRY));
        for job in jobs {
            match job {
                Job::Append { ref owner, .. } => {
                    self.refuse(&owner.clone());
                    self.waiting.push(job);
                }
                Job::Close { done } => self.close = Some(done),
            }
        }
    }

    fn refuse(&mut self, owner: &Address) {
        owner.send(Event::DiskFull(true));
        self.refused.push(owner.clone());
    }
}

fn entries(records: &[Record]) -> u64 {
    let count = |record: &Record| match record {
        Record::Entries { entries, .. } => entries.len(),
        Record::Opened { .. }
        | Record::State { .. }
        | Record::Compacted { .. }
        | Record::Sealed { .. }
        | Record::Destroyed { .. } => 0,
    };
    u64::try_from(records.iter().map(count).sum::<usize>()).unwrap_or(u64::MAX)
}

/// Records in order, in portions of at most [`APPEND_BYTES`] or one entry. Splitting the entries of
/// one record is harmless: a crash between two portions leaves a shorter log, and nobody was told.
fn portions(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut portions = vec![Vec::new()];
    let mut bytes = 0;
    let mut push = |record: Record, size: usize| {
        if bytes > 0 && bytes + size > APPEND_BYTES {
            portions.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(portion) = portions.last_mut() {
            portion.push(record);
        }
    };
    for record in records {
        match record {
            Record::Entries { group, mut first, entries } if size(&entries) > APPEND_BYTES => {
                for entry in entries {
                    let size = entry.len();
                    push(Record::Entries { group, first, entries: vec![entry] }, size);
                    first += 1;
                }
            }
            Record::Entries { group, first, entries } => {
                let size = size(&entries);
                push(Record::Entries { group, first, entries }, size);
            }
            other @ (Record::Opened { .. }
            | Record::State { .. }
            | Record::Compacted { .. }
            | Record::Sealed { .. }
            | Record::Destroyed { .. }) => push(other, SMALL_RECORD_BYTES),
        }
    }
    portions
}

/// What a record without entries is taken for.
const SMALL_RECORD_BYTES: usize = 64;

fn size(entries: &[bytes::Bytes]) -> usize {
    entries.iter().map(bytes::Bytes::len).sum()
}

/// Brings the counters up to what the log says of itself.
fn count(metrics: &LogMetrics, usage: Usage, counted: &mut Usage) {
    metrics.syncs.inc_by(usage.syncs - counted.syncs);
    metrics.bytes.inc_by(usage.bytes - counted.bytes);
    metrics.frames.inc_by(usage.frames - counted.frames);
    metrics.segments.set(i64::try_from(usage.segments).unwrap_or(i64::MAX));
    *counted = usage;
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use bytes::Bytes;
    use platform::fault::SimDisk;
    use storage::GroupKey;

    use super::*;
    use crate::partition::address::Delivery;

    const GROUP: GroupKey = GroupKey { partition: 0, lineage: 1, replica: 1 };

    /// Waits until the log's owner hears that the disk is full.
    fn hear_full(owner: &Mailbox<Delivery>) {
        let mut heard = Vec::new();
        owner.receive(&mut heard, || None);
        assert!(matches!(heard[..], [Delivery::Event { event: Event::DiskFull(true), .. }]), "{heard:?}");
    }

    #[test]
    fn a_stop_while_the_disk_is_full_closes_a_log_that_is_as_good_as_before() {
        let disk = SimDisk::new(1);
        let options = storage::log::Options::small();
        let open = || NodeLog::open(Arc::new(disk.clone()), Path::new("/log"), options.clone());
        let (mut log, _) = open().expect("a new log");
        log.append(&[Record::Opened { group: GROUP }]).expect("there is room");
        disk.set_capacity(Some(64 << 10));
        let (jobs, owner) = (Mailbox::default(), Mailbox::default());
        let metrics = LogMetrics::default();
        let writer = std::thread::spawn({
            let (jobs, metrics) = (jobs.clone(), metrics.clone());
            move || run(log, &jobs, &metrics, &platform::real::RealClock::new(), || {})
        });
        let append = |number, first| Job::Append {
            owner: Address::new(owner.clone(), 1),
            number,
            vouch: false,
            records: vec![Record::Entries { group: GROUP, first, entries: vec![vec![1; 100_000].into()] }],
        };
        jobs.send(append(1, 1));
        hear_full(&owner);
        jobs.send(append(2, 2));
        hear_full(&owner);
        assert_eq!(metrics.disk_full.get(), 1);
        let (done, closed) = std::sync::mpsc::sync_channel(1);
        jobs.send(Job::Close { done });
        let closed = closed.recv().expect("the log says how it was closed");
        writer.join().expect("the writer does not panic");
        assert!(closed.is_ok(), "{closed:?}");
        assert_eq!(metrics.poisoned.get(), 0, "a full disk is no failed sync");
        disk.set_capacity(None);
        let (_log, found) = open().expect("the log opens");
        assert!(found.was_clean && found.groups[&GROUP].entries.is_empty());
    }

    #[test]
    fn the_metrics_say_how_many_segments_there_are_whether_more_or_fewer() {
        let options = storage::log::Options::small();
        let (mut log, _) =
            NodeLog::open(Arc::new(SimDisk::new(1)), Path::new("/log"), options).expect("a new log");
        log.append(&[Record::Opened { group: GROUP }]).expect("there is room");
        let (metrics, mut counted) = (LogMetrics::default(), Usage::default());
        let mut seen = Vec::new();
        for first in 1..=5 {
            if first == 5 {
                // What is no longer needed goes when the next segment begins.
                log.append(&[Record::Compacted { group: GROUP, upto: 4 }]).expect("there is room");
            }
            let entries = vec![vec![1; 50_000].into()];
            log.append(&[Record::Entries { group: GROUP, first, entries }]).expect("there is room");
            count(&metrics, log.usage(), &mut counted);
            seen.push(metrics.segments.get());
        }
        assert!(seen[0] < seen[3] && seen[4] < seen[3], "{seen:?}");
    }

    #[test]
    fn more_than_one_append_may_hold_is_split_at_entries() {
        let entries = vec![Bytes::from(vec![0; 5 << 20]); 3];
        let records =
            vec![Record::Opened { group: GROUP }, Record::Entries { group: GROUP, first: 7, entries }];
        let firsts: Vec<Vec<u64>> = portions(records)
            .iter()
            .map(|portion| {
                portion
                    .iter()
                    .filter_map(|record| match record {
                        Record::Entries { first, .. } => Some(*first),
                        _ => None,
                    })
                    .collect()
            })
            .collect();
        assert_eq!(firsts, [vec![7], vec![8], vec![9]]);
    }

    #[test]
    fn what_fits_is_one_append() {
        let entries = vec![Bytes::from_static(b"entry"); 100];
        assert_eq!(portions(vec![Record::Entries { group: GROUP, first: 1, entries }]).len(), 1);
    }
}

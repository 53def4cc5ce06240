//! The thread that owns the node log: everything waiting becomes one write and one fdatasync.

use std::time::Duration;

use storage::{NodeLog, Usage};

use crate::observe::metrics::LogMetrics;

use crate::partition::mailbox::Mailbox;
use crate::partition::messages::Event;
use crate::partition::runner::Address;

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
        records: Vec<storage::Record>,
    },
    /// Close the log cleanly and end.
    Close {
        /// Told once the log is closed.
        done: std::sync::mpsc::SyncSender<Result<(), storage::Error>>,
    },
}

/// How often a full disk is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// How long an idle log waits before it records how far it is durable.
const IDLE: Duration = Duration::from_millis(500);

/// Runs until told to close.
pub fn run(mut log: NodeLog, mailbox: &Mailbox<Job>, metrics: &LogMetrics) {
    let mut jobs = Vec::new();
    let mut idle_noted = true;
    let mut counted = Usage::default();
    loop {
        mailbox.receive(&mut jobs, (!idle_noted).then_some(IDLE));
        if jobs.is_empty() {
            idle_noted = true;
            if log.note_durable().is_err() {
                continue;
            }
            continue;
        }
        idle_noted = false;
        let mut owners = Vec::with_capacity(jobs.len());
        let mut records = Vec::with_capacity(jobs.len() * 2);
        let mut close = None;
        for job in jobs.drain(..) {
            match job {
                Job::Append { owner, number, records: more } => {
                    owners.push((owner, number));
                    records.extend(more);
                }
                Job::Close { done } => close = Some(done),
            }
        }
        let written = if records.is_empty() { Ok(()) } else { commit(&mut log, &records, &owners) };
        tell(&owners, written.as_ref().err());
        count(metrics, log.usage(), &mut counted);
        if let Some(done) = close {
            let closed = written.and_then(|()| log.close());
            if done.send(closed).is_err() {
                tracing::debug!("nobody waits for the log to close");
            }
            return;
        }
    }
}

/// One write and one sync; a full disk is waited for, since nothing of it was promised yet.
fn commit(
    log: &mut NodeLog,
    records: &[storage::Record],
    owners: &[(Address, u64)],
) -> Result<(), storage::Error> {
    let mut waited = false;
    let pause: Mailbox<()> = Mailbox::default();
    loop {
        match log.append(records) {
            Ok(()) => break,
            Err(error @ storage::Error::Full { .. }) => {
                if !waited {
                    tracing::error!(code = error.code(), %error, "the disk is full; no new work is accepted");
                    owners.iter().for_each(|(owner, _)| owner.send(Event::DiskFull(true)));
                    waited = true;
                }
                pause.receive(&mut Vec::new(), Some(RETRY));
            }
            Err(error) => return Err(error),
        }
    }
    log.sync()?;
    if waited {
        tracing::info!("the disk has room again; work is accepted");
        owners.iter().for_each(|(owner, _)| owner.send(Event::DiskFull(false)));
    }
    Ok(())
}

fn tell(owners: &[(Address, u64)], failed: Option<&storage::Error>) {
    for (owner, number) in owners {
        owner.send(match failed {
            None => Event::Persisted { number: *number },
            Some(error) => Event::Failed { why: error.to_string() },
        });
    }
    if let Some(error) = failed {
        tracing::error!(code = error.code(), %error, "the node log has failed; its partitions have halted");
    }
}

/// Brings the counters up to what the log says of itself.
fn count(metrics: &LogMetrics, usage: Usage, counted: &mut Usage) {
    metrics.syncs.inc_by(usage.syncs - counted.syncs);
    metrics.bytes.inc_by(usage.bytes - counted.bytes);
    metrics.frames.inc_by(usage.frames - counted.frames);
    metrics.segments.set(i64::try_from(usage.segments).unwrap_or(i64::MAX));
    *counted = usage;
}

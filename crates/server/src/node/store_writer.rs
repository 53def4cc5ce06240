//! The thread that writes checkpoints: one transaction of committed rows at a time, off the hot path.
//!
//! A full disk puts a checkpoint off, because the log still has everything; any other failure halts
//! the partition. Not here: when a checkpoint is due (`partition::core`).

use std::sync::Arc;

use storage::tables::{Batch, Durability, Tables};

use crate::observe::metrics::LogMetrics;
use crate::partition::address::Address;
use crate::partition::mailbox::Mailbox;
use crate::partition::messages::Event;

/// Something for the store thread.
#[derive(Debug)]
pub enum Job {
    /// A checkpoint of one partition; its owner hears `Stored { upto }`.
    Store {
        /// Whom to tell.
        owner: Address,
        /// Where.
        tables: Arc<Tables>,
        /// What.
        batch: Batch,
        /// The last entry in it.
        upto: u64,
    },
    /// End.
    Stop,
}

/// Runs until told to stop.
pub fn run(mailbox: &Mailbox<Job>, metrics: &LogMetrics, calm: fn()) {
    let mut jobs = Vec::new();
    loop {
        mailbox.receive_calmly(&mut jobs, || None, calm);
        for job in jobs.drain(..) {
            match job {
                Job::Store { owner, tables, batch, upto } => {
                    let (rows, bytes) = size(&batch);
                    let event = match tables.store(batch, Durability::Checkpoint) {
                        Ok(()) => {
                            metrics.checkpoints.inc();
                            metrics.rows.inc_by(rows);
                            metrics.row_bytes.inc_by(bytes);
                            Event::Stored { upto }
                        }
                        Err(error @ storage::Error::Full { .. }) => {
                            tracing::warn!(code = error.code(), %error, "a checkpoint waits for room on the disk");
                            Event::StoreDeferred
                        }
                        Err(error) => {
                            tracing::error!(code = error.code(), %error, "a checkpoint failed");
                            Event::Failed { why: error.to_string() }
                        }
                    };
                    owner.send(event);
                }
                Job::Stop => return,
            }
        }
    }
}

/// Rows of a batch and their bytes.
fn size(batch: &Batch) -> (u64, u64) {
    let row = |(key, value): &(bytes::Bytes, Option<bytes::Bytes>)| {
        key.len() + value.as_ref().map_or(0, bytes::Bytes::len)
    };
    let bytes: usize = batch.writes.iter().map(row).sum();
    (u64::try_from(batch.writes.len()).unwrap_or(u64::MAX), u64::try_from(bytes).unwrap_or(u64::MAX))
}

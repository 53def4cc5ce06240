//! When committed rows go to the tables, and what follows once they are there.
//!
//! Not here: writing them (`node::store_writer`). The log may drop only what the tables hold durably.

use bytes::Bytes;
use engine::rows::WorkingSet;
use engine::time::Timestamp;

use super::core::{Halt, Partition, Storing};
use super::messages::{Outputs, StoreOutput};
use super::mutants;

impl Partition {
    pub(super) fn on_stored(&mut self, upto: u64) -> Result<(), Halt> {
        self.storing = Storing::Idle;
        self.stored = self.stored.max(upto);
        self.overlay.stored(upto);
        if self.overlay.oldest().is_none() {
            self.dirty_since = None;
            // Nothing has changed since the checkpoint was begun: whoever waits here waits quietly,
            // and the tables have everything.
            self.rows = WorkingSet::new();
        }
        self.feed(replication::Input::Compact { upto })?;
        Ok(())
    }

    /// Begins a checkpoint when enough has gathered: the committed changes, the applied position,
    /// one transaction.
    pub(super) fn checkpoint(&mut self, now: Timestamp, outputs: &mut Outputs) {
        let is_too_much = self.change_share.hold(self.overlay.bytes()).is_some();
        let Some(oldest) = self.overlay.oldest() else { return };
        let due = self.dirty_since.get_or_insert(now).plus(self.tuning.checkpoint_age);
        let enough = is_too_much || now >= due;
        if self.storing == Storing::Busy || !enough || oldest > self.committed.index {
            return;
        }
        outputs.store = Some(self.store_output());
        if mutants::active("overlay-dropped-before-stored") {
            self.overlay.stored(self.committed.index);
        }
        self.storing = Storing::Busy;
        self.dirty_since = Some(now);
    }

    /// Everything committed that the tables lack, as one transaction.
    fn store_output(&self) -> StoreOutput {
        let proposed = mutants::active("checkpoint-takes-proposed");
        let writes = self.overlay.committed(if proposed { u64::MAX } else { self.committed.index });
        StoreOutput {
            batch: storage::tables::Batch {
                writes: writes.into_iter().map(|(key, value)| (key.into_bytes(), value)).collect(),
                applied: storage::tables::Applied {
                    index: self.committed.index,
                    term: self.committed.term,
                    // The voters are in the log's own state until membership can change.
                    meta: Bytes::new(),
                },
            },
            upto: self.committed.index,
        }
    }

    /// What a clean stop leaves for the tables, so that the next start has nothing to replay.
    pub fn last_store(&self) -> Option<StoreOutput> {
        let clean =
            self.halted.is_none() && self.storing == Storing::Idle && self.committed.index > self.stored;
        clean.then(|| self.store_output())
    }
}

//! When committed rows go to the tables, what follows once they are there, and tables that come from
//! another replica, because entries cannot bring this one up to date.
//!
//! Not here: writing (`node::store_writer`) and carrying. The log may drop only what the tables hold
//! durably, and says when another replica's tables count (`replication`, "a state instead of entries").

use std::sync::Arc;

use bytes::Bytes;
use engine::id::LogId;
use engine::rows::WorkingSet;
use engine::time::Timestamp;
use replication::{Error, Input, Membership};
use storage::tables::Tables;

use super::core::{Halt, Partition, Storing};
use super::messages::{Outputs, StoreOutput};
use super::mutants;
use super::overlay::Overlay;

impl Partition {
    pub(super) fn on_stored(&mut self, upto: u64) -> Result<(), Halt> {
        self.storing = Storing::Idle;
        self.stored = self.stored.max(upto);
        self.overlay.stored(upto);
        if self.overlay.is_empty() {
            self.dirty_since = None;
            // Nothing has changed since the checkpoint was begun: whoever waits here waits quietly,
            // and the tables have everything.
            self.rows = WorkingSet::new();
        }
        self.feed(Input::Compact { upto })?;
        Ok(())
    }

    /// Begins a checkpoint when enough has gathered: the committed changes, the applied position,
    /// one transaction.
    pub(super) fn checkpoint(&mut self, now: Timestamp, outputs: &mut Outputs) {
        let is_too_much = self.change_share.hold(self.overlay.bytes()).is_some();
        let is_wanted = self.stored < self.wanted && self.wanted <= self.committed.index;
        if self.overlay.is_empty() && !is_wanted {
            return;
        }
        let due = self.dirty_since.get_or_insert(now).plus(self.tuning.checkpoint_age);
        let enough = self.overlay.has_committed() && (is_too_much || now >= due);
        if self.storing == Storing::Busy || !(enough || is_wanted) {
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
        let writes = self.overlay.upto(if proposed { u64::MAX } else { self.committed.index });
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

    /// Whether another replica's rows are about to take the place of these.
    pub fn is_replaced(&self) -> bool {
        self.brought.is_some()
    }

    /// Names the replicas that need the rows; where the tables are too old for one, a checkpoint comes
    /// first.
    pub(super) fn look_behind(&mut self, outputs: &mut Outputs) {
        for (replica, at_least) in self.group.wants_snapshot() {
            if at_least <= self.stored {
                outputs.behind.push(replica.0);
            } else {
                self.wanted = self.wanted.max(at_least);
            }
        }
    }

    pub(super) fn on_brought(&mut self, tables: Arc<Tables>, members: Membership) -> Result<(), Halt> {
        let applied = tables.applied()?;
        let id = replication::LogId { term: applied.term, index: applied.index };
        match self.group.step(Input::Install { id, membership: members }) {
            Ok(()) => self.brought = Some(tables),
            // There is nothing new in it, or nobody leads: it will be brought again if it is needed.
            Err(Error::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The log begins behind the rows that were brought: from now on they are the ones that count.
    pub(super) fn on_installed(&mut self, id: LogId, outputs: &mut Outputs) -> Result<(), Halt> {
        let Some(tables) = self.brought.take() else {
            return Err(Halt::Storage(format!("the log begins after {id}, and no rows were brought")));
        };
        self.tables = tables;
        if !mutants::active("rows-kept-when-replaced") {
            self.rows = WorkingSet::new();
            self.overlay = Overlay::default();
        }
        (self.applied, self.committed, self.stored) = (id, id, id.index);
        self.dirty_since = None;
        self.last_at = self.load_meta()?.at;
        outputs.replaced = Some(id.index);
        Ok(())
    }
}

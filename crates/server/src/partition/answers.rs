//! Reads of a partition: questions from outside, and work items for workers.
//!
//! Both look at proposed state. A question's answer is held until all it saw is committed; a turn
//! may leave at once, because it has no outside effect, and an activity is only ever offered after
//! its cause is committed.

use std::sync::Arc;

use bytes::Bytes;
use engine::catalog;
use engine::id::Lineage;
use engine::partition::{feed, schedules, view};
use engine::rows::{Key, Needs, Range, WorkingSet};
use engine::time::Timestamp;
use storage::tables::Tables;

use super::core::{Halt, Partition};
use super::loading;
use super::messages::{Answer, Question};
use crate::dispatch::{Item, Work};

/// Hubs of one catalog that are listed: more than a node can run.
const HUBS_MAX: usize = 4_096;
/// Nodes of one catalog that are listed: all that there may be.
const NODES_MAX: usize = catalog::NODES_MAX as usize;

impl Partition {
    /// Where this partition's rows are kept.
    pub fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables)
    }

    /// Which history of the world this partition's log is.
    pub fn lineage(&self) -> Lineage {
        self.lineage
    }

    /// A work item as it stands now; `None` where there is nothing to do any more. Damage met on the
    /// way must come back as [`super::messages::Event::Failed`], so that the partition halts in its step, where those
    /// who wait are told.
    pub fn build(&mut self, work: &Work, now: Timestamp) -> Result<Option<Item>, Halt> {
        let Some(epoch) = self.leads() else { return Ok(None) };
        match work {
            Work::Turn { instance } => {
                let at = self.last_stamp().max(now);
                let bytes_max = self.tuning.work_item_bytes;
                let turn = self.see(|rows| view::turn(rows, instance, epoch, at, bytes_max))?;
                Ok(turn.map(|turn| Item::Turn(turn, epoch)))
            }
            Work::Activity { key } => {
                let task = self.see(|rows| view::activity(rows, key))?;
                Ok(task.map(|task| Item::Activity(task, epoch)))
            }
            Work::Batch { entity } => {
                let batch = self.see(|rows| view::batch(rows, entity, epoch))?;
                Ok(batch.map(|batch| Item::Batch(batch, epoch)))
            }
        }
    }

    pub(super) fn answer(&mut self, question: &Question) -> Result<Answer, Halt> {
        Ok(match question {
            Question::Instance { instance, with_values } => {
                Answer::Instance(self.see(|rows| view::instance(rows, instance, *with_values))?)
            }
            Question::Instances { filter, after, limit } => {
                Answer::Instances(self.see(|rows| view::instances(rows, filter, after.as_ref(), *limit))?)
            }
            Question::History { instance, after, limit } => {
                Answer::History(self.see(|rows| view::history(rows, instance, *after, *limit))?)
            }
            Question::Finished { span, after, limit } => {
                let after = after.as_ref().map(|(at, instance)| (*at, instance));
                Answer::Finished(self.see(|rows| view::finished(rows, span.start, span.end, after, *limit))?)
            }
            Question::Entity { entity, with_state } => {
                Answer::Entity(self.see(|rows| view::entity(rows, entity, *with_state))?)
            }
            Question::Entities { filter, after, limit } => {
                Answer::Entities(self.see(|rows| view::entities(rows, filter, after.as_ref(), *limit))?)
            }
            Question::Locks { after, limit } => {
                Answer::Locks(self.see(|rows| view::locks(rows, after.as_ref(), *limit))?)
            }
            Question::Counts => Answer::Counts(self.see(view::counts)?),
            Question::Schedule { name } => {
                Answer::Schedule(self.see(|rows| schedules::schedule(rows, name))?.map(Box::new))
            }
            Question::Schedules { after, limit } => {
                Answer::Schedules(self.see(|rows| schedules::schedules(rows, after.as_deref(), *limit))?)
            }
            Question::DueSchedules { limit } => {
                Answer::Schedules(self.see(|rows| schedules::due(rows, *limit))?)
            }
            Question::Feed => Answer::Feed(self.see(feed::standing)?),
            Question::FeedEvents { after, limit } => {
                Answer::FeedEvents(self.see(|rows| feed::events(rows, *after, *limit))?)
            }
            Question::FeedLetters { subscription, after, limit } => {
                Answer::FeedLetters(self.see(|rows| feed::dead_letters(rows, subscription, *after, *limit))?)
            }
            Question::Members => Answer::Members(self.group.members().clone()),
            Question::Meta => Answer::Meta(self.see(view::meta)?),
            Question::Hubs => Answer::Hubs(self.see(|rows| catalog::list(rows, None, HUBS_MAX))?),
            Question::Nodes => Answer::Nodes(self.see(|rows| catalog::nodes(rows, None, NODES_MAX))?),
            Question::Placements { hub } => {
                Answer::Placements(self.see(|rows| catalog::placements(rows, *hub))?)
            }
        })
    }

    /// What the rows say of the partition as a whole, entries that are only proposed included.
    pub fn meta(&mut self) -> Result<view::Meta, Halt> {
        self.load_meta()
    }

    /// Every row, entries that are only proposed included: for whoever checks all of them at once.
    pub fn whole(&self) -> Result<WorkingSet, Halt> {
        let (from, to) = (Bytes::new(), Bytes::from_static(&[u8::MAX; 64]));
        let range = Range { from: Key::from_bytes(from), to: Key::from_bytes(to), limit: usize::MAX };
        let needs = Needs { keys: Vec::new(), ranges: vec![range] };
        let mut rows = WorkingSet::new();
        loading::load(&needs, &self.overlay, &self.tables, &mut rows)?;
        Ok(rows)
    }

    pub(super) fn load_meta(&mut self) -> Result<view::Meta, Halt> {
        self.see(view::meta)
    }

    /// How many rows were looked up in the tables since this was asked last.
    pub fn take_rows_read(&mut self) -> u64 {
        std::mem::take(&mut self.rows_read)
    }

    pub(super) fn load_now(&mut self, needs: &Needs) -> Result<(), Halt> {
        self.rows_read += loading::load(needs, &self.overlay, &self.tables, &mut self.rows)?;
        Ok(())
    }

    /// Loads until a view has all it needs.
    pub(super) fn see<T>(&mut self, view: impl Fn(&WorkingSet) -> Result<T, Needs>) -> Result<T, Halt> {
        loop {
            match view(&self.rows) {
                Ok(seen) => return Ok(seen),
                Err(needs) => self.load_now(&needs)?,
            }
        }
    }
}

//! The schedules of a hub's partitions, as tickers and the API ask for them.
//!
//! Not here: ticks (`schedules`), and changes, which are commands (`Hub::ask_partition`).

use engine::id::PartitionId;
use engine::partition::schedules::ScheduleView;
use tokio::sync::watch;

use super::hub::{Hub, mismatch};
use crate::partition::messages::{Answer, Question, Unavailable};

impl Hub {
    /// One schedule of a partition.
    pub async fn schedule(
        &self,
        partition: PartitionId,
        name: String,
    ) -> Result<Option<ScheduleView>, Unavailable> {
        match self.question(partition, Question::Schedule { name }).await? {
            Answer::Schedule(found) => Ok(found.map(|found| *found)),
            _ => Err(mismatch()),
        }
    }

    /// Schedules of a partition beyond the one named, in order of their names.
    pub async fn schedules(
        &self,
        partition: PartitionId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<ScheduleView>, Unavailable> {
        match self.question(partition, Question::Schedules { after, limit }).await? {
            Answer::Schedules(found) => Ok(found),
            _ => Err(mismatch()),
        }
    }

    /// The schedules of a partition that are due first.
    pub async fn due_schedules(
        &self,
        partition: PartitionId,
        limit: usize,
    ) -> Result<Vec<ScheduleView>, Unavailable> {
        match self.question(partition, Question::DueSchedules { limit }).await? {
            Answer::Schedules(found) => Ok(found),
            _ => Err(mismatch()),
        }
    }

    /// Changes whenever schedules of a partition are due at other times than before.
    pub fn schedule_moves(&self, partition: PartitionId) -> Option<watch::Receiver<u64>> {
        let index = usize::try_from(partition.0).ok()?;
        self.links.schedules.get(index).map(watch::Sender::subscribe)
    }
}

//! The feed of lifecycle events of a hub's partitions, as couriers and the API ask for it.
//!
//! Not here: what is in a feed (`engine::partition::feed`) and who is told (`events`).

use engine::id::PartitionId;
use engine::partition::feed::{DeadLetter, LifecycleEvent, Standing};
use tokio::sync::watch;

use super::hub::{Hub, mismatch};
use crate::events::envelope::Origin;
use crate::partition::messages::{Answer, Question, Unavailable};

impl Hub {
    /// How far a partition's feed is.
    pub async fn feed(&self, partition: PartitionId) -> Result<Standing, Unavailable> {
        match self.question(partition, Question::Feed).await? {
            Answer::Feed(standing) => Ok(standing),
            _ => Err(mismatch()),
        }
    }

    /// Events of a partition beyond number `after`.
    pub async fn feed_events(
        &self,
        partition: PartitionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<LifecycleEvent>, Unavailable> {
        match self.question(partition, Question::FeedEvents { after, limit }).await? {
            Answer::FeedEvents(events) => Ok(events),
            _ => Err(mismatch()),
        }
    }

    /// Letters of a subscription in a partition beyond number `after`.
    pub async fn feed_letters(
        &self,
        partition: PartitionId,
        subscription: String,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Unavailable> {
        match self.question(partition, Question::FeedLetters { subscription, after, limit }).await? {
            Answer::FeedLetters(letters) => Ok(letters),
            _ => Err(mismatch()),
        }
    }

    /// Changes whenever a partition's feed has something new to deliver.
    pub fn feed_growth(&self, partition: PartitionId) -> Option<watch::Receiver<u64>> {
        let index = usize::try_from(partition.0).ok()?;
        self.links.feeds.get(index).map(watch::Sender::subscribe)
    }

    /// Where events of a partition come from.
    pub fn event_origin(&self, partition: PartitionId, lineage: u64) -> Origin {
        Origin { hub: self.name.clone(), hub_id: self.id.0, partition: partition.0, lineage }
    }
}

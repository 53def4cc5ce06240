//! The entities of a whole hub as one list: partition by partition, in order of their ids.
//!
//! A page is bounded by count, bytes and reads, so one that little passes is short rather than slow.
//! Not here: how a place is written down for callers (`ingress`).

use engine::id::{EntityId, PartitionId};
use engine::partition::view::{EntitiesFilter, EntityView};

use super::Hub;
use crate::partition::messages::Unavailable;

/// Bytes of entities on a page, about.
const PAGE_BYTES_MAX: usize = 3 << 20;
/// Reads of partitions for one page.
const READS_MAX: usize = 64;

/// Where a list of entities goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityPlace {
    /// In which partition.
    pub partition: PartitionId,
    /// The last entity shown; `None`: the partition from its beginning.
    pub after: Option<EntityId>,
}

/// Whether a page of entities has their states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// Only how large they are.
    Left,
    /// All of them.
    Shown,
}

impl EntityPlace {
    fn start_of(partition: u32) -> Self {
        Self { partition: PartitionId(partition), after: None }
    }
}

impl Hub {
    /// A page of at most `size` entities from a place on, and where the next begins.
    pub async fn list_entities(
        &self,
        filter: &EntitiesFilter,
        from: Option<EntityPlace>,
        size: usize,
        states: States,
    ) -> Result<(Vec<EntityView>, Option<EntityPlace>), Unavailable> {
        let mut place = from.unwrap_or_else(|| EntityPlace::start_of(0));
        let (mut found, mut bytes) = (Vec::new(), 0);
        for _ in 0..READS_MAX {
            if place.partition.0 >= self.partitions() || found.len() >= size {
                break;
            }
            let after = place.after.take();
            let room = size - found.len();
            let page = self.entities(place.partition, filter.clone(), after.clone(), room).await?;
            place.after = after;
            for view in page.entities {
                let view = self.with_state(view, states).await?;
                bytes += bytes_of(&view);
                if bytes > PAGE_BYTES_MAX && !found.is_empty() {
                    return Ok((found, Some(place)));
                }
                place.after = Some(view.entity.clone());
                found.push(view);
            }
            match page.next {
                Some(next) => place.after = Some(next),
                None => place = EntityPlace::start_of(place.partition.0 + 1),
            }
        }
        let more = place.partition.0 < self.partitions();
        Ok((found, more.then_some(place)))
    }

    /// One that has gone since it was listed is shown as it was.
    async fn with_state(&self, view: EntityView, states: States) -> Result<EntityView, Unavailable> {
        match states {
            States::Left => Ok(view),
            States::Shown => Ok(self.entity(&view.entity, true).await?.unwrap_or(view)),
        }
    }
}

fn bytes_of(view: &EntityView) -> usize {
    let lock = view.lock.as_ref().map_or(0, |lock| lock.section.instance.len());
    let texts = [&view.state, &view.stuck].into_iter().flatten().map(String::len).sum::<usize>();
    64 + view.entity.as_str().len() + lock + texts
}

//! EverythingIsTold: each committed lifecycle event arrives at the receiver, at least once; in order
//! for each instance; and it is the same each time.
//!
//! Not here: posting (`cluster::couriers`).

use std::collections::BTreeMap;

use engine::id::PartitionId;
use engine::partition::feed::LifecycleEvent;

use crate::violation::{Violation, require};

/// See the file's header.
#[derive(Debug, Default)]
pub struct Deliveries {
    received: BTreeMap<(PartitionId, u64), LifecycleEvent>,
    /// The last number that each instance's events have reached.
    last: BTreeMap<(PartitionId, String), u64>,
}

impl Deliveries {
    /// The receiver got these.
    pub fn on_received(
        &mut self,
        partition: PartitionId,
        events: &[LifecycleEvent],
    ) -> Result<(), Violation> {
        for event in events {
            if let Some(known) = self.received.get(&(partition, event.number)) {
                require(known == event, "EverythingIsTold", || {
                    format!("{partition:?} told {known:?} and now {event:?}")
                })?;
                continue;
            }
            let last = self.last.entry((partition, event.instance.clone())).or_default();
            let before = std::mem::replace(last, event.number);
            require(event.number > before, "EverythingIsTold", || {
                format!("{partition:?}: event {event:?} comes for the first time after number {before}")
            })?;
            self.received.insert((partition, event.number), event.clone());
        }
        Ok(())
    }

    /// These were told in all.
    pub fn check_all(&self, partition: PartitionId, told: &[LifecycleEvent]) -> Result<(), Violation> {
        for event in told {
            let received = self.received.get(&(partition, event.number));
            require(received == Some(event), "EverythingIsTold", || {
                format!("{partition:?}: event {event:?} did not arrive, but {received:?}")
            })?;
        }
        Ok(())
    }
}

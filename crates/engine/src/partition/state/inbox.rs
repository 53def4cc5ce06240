//! What has arrived for an instance and no turn has consumed, in order.
//!
//! Not here: chunks (`queue`) and when it is delivered (`view::turn`). The inbox belongs to the
//! instance, not to an execution: continue-as-new moves nothing, however much waits. An event that
//! means one execution only carries its number and is passed over by any other.

use bytes::Bytes;
use prost::Message;

use crate::event::HistoryEvent;
use crate::partition::state::instances::Instance;
use crate::partition::state::queue::{Queue, QueueChunk};
use crate::partition::state::{State, keys};
use crate::rows::Loaded;

/// One event that waits.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct InboxItem {
    /// The execution it is meant for; 0: whichever is current.
    #[prost(uint64, tag = "1")]
    pub(crate) execution: u64,
    /// An encoded `HistoryEvent`.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) event: Bytes,
}

/// Which execution an event is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// Whichever is current when it is delivered.
    Instance,
    /// The present one only.
    Execution,
    /// None: a turn is due, and it brings no event.
    Nobody,
}

/// The number of no execution.
const NO_EXECUTION: u64 = u64::MAX;

impl Addressee {
    fn number(self, instance: &Instance) -> u64 {
        match self {
            Self::Instance => 0,
            Self::Execution => instance.row.number,
            Self::Nobody => NO_EXECUTION,
        }
    }

    fn item(self, instance: &Instance, event: &HistoryEvent) -> Bytes {
        let event = Bytes::from(event.encode_to_vec());
        Bytes::from(InboxItem { execution: self.number(instance), event }.encode_to_vec())
    }
}

impl InboxItem {
    /// An item of a chunk that was checked when it was loaded.
    pub(crate) fn read(item: Bytes) -> Self {
        Self::decode(item).expect("inbox items are decoded once when loaded and come from encode otherwise")
    }

    pub(crate) fn is_for(&self, execution: u64) -> bool {
        self.execution == 0 || self.execution == execution
    }

    /// Whether all items of a stored chunk are of this kind.
    pub(crate) fn check(chunk: &QueueChunk) -> Result<(), String> {
        let bad = chunk.items.iter().find_map(|item| Self::decode(item.clone()).err());
        bad.map_or(Ok(()), |error| Err(error.to_string()))
    }
}

impl Instance {
    pub(crate) fn inbox_queue(&self) -> Queue<'_> {
        Queue { room: keys::INBOX, number: self.row.life, owner: self.id.as_str() }
    }
}

impl State<'_> {
    /// Puts an event last.
    pub(crate) fn push_inbox(
        &mut self,
        instance: &mut Instance,
        to: Addressee,
        event: &HistoryEvent,
    ) -> Loaded<()> {
        let item = to.item(instance, event);
        let mut head = instance.row.inbox.unwrap_or_default();
        self.push_back(&instance.inbox_queue(), &mut head, item)?;
        instance.row.inbox = Some(head);
        Ok(())
    }

    /// Puts events first, in order, before all that waits.
    pub(crate) fn push_inbox_front(
        &mut self,
        instance: &mut Instance,
        events: &[(Addressee, HistoryEvent)],
    ) -> Loaded<()> {
        let items = events.iter().map(|(to, event)| to.item(instance, event)).collect();
        let mut head = instance.row.inbox.unwrap_or_default();
        self.push_front(&instance.inbox_queue(), &mut head, items)?;
        instance.row.inbox = Some(head);
        Ok(())
    }

    /// Takes the first `count` events out and gives back those meant for the present execution.
    pub(crate) fn take_inbox(&mut self, instance: &mut Instance, count: u32) -> Loaded<Vec<Bytes>> {
        let Some(mut head) = instance.row.inbox else { return Ok(Vec::new()) };
        let taken = self.take_front(&instance.inbox_queue(), &mut head, count)?;
        instance.row.inbox = Some(head);
        let number = instance.row.number;
        let items = taken.into_iter().map(InboxItem::read).filter(|item| item.is_for(number));
        Ok(items.map(|item| item.event).collect())
    }
}

//! What has arrived for an instance and no turn has consumed, in order, in chunks.
//!
//! Not here: when it is delivered (`view::turn`). The inbox belongs to the instance, not to an
//! execution: continue-as-new moves nothing, however much waits. An event that means one execution
//! only carries its number and is passed over by any other.

use bytes::Bytes;
use prost::Message;

use crate::event::HistoryEvent;
use crate::limits;
use crate::partition::state::instances::Instance;
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row, decode};

/// The number of the first chunk of an empty inbox: in the middle, so that both ends can grow.
const MIDDLE: u32 = 1 << 31;

/// Where the inbox begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct InboxHead {
    #[prost(uint32, tag = "1")]
    first: u32,
    /// The number of the chunk after the last. Invariant: `first == next` iff `length == 0`.
    #[prost(uint32, tag = "2")]
    next: u32,
    /// Events of the first chunk that are consumed already.
    #[prost(uint32, tag = "3")]
    skip: u32,
    /// Events waiting.
    #[prost(uint32, tag = "4")]
    length: u32,
    /// Bytes of the last chunk.
    #[prost(uint32, tag = "5")]
    tail_bytes: u32,
}

impl InboxHead {
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    pub(crate) fn skip(&self) -> u32 {
        self.skip
    }

    pub(crate) fn chunks(&self) -> std::ops::Range<u32> {
        self.first..self.next
    }
}

/// The stored chunk.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InboxChunk {
    /// Whose it is: a new leader finds pending turns by these rows alone.
    #[prost(string, tag = "1")]
    pub(crate) instance: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) items: Vec<InboxItem>,
}

impl Row for InboxChunk {}

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
}

impl State<'_> {
    /// Puts an event last.
    pub(crate) fn push_inbox(
        &mut self,
        instance: &mut Instance,
        to: Addressee,
        event: &HistoryEvent,
    ) -> Loaded<()> {
        let item = InboxItem { execution: to.number(instance), event: Bytes::from(event.encode_to_vec()) };
        let part = InboxChunk { instance: String::new(), items: vec![item] }.encode_to_vec();
        let life = instance.row.life;
        let head = instance.row.inbox.get_or_insert_default();
        if head.length == 0 {
            *head = InboxHead { first: MIDDLE, next: MIDDLE, ..InboxHead::default() };
        }
        let tail_bytes = head.tail_bytes as usize;
        head.length = head.length.saturating_add(1);
        if head.first == head.next || tail_bytes + part.len() > limits::CHUNK_BYTES {
            let mut chunk =
                InboxChunk { instance: instance.id.as_str().to_owned(), items: Vec::new() }.encode_to_vec();
            chunk.extend_from_slice(&part);
            head.tail_bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            let key = keys::inbox(life, head.next);
            head.next += 1;
            self.tx.insert_bytes(key, Bytes::from(chunk));
            return Ok(());
        }
        // Protobuf messages concatenate, so a chunk grows without being decoded.
        let key = keys::inbox(life, head.next - 1);
        let tail = self.tx.bytes(&key)?.expect("InboxIsWhole: the last chunk exists");
        let mut chunk = Vec::with_capacity(tail.len() + part.len());
        chunk.extend_from_slice(&tail);
        chunk.extend_from_slice(&part);
        head.tail_bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        self.tx.put_bytes(key, Bytes::from(chunk))
    }

    /// Puts events first, in order, before all that waits.
    pub(crate) fn push_inbox_front(
        &mut self,
        instance: &mut Instance,
        events: &[(Addressee, HistoryEvent)],
    ) -> Loaded<()> {
        let waiting = instance.row.inbox.filter(|head| head.length > 0);
        let Some(mut head) = waiting else {
            for (to, event) in events {
                self.push_inbox(instance, *to, event)?;
            }
            return Ok(());
        };
        let life = instance.row.life;
        self.drop_consumed(life, &mut head)?;
        let mut chunks: Vec<InboxChunk> = Vec::new();
        let mut bytes = usize::MAX;
        for (to, event) in events {
            let execution = to.number(instance);
            let event = Bytes::from(event.encode_to_vec());
            if bytes.saturating_add(event.len()) > limits::CHUNK_BYTES {
                chunks.push(InboxChunk { instance: instance.id.as_str().to_owned(), items: Vec::new() });
                bytes = 0;
            }
            bytes += event.len();
            head.length = head.length.saturating_add(1);
            if let Some(chunk) = chunks.last_mut() {
                chunk.items.push(InboxItem { execution, event });
            }
        }
        for chunk in chunks.iter().rev() {
            head.first -= 1;
            self.tx.insert(keys::inbox(life, head.first), chunk);
        }
        instance.row.inbox = Some(head);
        Ok(())
    }

    /// Rewrites the first chunk without its consumed events.
    fn drop_consumed(&mut self, life: u64, head: &mut InboxHead) -> Loaded<()> {
        if head.skip == 0 {
            return Ok(());
        }
        let key = keys::inbox(life, head.first);
        let mut chunk: InboxChunk = self.tx.get(&key)?.expect("InboxIsWhole: the first chunk exists");
        chunk.items.drain(..(head.skip as usize).min(chunk.items.len()));
        head.skip = 0;
        if head.next - head.first == 1 {
            head.tail_bytes = u32::try_from(chunk.encoded_len()).unwrap_or(u32::MAX);
        }
        self.tx.put(key, &chunk)
    }

    /// Takes the first `count` events out and gives back those meant for the present execution.
    pub(crate) fn take_inbox(&mut self, instance: &mut Instance, count: u32) -> Loaded<Vec<Bytes>> {
        let Some(mut head) = instance.row.inbox else { return Ok(Vec::new()) };
        let mut left = count.min(head.length);
        let mut taken = Vec::new();
        while left > 0 && head.first < head.next {
            let key = keys::inbox(instance.row.life, head.first);
            let chunk: InboxChunk = decode(&self.tx.bytes(&key)?.expect("InboxIsWhole: each chunk exists"));
            let waiting = u32::try_from(chunk.items.len()).unwrap_or(u32::MAX).saturating_sub(head.skip);
            let here = waiting.min(left);
            let items = chunk.items.into_iter().skip(head.skip as usize).take(here as usize);
            let number = instance.row.number;
            taken.extend(items.filter(|item| item.is_for(number)).map(|item| item.event));
            left -= here;
            head.length -= here;
            head.skip += here;
            if here == waiting {
                self.tx.remove(key)?;
                head.first += 1;
                head.skip = 0;
            }
        }
        instance.row.inbox = Some(if head.length == 0 { InboxHead::default() } else { head });
        Ok(taken)
    }
}

impl InboxItem {
    pub(crate) fn is_for(&self, execution: u64) -> bool {
        self.execution == 0 || self.execution == execution
    }
}

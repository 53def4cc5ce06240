//! A queue of items in chunks: grows at both ends, and a change touches one chunk however long it is.
//!
//! Not here: whose queue it is and what an item means (`inbox`, `entities`). Items are bytes in
//! here: a chunk grows without being decoded.

use bytes::Bytes;
use prost::Message;

use crate::limits;
use crate::partition::state::{State, keys};
use crate::rows::{Key, Loaded, Row, Transaction, decode};

/// The number of the first chunk of an empty queue: in the middle, so that both ends can grow.
const MIDDLE: u32 = 1 << 31;

/// Where a queue begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct QueueHead {
    #[prost(uint32, tag = "1")]
    first: u32,
    /// The number of the chunk after the last. Invariant: `first == next` iff `length == 0`.
    #[prost(uint32, tag = "2")]
    next: u32,
    /// Items of the first chunk that are taken already.
    #[prost(uint32, tag = "3")]
    skip: u32,
    /// Items waiting.
    #[prost(uint32, tag = "4")]
    length: u32,
    /// Bytes of the last chunk.
    #[prost(uint32, tag = "5")]
    tail_bytes: u32,
}

impl QueueHead {
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    pub(crate) fn skip(&self) -> u32 {
        self.skip
    }

    /// The head of a queue of one chunk in which so many wait.
    #[cfg(test)]
    pub(crate) fn of_length(length: u32) -> Self {
        Self { first: MIDDLE, next: MIDDLE + 1, length, ..Self::default() }
    }

    pub(crate) fn chunks(&self) -> std::ops::Range<u32> {
        self.first..self.next
    }
}

/// The stored chunk.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct QueueChunk {
    /// Whose it is: a new leader finds pending work by these rows alone.
    #[prost(string, tag = "1")]
    pub(crate) owner: String,
    /// Encoded items.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) items: Vec<Bytes>,
}

impl Row for QueueChunk {}

/// Whose queue, and where its chunks are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queue<'a> {
    pub(crate) room: u8,
    /// Names the chunks. Invariant: never used before by another queue of the room.
    pub(crate) number: u64,
    pub(crate) owner: &'a str,
}

impl Queue<'_> {
    fn chunk(&self, chunk: u32) -> Key {
        keys::of(self.room, self.number).small(chunk).key()
    }

    fn begin_chunk(&self) -> QueueChunk {
        QueueChunk { owner: self.owner.to_owned(), items: Vec::new() }
    }

    /// The last chunk's key, where there is one: what `push_back` reads.
    pub(crate) fn tail(&self, head: Option<QueueHead>) -> Option<Key> {
        let chunks = head?.chunks();
        (!chunks.is_empty()).then(|| self.chunk(chunks.end - 1))
    }

    /// Looks at the waiting items in order, until `visit` says that it has seen enough.
    pub(crate) fn look(
        &self,
        tx: &Transaction,
        head: Option<QueueHead>,
        mut visit: impl FnMut(Bytes) -> Look,
    ) -> Loaded<()> {
        let Some(head) = head else { return Ok(()) };
        let mut skip = usize::try_from(head.skip).unwrap_or(usize::MAX);
        for number in head.chunks() {
            let chunk: QueueChunk = tx.get(&self.chunk(number))?.unwrap_or_default();
            for item in chunk.items.into_iter().skip(std::mem::take(&mut skip)) {
                if visit(item) == Look::Enough {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Whether a look at a queue goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Further,
    Enough,
}

impl State<'_> {
    /// Puts an item last.
    pub(crate) fn push_back(&mut self, queue: &Queue, head: &mut QueueHead, item: Bytes) -> Loaded<()> {
        let part = QueueChunk { owner: String::new(), items: vec![item] }.encode_to_vec();
        if head.length == 0 {
            *head = QueueHead { first: MIDDLE, next: MIDDLE, ..QueueHead::default() };
        }
        let tail_bytes = head.tail_bytes as usize;
        head.length = head.length.saturating_add(1);
        if head.first == head.next || tail_bytes + part.len() > limits::CHUNK_BYTES {
            let mut chunk = queue.begin_chunk().encode_to_vec();
            chunk.extend_from_slice(&part);
            head.tail_bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            let key = queue.chunk(head.next);
            head.next += 1;
            self.tx.insert_bytes(key, Bytes::from(chunk));
            return Ok(());
        }
        // Protobuf messages concatenate, so a chunk grows without being decoded.
        let key = queue.chunk(head.next - 1);
        let tail = self.tx.bytes(&key)?.expect("InboxIsWhole: the last chunk exists");
        let mut chunk = Vec::with_capacity(tail.len() + part.len());
        chunk.extend_from_slice(&tail);
        chunk.extend_from_slice(&part);
        head.tail_bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        self.tx.put_bytes(key, Bytes::from(chunk))
    }

    /// Puts items first, in order, before all that waits.
    pub(crate) fn push_front(
        &mut self,
        queue: &Queue,
        head: &mut QueueHead,
        items: Vec<Bytes>,
    ) -> Loaded<()> {
        if head.length == 0 {
            return items.into_iter().try_for_each(|item| self.push_back(queue, head, item));
        }
        self.drop_taken(queue, head)?;
        let mut chunks: Vec<QueueChunk> = Vec::new();
        let mut bytes = usize::MAX;
        for item in items {
            if bytes.saturating_add(item.len()) > limits::CHUNK_BYTES {
                chunks.push(queue.begin_chunk());
                bytes = 0;
            }
            bytes += item.len();
            head.length = head.length.saturating_add(1);
            if let Some(chunk) = chunks.last_mut() {
                chunk.items.push(item);
            }
        }
        for chunk in chunks.iter().rev() {
            head.first -= 1;
            self.tx.insert(queue.chunk(head.first), chunk);
        }
        Ok(())
    }

    /// Rewrites the first chunk without the items that are taken.
    fn drop_taken(&mut self, queue: &Queue, head: &mut QueueHead) -> Loaded<()> {
        if head.skip == 0 {
            return Ok(());
        }
        let key = queue.chunk(head.first);
        let mut chunk: QueueChunk = self.tx.get(&key)?.expect("InboxIsWhole: the first chunk exists");
        chunk.items.drain(..(head.skip as usize).min(chunk.items.len()));
        head.skip = 0;
        if head.next - head.first == 1 {
            head.tail_bytes = u32::try_from(chunk.encoded_len()).unwrap_or(u32::MAX);
        }
        self.tx.put(key, &chunk)
    }

    /// Takes the first `count` items out.
    pub(crate) fn take_front(
        &mut self,
        queue: &Queue,
        head: &mut QueueHead,
        count: u32,
    ) -> Loaded<Vec<Bytes>> {
        let mut left = count.min(head.length);
        let mut taken = Vec::new();
        while left > 0 && head.first < head.next {
            let key = queue.chunk(head.first);
            let chunk: QueueChunk = decode(&self.tx.bytes(&key)?.expect("InboxIsWhole: each chunk exists"));
            let waiting = u32::try_from(chunk.items.len()).unwrap_or(u32::MAX).saturating_sub(head.skip);
            let here = waiting.min(left);
            taken.extend(chunk.items.into_iter().skip(head.skip as usize).take(here as usize));
            left -= here;
            head.length -= here;
            head.skip += here;
            if here == waiting {
                self.tx.remove(key)?;
                head.first += 1;
                head.skip = 0;
            }
        }
        if head.length == 0 {
            *head = QueueHead::default();
        }
        Ok(taken)
    }
}

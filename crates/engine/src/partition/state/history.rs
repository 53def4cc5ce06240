//! An execution's committed events, in chunks that are only ever appended to.
//!
//! Not here: which events (`apply`). A chunk is `HistoryEvent`s, each as field 3 of
//! `OrchestratorRequest` (`pastEvents`), so it goes into a work item as it is. Events for people
//! only are field 15, which that message does not have; the head says whether there are any.

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{decode_varint, encode_varint};

use crate::event::{HistoryEvent, visit_event};
use crate::limits;
use crate::partition::state::instances::{Instance, InstanceRow};
use crate::partition::state::payloads::put_in_place;
use crate::partition::state::{State, keys};
use crate::payload::{has_reference, whole_bytes};
use crate::rows::{Key, Loaded, Transaction};

/// Field 3, length-delimited: an event that workers are sent.
pub(crate) const VISIBLE_TAG: u8 = 0x1a;
/// Field 15, length-delimited: an event for people only.
pub(crate) const HIDDEN_TAG: u8 = 0x7a;

/// Where the history ends.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct HistoryHead {
    #[prost(uint32, tag = "1")]
    chunks: u32,
    #[prost(uint64, tag = "2")]
    events: u64,
    /// Bytes of all chunks.
    #[prost(uint64, tag = "3")]
    bytes: u64,
    /// Bytes of the last chunk.
    #[prost(uint32, tag = "4")]
    tail_bytes: u32,
    /// Some events are for people only.
    #[prost(bool, tag = "5")]
    hidden: bool,
    /// Events that name large texts, which are held apart.
    #[prost(uint32, tag = "6")]
    naming: u32,
}

impl HistoryHead {
    pub(crate) fn chunks(self) -> u32 {
        self.chunks
    }

    pub(crate) fn events(self) -> u64 {
        self.events
    }

    pub(crate) fn bytes(self) -> u64 {
        self.bytes
    }
}

/// Who an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Workers and people.
    All,
    /// People.
    People,
}

/// Events on their way into the history, in order.
#[derive(Debug, Default)]
pub(crate) struct Addition(Vec<(Audience, Bytes)>);

impl Addition {
    pub(crate) fn push(&mut self, event: &HistoryEvent) {
        self.0.push((Audience::All, Bytes::from(event.encode_to_vec())));
    }

    pub(crate) fn push_hidden(&mut self, event: &HistoryEvent) {
        self.0.push((Audience::People, Bytes::from(event.encode_to_vec())));
    }

    pub(crate) fn push_for(&mut self, audience: Audience, event: &HistoryEvent) {
        self.0.push((audience, Bytes::from(event.encode_to_vec())));
    }

    pub(crate) fn push_bytes(&mut self, event: Bytes) {
        self.0.push((Audience::All, event));
    }
}

impl State<'_> {
    /// All events of the execution.
    pub(crate) fn whole_history(&self, instance: &Instance) -> Loaded<Vec<(Audience, HistoryEvent)>> {
        let number = instance.row.number;
        let chunks = 0..instance.row.history.unwrap_or_default().chunks;
        self.tx.want(chunks.clone().map(|chunk| keys::history(number, chunk)))?;
        let mut events = Vec::new();
        for chunk in chunks {
            let bytes = self.tx.bytes(&keys::history(number, chunk))?.unwrap_or_default();
            let read = read_chunk(&bytes).expect("a history chunk is read once when it is loaded");
            let decoded = |(audience, event)| Some((audience, HistoryEvent::decode(event).ok()?));
            events.extend(read.into_iter().filter_map(decoded));
        }
        Ok(events)
    }

    pub(crate) fn append_history(&mut self, instance: &mut Instance, addition: Addition) -> Loaded<()> {
        let number = instance.row.number;
        let head = instance.row.history.get_or_insert_default();
        let open = head.chunks > 0 && (head.tail_bytes as usize) < limits::CHUNK_BYTES;
        let mut chunk = Vec::new();
        let mut fresh = !open;
        if open {
            let tail = self.tx.bytes(&keys::history(number, head.chunks - 1))?;
            chunk.extend_from_slice(&tail.expect("HistoryIsWhole: the last chunk exists"));
        }
        for (audience, event) in addition.0 {
            if chunk.len() >= limits::CHUNK_BYTES {
                self.close_chunk(number, head, std::mem::take(&mut chunk), fresh)?;
                fresh = true;
            }
            if chunk.is_empty() && fresh {
                head.chunks += 1;
            }
            let before = chunk.len();
            put_event(&mut chunk, audience, &event);
            head.hidden |= audience == Audience::People;
            head.naming = head.naming.saturating_add(u32::from(has_reference(&event)));
            head.events += 1;
            head.bytes += u64::try_from(chunk.len() - before).unwrap_or(u64::MAX);
        }
        if chunk.is_empty() { Ok(()) } else { self.close_chunk(number, head, chunk, fresh) }
    }

    fn close_chunk(
        &mut self,
        number: u64,
        head: &mut HistoryHead,
        chunk: Vec<u8>,
        fresh: bool,
    ) -> Loaded<()> {
        head.tail_bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        let key = keys::history(number, head.chunks - 1);
        if fresh {
            self.tx.insert_bytes(key, Bytes::from(chunk));
            Ok(())
        } else {
            self.tx.put_bytes(key, Bytes::from(chunk))
        }
    }
}

/// The events of a chunk, in order; an error text where the bytes are no chunk.
pub(crate) fn read_chunk(chunk: &Bytes) -> Result<Vec<(Audience, Bytes)>, String> {
    let mut rest = chunk.clone();
    let mut events = Vec::new();
    while rest.has_remaining() {
        let audience = match rest.get_u8() {
            VISIBLE_TAG => Audience::All,
            HIDDEN_TAG => Audience::People,
            tag => return Err(format!("a history chunk holds field tag {tag:#x}")),
        };
        let length = decode_varint(&mut rest).map_err(|error| error.to_string())?;
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.remaining());
        let length = length.ok_or_else(|| "a history chunk ends inside an event".to_owned())?;
        events.push((audience, rest.split_to(length)));
    }
    Ok(events)
}

/// A chunk without what is for people only.
fn visible_part(chunk: &Bytes) -> Bytes {
    let events = read_chunk(chunk).expect("a history chunk is read once when it is loaded");
    let mut visible = Vec::with_capacity(chunk.len());
    for (audience, event) in events {
        if audience == Audience::All {
            put_event(&mut visible, audience, &event);
        }
    }
    Bytes::from(visible)
}

/// The history as workers are sent it, and how many bytes that is. Where it is more than `bytes_max`,
/// nobody is sent it in one message, and its large texts are not looked up.
pub(crate) fn past(tx: &Transaction, row: &InstanceRow, bytes_max: usize) -> Loaded<(Vec<Bytes>, usize)> {
    let head = row.history.unwrap_or_default();
    let chunks: Vec<Key> = (0..head.chunks).map(|chunk| keys::history(row.number, chunk)).collect();
    tx.want(chunks.iter().cloned())?;
    let mut past = Vec::with_capacity(chunks.len());
    let mut bytes = 0_usize;
    for key in &chunks {
        let chunk = tx.bytes(key)?.unwrap_or_default();
        let chunk = if head.hidden { visible_part(&chunk) } else { chunk };
        let whole = if head.naming > 0 { whole_bytes(&chunk) } else { chunk.len() };
        bytes = bytes.saturating_add(whole);
        past.push(chunk);
    }
    if head.naming > 0 && bytes <= bytes_max {
        for chunk in &mut past {
            if has_reference(chunk) {
                *chunk = chunk_in_full(tx, chunk)?;
            }
        }
        bytes = past.iter().map(Bytes::len).sum();
    }
    Ok((past, bytes))
}

/// A chunk with its large texts in their places: the other events are copied.
fn chunk_in_full(tx: &Transaction, chunk: &Bytes) -> Loaded<Bytes> {
    let mut full = Vec::with_capacity(whole_bytes(chunk));
    for (audience, event) in read_chunk(chunk).expect("a history chunk is read once when it is loaded") {
        put_event(&mut full, audience, &event_in_full(tx, event)?);
    }
    Ok(Bytes::from(full))
}

/// An encoded event with its large texts in their places.
pub(crate) fn event_in_full(tx: &Transaction, event: Bytes) -> Loaded<Bytes> {
    if !has_reference(&event) {
        return Ok(event);
    }
    let Ok(mut decoded) = HistoryEvent::decode(event.clone()) else { return Ok(event) };
    visit_event(&mut decoded, &mut |text| put_in_place(tx, text))?;
    Ok(Bytes::from(decoded.encode_to_vec()))
}

fn put_event(chunk: &mut Vec<u8>, audience: Audience, event: &[u8]) {
    chunk.push(match audience {
        Audience::All => VISIBLE_TAG,
        Audience::People => HIDDEN_TAG,
    });
    encode_varint(u64::try_from(event.len()).unwrap_or(u64::MAX), chunk);
    chunk.extend_from_slice(event);
}

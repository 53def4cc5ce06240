//! An instance's history in pieces: for people, and for workers that read a long past themselves.
//!
//! Events go out as they are stored. For a worker, what is for people only is left out, and an
//! execution that is not the present one is not found.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use engine::id::InstanceId;
use engine::partition::effect::Refusal;
use engine::partition::view::{HistoryPage, RecordedEvent};
use outlast_proto::durable_task as proto;
use prost::encoding::{WireType, encode_key, encode_varint};
use tokio_stream::Stream;
use tonic::{Code, Status};

use super::call::Call;
use super::status;
use crate::node::Hub;
use crate::observe::codes;

/// Events in one chunk.
const CHUNK_EVENTS_MAX: usize = 100;
/// Bytes of a chunk after which another one is begun.
const CHUNK_BYTES: usize = 256 << 10;
/// `HistoryChunk.events`.
const EVENTS: u32 = 1;

/// Opens the stream; an unknown instance is told before it begins.
pub(super) async fn stream(
    call: Call,
    request: proto::StreamInstanceHistoryRequest,
) -> Result<Chunks, Status> {
    let instance = call.instance(&request.instance_id)?;
    let reader = Reader {
        hub: call.hub().await?,
        execution: request.execution_id.filter(|execution| !execution.is_empty()),
        for_worker: request.for_work_item_processing,
        instance,
    };
    let first = reader.clone().read(0).await?;
    let reader = Reader { execution: Some(first.execution.clone()), ..reader };
    let mut chunks = Chunks { reader, ready: VecDeque::new(), reading: None };
    chunks.take(first);
    Ok(chunks)
}

#[derive(Debug, Clone)]
struct Reader {
    hub: Arc<Hub>,
    instance: InstanceId,
    /// The execution that is meant; `None`: the present one.
    execution: Option<String>,
    for_worker: bool,
}

impl Reader {
    async fn read(self, after: u64) -> Result<HistoryPage, Status> {
        let id = self.instance.as_str();
        let page = self.hub.history(&self.instance, after, CHUNK_EVENTS_MAX).await;
        let page = page.map_err(|error| status::unavailable(&error))?;
        let page = page.ok_or_else(|| status::refusal(Refusal::InstanceNotFound, id))?;
        match self.execution {
            Some(execution) if execution != page.execution => {
                let told = format!("execution {execution:?} of instance {id:?} was not found");
                Err(status::coded(&codes::INSTANCE_NOT_FOUND, Code::NotFound, told))
            }
            Some(_) | None => Ok(page),
        }
    }
}

type Reading = Pin<Box<dyn Future<Output = Result<HistoryPage, Status>> + Send>>;

/// Encoded `HistoryChunk`s.
pub(super) struct Chunks {
    reader: Reader,
    ready: VecDeque<Bytes>,
    /// `None`: the end has been read.
    reading: Option<Reading>,
}

impl Chunks {
    fn take(&mut self, page: HistoryPage) {
        let for_worker = self.reader.for_worker;
        let shown = page.events.into_iter().filter(|event| event.visible || !for_worker);
        let chunks = chunks(shown);
        if for_worker {
            self.reader.hub.dispatch().counts().past_read(chunks.iter().map(Bytes::len).sum());
        }
        self.ready.extend(chunks);
        self.reading = page.next.map(|next| Box::pin(self.reader.clone().read(next)) as Reading);
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
            let page = ready!(reading.as_mut().poll(context));
            self.reading = None;
            match page {
                Ok(page) => self.take(page),
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
        }
    }
}

/// A page's events as messages of a bounded size.
fn chunks(events: impl Iterator<Item = RecordedEvent>) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    let mut chunk = BytesMut::new();
    for RecordedEvent { event, .. } in events {
        if !chunk.is_empty() && chunk.len() + event.len() > CHUNK_BYTES {
            chunks.push(chunk.split().freeze());
        }
        encode_key(EVENTS, WireType::LengthDelimited, &mut chunk);
        encode_varint(u64::try_from(event.len()).unwrap_or(u64::MAX), &mut chunk);
        chunk.put_slice(&event);
    }
    if !chunk.is_empty() {
        chunks.push(chunk.freeze());
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::event::{EventKind, EventRaised, HistoryEvent};
    use prost::Message;

    fn recorded(name: &str, bytes: usize) -> RecordedEvent {
        let kind = EventKind::EventRaised(EventRaised { name: name.into(), input: Some("x".repeat(bytes)) });
        let event = HistoryEvent { event_id: -1, timestamp: None, kind: Some(kind) };
        RecordedEvent { event: event.encode_to_vec().into(), visible: true }
    }

    #[test]
    fn chunks_are_history_chunks_of_a_bounded_size() {
        let events = [("a", 100_000), ("b", 100_000), ("c", 100_000), ("d", 1_000_000), ("e", 1)];
        let chunks = chunks(events.into_iter().map(|(name, bytes)| recorded(name, bytes)));
        let decoded = chunks.iter().map(|chunk| proto::HistoryChunk::decode(chunk.clone()).expect("a chunk"));
        let counts: Vec<usize> = decoded.map(|chunk| chunk.events.len()).collect();
        assert_eq!(counts, [2, 1, 1, 1]);
    }
}

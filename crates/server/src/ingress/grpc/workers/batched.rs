//! `outlast.v1.WorkerStream`: a worker's items and answers in lists, both ways.
//!
//! The same items, tokens, checks and commands as over the published protocol; only the carrying
//! differs. Everything of one worker is driven by one stream: what is ready is sent, and nothing waits
//! for company. Not here: what an answer means (`answers`).

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use outlast_proto::durable_task::EntityBatchResult;
use outlast_proto::worker::{Refusal, ToWorker};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::stream::{self, WorkItems};
use super::wire::{ActivityAnswer, FromWorker, TurnAnswer};
use super::{answers, batch};
use crate::ingress::grpc::call::Call;
use crate::ingress::grpc::server::Shared;
use crate::ingress::grpc::status;
use crate::node::Hub;
use crate::observe::codes;

/// The path of the call.
pub(in crate::ingress::grpc) const PATH: &str = "/outlast.v1.WorkerStream/Work";
/// `ToWorker.items`.
const ITEMS: u32 = 1;
/// Bytes of items after which no more are added to a message.
const BATCH_BYTES: usize = 256 << 10;
/// Answers on their way to their partitions. A worker with more is read no further.
const ANSWERING_MAX: usize = 20_000;

/// Opens a worker's stream.
pub(in crate::ingress::grpc) async fn work(
    call: Call,
    mut incoming: Streaming<FromWorker>,
) -> Result<Work, Status> {
    let first = incoming.message().await?;
    let Some(opening) = first.and_then(|first| first.opening) else {
        return Err(status::invalid(&codes::METADATA_INVALID, "a worker's first message is its opening"));
    };
    let hub = call.hub().await?;
    let shared = Arc::clone(&call.shared);
    let items = stream::get_work_items(call, opening).await?;
    let answering = FuturesUnordered::new();
    Ok(Work { items, incoming: Some(incoming), hub, shared, answering, unsettled: Unsettled::default() })
}

type Answering = Pin<Box<dyn Future<Output = (u64, Option<Refusal>)> + Send>>;

/// One worker's stream.
pub(in crate::ingress::grpc) struct Work {
    items: WorkItems,
    /// `None`: the worker says no more.
    incoming: Option<Streaming<FromWorker>>,
    hub: Arc<Hub>,
    shared: Arc<Shared>,
    answering: FuturesUnordered<Answering>,
    unsettled: Unsettled,
}

/// The worker's messages by number, as far as they have answers that are not settled.
#[derive(Debug, Default)]
struct Unsettled {
    /// How many answers of a message are open. Invariant: never 0.
    open: BTreeMap<u64, usize>,
    /// The highest number that came, and the one that the worker was told.
    last: u64,
    told: u64,
}

impl Unsettled {
    fn opened(&mut self, number: u64, answers: usize) {
        self.last = self.last.max(number);
        if answers > 0 {
            *self.open.entry(number).or_default() += answers;
        }
    }

    fn settled(&mut self, number: u64) {
        if let Some(left) = self.open.get_mut(&number) {
            *left -= 1;
            if *left == 0 {
                self.open.remove(&number);
            }
        }
    }

    /// Up to where everything is settled, if that is news.
    fn news(&mut self) -> Option<u64> {
        let upto = self.open.keys().next().map_or(self.last, |first| first - 1);
        (upto > self.told).then(|| {
            self.told = upto;
            upto
        })
    }
}

impl Work {
    /// Takes what the worker says until it pauses.
    fn hear(&mut self, context: &mut Context<'_>) -> Result<(), Status> {
        while self.answering.len() < ANSWERING_MAX {
            let Some(incoming) = &mut self.incoming else { return Ok(()) };
            match incoming.poll_next_unpin(context) {
                Poll::Ready(Some(message)) => self.take(message?)?,
                Poll::Ready(None) => self.incoming = None,
                Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    fn take(&mut self, message: FromWorker) -> Result<(), Status> {
        let FromWorker { opening, turns, activities, returned, number, batches } = message;
        if opening.is_some() {
            let told = "only a worker's first message is an opening";
            return Err(status::invalid(&codes::METADATA_INVALID, told));
        }
        let answers = turns.len() + activities.len() + batches.len();
        if answers > 0 && number <= self.unsettled.last {
            let told = format!("message {number} comes after {}: numbers rise", self.unsettled.last);
            return Err(status::invalid(&codes::METADATA_INVALID, told));
        }
        self.unsettled.opened(number, answers);
        for answer in turns {
            let (shared, hub) = (Arc::clone(&self.shared), Arc::clone(&self.hub));
            self.answering.push(Box::pin(settle_turn(shared, hub, number, answer)));
        }
        for answer in activities {
            self.answering.push(Box::pin(settle_activity(Arc::clone(&self.hub), number, answer)));
        }
        for answer in batches {
            self.answering.push(Box::pin(settle_batch(Arc::clone(&self.hub), number, answer)));
        }
        for token in returned {
            answers::give_back(&self.hub, &token);
        }
        Ok(())
    }

    /// What there is to say; empty if nothing.
    fn say(&mut self, context: &mut Context<'_>) -> Result<BytesMut, Status> {
        let mut said = BytesMut::new();
        let mut refused = Vec::new();
        while let Poll::Ready(Some((number, refusal))) = self.answering.poll_next_unpin(context) {
            self.unsettled.settled(number);
            refused.extend(refusal);
        }
        let settled = self.unsettled.news();
        if settled.is_some() || !refused.is_empty() {
            let settled = ToWorker { settled: settled.unwrap_or(0), refused, items: Vec::new() };
            said.reserve(settled.encoded_len());
            settled.encode_raw(&mut said);
        }
        while said.len() < BATCH_BYTES {
            match Pin::new(&mut self.items).poll_next(context) {
                Poll::Ready(Some(item)) => put_item(&mut said, &item?),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Ok(said)
    }
}

fn put_item(out: &mut BytesMut, item: &Bytes) {
    encode_key(ITEMS, WireType::LengthDelimited, out);
    encode_varint(u64::try_from(item.len()).unwrap_or(u64::MAX), out);
    out.put_slice(item);
}

impl Stream for Work {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let said = self.hear(context).and_then(|()| self.say(context));
        match said {
            Ok(said) if !said.is_empty() => Poll::Ready(Some(Ok(said.freeze()))),
            Ok(_) if self.incoming.is_none() && self.answering.is_empty() => Poll::Ready(None),
            Ok(_) => Poll::Pending,
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }
}

async fn settle_turn(
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    number: u64,
    answer: TurnAnswer,
) -> (u64, Option<Refusal>) {
    let token = answer.completion_token.clone();
    let settled = answers::settle_turn(&shared.parts, &hub, answer).await;
    (number, settled.err().map(|status| refusal(token, &status)))
}

async fn settle_activity(hub: Arc<Hub>, number: u64, answer: ActivityAnswer) -> (u64, Option<Refusal>) {
    let token = answer.completion_token.clone();
    let settled = answers::settle_activity(&hub, answer).await;
    (number, settled.err().map(|status| refusal(token, &status)))
}

async fn settle_batch(hub: Arc<Hub>, number: u64, answer: EntityBatchResult) -> (u64, Option<Refusal>) {
    let token = answer.completion_token.clone();
    let settled = batch::settle(&hub, answer).await;
    (number, settled.err().map(|status| refusal(token, &status)))
}

fn refusal(completion_token: String, status: &Status) -> Refusal {
    let code = status.code() as i32;
    Refusal { completion_token, code, message: status.message().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_settled_when_all_before_it_are() {
        let mut unsettled = Unsettled::default();
        unsettled.opened(1, 2);
        unsettled.opened(2, 1);
        unsettled.settled(2);
        unsettled.settled(1);
        assert_eq!(unsettled.news(), None, "half of the first is open");
        unsettled.settled(1);
        assert_eq!(unsettled.news(), Some(2));
        assert_eq!(unsettled.news(), None, "it was told");
    }

    #[test]
    fn items_are_spliced_as_they_are() {
        let item =
            outlast_proto::durable_task::WorkItem { completion_token: "t".repeat(300), ..Default::default() };
        let mut said = BytesMut::new();
        put_item(&mut said, &item.encode_to_vec().into());
        put_item(&mut said, &item.encode_to_vec().into());
        let read = ToWorker::decode(said.freeze()).expect("a message");
        assert_eq!(read.items, [item.clone(), item]);
    }
}

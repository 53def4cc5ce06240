//! The stream of lists: items come and answers go as many together as there are.
//!
//! It is Outlast's own; against other servers the worker uses the published calls. An answer goes with
//! whatever else is ready when the connection can write, so nothing waits. Not here: what becomes of an
//! answer that this stream could not bring (`perform`).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use outlast_proto::durable_task as pb;
use outlast_proto::worker::worker_stream_client::WorkerStreamClient;
use outlast_proto::worker::{FromWorker, ToWorker};
use tokio_stream::Stream;
use tonic::{Code, Status, Streaming};

use super::perform::InHand;
use crate::client::{Link, MESSAGE_BYTES_MAX};

/// Answers in one message.
const ANSWERS_MAX: usize = 1_024;

/// Answers on their way: those that wait for the next message, and those that were sent and are not
/// settled. One for each stream, gone with it.
#[derive(Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    waiting: VecDeque<Answered>,
    /// By number of message. Invariant: numbers rise.
    sent: VecDeque<(u64, Vec<Kept>)>,
    number: u64,
    ended: bool,
    /// Of the connection, while it has nothing to send.
    waker: Option<Waker>,
}

/// An answer, and that somebody still works for its item.
pub(super) enum Answered {
    Turn(pb::OrchestratorResponse, InHand),
    Activity(pb::ActivityResponse, InHand),
    Batch(pb::EntityBatchResult, InHand),
}

/// What is kept of an answer until it is settled.
struct Kept {
    of: Of,
    in_hand: InHand,
}

/// What an answer was to. Turns and batches come again by themselves; what an activity has done is done,
/// so its result is brought in any case.
enum Of {
    Turn,
    Activity(Box<pb::ActivityResponse>),
    /// By its token, so that it is not taken for a turn.
    Batch(String),
    /// It was refused, and is somebody else's concern.
    Nothing,
}

/// An answer that did not count.
pub(super) enum Refused {
    Turn { token: String, status: Status },
    Activity { answer: Box<pb::ActivityResponse>, in_hand: InHand, status: Status },
    Batch { status: Status },
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an answer sent; gives it back where the stream has ended.
    pub(super) fn put(&self, answer: Answered) -> Result<(), Box<Answered>> {
        let waker = {
            let mut inside = self.lock();
            if inside.ended {
                return Err(Box::new(answer));
            }
            inside.waiting.push_back(answer);
            inside.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Ends it; the results of activities that nobody has acknowledged.
    fn end(&self) -> Vec<(pb::ActivityResponse, InHand)> {
        let mut inside = self.lock();
        inside.ended = true;
        let sent = std::mem::take(&mut inside.sent).into_iter().flat_map(|(_, kept)| kept);
        let sent = sent.filter_map(|kept| match kept.of {
            Of::Activity(answer) => Some((*answer, kept.in_hand)),
            Of::Turn | Of::Batch(_) | Of::Nothing => None,
        });
        let waiting = std::mem::take(&mut inside.waiting).into_iter().filter_map(|answer| match answer {
            Answered::Turn(..) | Answered::Batch(..) => None,
            Answered::Activity(answer, in_hand) => Some((answer, in_hand)),
        });
        sent.chain(waiting).collect()
    }

    fn settled(&self, upto: u64) {
        let mut inside = self.lock();
        while inside.sent.front().is_some_and(|(number, _)| *number <= upto) {
            inside.sent.pop_front();
        }
    }

    /// Takes out the answer of this token that did not count.
    fn refused(&self, token: String, status: Status) -> Refused {
        let mut inside = self.lock();
        let mut kept = inside.sent.iter_mut().flat_map(|(_, kept)| kept);
        let found = kept.find(|kept| match &kept.of {
            Of::Activity(answer) => answer.completion_token == token,
            Of::Batch(known) => *known == token,
            Of::Turn | Of::Nothing => false,
        });
        let Some(found) = found else { return Refused::Turn { token, status } };
        match std::mem::replace(&mut found.of, Of::Nothing) {
            Of::Activity(answer) => Refused::Activity { answer, in_hand: found.in_hand.clone(), status },
            Of::Batch(_) => Refused::Batch { status },
            Of::Turn | Of::Nothing => Refused::Turn { token, status },
        }
    }
}

impl Inside {
    /// Everything that waits as one message.
    fn message(&mut self) -> FromWorker {
        self.number += 1;
        let mut message = FromWorker { number: self.number, ..FromWorker::default() };
        let count = self.waiting.len().min(ANSWERS_MAX);
        let mut kept = Vec::with_capacity(count);
        for answer in self.waiting.drain(..count) {
            match answer {
                Answered::Turn(answer, in_hand) => {
                    message.turns.push(answer);
                    kept.push(Kept { of: Of::Turn, in_hand });
                }
                Answered::Activity(answer, in_hand) => {
                    message.activities.push(answer.clone());
                    kept.push(Kept { of: Of::Activity(Box::new(answer)), in_hand });
                }
                Answered::Batch(answer, in_hand) => {
                    kept.push(Kept { of: Of::Batch(answer.completion_token.clone()), in_hand });
                    message.batches.push(answer);
                }
            }
        }
        self.sent.push_back((self.number, kept));
        message
    }
}

/// What the worker says, message by message.
struct Saying {
    opening: Option<pb::GetWorkItemsRequest>,
    outbox: Outbox,
}

impl Stream for Saying {
    type Item = FromWorker;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<FromWorker>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(FromWorker { opening: Some(opening), ..FromWorker::default() }));
        }
        let mut inside = self.outbox.lock();
        if inside.ended {
            return Poll::Ready(None);
        }
        if inside.waiting.is_empty() {
            inside.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Some(inside.message()))
    }
}

/// An open stream.
pub(super) struct Batched {
    incoming: Streaming<ToWorker>,
    pub(super) outbox: Outbox,
}

impl Batched {
    /// Opens it. UNIMPLEMENTED: the server does not have it.
    pub(super) async fn open(link: &Link, opening: pb::GetWorkItemsRequest) -> Result<Self, Status> {
        let outbox = Outbox::default();
        let saying = Saying { opening: Some(opening), outbox: outbox.clone() };
        let stub = WorkerStreamClient::new(link.transport())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let incoming = { stub }.work(link.request(saying)).await?.into_inner();
        Ok(Self { incoming, outbox })
    }

    /// The next items, and answers that did not count; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<(Vec<pb::WorkItem>, Vec<Refused>)>, Status> {
        let Some(message) = self.incoming.message().await? else { return Ok(None) };
        let refused = message.refused.into_iter().map(|refusal| {
            let status = Status::new(Code::from_i32(refusal.code), refusal.message);
            self.outbox.refused(refusal.completion_token, status)
        });
        let refused = refused.collect();
        self.outbox.settled(message.settled);
        Ok(Some((message.items, refused)))
    }

    /// Ends it; the results of activities that it did not bring for certain.
    pub(super) fn end(&self) -> Vec<(pb::ActivityResponse, InHand)> {
        self.outbox.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(token: &str, in_hand: &InHand) -> Answered {
        let answer = pb::ActivityResponse { completion_token: token.into(), ..Default::default() };
        Answered::Activity(answer, in_hand.clone())
    }

    #[test]
    fn a_result_is_kept_until_it_is_settled_and_given_back_at_the_end() {
        let (in_hand, _all_done) = tokio::sync::mpsc::channel(1);
        let outbox = Outbox::default();
        for token in ["a", "b"] {
            assert!(outbox.put(activity(token, &in_hand)).is_ok());
            assert_eq!(outbox.lock().message().activities.len(), 1);
        }
        assert!(outbox.put(activity("c", &in_hand)).is_ok());
        outbox.settled(1);
        let left: Vec<String> = outbox.end().into_iter().map(|(answer, _)| answer.completion_token).collect();
        assert_eq!(left, ["b", "c"]);
        assert!(outbox.put(activity("d", &in_hand)).is_err(), "nobody sends it any more");
        assert_eq!(in_hand.strong_count(), 1);
    }

    #[test]
    fn a_refused_answer_is_known_by_its_token() {
        let (in_hand, _all_done) = tokio::sync::mpsc::channel(1);
        let outbox = Outbox::default();
        let batch = pb::EntityBatchResult { completion_token: "b".into(), ..Default::default() };
        assert!(outbox.put(activity("a", &in_hand)).is_ok());
        assert!(outbox.put(Answered::Batch(batch, in_hand)).is_ok());
        assert_eq!(outbox.lock().message().batches.len(), 1);
        let refused = |token: &str| outbox.refused(token.to_owned(), Status::not_found("gone"));
        assert!(matches!(refused("a"), Refused::Activity { .. }));
        assert!(matches!(refused("b"), Refused::Batch { .. }), "it is not answered as a turn");
        assert!(matches!(refused("t"), Refused::Turn { .. }));
        assert!(outbox.end().is_empty(), "the refused one is brought by whoever was told");
    }

    #[test]
    fn all_that_waits_is_one_message() {
        let (in_hand, _all_done) = tokio::sync::mpsc::channel(1);
        let outbox = Outbox::default();
        for token in ["a", "b", "c"] {
            assert!(outbox.put(activity(token, &in_hand)).is_ok());
        }
        let turn = pb::OrchestratorResponse::default();
        assert!(outbox.put(Answered::Turn(turn, in_hand)).is_ok());
        let message = outbox.lock().message();
        assert_eq!((message.number, message.activities.len(), message.turns.len()), (1, 3, 1));
    }
}

//! What clients were answered, so that a call sent again is answered alike and done once.
//!
//! Not here: giving calls their ids (`server::ingress`). Answers are kept for
//! [`limits::REQUEST_WINDOW_SECONDS`]; later requests clear older ones away, a few at a time.

use std::time::Duration;

use crate::id::{InstanceId, LogId};
use crate::limits;
use crate::mutants;
use crate::partition::command::RequestId;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::{State, keys};
use crate::rows::{KeyBuilder, Loaded, Range, Row, decode};
use crate::time::Timestamp;

/// Old answers one request clears away at most.
const CLEARED_MAX: usize = 64;
/// How far past the window the oldest answer may be before clearing begins: many at once, seldom.
const CLEARING_SLACK: Duration = Duration::from_secs(60);

/// The stored answer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RequestRow {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    instance: String,
    #[prost(uint64, tag = "3")]
    term: u64,
    #[prost(uint64, tag = "4")]
    index: u64,
    #[prost(uint32, tag = "5")]
    count: u32,
}

impl Row for RequestRow {}

/// Finds old requests by age.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RequestAgeRow {
    #[prost(message, required, tag = "1")]
    request: RequestId,
    #[prost(message, required, tag = "2")]
    at: crate::partition::command::Moment,
}

impl Row for RequestAgeRow {}

impl State<'_> {
    /// What this request was answered before.
    pub(crate) fn answered(&self, request: Option<&RequestId>) -> Loaded<Option<Reply>> {
        let Some(request) = request else { return Ok(None) };
        let row: Option<RequestRow> = self.tx.get(&keys::request(request))?;
        if mutants::active(mutants::REQUEST_ID_IGNORED) {
            return Ok(None);
        }
        Ok(row.map(RequestRow::into_reply))
    }

    /// Remembers an answer.
    pub(crate) fn remember(&mut self, request: Option<&RequestId>, reply: &Reply) -> Loaded<()> {
        let Some(request) = request else { return Ok(()) };
        self.clear_old_requests()?;
        let key = keys::request(request);
        if self.tx.bytes(&key)?.is_some() {
            return Ok(());
        }
        if self.meta.requests_since.is_none() {
            self.meta.requests_since = Some(self.at.into());
        }
        let age = RequestAgeRow { request: request.clone(), at: self.at.into() };
        self.tx.put(key, &RequestRow::from_reply(reply))?;
        self.tx.insert(keys::request_age(self.at, request), &age);
        Ok(())
    }

    fn clear_old_requests(&mut self) -> Loaded<()> {
        let window = Duration::from_secs(limits::REQUEST_WINDOW_SECONDS);
        let since = self.meta.requests_since.map_or(self.at, Timestamp::from);
        if self.at.since(since) <= window + CLEARING_SLACK {
            return Ok(());
        }
        let over = self.at.minus(window);
        let room = KeyBuilder::room(keys::REQUEST_AGE);
        let range = Range { from: room.clone().key(), to: room.time(over).key(), limit: CLEARED_MAX };
        let old = self.tx.range(&range)?;
        let ages: Vec<RequestAgeRow> = old.iter().map(|(_, bytes)| decode(bytes)).collect();
        self.tx.want(ages.iter().map(|age| keys::request(&age.request)))?;
        for ((key, _), age) in old.iter().zip(&ages) {
            self.tx.remove(key.clone())?;
            self.tx.remove(keys::request(&age.request))?;
        }
        // A short page means that nothing older is left.
        let oldest = if old.len() < CLEARED_MAX { Some(over.into()) } else { ages.last().map(|age| age.at) };
        self.meta.requests_since = oldest;
        Ok(())
    }
}

impl RequestRow {
    fn from_reply(reply: &Reply) -> Self {
        let mut row = Self::default();
        match reply {
            Reply::Done => row.kind = 1,
            Reply::Unchanged => row.kind = 2,
            Reply::Started { instance, by } => {
                row.kind = 3;
                row.instance = instance.as_str().to_owned();
                row.term = by.term;
                row.index = by.index;
            }
            Reply::Purged { count } => {
                row.kind = 4;
                row.count = *count;
            }
            Reply::Refused(refusal) => {
                row.kind = match refusal {
                    Refusal::InstanceNotFound => 10,
                    Refusal::InstanceExists => 11,
                    Refusal::StaleWorkItem => 12,
                    Refusal::InboxFull => 13,
                    Refusal::EpochOver => 14,
                    Refusal::NotEnded => 15,
                    Refusal::NotFailed => 16,
                    Refusal::HeldLocks => 17,
                    Refusal::HistoryTooLarge => 18,
                    Refusal::MailboxFull => 20,
                    Refusal::TooManySchedules => 21,
                    Refusal::PayloadMissing => 29,
                }
            }
        }
        row
    }

    fn into_reply(self) -> Reply {
        match self.kind {
            1 => Reply::Done,
            3 => Reply::Started {
                instance: InstanceId::trusted(&self.instance),
                by: LogId { term: self.term, index: self.index },
            },
            4 => Reply::Purged { count: self.count },
            10 => Reply::Refused(Refusal::InstanceNotFound),
            11 => Reply::Refused(Refusal::InstanceExists),
            12 => Reply::Refused(Refusal::StaleWorkItem),
            13 => Reply::Refused(Refusal::InboxFull),
            14 => Reply::Refused(Refusal::EpochOver),
            15 => Reply::Refused(Refusal::NotEnded),
            16 => Reply::Refused(Refusal::NotFailed),
            17 => Reply::Refused(Refusal::HeldLocks),
            18 => Reply::Refused(Refusal::HistoryTooLarge),
            20 => Reply::Refused(Refusal::MailboxFull),
            21 => Reply::Refused(Refusal::TooManySchedules),
            29 => Reply::Refused(Refusal::PayloadMissing),
            _ => Reply::Unchanged,
        }
    }
}

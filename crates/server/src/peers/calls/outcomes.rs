//! What came of a command, and why there is no answer.
//!
//! Not here: answers to questions (`answers`).

use bytes::Bytes;
use engine::id::LogId;
use engine::partition::effect::{Refusal, Reply};
use prost::Message;

use super::catalog::WireReply as CatalogReply;
use super::{Malformed, Numbered as _, Read, instance_id, number, numbered};
use crate::partition::messages::{Outcome, Unavailable};

numbered!(Refusal:
    InstanceNotFound = 1,
    InstanceExists = 2,
    StaleWorkItem = 3,
    InboxFull = 4,
    EpochOver = 5,
    NotEnded = 6,
    NotFailed = 7,
    HeldLocks = 8,
    HistoryTooLarge = 9,
    MailboxFull = 10,
    TooManySchedules = 11,
    PayloadMissing = 12,
);

#[derive(Clone, PartialEq, Message)]
struct WireOutcome {
    #[prost(oneof = "Kind", tags = "1, 2, 3")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Unavailable(WireUnavailable),
    #[prost(message, tag = "2")]
    Partition(WireReply),
    #[prost(message, tag = "3")]
    Catalog(CatalogReply),
}

#[derive(Clone, PartialEq, Message)]
struct WireReply {
    #[prost(oneof = "Told", tags = "1, 2, 3, 4, 5")]
    told: Option<Told>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Told {
    #[prost(message, tag = "1")]
    Done(()),
    #[prost(message, tag = "2")]
    Unchanged(()),
    #[prost(message, tag = "3")]
    Started(Started),
    #[prost(uint32, tag = "4")]
    Purged(u32),
    #[prost(int32, tag = "5")]
    Refused(i32),
}

#[derive(Clone, PartialEq, Message)]
struct Started {
    #[prost(string, tag = "1")]
    instance: String,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WireUnavailable {
    #[prost(oneof = "Why", tags = "1, 2, 3, 4, 5, 6")]
    why: Option<Why>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Why {
    #[prost(message, tag = "1")]
    NotLeading(()),
    #[prost(message, tag = "2")]
    Overloaded(()),
    #[prost(string, tag = "3")]
    Halted(String),
    #[prost(message, tag = "4")]
    DiskFull(()),
    #[prost(message, tag = "5")]
    TooLarge(TooLarge),
    #[prost(message, tag = "6")]
    Unknown(()),
}

#[derive(Clone, PartialEq, Message)]
struct TooLarge {
    #[prost(uint64, tag = "1")]
    bytes: u64,
    #[prost(uint64, tag = "2")]
    bytes_max: u64,
}

/// What a command's author is told.
pub fn outcome(outcome: &Result<Outcome, Unavailable>) -> Bytes {
    let kind = match outcome {
        Ok(Outcome::Partition(reply)) => Kind::Partition(reply.into()),
        Ok(Outcome::Catalog(reply)) => Kind::Catalog(reply.into()),
        Err(why) => Kind::Unavailable(why.into()),
    };
    WireOutcome { kind: Some(kind) }.encode_to_vec().into()
}

/// See [`outcome`].
pub fn read_outcome(bytes: Bytes) -> Read<Result<Outcome, Unavailable>> {
    let wire = WireOutcome::decode(bytes).map_err(|_| Malformed("an outcome that cannot be read"))?;
    match wire.kind.ok_or(Malformed("an outcome of an unknown kind"))? {
        Kind::Unavailable(why) => Ok(Err(why.read()?)),
        Kind::Partition(reply) => Ok(Ok(Outcome::Partition(reply.read()?))),
        Kind::Catalog(reply) => Ok(Ok(Outcome::Catalog(reply.read()?))),
    }
}

impl From<&Reply> for WireReply {
    fn from(reply: &Reply) -> Self {
        let told = match reply {
            Reply::Done => Told::Done(()),
            Reply::Unchanged => Told::Unchanged(()),
            Reply::Started { instance, by } => Told::Started(Started {
                instance: instance.as_str().to_owned(),
                term: by.term,
                index: by.index,
            }),
            Reply::Purged { count } => Told::Purged(*count),
            Reply::Refused(refusal) => Told::Refused(refusal.number()),
        };
        Self { told: Some(told) }
    }
}

impl WireReply {
    fn read(self) -> Read<Reply> {
        Ok(match self.told.ok_or(Malformed("a reply of an unknown kind"))? {
            Told::Done(()) => Reply::Done,
            Told::Unchanged(()) => Reply::Unchanged,
            Told::Started(Started { instance, term, index }) => {
                Reply::Started { instance: instance_id(&instance)?, by: LogId { term, index } }
            }
            Told::Purged(count) => Reply::Purged { count },
            Told::Refused(refusal) => Reply::Refused(Refusal::read(refusal)?),
        })
    }
}

impl From<&Unavailable> for WireUnavailable {
    fn from(why: &Unavailable) -> Self {
        let why = match why {
            Unavailable::NotLeading => Why::NotLeading(()),
            Unavailable::Overloaded => Why::Overloaded(()),
            Unavailable::Halted(why) => Why::Halted(why.clone()),
            Unavailable::DiskFull => Why::DiskFull(()),
            Unavailable::TooLarge { bytes, bytes_max } => {
                Why::TooLarge(TooLarge { bytes: number(*bytes), bytes_max: number(*bytes_max) })
            }
            Unavailable::Unknown => Why::Unknown(()),
        };
        Self { why: Some(why) }
    }
}

impl WireUnavailable {
    pub(super) fn read(self) -> Read<Unavailable> {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(match self.why.ok_or(Malformed("a reason of an unknown kind"))? {
            Why::NotLeading(()) => Unavailable::NotLeading,
            Why::Overloaded(()) => Unavailable::Overloaded,
            Why::Halted(why) => Unavailable::Halted(why),
            Why::DiskFull(()) => Unavailable::DiskFull,
            Why::TooLarge(TooLarge { bytes, bytes_max }) => {
                Unavailable::TooLarge { bytes: size(bytes), bytes_max: size(bytes_max) }
            }
            Why::Unknown(()) => Unavailable::Unknown,
        })
    }
}

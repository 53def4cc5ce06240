//! The encoding of what a call asks and of what comes of it, version 1. Field numbers are never reused.
//!
//! Commands are encoded as they are in the log. Whatever is read here came from another node: it is
//! validated, and what does not make sense is [`Malformed`]. Not here: the frames around it (`frame`).

mod answers;
mod catalog;
mod entities;
mod feeds;
mod filter;
mod instances;
mod outcomes;
mod questions;

use bytes::Bytes;
use engine::id::{EntityId, InstanceId};
use engine::partition::command::Moment;
use engine::time::Timestamp;
use engine::{catalog as catalog_machine, partition};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

pub use self::answers::{answer, read_answer};
pub use self::filter::{filter, read_filter};
pub use self::outcomes::{outcome, read_outcome};
pub use self::questions::{question, read_question};
use crate::partition::messages::Request;

/// What another node sent makes no sense here: a later version, or a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

type Read<T> = Result<T, Malformed>;

#[derive(Clone, PartialEq, Message)]
struct WireRequest {
    #[prost(message, optional, tag = "1")]
    partition: Option<partition::command::Entry>,
    #[prost(message, optional, tag = "2")]
    catalog: Option<catalog_machine::Entry>,
}

/// A command, to be put into a log.
pub fn request(request: &Request) -> Bytes {
    let (tag, length) = match request {
        Request::Partition(command) => (1, command.encoded_len()),
        Request::Catalog(command) => (2, command.encoded_len()),
    };
    let mut out = Vec::with_capacity(length + 16);
    encode_key(tag, WireType::LengthDelimited, &mut out);
    encode_varint(u64::try_from(length).unwrap_or(u64::MAX), &mut out);
    // An entry whose time the receiver gives it.
    match request {
        Request::Partition(command) => command.encode(&mut out),
        Request::Catalog(command) => command.encode(&mut out),
    }
    out.into()
}

/// See [`request`].
pub fn read_request(bytes: Bytes) -> Read<Request> {
    let read = WireRequest::decode(bytes).map_err(|_| Malformed("a request that cannot be read"))?;
    let partition = read.partition.and_then(|entry| entry.command).map(Request::Partition);
    let catalog = read.catalog.and_then(|entry| entry.command).map(Request::Catalog);
    match (partition, catalog) {
        (Some(request), None) | (None, Some(request)) => Ok(request),
        (None, None) | (Some(_), Some(_)) => Err(Malformed("a request of an unknown kind")),
    }
}

/// One list of variants and their numbers, for both directions: a variant without a number does not
/// compile.
macro_rules! numbered {
    ($type:ty: $($variant:ident = $number:literal),+ $(,)?) => {
        impl $crate::peers::calls::Numbered for $type {
            fn number(self) -> i32 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            fn of(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
use numbered;

/// An enumeration with a number for each variant, from 1.
trait Numbered: Sized {
    fn number(self) -> i32;
    fn of(number: i32) -> Option<Self>;

    fn read(number: i32) -> Read<Self> {
        Self::of(number).ok_or(Malformed("a value of a list that this version does not know"))
    }
}

fn moment(time: Option<Timestamp>) -> Option<Moment> {
    time.map(Moment::from)
}

fn time(moment: Option<Moment>) -> Option<Timestamp> {
    moment.map(Timestamp::from)
}

fn instance_id(text: &str) -> Read<InstanceId> {
    InstanceId::parse(text).map_err(|_| Malformed("a text that is no instance id"))
}

fn entity_id(text: &str) -> Read<EntityId> {
    EntityId::parse(text).map_err(|_| Malformed("a text that is no entity's id"))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn all<W, T>(wire: Vec<W>, read: impl Fn(W) -> Read<T>) -> Read<Vec<T>> {
    wire.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;

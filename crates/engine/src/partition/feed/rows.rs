//! The rows of a feed, and their keys.
//!
//! Not here: when they change (`state`, `apply`). Events are found by number, cursors by name,
//! letters by name and number.

use crate::partition::command::Moment;
use crate::partition::feed::Lifecycle;
use crate::rows::{Key, KeyBuilder, Range, Row};

pub(crate) const EVENT: u8 = 0x40;
pub(crate) const CURSOR: u8 = 0x41;
pub(crate) const LETTER: u8 = 0x42;

/// How far a feed is; part of the partition's own row.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct FeedHead {
    /// Events to keep; 0: the feed is off.
    #[prost(uint64, tag = "1")]
    pub(crate) keep: u64,
    /// The first event there is. Invariant: rows are contiguous from `first` to `last`.
    #[prost(uint64, tag = "2")]
    pub(crate) first: u64,
    /// The last number given. Invariant: never falls, also while the feed is off.
    #[prost(uint64, tag = "3")]
    pub(crate) last: u64,
}

impl FeedHead {
    pub(crate) fn is_on(self) -> bool {
        self.keep > 0
    }
}

/// One event.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EventRow {
    #[prost(enumeration = "Lifecycle", tag = "1")]
    pub(crate) what: i32,
    #[prost(message, required, tag = "2")]
    pub(crate) at: Moment,
    #[prost(string, tag = "3")]
    pub(crate) instance: String,
    #[prost(string, tag = "4")]
    pub(crate) execution: String,
    #[prost(string, tag = "5")]
    pub(crate) name: String,
    #[prost(string, optional, tag = "6")]
    pub(crate) version: Option<String>,
    #[prost(string, tag = "7")]
    pub(crate) reason: String,
}

impl Row for EventRow {}

/// How far a subscription is.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct CursorRow {
    /// The last event that is settled.
    #[prost(uint64, tag = "1")]
    pub(crate) upto: u64,
    /// Events that went before they could be delivered, because the bound was reached.
    #[prost(uint64, tag = "2")]
    pub(crate) missed: u64,
    /// Letters. Invariant: as many as there are rows of them.
    #[prost(uint64, tag = "3")]
    pub(crate) letters: u64,
}

impl Row for CursorRow {}

/// An event that could not be delivered.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LetterRow {
    #[prost(message, required, tag = "1")]
    pub(crate) event: EventRow,
    #[prost(string, tag = "2")]
    pub(crate) why: String,
    #[prost(uint32, tag = "3")]
    pub(crate) attempts: u32,
    /// When the last attempt was given up.
    #[prost(message, required, tag = "4")]
    pub(crate) at: Moment,
    /// Somebody wants it delivered again.
    #[prost(bool, tag = "5")]
    pub(crate) again: bool,
}

impl Row for LetterRow {}

pub(crate) fn event(number: u64) -> Key {
    KeyBuilder::room(EVENT).number(number).key()
}

/// The first events from `number` on.
pub(crate) fn events_from(number: u64, limit: usize) -> Range {
    Range { from: event(number), to: KeyBuilder::room(EVENT).end(), limit }
}

pub(crate) fn cursor(name: &str) -> Key {
    KeyBuilder::room(CURSOR).text(name).key()
}

pub(crate) fn letters(name: &str) -> KeyBuilder {
    KeyBuilder::room(LETTER).bounded_text(name)
}

pub(crate) fn letter(name: &str, number: u64) -> Key {
    letters(name).number(number).key()
}

/// The number in the key of an event or a letter: its last part.
pub(crate) fn number_of(key: &Key) -> Option<u64> {
    key.as_bytes().last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The name in the key of a cursor.
pub(crate) fn name_of(key: &Key) -> Option<&str> {
    key.as_bytes().get(1..).and_then(|name| std::str::from_utf8(name).ok())
}

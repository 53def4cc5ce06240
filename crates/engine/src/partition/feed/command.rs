//! What is asked of a feed.
//!
//! Not here: doing it (`apply`). Part of the log's format: field numbers are never used again.

use crate::partition::command::RequestId;

/// The leader: how many events to keep, and for whom. A subscription that is new begins with what
/// happens from now on; one that is not named any more is forgotten with its letters.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfigureFeed {
    /// Events to keep; 0: none, and forget what there is.
    #[prost(uint64, tag = "1")]
    pub keep: u64,
    /// Names of subscriptions.
    #[prost(string, repeated, tag = "2")]
    pub subscriptions: Vec<String>,
}

/// The leader: a subscription has everything up to an event, or there is no hope for it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AcknowledgeFeed {
    /// Which subscription.
    #[prost(string, tag = "1")]
    pub subscription: String,
    /// Up to and including this event.
    #[prost(uint64, tag = "2")]
    pub upto: u64,
    /// Those that could not be delivered, now or again.
    #[prost(message, repeated, tag = "3")]
    pub dead: Vec<Undelivered>,
    /// Letters that were delivered after all.
    #[prost(uint64, repeated, tag = "4")]
    pub delivered: Vec<u64>,
}

/// An event that could not be delivered.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Undelivered {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// What the last attempt said.
    #[prost(string, tag = "2")]
    pub why: String,
    /// How many attempts there were.
    #[prost(uint32, tag = "3")]
    pub attempts: u32,
}

/// A client: deliver letters once more.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ResendEvents {
    /// Which subscription's.
    #[prost(string, tag = "1")]
    pub subscription: String,
    /// Set where a repeat of this call must not be a second one.
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// Which events; none named: a page of all of them.
    #[prost(uint64, repeated, tag = "3")]
    pub numbers: Vec<u64>,
}

//! Lifecycle events in the API: the feed as pages, who is told, what could not be delivered.
//!
//! `routes` are the handlers, `node` asks the partitions. Not here: delivering (`crate::events`).

mod node;
pub(super) mod routes;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) use node::{letters, page, resend, standing};

/// A page of a task hub's lifecycle events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventList {
    /// Version of this shape.
    pub schema: u32,
    /// CloudEvents 1.0, in order within each partition, and so for each instance.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub events: Vec<serde_json::Value>,
    /// Give it back as `after` for what comes next, now or later.
    pub next: String,
}

/// Those who are told about a task hub's events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubscriptionList {
    /// Version of this shape.
    pub schema: u32,
    /// By name.
    pub subscriptions: Vec<SubscriptionStatus>,
}

/// How far a subscription is, over all partitions.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct SubscriptionStatus {
    /// Its name, as in the settings.
    pub name: String,
    /// Events that were settled: delivered, not wanted or put aside.
    pub settled: u64,
    /// Events that wait to be delivered.
    pub waiting: u64,
    /// Events that could not be delivered and are kept.
    pub dead: u64,
    /// Events that were lost to it because it was further behind than `events.keep`.
    pub missed: u64,
}

/// A page of events that could not be delivered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LetterList {
    /// Version of this shape.
    pub schema: u32,
    /// In order within each partition.
    pub letters: Vec<Letter>,
    /// Give it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An event that could not be delivered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Letter {
    /// The event's id.
    pub id: String,
    /// The event: CloudEvents 1.0.
    pub event: serde_json::Value,
    /// What the last attempt said.
    pub why: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the last one was given up.
    pub at: String,
    /// Whether it is about to be sent again.
    pub again: bool,
}

/// Which events to send again.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resend {
    /// The subscription.
    #[schema(min_length = 1, max_length = 64)]
    pub subscription: String,
    /// Ids of events; none: all.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub ids: Vec<String>,
}

/// Events are being sent again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Resent {
    /// Version of this shape.
    pub schema: u32,
    /// Whether there was any that was not about to be sent already.
    pub changed: bool,
}

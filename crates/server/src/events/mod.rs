//! Lifecycle events on their way out: webhooks, at least once, in order per instance.
//!
//! A hub's partitions keep a feed (`engine::partition::feed`) where the settings name a subscription
//! for it. For each partition and subscription a [`courier`] reads committed events, has them posted
//! and acknowledges them in the log; after a restart or under a new leader it goes on from there, so
//! that nothing is left out and the last few may come twice, with the same id. [`envelope`] is what
//! is sent, [`signature`] shows whom it is from, [`post`] sends, [`delivery`] keeps it going.
//!
//! Not here: which subscriptions there are (`config`), and the feed as a page (`ingress::http`).

pub mod courier;
mod delivery;
pub mod envelope;
mod post;
pub mod signature;
#[cfg(test)]
mod tests;

pub use delivery::run;

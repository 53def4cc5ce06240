//! What can be asked of the catalog.
//!
//! Not here: what is done about it (the catalog's door). These types are also the log's format
//! (version 1): field numbers are never reused.

use bytes::Bytes;

use crate::partition::command::Moment;

/// One entry of the catalog's log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    /// When the leader proposed it.
    #[prost(message, required, tag = "1")]
    pub at: Moment,
    /// What is asked.
    #[prost(oneof = "Command", tags = "10, 11, 12, 13")]
    pub command: Option<Command>,
}

/// Everything that changes the catalog.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Command {
    /// Create a hub.
    #[prost(message, tag = "10")]
    CreateHub(CreateHub),
    /// Delete a hub: nobody can use it, and for a while it can be brought back.
    #[prost(message, tag = "11")]
    DeleteHub(DeleteHub),
    /// Bring a deleted hub back.
    #[prost(message, tag = "12")]
    UndeleteHub(UndeleteHub),
    /// Remove a deleted hub for good.
    #[prost(message, tag = "13")]
    RemoveHub(RemoveHub),
}

/// Creates a hub.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CreateHub {
    /// Its name, see [`super::is_hub_name`].
    #[prost(string, tag = "1")]
    pub name: String,
    /// How many partitions it has, for ever.
    #[prost(uint32, tag = "2")]
    pub partitions: u32,
    /// Random, [`super::HUB_KEY_BYTES`]: signs completion tokens.
    #[prost(bytes = "bytes", tag = "3")]
    pub key: Bytes,
    /// When its activities may run, for ever.
    #[prost(enumeration = "Mode", tag = "4")]
    pub mode: i32,
}

/// When a hub's activities may be handed to workers. Answers, messages and reads always wait until what
/// they depend on is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Mode {
    /// Once the turn that asked for them is committed: no activity runs that history does not know.
    Conservative = 0,
    /// As soon as that turn is proposed: steps do not wait for the log. After a failure an activity may
    /// have run, with an input, that history never recorded.
    Speculative = 1,
}

/// Deletes a hub.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteHub {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Brings a deleted hub back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UndeleteHub {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Removes a deleted hub for good.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RemoveHub {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

//! Makes a log survive the loss of nodes: propose bytes, get committed bytes in order.
//!
//! - [`group`]: the door, one [`Group`] per replica.
//! - [`types`]: what goes in and comes out.
//! - [`error`]: what can go wrong.
//!
//! Not here: what entries mean, threads, disks and sockets. No type of the consensus library leaves
//! this crate, and nothing in it reads a clock or draws randomness that the seed does not fix.

pub mod error;
pub mod group;
pub mod types;

pub use error::{Error, ProposeError, Refusal};
pub use group::Group;
pub use types::{
    CommittedEntry, Config, EntryKind, Event, Input, Limits, LogId, Outgoing, Output, ReplicaId, Role,
};

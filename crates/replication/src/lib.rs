//! Makes a log survive the loss of nodes: propose bytes, get committed bytes in order.
//!
//! - [`group`]: the door, one [`Group`] per replica.
//! - [`types`], [`membership`], [`error`]: what goes in and comes out, who takes part, what goes wrong.
//! - `driver`: feeds the consensus library and holds back what the disk has not answered for.
//! - `log_store`, `format`: the entries in memory, and their form in the node log.
//! - `wire`, `validate`: messages, and what they must look like before they count.
//! - `election`: seeded timeouts.
//! - [`mutants`]: bugs put in on purpose; [`testing`]: a toy cluster that would find them.
//!
//! Not here: what entries mean, threads, disks and sockets. No type of the consensus library leaves
//! this crate, and nothing in it reads a clock or draws randomness that the seed does not fix.

mod driver;
mod election;
pub mod error;
mod format;
pub mod group;
mod log_store;
pub mod membership;
pub mod mutants;
pub mod testing;
pub mod types;
mod validate;
mod wire;

pub use error::{Error, ProposeError, Refusal};
pub use group::Group;
pub use membership::{MemberChange, Membership};
pub use types::{
    CommittedEntry, Config, EntryKind, Event, Input, Limits, LogId, Outgoing, Output, Proof, ReplicaId, Role,
};

//! The state of a machine as ordered rows, key to bytes, of which only some are in memory.
//!
//! Not here: where rows come from and go to (`storage`, `server::partition`) and what they mean
//! (`partition::state`, `catalog`). The one thing to know: a row that is not loaded is never
//! guessed; whoever misses it says so with [`Needs`] and is called again.

mod key;
mod transaction;
mod working_set;

pub(crate) use key::KeyBuilder;
pub use key::{Key, Needs, Range};
pub(crate) use transaction::{Changes, Loaded, Row, Transaction, decode};
pub use working_set::{Corrupt, WorkingSet, WriteSet, row_digest};

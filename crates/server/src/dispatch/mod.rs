//! Who gets which work item: the meeting place of partitions that have work and workers that have
//! free slots, one for each task hub.
//!
//! - `offer`: what is offered, and how it ends
//! - `filter`, `lanes`: which worker takes what; the queues
//! - `board`: the state machine over both
//! - `shell`: the door: [`Dispatch`], [`Grant`], [`WorkerStream`]
//! - `token`: what a worker sends back
//! - `work_item`: the bytes a worker gets
//!
//! Everything here may be lost at any time: partitions offer again what is outstanding.
//! See `docs/design/dispatch.md`.

pub mod base64url;
mod board;
mod filter;
mod lanes;
mod offer;
mod options;
mod shell;
mod token;
mod work_item;

pub use board::{GivenBack, HandOutId, Load, Stage, Standing};
pub use filter::{Filter, Names};
pub use offer::{Ended, Kind, Offer, PerKind, Work};
pub use options::Options;
pub use shell::{Claims, Dispatch, Grant, Measure, Queue, Slots, Worker, WorkerStream};
pub use token::{Invalid, Task, Token, TokenKey};
pub use work_item::{Counts, CountsView, Item, Past};

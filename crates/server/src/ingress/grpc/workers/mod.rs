//! Workers' calls: their stream of work items, and their answers.
//!
//! - `stream`: the stream, its pings and its end
//! - `batched`: the same with answers in lists
//! - `answers`: completions and items given back · `wire`: how they are read
//! - `batch`: completions of entity batches
//! - `parts`: answers that arrive in parts · `turn`: what an answer may ask for
//!
//! Not here: who gets what (`dispatch`), and whether an answer counts (the partition).

pub(super) mod answers;
pub(super) mod batch;
pub(super) mod batched;
pub(super) mod parts;
pub(super) mod stream;
mod turn;
mod wire;

pub(super) use wire::FromWorker;

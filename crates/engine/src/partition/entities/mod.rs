//! Entities as others see them: what can be asked of them, what is shown, what must hold.
//!
//! - `command`: requests and messages
//! - `view`: questions
//! - `waits`: circles among those who wait for locks
//! - `invariants`: what is checked of their rows
//!
//! Not here: their rows (`state::entities`) and what a command does with them (`apply::entities`).

pub(crate) mod command;
pub(crate) mod invariants;
pub(crate) mod view;
pub mod waits;

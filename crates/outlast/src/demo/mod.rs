//! The demo: a server as a child process, a worker and orders in this one, and somebody who kills.

use crate::cli::Global;
use crate::failed::{Exit, Failed};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) orders: u32,
    pub(crate) is_once: bool,
    pub(crate) keeps_data: bool,
}

pub(crate) fn run(plan: Plan, _global: &Global) -> Result<Exit, Failed> {
    Err(Failed::local(format!("{plan:?} cannot be run yet")))
}

//! What makes a node one of several: its replicas among those of others, and what the catalog says of
//! all of them.
//!
//! - `seats`: the replicas of this node; [`copies`]: rows carried between replicas; `hearing`: what
//!   others say to them
//! - [`following`]: this node becomes what the catalog says; `placing`: where replicas should be
//!
//! Not here: sessions (`peers`), consensus (`replication`).

pub mod copies;
pub mod following;
mod hearing;
mod leaving;
mod placing;
mod seats;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use self::hearing::Hearing;
pub(crate) use self::seats::Seats;
use crate::peers::gateway::Gateway;

/// Which node of its cluster a process is, and how it speaks to the others.
#[derive(Debug, Clone)]
pub struct Place {
    /// What it does for others, and they for it; it knows its own number and the way to them.
    pub gateway: Arc<Gateway>,
    /// Whether the first node may make the catalog's first replica where it finds none. Only at its
    /// first start: later, one that is not there has left, and another of its number would contradict it.
    pub founds: bool,
}

impl Place {
    /// The first node of a cluster, which has no others yet.
    pub fn alone() -> Self {
        Self::of(Gateway::alone())
    }

    /// The node of a gateway.
    pub fn of(gateway: Arc<Gateway>) -> Self {
        Self { gateway, founds: true }
    }
}

//! What a node is started with, and why it may not start.
//!
//! A node reaches the outside only through [`Platform`], so that a test can give it a simulated disk
//! and clock. Not here: the start itself (`node`).

use std::sync::Arc;

use platform::clock::Clock;
use platform::disk::Disk;
use platform::entropy::Entropy;

use super::HubError;
use crate::partition::core::Halt;
use crate::partition::messages::Unavailable;

/// The outside world of a node.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Called by a thread that has had nothing to do for a moment: memory that it has freed goes back
    /// to the system.
    pub calm: fn(),
}

impl Platform {
    /// The machine this runs on. Memory is the allocator's business unless `calm` is set.
    pub fn real() -> Self {
        Self {
            disk: Arc::new(platform::real::RealDisk),
            clock: Arc::new(platform::real::RealClock::new()),
            entropy: Arc::new(platform::real::RealEntropy),
            calm: || {},
        }
    }
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory or the node log.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// Acknowledged records of a group are damaged.
    #[error(
        "the node log is damaged: {} at {}: {}; records of group {group} may be lost; nothing was changed",
        damage.file.display(), damage.offset, damage.why
    )]
    Damaged {
        /// Whose records.
        group: String,
        /// Where.
        damage: storage::Damage,
    },
    /// A task hub of the catalog does not open.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A partition could not be opened.
    #[error("open partition {partition} of hub {hub}: {halt}")]
    Partition {
        /// The hub's name, or `catalog`.
        hub: String,
        /// Which partition.
        partition: u32,
        /// Why.
        halt: Halt,
    },
    /// The system did not give a thread or a directory.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The catalog did not answer.
    #[error("read the catalog: {0}")]
    Catalog(Unavailable),
}

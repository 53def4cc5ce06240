//! The bounds of dispatch, with their reasons.
//!
//! Not here: bounds that all replicas must agree on (`engine::limits`). These are a node's own, and
//! what they drop is offered again.

use std::time::Duration;

/// What an operator may set (`work.*` in the configuration).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Slots of a worker that states none, for each kind: the SDKs send 0 for "not stated".
    pub slots_default: u32,
    /// Slots a worker may ask for, for each kind: each may hold a work item.
    pub slots_max: u32,
    /// Items on the board. Beyond it an offer is dropped and its partition asked again later: an
    /// item takes about 300 bytes, so this bounds a hub without workers to some 60 MB.
    pub items_max: usize,
    /// How often an item is handed out before it is given up as harmful.
    pub attempts_max: u32,
    /// Bytes of a work item: what the workers take in one message.
    pub item_bytes_max: usize,
    /// How often in a row an item is handed out again at once when its worker goes away.
    pub attempts_at_once: u32,
    /// How long a worker may take for an orchestrator turn. Activities have no such bound.
    pub turn_max: Option<Duration>,
    /// How often slow turns are looked for.
    pub check_every: Duration,
    /// The wait after an item was given back for the first time; it doubles each time.
    pub backoff_min: Duration,
    /// The longest such wait.
    pub backoff_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            slots_default: 100,
            slots_max: 10_000,
            items_max: 200_000,
            attempts_max: 20,
            item_bytes_max: engine::limits::WORK_ITEM_BYTES_MAX,
            attempts_at_once: 3,
            turn_max: Some(Duration::from_secs(300)),
            check_every: Duration::from_secs(1),
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(30),
        }
    }
}

impl Options {
    /// The wait after `setbacks` earlier ones.
    pub(super) fn backoff(&self, setbacks: u32) -> Duration {
        let factor = 2u32.saturating_pow(setbacks.min(16));
        self.backoff_min.saturating_mul(factor).min(self.backoff_max)
    }

    /// The slots a worker gets that asked for `asked`.
    pub(super) fn slots(&self, asked: i32) -> u32 {
        match u32::try_from(asked) {
            Ok(0) | Err(_) => self.slots_default,
            Ok(asked) => asked.min(self.slots_max),
        }
    }
}

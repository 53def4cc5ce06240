//! Whether stored bytes are a row of this format version (1): asked once, when they are loaded.
//!
//! Not here: the rows themselves. After this check reading cannot fail, which is what lets `apply`
//! be total.

use bytes::Bytes;
use prost::Message as _;

use crate::catalog::rows as catalog;
use crate::partition::command::Message;
use crate::partition::state::activities::ActivityRow;
use crate::partition::state::children::ChildRow;
use crate::partition::state::dedup::{OrphanRow, ReceivedRow};
use crate::partition::state::finished::FinishedRow;
use crate::partition::state::history::read_chunk;
use crate::partition::state::inbox::InboxChunk;
use crate::partition::state::instances::InstanceRow;
use crate::partition::state::keys;
use crate::partition::state::meta::MetaRow;
use crate::partition::state::outbox::OutboxCursor;
use crate::partition::state::requests::{RequestAgeRow, RequestRow};
use crate::partition::state::sweeps::SweepRow;
use crate::partition::state::terminations::TerminationRow;
use crate::partition::state::timers::{DueRow, TimerRow};
use crate::partition::state::values::ValueRow;
use crate::rows::{Key, Row};

/// An error text where `value` is not what the room of `key` holds.
pub(crate) fn check(key: &Key, value: &Bytes) -> Result<(), String> {
    match key.room() {
        keys::META => is::<MetaRow>(value),
        keys::INSTANCE => instance(value),
        keys::VALUE | keys::ACTIVITY_INPUT => is::<ValueRow>(value),
        keys::HISTORY => read_chunk(value).map(|_| ()),
        keys::INBOX => is::<InboxChunk>(value),
        keys::ACTIVITY => is::<ActivityRow>(value),
        keys::CHILD => is::<ChildRow>(value),
        keys::TIMER_DUE => is::<DueRow>(value),
        keys::TIMER => is::<TimerRow>(value),
        keys::OUTBOX => is::<Message>(value),
        keys::OUTBOX_CURSOR => is::<OutboxCursor>(value),
        keys::RECEIVED => is::<ReceivedRow>(value),
        keys::ORPHAN => is::<OrphanRow>(value),
        keys::REQUEST => is::<RequestRow>(value),
        keys::REQUEST_AGE => is::<RequestAgeRow>(value),
        keys::SWEEP => is::<SweepRow>(value),
        keys::TERMINATION => is::<TerminationRow>(value),
        keys::FINISHED => is::<FinishedRow>(value),
        catalog::META => is::<catalog::CatalogRow>(value),
        catalog::HUB => is::<catalog::HubRow>(value),
        tag => Err(format!("no room has the tag {tag:#04x}")),
    }
}

fn is<R: Row>(value: &Bytes) -> Result<(), String> {
    R::decode(value.clone()).map(|_| ()).map_err(|error| error.to_string())
}

fn instance(value: &Bytes) -> Result<(), String> {
    let row = InstanceRow::decode(value.clone()).map_err(|error| error.to_string())?;
    if row.status.is_none() {
        return Err("an instance has no status".to_owned());
    }
    if !row.values_are_known() {
        return Err(format!("an instance names unknown texts: {:#x}", row.values));
    }
    Ok(())
}

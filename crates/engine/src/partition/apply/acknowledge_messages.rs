//! A peer confirms, durably, our messages up to a number.
//!
//! Not here: sending again what is not confirmed (`outstanding`).

use crate::id::PartitionId;
use crate::limits;
use crate::partition::command::{AcknowledgeMessages, Command};
use crate::partition::effect::Effect;
use crate::partition::state::State;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &AcknowledgeMessages) -> Loaded<()> {
    let to = PartitionId(command.from);
    let mut cursor = state.outbox_cursor(to)?;
    let strange = cursor.acknowledged > 0 && cursor.lineage != command.from_lineage;
    let upto = command.upto.min(cursor.last);
    if strange || upto <= cursor.acknowledged {
        return Ok(());
    }
    cursor.lineage = command.from_lineage;
    let page = u64::try_from(limits::CASCADE_ROWS_MAX).unwrap_or(u64::MAX);
    let now = upto.min(cursor.acknowledged.saturating_add(page));
    state.acknowledge(to, cursor, now)?;
    if now < upto {
        state.effect(Effect::FollowUp(Command::AcknowledgeMessages(command.clone())));
    }
    Ok(())
}

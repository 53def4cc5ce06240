//! A new leadership or a new lease begins: what this log says is who owns the partition.
//!
//! Not here: granting leases. A lower lineage or lease is refused, so the order of grants cannot
//! be undone by a late one.

use crate::partition::command::RaiseEpoch;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &RaiseEpoch) -> Loaded<Reply> {
    let meta = &mut state.meta;
    if (command.lineage, command.lease) < (meta.lineage, meta.lease) {
        return Ok(Reply::Refused(Refusal::EpochOver));
    }
    let moved = meta.partitions != 0
        && (meta.partition, meta.partitions) != (command.partition, command.partitions)
        && command.partitions != 0;
    if moved {
        return Ok(Reply::Refused(Refusal::EpochOver));
    }
    let new_lineage = meta.lineage != command.lineage;
    meta.lineage = command.lineage;
    meta.lease = command.lease;
    meta.owner.clone_from(&command.owner);
    if meta.partitions == 0 {
        meta.partition = command.partition;
        meta.partitions = command.partitions;
    }
    if new_lineage {
        state.follow_own_lineage()?;
    }
    Ok(Reply::Done)
}

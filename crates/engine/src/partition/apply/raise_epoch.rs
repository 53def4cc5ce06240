//! A new leadership or a new lease begins: what this log says is who owns the partition.
//!
//! Not here: granting leases. A lower lineage or lease is refused, so the order of grants cannot
//! be undone by a late one.

use crate::partition::command::RaiseEpoch;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;

pub(super) fn apply(state: &mut State, command: &RaiseEpoch) -> Reply {
    let meta = &mut state.meta;
    if (command.lineage, command.lease) < (meta.lineage, meta.lease) {
        return Reply::Refused(Refusal::EpochOver);
    }
    let moved = meta.partitions != 0
        && (meta.partition, meta.partitions) != (command.partition, command.partitions)
        && command.partitions != 0;
    if moved {
        return Reply::Refused(Refusal::EpochOver);
    }
    meta.lineage = command.lineage;
    meta.lease = command.lease;
    meta.owner.clone_from(&command.owner);
    if meta.partitions == 0 {
        meta.partition = command.partition;
        meta.partitions = command.partitions;
    }
    Reply::Done
}

//! What an open instance waits for: the answer to "why does it not go on".
//!
//! Not here: whether a worker could take its turn, which only the server knows.

use crate::partition::state::instances::{Instance, OpenSection};
use crate::partition::state::status::Status;
use crate::time::Timestamp;

/// What an open instance waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// It has ended.
    Nothing,
    /// Its scheduled start.
    Start(Timestamp),
    /// A worker: it has a turn to hand out.
    Worker,
    /// A person: it is suspended, for this reason.
    Resume {
        /// As given with the suspension.
        reason: String,
    },
    /// A person: no worker can take its turn.
    Stuck {
        /// What happened and what helps.
        reason: String,
    },
    /// Its own tasks, or an external event where there are none.
    Tasks(OpenTasks),
}

/// What an instance has asked for and not been given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenTasks {
    /// Activities without an outcome.
    pub activities: u32,
    /// Sub-orchestrations that have not ended.
    pub children: u32,
    /// Timers that have not fired.
    pub timers: u32,
    /// Calls of entities without an answer.
    pub calls: u32,
    /// Locks on entities that are asked for and not all held.
    pub locks: u32,
}

impl Waiting {
    pub(crate) fn of(instance: &Instance) -> Self {
        let row = &instance.row;
        match instance.status() {
            Status::Completed(_) | Status::Failed(_) | Status::Terminated(_) => Self::Nothing,
            Status::Suspended(held) => Self::Resume { reason: held.reason.clone() },
            Status::Stuck(held) => Self::Stuck { reason: held.reason.clone() },
            Status::Pending(pending) => pending.until.map_or(Self::Worker, |until| Self::Start(until.into())),
            Status::Running(_) | Status::Terminating(_) if instance.has_turn() => Self::Worker,
            Status::Running(_) | Status::Terminating(_) => Self::Tasks(OpenTasks {
                activities: row.open_activities,
                children: row.open_children,
                timers: row.open_timers,
                calls: row.open_calls,
                locks: row.section.as_ref().map_or(0, OpenSection::awaited),
            }),
        }
    }
}

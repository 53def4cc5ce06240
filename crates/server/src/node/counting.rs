//! Counts what a hub's clients and workers asked for, by what became of it.
//!
//! Not here: gauges, which are read when somebody asks (`ingress::http`), and what partitions do by
//! themselves. A repeat that changed nothing is not counted.

use engine::partition::command::Command;
use engine::partition::effect::{Refusal, Reply};

use crate::observe::metrics::HubMetrics;

/// What is worth counting about a command, kept while the command is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Event,
    Turn,
    ActivityDone,
    ActivityFailed,
    /// With so many operations.
    Batch(usize),
    Other,
}

impl Counted {
    pub(super) fn of(command: &Command) -> Self {
        match command {
            Command::RaiseEvent(_) => Self::Event,
            Command::CompleteOrchestrationTurn(_) => Self::Turn,
            Command::CompleteActivity(answer) if answer.failure.is_some() => Self::ActivityFailed,
            Command::CompleteActivity(_) => Self::ActivityDone,
            Command::CompleteEntityBatch(answer) => Self::Batch(answer.results.len()),
            Command::StartOrchestration(_)
            | Command::Suspend(_)
            | Command::Resume(_)
            | Command::Terminate(_)
            | Command::Purge(_)
            | Command::Restart(_)
            | Command::Rewind(_)
            | Command::SignalEntity(_)
            | Command::DeleteEntity(_)
            | Command::ReleaseLock(_)
            | Command::ResumeEntity(_)
            | Command::StorePayload(_)
            | Command::MarkEntityStuck(_)
            | Command::AdvanceEntity(_)
            | Command::ReceiveMessages(_)
            | Command::AcknowledgeMessages(_)
            | Command::RaiseEpoch(_)
            | Command::FireTimers(_)
            | Command::Sweep(_)
            | Command::MarkStuck(_)
            | Command::ForceTerminate(_)
            | Command::ResendEvents(_)
            | Command::PutSchedule(_)
            | Command::ChangeSchedule(_)
            | Command::FireSchedule(_)
            | Command::ConfigureFeed(_)
            | Command::AcknowledgeFeed(_) => Self::Other,
        }
    }

    pub(super) fn count(self, reply: &Reply, metrics: &HubMetrics) {
        match (reply, self) {
            (Reply::Started { .. }, _) => metrics.started.inc(),
            (Reply::Purged { count }, _) => metrics.purged.inc_by(u64::from(*count)),
            (Reply::Refused(Refusal::StaleWorkItem), _) => metrics.stale_answers.inc(),
            (Reply::Done, Self::Event) => metrics.events_raised.inc(),
            (Reply::Done, Self::Turn) => metrics.turns.inc(),
            (Reply::Done, Self::ActivityDone) => metrics.activities_completed.inc(),
            (Reply::Done, Self::ActivityFailed) => metrics.activities_failed.inc(),
            (Reply::Done, Self::Batch(operations)) => {
                metrics.operations.inc_by(u64::try_from(operations).unwrap_or(u64::MAX));
                metrics.batches.inc()
            }
            (Reply::Done, Self::Other) | (Reply::Unchanged | Reply::Refused(_), _) => return,
        };
    }
}

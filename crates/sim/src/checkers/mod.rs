//! What must hold whatever goes wrong, one file each.
//!
//! | invariant                | file           |
//! |--------------------------|----------------|
//! | ElectionSafety           | `elections`    |
//! | TermNeverFalls           | `elections`    |
//! | CommittedImmutable       | `committed`    |
//! | ReadsAreFresh            | `committed`    |
//! | StateIsFunctionOfLog     | `digests`      |
//! | ActivitiesAreCommitted   | `ahead`        |
//! | OneResultPerTask         | `results`      |
//! | OneOwner                 | `results`      |
//! | HistoryAppendOnly        | `histories`    |
//! | TimersNeverEarly         | `histories`    |
//! | DeliveredOnce            | `histories`    |
//! | OneTerminalState         | `outcomes`     |
//! | NothingAcknowledgedLost  | `outcomes`     |
//! | EverythingEnds           | `outcomes`     |
//! | ReadsNeverGoBack         | `outcomes`     |
//! | EverythingIsTold         | `deliveries`   |
//! | OperationsOnceAndInOrder | `entities`, by the ledgers themselves |
//! | OneHolder                | `entities`, by the ledgers themselves |
//! | SignalsCountOnce         | `workloads::clients` |
//! | RepliesWereAskedFor      | `workers`      |
//! | TicksFireOnce            | `cluster::tickers` |
//! | AnswersAreCommitted      | `cluster::asking`, where answers pass |
//! | PayloadsAreNamed         | `scenario`     |
//! | PayloadsAreWhole         | `cluster::payloads` |
//! | RowsAreSound             | `engine::partition::invariants`, over all rows |
//! | DamageIsNeverSilent      | `scenario`     |
//!
//! Not here: the runs. A checker is told what happened, reports, and changes nothing.

pub mod ahead;
pub mod committed;
pub mod deliveries;
pub mod digests;
pub mod elections;
pub mod histories;
pub mod outcomes;
pub mod results;

/// All of them.
#[derive(Debug, Default)]
pub struct Checkers {
    /// Terms and their leaders.
    pub elections: elections::Elections,
    /// Activities handed out before their turn was durable.
    pub ahead: ahead::Ahead,
    /// Committed positions.
    pub committed: committed::Committed,
    /// Lifecycle events at the receiver.
    pub deliveries: deliveries::Deliveries,
    /// State at each position.
    pub digests: digests::Digests,
    /// Results of tasks.
    pub results: results::Results,
    /// What workers are given.
    pub histories: histories::Histories,
    /// How orchestrations end.
    pub outcomes: outcomes::Outcomes,
}

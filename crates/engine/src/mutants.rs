//! Seeded bugs: wrong on purpose, one at a time, so that a checker which should see it can prove
//! that it does.
//!
//! Not here: choosing one (the simulation does, by name). Without the feature `mutants` every
//! question is the constant `false` and the compiler removes the wrong branch.

/// An external event that waited during continue-as-new is lost.
pub const EVENT_DROPPED_ON_CONTINUE_AS_NEW: &str = "event-dropped-on-continue-as-new";
/// A timer fires before it is due.
pub const TIMER_COMPARE: &str = "timer-compare";
/// A timer armed under an earlier leader fires twice.
pub const DUPLICATE_TIMER_AFTER_FAILOVER: &str = "duplicate-timer-after-failover";
/// A turn handed out by a former owner is accepted.
pub const TOKEN_WITHOUT_EPOCH: &str = "token-without-epoch";
/// An activity's result is recorded although the task is closed.
pub const ACTIVITY_RESULT_RECORDED_TWICE: &str = "activity-result-recorded-twice";
/// A message that is sent again is received again.
pub const DEDUP_CURSOR_NOT_STORED: &str = "dedup-cursor-not-stored";
/// A message goes from the outbox before its receiver confirmed it.
pub const OUTBOX_DELETED_BEFORE_ACKNOWLEDGEMENT: &str = "outbox-deleted-before-acknowledgement";
/// A client call that is sent again is done again.
pub const REQUEST_ID_IGNORED: &str = "request-id-ignored";
/// A subscription is taken to have all events once it has some.
pub const FEED_ACKNOWLEDGED_WHOLLY: &str = "feed-acknowledged-wholly";
/// A rewound instance waits for tasks that were open when it failed and were given up then.
pub const REWIND_KEEPS_OPEN_TASKS: &str = "rewind-keeps-open-tasks";
/// A restarted instance has lost its input.
pub const RESTART_WITHOUT_INPUT: &str = "restart-without-input";
/// A recursive termination does not reach the children's children.
pub const RECURSION_STOPS_AT_CHILDREN: &str = "recursion-stops-at-children";

/// An entity batch's answer is applied although another was before.
pub const BATCH_APPLIED_TWICE: &str = "batch-applied-twice";
/// What a worker left undone of a batch goes behind what came later.
pub const MAILBOX_REORDERED: &str = "mailbox-reordered";
/// An entity's answer reaches an execution that did not ask.
pub const REPLY_TO_OLD_EXECUTION: &str = "reply-to-old-execution";
/// A lock is forgotten when another replica leads.
pub const LOCK_LOST_ON_LEADER_CHANGE: &str = "lock-lost-on-leader-change";
/// An orchestration ends and its locks stay.
pub const LOCK_KEPT_AFTER_THE_END: &str = "lock-kept-after-the-end";

/// A schedule is fired before its time where a clock runs ahead.
pub const SCHEDULE_FIRED_EARLY: &str = "schedule-fired-early";
/// A tick counts again although it was run.
pub const TICK_FIRED_AGAIN: &str = "tick-fired-again";
/// A large text goes when one of several references to it goes.
pub const PAYLOAD_DROPPED_WHILE_REFERENCED: &str = "payload-dropped-while-referenced";
/// A large text stays for ever.
pub const PAYLOAD_KEPT_AFTER_THE_LAST_REFERENCE: &str = "payload-kept-after-the-last-reference";
/// An entry may name a large text that is not here, or not wholly.
pub const PAYLOAD_NAMED_BEFORE_ITS_PARTS: &str = "payload-named-before-its-parts";
/// A replica has the number of the one whose place it takes.
pub const REPLICA_NUMBER_GIVEN_AGAIN: &str = "replica-number-given-again";
/// Replicas are placed as if all nodes were in one fault domain.
pub const DOMAINS_IGNORED: &str = "domains-ignored";
/// A replica is taken from a drained node without another in its place.
pub const DRAINED_WITHOUT_ANOTHER: &str = "drained-without-another";

/// Every seeded bug of this crate.
pub const ALL: &[&str] = &[
    EVENT_DROPPED_ON_CONTINUE_AS_NEW,
    TIMER_COMPARE,
    DUPLICATE_TIMER_AFTER_FAILOVER,
    TOKEN_WITHOUT_EPOCH,
    ACTIVITY_RESULT_RECORDED_TWICE,
    DEDUP_CURSOR_NOT_STORED,
    OUTBOX_DELETED_BEFORE_ACKNOWLEDGEMENT,
    REQUEST_ID_IGNORED,
    FEED_ACKNOWLEDGED_WHOLLY,
    REWIND_KEEPS_OPEN_TASKS,
    RESTART_WITHOUT_INPUT,
    RECURSION_STOPS_AT_CHILDREN,
    BATCH_APPLIED_TWICE,
    MAILBOX_REORDERED,
    REPLY_TO_OLD_EXECUTION,
    LOCK_LOST_ON_LEADER_CHANGE,
    LOCK_KEPT_AFTER_THE_END,
    SCHEDULE_FIRED_EARLY,
    TICK_FIRED_AGAIN,
    PAYLOAD_DROPPED_WHILE_REFERENCED,
    PAYLOAD_KEPT_AFTER_THE_LAST_REFERENCE,
    PAYLOAD_NAMED_BEFORE_ITS_PARTS,
    REPLICA_NUMBER_GIVEN_AGAIN,
    DOMAINS_IGNORED,
    DRAINED_WITHOUT_ANOTHER,
];

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Switches one bug on for this thread, or all off. An unknown name is an error naming it.
#[cfg(feature = "mutants")]
pub fn activate(name: Option<&str>) -> Result<(), String> {
    let found = match name {
        None => None,
        Some(name) => {
            Some(*ALL.iter().find(|known| **known == name).ok_or_else(|| format!("no mutant {name:?}"))?)
        }
    };
    ACTIVE.with(|active| active.set(found));
    Ok(())
}

/// Whether this bug is switched on, on this thread.
#[cfg(feature = "mutants")]
pub fn active(name: &str) -> bool {
    ACTIVE.with(|active| active.get() == Some(name))
}

/// Never, without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn active(_name: &str) -> bool {
    false
}

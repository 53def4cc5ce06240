//! Changing the code of orchestrations that are running.
//!
//! By version: an instance keeps the version it was started with, and code asks for it. By patch: code
//! that is new leaves a mark in history when it runs first, and a replay over a history without the mark
//! takes the old way. The mark is an event that the instance sends to itself and that no code sees.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;

use super::context::Context;
use super::turn::Phase;

/// What the name of a mark begins with.
const MARK: &str = "outlast.patch/";

/// Which patches history has, and which way the code has taken.
#[derive(Debug, Default)]
pub(crate) struct Patches {
    in_history: BTreeSet<String>,
    taken: BTreeMap<String, bool>,
}

impl Patches {
    /// Reads the marks of what is committed.
    pub(crate) fn of(history: &[pb::HistoryEvent]) -> Self {
        let marks = history.iter().filter_map(|event| match &event.event_type {
            Some(Event::EventSent(sent)) => sent.name.strip_prefix(MARK).map(str::to_owned),
            _ => None,
        });
        Self { in_history: marks.collect(), taken: BTreeMap::new() }
    }
}

/// Whether an event is a mark that has come back to its sender.
pub(crate) fn is_mark(name: &str) -> bool {
    name.starts_with(MARK)
}

impl Context {
    /// Whether to take the new way: yes, except where history has gone the old one already.
    ///
    /// When nobody runs the old way any more, replace this by [`deprecate_patch`](Self::deprecate_patch),
    /// and take that out when every instance with the mark has ended.
    ///
    /// ```
    /// # use outlast_sdk::{activity, orchestration, ActivityContext, Context, Failure};
    /// # #[activity]
    /// # async fn charge(_: ActivityContext, cents: u64) -> Result<(), Failure> { Ok(()) }
    /// # #[activity]
    /// # async fn check_fraud(_: ActivityContext, cents: u64) -> Result<(), Failure> { Ok(()) }
    /// #[orchestration]
    /// async fn pay(ctx: Context, cents: u64) -> Result<(), Failure> {
    ///     if ctx.patched("fraud-check") {
    ///         ctx.call(check_fraud, cents).await?;
    ///     }
    ///     ctx.call(charge, cents).await
    /// }
    /// ```
    #[track_caller]
    pub fn patched(&self, id: &str) -> bool {
        let mut turn = self.turn.borrow_mut();
        if let Some(taken) = turn.patches.taken.get(id) {
            return *taken;
        }
        let taken = turn.patches.in_history.contains(id) || turn.phase != Phase::Replaying;
        turn.patches.taken.insert(id.to_owned(), taken);
        if taken {
            let instance = turn.identity.instance.clone();
            turn.schedule(mark(instance, id));
        }
        taken
    }

    /// Keeps the mark of a patch whose old way is gone, for instances that have it.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// ctx.deprecate_patch("fraud-check");
    /// # }
    /// ```
    #[track_caller]
    pub fn deprecate_patch(&self, id: &str) {
        let mut turn = self.turn.borrow_mut();
        if turn.patches.in_history.contains(id) && turn.patches.taken.insert(id.to_owned(), true).is_none() {
            let instance = turn.identity.instance.clone();
            turn.schedule(mark(instance, id));
        }
    }

    /// Whether the instance was started with this version or a later one; without a version it was not.
    ///
    /// Numbers between dots are compared as numbers, everything else as text.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::Context) {
    /// let with_fee = ctx.version_at_least("2.1");
    /// # }
    /// ```
    pub fn version_at_least(&self, version: &str) -> bool {
        let turn = self.turn.borrow();
        turn.identity.version.as_deref().is_some_and(|own| compare(own, version) != Ordering::Less)
    }
}

fn mark(instance_id: String, id: &str) -> Action {
    let instance = pb::OrchestrationInstance { instance_id, execution_id: None };
    Action::SendEvent(pb::SendEventAction {
        instance: Some(instance),
        name: format!("{MARK}{id}"),
        data: None,
    })
}

fn compare(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let (left, right) = (one.next(), other.next());
        if left.is_none() && right.is_none() {
            return Ordering::Equal;
        }
        // A missing part is a zero: 2 is 2.0.
        let (left, right) = (left.unwrap_or("0"), right.unwrap_or("0"));
        let order = match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => left.cmp(right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        for (one, other, order) in [
            ("2", "2.0", Ordering::Equal),
            ("2.10", "2.9", Ordering::Greater),
            ("1.9.9", "2", Ordering::Less),
            ("2.0-beta", "2.0-alpha", Ordering::Greater),
        ] {
            assert_eq!(compare(one, other), order, "{one} {other}");
        }
    }
}

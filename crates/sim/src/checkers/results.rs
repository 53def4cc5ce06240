//! OneResultPerTask: of all answers to one activity, and of all answers to one turn, at most one is
//! ever confirmed. OneOwner: a turn's answer counts only in the leadership that handed it out.
//!
//! Not here: whether work is done at all (`outcomes`).

use std::collections::BTreeMap;

use engine::partition::command::ActivityKey;

use crate::violation::{Violation, require};

/// Confirmed answers.
#[derive(Debug, Default)]
pub struct Results {
    activities: BTreeMap<ActivityKey, String>,
    turns: BTreeMap<(String, String, u64), u64>,
}

impl Results {
    /// The partition confirmed that this answer to an activity counts.
    pub fn on_activity(&mut self, key: &ActivityKey, mark: &str) -> Result<(), Violation> {
        let first = self.activities.entry(key.clone()).or_insert_with(|| mark.to_owned());
        require(first == mark, "OneResultPerTask", || {
            format!("{key:?} was answered by {first} and by {mark}, both confirmed")
        })
    }

    /// A turn that was handed out in the term `handed` was confirmed in the term `confirmed`.
    pub fn on_owner(&self, instance: &str, handed: u64, confirmed: u64) -> Result<(), Violation> {
        require(handed == confirmed, "OneOwner", || {
            format!("a turn of {instance} of term {handed} counted in term {confirmed}")
        })
    }

    /// The partition confirmed that the answer of work item `item` to a turn counts.
    pub fn on_turn(
        &mut self,
        instance: &str,
        execution: &str,
        turn: u64,
        item: u64,
    ) -> Result<(), Violation> {
        let key = (instance.to_owned(), execution.to_owned(), turn);
        let first = *self.turns.entry(key).or_insert(item);
        require(first == item, "OneResultPerTask", || {
            format!("turn {turn} of {instance} was answered by items {first} and {item}, both confirmed")
        })
    }
}

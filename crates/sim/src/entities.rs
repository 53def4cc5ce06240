//! The entities of the simulation: ledgers that notice whatever is lost, doubled, reordered or done by
//! two at once. What they notice is written into their state: a leader that is none any more may hand out
//! what never happened, and only a committed state tells.
//!
//! An operation is `add SENDER NUMBER FOR`, where numbers count from 1 for each sender and entity, or
//! `enter WHO` and `leave WHO` within a critical section. Not here: giving batches to workers, and
//! sending their answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::event::{EventKind, HistoryEvent};
use engine::id::Epoch;
use engine::partition::command::{CompleteEntityBatch, OperationResult};
use engine::partition::view::Batch;
use prost::Message as _;

use crate::violation::Violation;
use crate::workers::token;

/// Ledgers there are.
pub const LEDGERS: u64 = 3;

/// The id of a ledger.
pub fn ledger(number: u64) -> String {
    format!("@ledger@{number}")
}

/// The input of an operation that adds.
pub fn addition(sender: &str, number: u64, by: &str) -> String {
    format!("{sender} {number} {by}")
}

/// An entity's state.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    inside: String,
    /// The first thing that was wrong: invariant and what was seen.
    wrong: Option<(String, String)>,
    /// The last number of each sender.
    last: BTreeMap<String, u64>,
    /// Additions for each instance or client.
    totals: BTreeMap<String, u64>,
}

impl Ledger {
    /// From its text.
    pub fn parse(text: &str) -> Self {
        let mut ledger = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["wrong", invariant, detail] => {
                    ledger.wrong = Some(((*invariant).to_owned(), detail.replace('_', " ")));
                }
                ["inside", who] => (*who).clone_into(&mut ledger.inside),
                ["last", sender, number] => {
                    ledger.last.insert((*sender).to_owned(), number.parse().unwrap_or(0));
                }
                ["total", by, count] => {
                    ledger.totals.insert((*by).to_owned(), count.parse().unwrap_or(0));
                }
                _ => {}
            }
        }
        ledger
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        if !self.inside.is_empty() {
            writeln!(text, "inside {}", self.inside).expect("a text takes what is written to it");
        }
        if let Some((invariant, detail)) = &self.wrong {
            let detail = detail.replace(' ', "_");
            writeln!(text, "wrong {invariant} {detail}").expect("a text takes what is written to it");
        }
        for (sender, number) in &self.last {
            writeln!(text, "last {sender} {number}").expect("a text takes what is written to it");
        }
        for (by, count) in &self.totals {
            writeln!(text, "total {by} {count}").expect("a text takes what is written to it");
        }
        text
    }

    /// Additions for an instance or client.
    pub fn total(&self, by: &str) -> u64 {
        self.totals.get(by).copied().unwrap_or(0)
    }

    /// What was wrong, if anything.
    pub fn check(&self) -> Result<(), Violation> {
        let Some((found, detail)) = &self.wrong else { return Ok(()) };
        let known = [IN_ORDER, ONE_HOLDER].into_iter().find(|known| known == found);
        Err(Violation { invariant: known.unwrap_or(IN_ORDER), detail: detail.clone() })
    }

    fn require(&mut self, holds: bool, invariant: &str, detail: impl FnOnce() -> String) {
        if !holds && self.wrong.is_none() {
            self.wrong = Some((invariant.to_owned(), detail()));
        }
    }

    fn operate(&mut self, entity: &str, operation: &str, input: &str) {
        let words: Vec<&str> = input.split(' ').collect();
        match (operation, words.as_slice()) {
            ("add", [sender, number, by]) => {
                let last = self.last.get(*sender).copied().unwrap_or(0);
                self.require(number.parse() == Ok(last + 1), IN_ORDER, || {
                    format!("{entity}: {sender} is at {last}, and here is {number}")
                });
                self.last.insert((*sender).to_owned(), last + 1);
                *self.totals.entry((*by).to_owned()).or_default() += 1;
            }
            ("enter", [who]) => {
                let inside = std::mem::replace(&mut self.inside, (*who).to_owned());
                self.require(inside.is_empty(), ONE_HOLDER, || {
                    format!("{entity}: {who} enters while {inside} is inside")
                });
            }
            ("leave", [who]) => {
                let inside = std::mem::take(&mut self.inside);
                self.require(inside == *who, ONE_HOLDER, || {
                    format!("{entity}: {who} leaves and {inside:?} is inside")
                });
            }
            _ => {}
        }
    }
}

const IN_ORDER: &str = "OperationsOnceAndInOrder";
const ONE_HOLDER: &str = "OneHolder";

/// A worker's answer to the first `taken` operations of a batch.
pub fn answer(batch: &Batch, epoch: Epoch, taken: usize) -> CompleteEntityBatch {
    let mut ledger = Ledger::parse(batch.state.as_deref().unwrap_or_default());
    for event in batch.operations.iter().take(taken) {
        let event = HistoryEvent::decode(event.clone()).unwrap_or_default();
        let (operation, input) = match &event.kind {
            Some(EventKind::EntityOperationSignaled(signaled)) => (&signaled.operation, &signaled.input),
            Some(EventKind::EntityOperationCalled(called)) => (&called.operation, &called.input),
            _ => continue,
        };
        ledger.operate(batch.entity.as_str(), operation, input.as_deref().unwrap_or_default());
    }
    CompleteEntityBatch {
        entity: batch.entity.as_str().to_owned(),
        execution: batch.execution.clone(),
        epoch: token(epoch),
        turn: batch.turn,
        delivered: u32::try_from(batch.operations.len()).unwrap_or(u32::MAX),
        results: vec![OperationResult::default(); taken],
        state: Some(ledger.to_text()),
        ..CompleteEntityBatch::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(operations: &[(&str, &str)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (operation, input) in operations {
            ledger.operate("@l@0", operation, input);
            assert_eq!(Ledger::parse(&ledger.to_text()), ledger);
        }
        ledger
    }

    #[test]
    fn a_ledger_notices_what_is_lost_doubled_or_done_by_two() {
        let invariant = |operations: &[(&str, &str)]| after(operations).check().err().map(|it| it.invariant);
        assert_eq!(invariant(&[("add", "s 1 a"), ("add", "s 2 a"), ("add", "t 1 a")]), None);
        assert_eq!(invariant(&[("add", "s 1 a"), ("add", "s 1 a")]), Some(IN_ORDER));
        assert_eq!(invariant(&[("add", "s 1 a"), ("add", "s 3 a")]), Some(IN_ORDER));
        assert_eq!(invariant(&[("enter", "x"), ("leave", "x"), ("enter", "y")]), None);
        assert_eq!(invariant(&[("enter", "x"), ("enter", "y")]), Some(ONE_HOLDER));
        assert_eq!(invariant(&[("enter", "x"), ("leave", "y")]), Some(ONE_HOLDER));
        assert_eq!(after(&[("add", "s 1 a"), ("add", "t 1 a")]).total("a"), 2);
    }
}

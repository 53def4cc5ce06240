//! Looks at what has become of every order: its result against what it must be, its history for the charge.
//!
//! The server's word is compared with the outside world's: what the bank has booked is counted where it
//! was booked (`order::World`).

use outlast_sdk::{Client, Error, Instance, Signature, Status, Step};

use super::customers::Outcome;
use super::order::{Order, Receipt, charge};

/// What was found over all orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) orders: usize,
    pub(super) finished: usize,
    /// Promised and not finished.
    pub(super) lost: Vec<String>,
    /// Never promised.
    pub(super) not_accepted: Vec<String>,
    /// Finished with another result than the one it must be.
    pub(super) wrong: Vec<String>,
    /// With more or fewer than one completed charge in history.
    pub(super) charge_not_once: Vec<String>,
}

impl Findings {
    /// Looks at one order.
    pub(super) async fn add(
        &mut self,
        client: &Client,
        order: &Order,
        outcome: &Outcome,
    ) -> Result<(), Error> {
        self.orders += 1;
        let id = order.id();
        match outcome {
            Outcome::NotAccepted(why) => self.not_accepted.push(format!("{id}: {why}")),
            Outcome::Lost(why) => self.lost.push(format!("{id}: {why}")),
            Outcome::Ended(instance) => {
                self.finished += 1;
                if let Err(what) = check_result(order, instance) {
                    self.wrong.push(format!("{id}: {what}"));
                }
                let completed = completed(&client.history(&id).await?, charge.name());
                if completed != 1 {
                    self.charge_not_once.push(format!("{id}: charged {completed} times in its history"));
                }
            }
        }
        Ok(())
    }

    /// Everything that is not as it must be.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.lost.iter().chain(&self.not_accepted).chain(&self.wrong).chain(&self.charge_not_once)
    }
}

fn check_result(order: &Order, instance: &Instance) -> Result<(), String> {
    if instance.status != Status::Completed {
        let why = instance.failure.as_ref().map(ToString::to_string).unwrap_or_default();
        return Err(format!("{:?} {why}", instance.status));
    }
    match instance.output::<Receipt>() {
        Ok(receipt) if receipt == order.receipt() => Ok(()),
        Ok(receipt) => Err(format!("result is {receipt:?}, not {:?}", order.receipt())),
        Err(error) => Err(format!("result cannot be read: {error}")),
    }
}

/// How often tasks of the name have a result in the history.
fn completed(history: &[Step], name: &str) -> usize {
    let scheduled =
        history.iter().filter(|step| step.kind == "TaskScheduled" && step.name.as_deref() == Some(name));
    let tasks: Vec<i32> = scheduled.filter_map(|step| step.task_id).collect();
    let results = history.iter().filter(|step| step.kind == "TaskCompleted");
    results.filter(|step| step.task_id.is_some_and(|task| tasks.contains(&task))).count()
}

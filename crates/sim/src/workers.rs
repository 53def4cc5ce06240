//! Workers: they run the programs of orchestrations and activities, and send back what comes out,
//! sometimes late, sometimes never.
//!
//! Not here: the programs (`program`). A worker remembers nothing between work items.

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::event::HistoryEvent;
use engine::id::{Epoch, PartitionId};
use engine::partition::command::{
    ActivityKey, Command, CompleteActivity, CompleteOrchestrationTurn, TokenEpoch,
};
use engine::partition::effect::{Refusal, Reply};
use engine::partition::view::{ActivityTask, Turn};
use platform::fault::SimEntropy;
use prost::Message as _;
use server::dispatch::Item;
use server::partition::messages::Unavailable;

use crate::checkers::histories::Given;
use crate::cluster::World;
use crate::cluster::queue::{Asker, MS, Micros};
use crate::violation::{Violation, require};
use crate::{entities, program};

/// What a work item was, for the checkers when its answer is confirmed.
#[derive(Debug, Clone)]
enum Done {
    Turn { instance: String, execution: String, turn: u64, term: u64 },
    Activity { key: ActivityKey, mark: String },
    Batch,
}

/// Those who work.
#[derive(Debug)]
pub struct Workers {
    random: SimEntropy,
    items: BTreeMap<u64, Done>,
    next: u64,
}

impl Workers {
    /// Workers whose whims follow `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: SimEntropy::new(seed), items: BTreeMap::new(), next: 0 }
    }

    /// How many of a turn's new events a worker takes: nearly always all, and never less than what
    /// an execution begins with.
    fn takes(&self, offered: usize, healed: bool) -> usize {
        if healed || offered <= 2 || !self.random.chance(60) {
            return offered;
        }
        2 + usize::try_from(self.random.below(offered as u64 - 1)).unwrap_or(0)
    }

    /// How many of a batch's operations a worker does: nearly always all.
    fn takes_operations(&self, offered: usize, healed: bool) -> usize {
        if healed || offered < 2 || !self.random.chance(100) {
            return offered;
        }
        1 + usize::try_from(self.random.below(offered as u64 - 1)).unwrap_or(0)
    }

    /// After how long a worker answers; `None`: it goes away.
    fn whim(&self, healed: bool) -> Option<Micros> {
        let usual = 100 + self.random.below(2 * MS);
        match self.random.below(100) {
            _ if healed => Some(usual),
            0..4 => None,
            4..10 => Some(usual + self.random.below(600 * MS)),
            _ => Some(usual),
        }
    }
}

impl World {
    /// A worker takes a work item.
    pub(crate) fn work(&mut self, partition: PartitionId, item: &Item) -> Result<(), Violation> {
        self.workers.next += 1;
        let number = self.workers.next;
        let (done, command) = match item {
            Item::Turn(turn, epoch) => self.turn(turn, *epoch)?,
            Item::Activity(task, epoch) => {
                let is_mended = self.clients.is_mended(&task.key.instance);
                activity(task, *epoch, number, is_mended)
            }
            Item::Batch(batch, epoch) => {
                let taken = self.workers.takes_operations(batch.operations.len(), self.healed);
                if taken < batch.operations.len() {
                    self.marks.reach("entity batch answered in part");
                }
                if batch.operations.len() > 1 {
                    self.marks.reach("entity batch of several operations");
                }
                (Done::Batch, Command::CompleteEntityBatch(entities::answer(batch, *epoch, taken)))
            }
        };
        self.trace.line(format_args!("{} item {number} {done:?}", self.now));
        self.workers.items.insert(number, done);
        let Some(takes) = self.workers.whim(self.healed) else { return Ok(()) };
        let to = self.leader(partition).unwrap_or(0);
        self.bring(self.now + takes, (to, partition), command, Asker::Worker(number));
        Ok(())
    }

    fn turn(&mut self, turn: &Turn, epoch: Epoch) -> Result<(Done, Command), Violation> {
        let past: Vec<u8> = turn.past.iter().flat_map(|chunk| chunk.iter().copied()).collect();
        let mut events = decoded(&past);
        let taken = self.workers.takes(turn.new_events.len(), self.healed);
        let new = turn.new_events.iter().take(taken);
        events.extend(new.filter_map(|event| HistoryEvent::decode(event.clone()).ok()));
        if taken < turn.new_events.len() {
            self.marks.reach("turn that takes only some of its events");
        }
        let (instance, execution) = (turn.instance.as_str(), turn.execution.as_str());
        self.checkers.histories.on_turn(&Given {
            instance,
            execution,
            turn: turn.turn,
            term: epoch.term,
            started_at: turn.started_at,
            past: &past,
            events: &events,
        })?;
        if let Some(at) = self.clients.scheduled(instance) {
            self.marks.reach("scheduled start");
            require(turn.started_at >= at, "TimersNeverEarly", || {
                format!("{instance} was to start at {at:?} and has a turn at {:?}", turn.started_at)
            })?;
        }
        self.reach_what_is_in(&events);
        let unasked = program::unasked_reply(&events);
        require(unasked.is_none(), "RepliesWereAskedFor", || format!("{instance} hears of {unasked:?}"))?;
        if turn.turn == 1 && program::went_on_with_events(&events) {
            self.marks.reach("continue-as-new with events waiting");
        }
        let command = CompleteOrchestrationTurn {
            instance: instance.to_owned(),
            execution: execution.to_owned(),
            epoch: token(epoch),
            turn: turn.turn,
            started_at: turn.started_at.into(),
            delivered: turn.delivered,
            events_processed: (taken < turn.new_events.len()).then(|| i32::try_from(taken).unwrap_or(1)),
            actions: program::turn(&events),
            custom_status: Some(format!("turn {}", turn.turn)),
            trace: None,
        };
        let done = Done::Turn {
            instance: instance.to_owned(),
            execution: execution.to_owned(),
            turn: turn.turn,
            term: epoch.term,
        };
        Ok((done, Command::CompleteOrchestrationTurn(command)))
    }

    fn reach_what_is_in(&mut self, events: &[HistoryEvent]) {
        use engine::event::EventKind;
        for event in events {
            match &event.kind {
                Some(EventKind::TaskFailed(_)) => self.marks.reach("activity failed"),
                Some(EventKind::TimerFired(_)) => self.marks.reach("timer fired"),
                Some(EventKind::EntityOperationCompleted(_)) => self.marks.reach("entity answered"),
                Some(EventKind::EntityLockGranted(_)) => self.marks.reach("critical section entered"),
                Some(EventKind::EventSent(_)) => self.marks.reach("event for another orchestration"),
                Some(EventKind::SubOrchestrationInstanceCompleted(_)) => {
                    self.marks.reach("child in another partition");
                }
                _ => {}
            }
        }
    }

    /// The partition has said what became of a work item's answer.
    pub(crate) fn worked(
        &mut self,
        item: u64,
        term: u64,
        outcome: &Result<Reply, Unavailable>,
    ) -> Result<(), Violation> {
        self.trace.line(format_args!("{} item {item}: {outcome:?}", self.now));
        match outcome {
            Ok(Reply::Done) => {}
            Ok(Reply::Refused(Refusal::PayloadMissing)) => {
                self.marks.reach("payload missing where it is named");
                return Ok(());
            }
            Ok(Reply::Refused(Refusal::StaleWorkItem)) => {
                self.marks.reach("completion refused as stale");
                return Ok(());
            }
            Ok(_) | Err(_) => return Ok(()),
        }
        match self.workers.items.remove(&item) {
            Some(Done::Turn { instance, execution, turn, term: handed }) => {
                self.checkers.results.on_owner(&instance, handed, term)?;
                self.checkers.results.on_turn(&instance, &execution, turn, item)
            }
            Some(Done::Activity { key, mark }) => self.checkers.results.on_activity(&key, &mark),
            Some(Done::Batch) | None => Ok(()),
        }
    }
}

pub(crate) fn token(epoch: Epoch) -> TokenEpoch {
    TokenEpoch { lineage: epoch.lineage.0, lease: epoch.lease.0, term: epoch.term }
}

fn activity(task: &ActivityTask, epoch: Epoch, number: u64, is_mended: bool) -> (Done, Command) {
    let mark = format!("#{number}");
    let (result, failure) =
        match program::activity_result(task.input.as_deref().unwrap_or_default(), is_mended) {
            Ok(result) => (Some(format!("{result}{mark}")), None),
            Err(failure) => (None, Some(failure)),
        };
    let command = CompleteActivity {
        activity: task.key.clone(),
        epoch: token(epoch),
        execution: task.execution.clone(),
        task: task.task,
        result,
        failure,
    };
    (Done::Activity { key: task.key.clone(), mark }, Command::CompleteActivity(command))
}

/// The events in stored chunks: each is field 3, length-delimited.
pub fn decoded(past: &[u8]) -> Vec<HistoryEvent> {
    /// A message that has nothing but the events.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Past {
        #[prost(message, repeated, tag = "3")]
        events: Vec<HistoryEvent>,
    }
    Past::decode(Bytes::copy_from_slice(past)).map(|past| past.events).unwrap_or_default()
}

//! What is in a hub in memory, and what happens next.
//!
//! One thing at a time: a turn, an activity, an operation. Which of those that could happen does is first
//! come, first served, or drawn from a seed. Not here: what turns and operations do (`turns`, `entities`).

use std::collections::{BTreeMap, VecDeque};

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use prost_types::Timestamp;

use super::entities::Entities;
use crate::activity::{ActivityContext, Guarded};
use crate::client::instance::Instance as Seen;
use crate::failure::Failure;
use crate::registry::Registry;

/// The first of January 2026.
const BEGINNING: Timestamp = Timestamp { seconds: 1_767_225_600, nanos: 0 };

#[derive(Debug)]
pub(super) struct Server {
    pub(super) registry: Registry,
    pub(super) now: Timestamp,
    pub(super) instances: BTreeMap<String, Instance>,
    pub(super) entities: Entities,
    pub(super) activities: VecDeque<Task>,
    /// By time, and by order among those of one time.
    due: BTreeMap<(i64, i32, u64), Due>,
    /// The activities that were run, with their inputs.
    pub(super) ran: Vec<(String, Option<String>)>,
    /// The state of the lots, where they decide.
    pub(super) lots: Option<u64>,
    counter: u64,
}

/// An instance, with the history of its current execution.
#[derive(Debug, Default)]
pub(super) struct Instance {
    pub(super) execution: String,
    pub(super) started: pb::ExecutionStartedEvent,
    pub(super) past: Vec<pb::HistoryEvent>,
    pub(super) inbox: Vec<pb::HistoryEvent>,
    pub(super) custom_status: Option<String>,
    pub(super) end: Option<pb::CompleteOrchestrationAction>,
}

/// An activity that has not been run.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) instance: String,
    pub(super) execution: String,
    pub(super) id: i32,
    pub(super) action: pb::ScheduleTaskAction,
}

/// What happens at a time.
#[derive(Debug)]
pub(super) enum Due {
    Event { instance: String, execution: String, event: pb::HistoryEvent },
    Operation { entity: String, event: Event },
}

/// What could happen now.
enum Next {
    Turn(String),
    Activity(usize),
    Operation(String),
}

impl Server {
    pub(super) fn new() -> Self {
        Self {
            registry: Registry::default(),
            now: BEGINNING,
            instances: BTreeMap::new(),
            entities: Entities::default(),
            activities: VecDeque::new(),
            due: BTreeMap::new(),
            ran: Vec::new(),
            lots: None,
            counter: 0,
        }
    }

    pub(super) fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn start(&mut self, name: &str, input: Option<String>) -> String {
        let id = format!("{name}-{}", self.count());
        let started = pb::ExecutionStartedEvent { name: name.to_owned(), input, ..Default::default() };
        self.begin(&id, started);
        id
    }

    /// Begins an execution of an instance, the first or another.
    pub(super) fn begin(&mut self, id: &str, mut started: pb::ExecutionStartedEvent) {
        let execution = format!("{:032x}", self.count());
        started.orchestration_instance = Some(pb::OrchestrationInstance {
            instance_id: id.to_owned(),
            execution_id: Some(execution.clone()),
        });
        let first = self.event(Event::ExecutionStarted(started.clone()));
        let instance = Instance { execution, started, inbox: vec![first], ..Instance::default() };
        self.instances.insert(id.to_owned(), instance);
    }

    pub(super) fn event(&self, event_type: Event) -> pb::HistoryEvent {
        pb::HistoryEvent { event_id: -1, timestamp: Some(self.now), event_type: Some(event_type) }
    }

    /// Gives an instance an event, unless it has ended or begun another execution.
    pub(super) fn tell(&mut self, id: &str, execution: Option<&str>, event: Event) {
        let event = self.event(event);
        if let Some(instance) = self.instances.get_mut(id)
            && instance.end.is_none()
            && execution.is_none_or(|execution| execution == instance.execution)
        {
            instance.inbox.push(event);
        }
    }

    pub(super) fn raise(&mut self, id: &str, name: &str, data: String) {
        let raised = pb::EventRaisedEvent { name: name.to_owned(), input: Some(data) };
        self.tell(id, None, Event::EventRaised(raised));
    }

    pub(super) fn at(&mut self, time: Timestamp, due: Due) {
        let order = self.count();
        self.due.insert((time.seconds, time.nanos, order), due);
    }

    /// Lets one thing happen. Whether there was one.
    pub(super) async fn step(&mut self) -> bool {
        let mut next: Vec<Next> = Vec::new();
        let ready = self.instances.iter().filter(|(_, instance)| !instance.inbox.is_empty());
        next.extend(ready.map(|(id, _)| Next::Turn(id.clone())));
        next.extend(self.entities.ready().map(Next::Operation));
        next.extend((0..self.activities.len()).map(Next::Activity));
        if next.is_empty() {
            return false;
        }
        let chosen = self.draw(next.len());
        match next.swap_remove(chosen) {
            Next::Turn(id) => self.turn(&id),
            Next::Activity(place) => self.run_activity(place).await,
            Next::Operation(entity) => self.operate(&entity).await,
        }
        true
    }

    fn draw(&mut self, count: usize) -> usize {
        let Some(state) = &mut self.lots else { return 0 };
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state % u64::try_from(count).unwrap_or(1)).unwrap_or(0)
    }

    async fn run_activity(&mut self, place: usize) {
        let Some(task) = self.activities.remove(place) else { return };
        let instance = pb::OrchestrationInstance {
            instance_id: task.instance.clone(),
            execution_id: Some(task.execution.clone()),
        };
        let request = pb::ActivityRequest {
            name: task.action.name.clone(),
            orchestration_instance: Some(instance),
            task_id: task.id,
            tags: task.action.tags.clone(),
            ..Default::default()
        };
        self.ran.push((task.action.name.clone(), task.action.input.clone()));
        let result = match self.registry.activities.get(&task.action.name) {
            Some(function) => {
                Guarded(function(ActivityContext::new(&request), task.action.input.clone())).await
            }
            None => {
                let message =
                    format!("the test hub has no activity '{}' and no mock of it", task.action.name);
                Err(Failure::new("ActivityTaskNotFound", message).non_retriable())
            }
        };
        let task_scheduled_id = task.id;
        let event = match result {
            Ok(result) => {
                Event::TaskCompleted(pb::TaskCompletedEvent { task_scheduled_id, result: Some(result) })
            }
            Err(failure) => {
                let failure_details = Some(failure.into_wire());
                Event::TaskFailed(pb::TaskFailedEvent { task_scheduled_id, failure_details })
            }
        };
        self.tell(&task.instance, Some(&task.execution), event);
    }

    /// Goes to the next time at which something is due, if that is not after the end.
    pub(super) fn jump(&mut self, end: Option<&Timestamp>) -> bool {
        let Some(entry) = self.due.first_entry() else { return false };
        let (seconds, nanos, _) = *entry.key();
        if end.is_some_and(|end| (seconds, nanos) > (end.seconds, end.nanos)) {
            return false;
        }
        let due = entry.remove();
        if (seconds, nanos) > (self.now.seconds, self.now.nanos) {
            self.now = Timestamp { seconds, nanos };
        }
        match due {
            Due::Event { instance, execution, event } => {
                if let Some(event) = event.event_type {
                    self.tell(&instance, Some(&execution), event);
                }
            }
            Due::Operation { entity, event } => self.entities.send(&entity, event),
        }
        true
    }

    /// What a client would be told of an instance.
    pub(super) fn as_seen(&self, id: &str) -> Option<Seen> {
        let instance = self.instances.get(id)?;
        let mut state = pb::OrchestrationState {
            instance_id: id.to_owned(),
            name: instance.started.name.clone(),
            custom_status: instance.custom_status.clone(),
            orchestration_status: pb::OrchestrationStatus::Running.into(),
            ..Default::default()
        };
        if let Some(end) = &instance.end {
            state.orchestration_status = end.orchestration_status;
            state.output = end.result.clone();
            state.failure_details = end.failure_details.clone();
        }
        Some(Seen::from_wire(state))
    }
}

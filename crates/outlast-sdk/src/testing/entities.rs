//! Entities in memory: their states, the operations that wait, and the locks.
//!
//! A lock goes through its entities in their order; each is taken when the request is at the head of that
//! entity's line. While an entity is locked, only its holder's operations pass.

use std::collections::{BTreeMap, VecDeque};

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::operation_action::OperationActionType as Action;
use pb::operation_result::ResultType as Outcome;
use pb::send_entity_message_action::EntityMessageType as Message;

use super::server::{Due, Server};
use crate::entity::batch::Batch;
use crate::failure::Failure;

#[derive(Debug, Default)]
pub(super) struct Entities(BTreeMap<String, Line>);

/// One entity and what waits for it.
#[derive(Debug, Default)]
struct Line {
    state: Option<String>,
    waiting: VecDeque<Event>,
    /// The section that holds it, and the instance whose section that is.
    lock: Option<(String, String)>,
}

impl Line {
    /// Which of those that wait may go, if any.
    fn next(&self) -> Option<usize> {
        let Some((_, holder)) = &self.lock else { return (!self.waiting.is_empty()).then_some(0) };
        self.waiting.iter().position(|event| match event {
            Event::EntityOperationCalled(call) => call.parent_instance_id.as_ref() == Some(holder),
            _ => false,
        })
    }
}

impl Entities {
    pub(super) fn state(&self, id: &str) -> Option<&str> {
        self.0.get(id)?.state.as_deref()
    }

    pub(super) fn send(&mut self, id: &str, event: Event) {
        self.0.entry(id.to_owned()).or_default().waiting.push_back(event);
    }

    /// The entities for which something can happen.
    pub(super) fn ready(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().filter(|(_, line)| line.next().is_some()).map(|(id, _)| id.clone())
    }

    /// An instance has ended: it holds no lock and waits for none.
    pub(super) fn release(&mut self, instance: &str) {
        for line in self.0.values_mut() {
            line.lock.take_if(|(_, holder)| holder == instance);
            line.waiting.retain(|event| match event {
                Event::EntityLockRequested(lock) => lock.parent_instance_id.as_deref() != Some(instance),
                _ => true,
            });
        }
    }
}

impl Server {
    pub(super) fn send_message(&mut self, sender: &str, message: Message) {
        match message {
            Message::EntityOperationSignaled(signal) => {
                let entity = signal.target_instance_id.clone().unwrap_or_default();
                let (at, event) = (signal.scheduled_time, Event::EntityOperationSignaled(signal));
                match at {
                    Some(at) => self.at(at, Due::Operation { entity, event }),
                    None => self.entities.send(&entity, event),
                }
            }
            Message::EntityOperationCalled(call) => {
                let entity = call.target_instance_id.clone().unwrap_or_default();
                self.entities.send(&entity, Event::EntityOperationCalled(call));
            }
            Message::EntityLockRequested(lock) => self.pass_on(lock),
            Message::EntityUnlockSent(unlock) => {
                let entity = unlock.target_instance_id.unwrap_or_default();
                if let Some(line) = self.entities.0.get_mut(&entity) {
                    let section = (unlock.critical_section_id, sender.to_owned());
                    line.lock.take_if(|lock| *lock == section);
                }
            }
        }
    }

    /// Sends a lock to the next entity of its set, or grants it when it has been to all.
    fn pass_on(&mut self, lock: pb::EntityLockRequestedEvent) {
        let next = usize::try_from(lock.position).ok().and_then(|position| lock.lock_set.get(position));
        match next.cloned() {
            Some(entity) => self.entities.send(&entity, Event::EntityLockRequested(lock)),
            None => {
                let granted = pb::EntityLockGrantedEvent { critical_section_id: lock.critical_section_id };
                let parent = lock.parent_instance_id.unwrap_or_default();
                self.tell(&parent, None, Event::EntityLockGranted(granted));
            }
        }
    }

    /// Lets the next of those that wait for an entity have it.
    pub(super) async fn operate(&mut self, entity: &str) {
        let Some(line) = self.entities.0.get_mut(entity) else { return };
        let Some(event) = line.next().and_then(|place| line.waiting.remove(place)) else { return };
        if let Event::EntityLockRequested(mut lock) = event {
            let holder = lock.parent_instance_id.clone().unwrap_or_default();
            line.lock = Some((lock.critical_section_id.clone(), holder));
            lock.position += 1;
            self.pass_on(lock);
            return;
        }
        let request = pb::EntityRequest {
            instance_id: entity.to_owned(),
            entity_state: line.state.clone(),
            operation_requests: vec![self.event(event.clone())],
            ..Default::default()
        };
        let result = self.registry.batch(Batch::from_v2(request)).await;
        if let Some(line) = self.entities.0.get_mut(entity)
            && result.failure_details.is_none()
        {
            line.state = result.entity_state;
        }
        let outcome = result.results.into_iter().next().and_then(|result| result.result_type);
        let outcome = outcome.unwrap_or(Outcome::Failure(pb::OperationResultFailure {
            failure_details: result.failure_details,
            ..Default::default()
        }));
        self.answer_operation(event, outcome);
        for action in result.actions.into_iter().filter_map(|action| action.operation_action_type) {
            self.carry_out_of_entity(action);
        }
    }

    fn answer_operation(&mut self, operation: Event, outcome: Outcome) {
        let Event::EntityOperationCalled(call) = operation else { return };
        let request_id = call.request_id;
        let event = match outcome {
            Outcome::Success(success) => {
                let output = success.result;
                Event::EntityOperationCompleted(pb::EntityOperationCompletedEvent { request_id, output })
            }
            Outcome::Failure(failure) => {
                let failure_details = failure.failure_details;
                let unknown = || Failure::new("Unknown", "the entity gave no details").into_wire();
                let failure_details = Some(failure_details.unwrap_or_else(unknown));
                Event::EntityOperationFailed(pb::EntityOperationFailedEvent { request_id, failure_details })
            }
        };
        let parent = call.parent_instance_id.unwrap_or_default();
        self.tell(&parent, call.parent_execution_id.as_deref(), event);
    }

    fn carry_out_of_entity(&mut self, action: Action) {
        match action {
            Action::SendSignal(signal) => {
                let event = Event::EntityOperationSignaled(pb::EntityOperationSignaledEvent {
                    request_id: format!("signal-{}", self.count()),
                    operation: signal.name,
                    scheduled_time: signal.scheduled_time,
                    input: signal.input,
                    target_instance_id: Some(signal.instance_id.clone()),
                });
                let entity = signal.instance_id;
                match signal.scheduled_time {
                    Some(at) => self.at(at, Due::Operation { entity, event }),
                    None => self.entities.send(&entity, event),
                }
            }
            Action::StartNewOrchestration(start) => {
                if !self.instances.contains_key(&start.instance_id) {
                    let started = pb::ExecutionStartedEvent {
                        name: start.name,
                        input: start.input,
                        ..Default::default()
                    };
                    self.begin(&start.instance_id, started);
                }
            }
        }
    }
}

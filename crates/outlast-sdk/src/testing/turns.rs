//! A turn of an orchestration in memory, and what becomes of its actions.
//!
//! History is what a real server would keep: the turn's events, then one confirmation per action.

use std::time::Duration;

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;
use pb::send_entity_message_action::EntityMessageType as Message;

use super::server::{Due, Server, Task};
use crate::failure::Failure;
use crate::orchestration::replay;
use crate::time;

impl Server {
    pub(super) fn turn(&mut self, id: &str) {
        // Each turn has a time of its own, as on a real server.
        self.now = time::after(&self.now, Duration::from_micros(1));
        let begun = self.event(Event::OrchestratorStarted(pb::OrchestratorStartedEvent {}));
        let Some(instance) = self.instances.get_mut(id) else { return };
        let mut new = vec![begun];
        new.append(&mut instance.inbox);
        let request = pb::OrchestratorRequest {
            instance_id: id.to_owned(),
            execution_id: Some(instance.execution.clone()),
            past_events: instance.past.clone(),
            new_events: new.clone(),
            ..Default::default()
        };
        instance.past.append(&mut new);
        let answer = self.registry.turn(request, String::new());
        let Some(instance) = self.instances.get_mut(id) else { return };
        if answer.custom_status.is_some() {
            instance.custom_status = answer.custom_status;
        }
        let execution = instance.execution.clone();
        for action in answer.actions {
            if let Some(what) = action.orchestrator_action_type {
                self.carry_out(id, &execution, action.id, what);
            }
        }
    }

    fn carry_out(&mut self, id: &str, execution: &str, number: i32, action: Action) {
        if let Some(confirmed) = confirmation(&action)
            && let Some(instance) = self.instances.get_mut(id)
        {
            let timestamp = Some(self.now);
            instance.past.push(pb::HistoryEvent { event_id: number, timestamp, event_type: Some(confirmed) });
        }
        match action {
            Action::ScheduleTask(action) => self.activities.push_back(Task {
                instance: id.to_owned(),
                execution: execution.to_owned(),
                id: number,
                action,
            }),
            Action::CreateTimer(timer) => {
                let fire_at = timer.fire_at.unwrap_or(self.now);
                let fired = pb::TimerFiredEvent { fire_at: Some(fire_at), timer_id: number };
                let event = self.event(Event::TimerFired(fired));
                let (instance, execution) = (id.to_owned(), execution.to_owned());
                self.at(fire_at, Due::Event { instance, execution, event });
            }
            Action::CreateSubOrchestration(child) => self.begin_child(id, execution, number, child),
            Action::SendEvent(sent) => {
                let target = sent.instance.unwrap_or_default().instance_id;
                let raised = pb::EventRaisedEvent { name: sent.name, input: sent.data };
                self.tell(&target, None, Event::EventRaised(raised));
            }
            Action::SendEntityMessage(message) => {
                if let Some(message) = message.entity_message_type {
                    self.send_message(id, message);
                }
            }
            Action::CompleteOrchestration(end) => self.complete(id, end),
            Action::TerminateOrchestration(_) | Action::RewindOrchestration(_) => {}
        }
    }

    fn begin_child(
        &mut self,
        parent: &str,
        execution: &str,
        task: i32,
        child: pb::CreateSubOrchestrationAction,
    ) {
        let id = match child.instance_id.as_str() {
            "" => format!("{parent}:{task:04x}"),
            given => given.to_owned(),
        };
        if self.instances.get(&id).is_some_and(|instance| instance.end.is_none()) {
            let message = format!("an instance '{id}' is running");
            let failure_details = Some(Failure::new("SubOrchestrationExists", message).into_wire());
            let failed = pb::SubOrchestrationInstanceFailedEvent { task_scheduled_id: task, failure_details };
            self.tell(parent, Some(execution), Event::SubOrchestrationInstanceFailed(failed));
            return;
        }
        let parent = pb::OrchestrationInstance {
            instance_id: parent.to_owned(),
            execution_id: Some(execution.to_owned()),
        };
        let started = pb::ExecutionStartedEvent {
            name: child.name,
            version: child.version,
            input: child.input,
            parent_instance: Some(pb::ParentInstanceInfo {
                task_scheduled_id: task,
                orchestration_instance: Some(parent),
                ..Default::default()
            }),
            tags: child.tags,
            ..Default::default()
        };
        self.begin(&id, started);
    }

    fn complete(&mut self, id: &str, end: pb::CompleteOrchestrationAction) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        self.entities.release(id);
        if end.orchestration_status() == pb::OrchestrationStatus::ContinuedAsNew {
            let mut inbox = end.carryover_events;
            inbox.append(&mut instance.inbox);
            let custom_status = instance.custom_status.take();
            let started = pb::ExecutionStartedEvent { input: end.result, ..instance.started.clone() };
            self.begin(id, started);
            if let Some(instance) = self.instances.get_mut(id) {
                instance.inbox.append(&mut inbox);
                instance.custom_status = custom_status;
            }
            return;
        }
        instance.inbox.clear();
        instance.end = Some(end.clone());
        let Some(parent) = instance.started.parent_instance.clone() else { return };
        let task_scheduled_id = parent.task_scheduled_id;
        let parent = parent.orchestration_instance.unwrap_or_default();
        let event = if end.orchestration_status() == pb::OrchestrationStatus::Completed {
            let result = end.result;
            let done = pb::SubOrchestrationInstanceCompletedEvent { task_scheduled_id, result };
            Event::SubOrchestrationInstanceCompleted(done)
        } else {
            let failure_details = end.failure_details;
            let failed = pb::SubOrchestrationInstanceFailedEvent { task_scheduled_id, failure_details };
            Event::SubOrchestrationInstanceFailed(failed)
        };
        self.tell(&parent.instance_id, parent.execution_id.as_deref(), event);
    }

    /// What an instance that cannot go on waits for, as far as it can be told.
    pub(super) fn waits_for(&self, id: &str) -> String {
        let Some(instance) = self.instances.get(id) else { return String::new() };
        let started = self.event(Event::OrchestratorStarted(pb::OrchestratorStartedEvent {}));
        let request = pb::OrchestratorRequest {
            instance_id: id.to_owned(),
            execution_id: Some(instance.execution.clone()),
            past_events: instance.past.clone(),
            new_events: vec![started],
            ..Default::default()
        };
        let events = replay::awaited_events(&self.registry.orchestrations, request);
        if events.is_empty() { String::new() } else { format!(" for the event '{}'", events.join("' or '")) }
    }
}

/// The event by which history confirms an action.
pub(super) fn confirmation(action: &Action) -> Option<Event> {
    Some(match action.clone() {
        Action::ScheduleTask(task) => Event::TaskScheduled(pb::TaskScheduledEvent {
            name: task.name,
            version: task.version,
            input: task.input,
            tags: task.tags,
            ..Default::default()
        }),
        Action::CreateSubOrchestration(child) => {
            Event::SubOrchestrationInstanceCreated(pb::SubOrchestrationInstanceCreatedEvent {
                instance_id: child.instance_id,
                name: child.name,
                version: child.version,
                input: child.input,
                ..Default::default()
            })
        }
        Action::CreateTimer(timer) => Event::TimerCreated(pb::TimerCreatedEvent { fire_at: timer.fire_at }),
        Action::SendEvent(sent) => Event::EventSent(pb::EventSentEvent {
            instance_id: sent.instance.unwrap_or_default().instance_id,
            name: sent.name,
            input: sent.data,
        }),
        Action::SendEntityMessage(message) => match message.entity_message_type? {
            Message::EntityOperationSignaled(it) => Event::EntityOperationSignaled(it),
            Message::EntityOperationCalled(it) => Event::EntityOperationCalled(it),
            Message::EntityLockRequested(it) => Event::EntityLockRequested(it),
            Message::EntityUnlockSent(it) => Event::EntityUnlockSent(it),
        },
        Action::CompleteOrchestration(_)
        | Action::TerminateOrchestration(_)
        | Action::RewindOrchestration(_) => return None,
    })
}

//! Critical sections: the time in which an orchestration holds locks on entities.
//!
//! At most one at a time, because whoever takes a second lock while holding a first can wait for ever.
//! A lock that nobody waits for any more cannot be taken back: it is given up when it is granted.

use std::collections::BTreeMap;
use std::panic::Location;

use outlast_proto::durable_task as pb;
use pb::orchestrator_action::OrchestratorActionType as Action;
use pb::send_entity_message_action::EntityMessageType as Message;

use super::turn::{Phase, Turn};
use crate::failure::{Failure, LOCK_RULES};

/// A place in user code.
pub(super) type Place = &'static Location<'static>;

/// The sections an execution has asked for and not left.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    /// By the section's id: which entities, from where in the code.
    asked: BTreeMap<String, (Vec<String>, Place)>,
    held: Option<String>,
    /// Asked for, and then not waited for.
    abandoned: Vec<String>,
}

pub(super) fn message(message: Message) -> Action {
    Action::SendEntityMessage(pb::SendEntityMessageAction { entity_message_type: Some(message) })
}

impl Turn {
    /// Asks for locks on the entities, which are sorted and without repeats, and gives the task.
    pub(super) fn ask_for_section(&mut self, id: &str, entities: Vec<String>, place: Place) -> i32 {
        assert!(!entities.is_empty(), "a lock on no entity");
        let waits = self.sections.asked.keys().any(|asked| !self.sections.abandoned.contains(asked));
        assert!(!waits, "locks are not nested: release the first, or take both at once");
        let request = pb::EntityLockRequestedEvent {
            critical_section_id: id.to_owned(),
            lock_set: entities.clone(),
            position: 0,
            parent_instance_id: Some(self.identity.instance.clone()),
        };
        self.sections.asked.insert(id.to_owned(), (entities, place));
        self.schedule_request(id.to_owned(), message(Message::EntityLockRequested(request)))
    }

    /// The locks are ours. Whether anybody waits for them.
    pub(crate) fn granted(&mut self, id: &str) -> bool {
        if self.sections.abandoned.iter().any(|abandoned| abandoned == id) {
            self.release(id);
            return false;
        }
        let is_asked_for = self.sections.asked.contains_key(id);
        if is_asked_for {
            self.sections.held = Some(id.to_owned());
        }
        is_asked_for
    }

    /// Nobody wants the section any more: releases it, now or when it is granted.
    pub(super) fn leave_section(&mut self, id: &str) {
        if self.phase == Phase::Over || !self.sections.asked.contains_key(id) {
            return;
        }
        if self.sections.held.as_deref() == Some(id) {
            self.release(id);
        } else {
            self.sections.abandoned.push(id.to_owned());
        }
    }

    fn release(&mut self, id: &str) {
        self.sections.abandoned.retain(|abandoned| abandoned != id);
        self.sections.held.take_if(|held| held == id);
        let Some((entities, place)) = self.sections.asked.remove(id) else { return };
        for entity in entities {
            let unlock = pb::EntityUnlockSentEvent {
                critical_section_id: id.to_owned(),
                parent_instance_id: Some(self.identity.instance.clone()),
                target_instance_id: Some(entity),
            };
            self.schedule_at(message(Message::EntityUnlockSent(unlock)), place);
        }
    }

    /// Why a sub-orchestration cannot be called now, if it cannot.
    pub(super) fn refuse_in_section(&self) -> Option<Failure> {
        self.sections.held.as_ref()?;
        let message =
            "a sub-orchestration is called while entities are locked: it could wait for one of them";
        Some(Failure::new(LOCK_RULES, message))
    }

    /// Why the entity cannot be called now, if it cannot.
    pub(super) fn refuse_call(&self, entity: &str) -> Option<Failure> {
        let (locked, _) = self.sections.asked.get(self.sections.held.as_ref()?)?;
        let is_free = !locked.iter().any(|locked| locked == entity);
        let message = || format!("{entity} is called while other entities are locked, and is not among them");
        is_free.then(|| Failure::new(LOCK_RULES, message()))
    }
}

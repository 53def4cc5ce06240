//! What random histories ask of entities.
//!
//! Not here: what must hold whatever they ask (`random`).

use engine::event::{
    EntityLockRequested, EntityMessage, EntityOperationCalled, EntityOperationSignaled, EntityUnlockSent,
    EventKind, FailureDetails, HistoryEvent,
};
use engine::id::{EntityId, Epoch, LeaseEpoch, Lineage};
use engine::partition::command::*;
use engine::partition::view;

use crate::random::{IDS, World};
use crate::support::LINEAGE;

const ENTITIES: [&str; 3] = ["@counter@a", "@counter@b", "@lock@1"];

impl World {
    pub(crate) fn build_batch(&mut self, entity: &EntityId) {
        let epoch = Epoch { lineage: Lineage(LINEAGE), lease: LeaseEpoch(1), term: self.kept.id.term };
        let batch = self.kept.ask(|rows| view::batch(rows, entity, epoch));
        assert_eq!(batch, self.forgotten.ask(|rows| view::batch(rows, entity, epoch)));
        self.batches.extend(batch);
    }

    pub(crate) fn answer_batch(&mut self) -> Option<Command> {
        if self.batches.is_empty() {
            return None;
        }
        let batch = self.batches.swap_remove(self.dice.below(self.batches.len()));
        let delivered = batch.operations.len();
        let taken = if self.dice.chance(80) { delivered } else { self.dice.below(delivered + 1) };
        let failure = |fails: bool| fails.then(|| FailureDetails::new("Broken", "no".to_owned()));
        let results = (0..taken)
            .map(|_| OperationResult { output: self.text(), failure: failure(self.dice.chance(20)) })
            .collect();
        let count = self.dice.below(3);
        Some(Command::CompleteEntityBatch(CompleteEntityBatch {
            entity: batch.entity.as_str().to_owned(),
            execution: batch.execution,
            epoch: self.kept.epoch(),
            turn: batch.turn,
            delivered: u32::try_from(delivered).unwrap(),
            results,
            state: self.text(),
            keeps_state: self.dice.chance(10),
            actions: (0..count).map(|_| self.operation_action()).collect(),
        }))
    }

    pub(crate) fn operation_action(&mut self) -> OperationAction {
        let kind = if self.dice.chance(70) {
            let entity = (*self.dice.pick(&ENTITIES)).to_owned();
            let event = Box::new(HistoryEvent { event_id: -1, timestamp: None, kind: Some(self.signal()) });
            OperationActionKind::Signal(EntityOperation { entity, event })
        } else {
            let instance =
                if self.dice.chance(50) { String::new() } else { (*self.dice.pick(&IDS)).to_owned() };
            OperationActionKind::Start(Box::new(StartDetached {
                instance,
                name: "order".to_owned(),
                ..Default::default()
            }))
        };
        OperationAction { kind: Some(kind) }
    }

    pub(crate) fn signal(&mut self) -> EventKind {
        EventKind::EntityOperationSignaled(EntityOperationSignaled {
            operation: "add".to_owned(),
            scheduled_time: self.dice.chance(20).then(|| self.soon()),
            input: self.text(),
            target_instance_id: Some((*self.dice.pick(&ENTITIES)).to_owned()),
            ..Default::default()
        })
    }

    pub(crate) fn entity_client(&mut self) -> Command {
        let (entity, request) = ((*self.dice.pick(&ENTITIES)).to_owned(), self.request());
        match self.dice.below(10) {
            0 => Command::DeleteEntity(DeleteEntity { entity, request }),
            1 => Command::ResumeEntity(ResumeEntity { entity, request }),
            _ => {
                let event =
                    Box::new(HistoryEvent { event_id: -1, timestamp: None, kind: Some(self.signal()) });
                Command::SignalEntity(SignalEntity { entity, request, event })
            }
        }
    }

    pub(crate) fn entity_message(&mut self) -> EntityMessage {
        let target_instance_id = Some((*self.dice.pick(&ENTITIES)).to_owned());
        let critical_section_id = (*self.dice.pick(&["s1", "s2"])).to_owned();
        match self.dice.below(10) {
            0..=3 => EntityMessage::EntityOperationCalled(EntityOperationCalled {
                request_id: "r".to_owned(),
                operation: "add".to_owned(),
                input: self.text(),
                target_instance_id,
                ..Default::default()
            }),
            4 | 5 => match self.signal() {
                EventKind::EntityOperationSignaled(signal) => EntityMessage::EntityOperationSignaled(signal),
                other => panic!("no signal: {other:?}"),
            },
            6 | 7 => {
                let count = 1 + self.dice.below(ENTITIES.len());
                let lock_set = (0..count).map(|_| (*self.dice.pick(&ENTITIES)).to_owned()).collect();
                EntityMessage::EntityLockRequested(EntityLockRequested {
                    critical_section_id,
                    lock_set,
                    ..Default::default()
                })
            }
            _ => EntityMessage::EntityUnlockSent(EntityUnlockSent {
                critical_section_id,
                target_instance_id,
                ..Default::default()
            }),
        }
    }

    pub(crate) fn mark_entity_stuck(&mut self) -> Option<Command> {
        let batch = self.batches.pop()?;
        Some(Command::MarkEntityStuck(MarkEntityStuck {
            entity: batch.entity.as_str().to_owned(),
            execution: batch.execution,
            turn: batch.turn,
            delivered: u32::try_from(batch.operations.len()).unwrap(),
            reason: "no worker".to_owned(),
        }))
    }

    /// Nothing that is stuck stays so, and nothing that has a state keeps it.
    pub(crate) fn resume_entities(&mut self) {
        for entity in ENTITIES {
            let entity = entity.to_owned();
            self.apply(Command::ResumeEntity(ResumeEntity { entity: entity.clone(), request: None }));
            self.apply(Command::DeleteEntity(DeleteEntity { entity, request: None }));
        }
    }
}

//! One small row an entity: which life this is, where its mailbox is, who holds its lock.
//!
//! - `mailbox`: what waits for it
//! - `locks`: who may use it alone, and who waits to
//! - `scheduled`: operations whose time has not come
//!
//! Not here: what an operation does, which only workers know. A row exists as long as the entity has
//! a state, a lock or something waiting; what has none of them is no entity any more.

pub(crate) mod locks;
pub(crate) mod mailbox;
pub(crate) mod scheduled;

use crate::id::EntityId;
use crate::partition::command::{AdvanceEntity, Command, CompleteEntityBatch, Moment};
use crate::partition::effect::Effect;
use crate::partition::state::entities::locks::Lock;
use crate::partition::state::queue::QueueHead;
use crate::partition::state::values::ValueRow;
use crate::partition::state::{State, keys};
use crate::payload;
use crate::rows::{Loaded, Row};

/// The stored row.
#[expect(clippy::struct_excessive_bools, reason = "two cascades, each under way or not")]
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EntityRow {
    /// Names the rows of this life: state, mailbox, lock requests. Invariant: never used before.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// Names the queue of what the lock's holder asked for. Invariant: never used before.
    #[prost(uint64, tag = "2")]
    pub(crate) ahead_number: u64,
    /// 32 hex digits; another in each life.
    #[prost(string, tag = "3")]
    pub(crate) execution: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) modified: Option<Moment>,
    /// The batch that is due next, from 1.
    #[prost(uint64, tag = "5")]
    pub(crate) turn: u64,
    /// Tells a repeat of the last accepted answer from a stale one.
    #[prost(message, optional, tag = "6")]
    pub(crate) answered: Option<AnsweredBatch>,
    /// What waits, lock requests too. Invariant: of an unlocked entity that is not advancing and has
    /// nothing ahead, the first is no lock request.
    #[prost(message, optional, tag = "7")]
    pub(crate) waiting: Option<QueueHead>,
    /// What the lock's holder asked for: goes before all that waits.
    #[prost(message, optional, tag = "8")]
    pub(crate) ahead: Option<QueueHead>,
    #[prost(message, optional, tag = "9")]
    pub(crate) lock: Option<Lock>,
    /// Bytes of the state, which is in a row of its own; absent: it has none.
    #[prost(uint32, optional, tag = "10")]
    pub(crate) state_bytes: Option<u32>,
    /// Why no worker can take its batch; held until somebody resumes it.
    #[prost(string, optional, tag = "11")]
    pub(crate) stuck: Option<String>,
    /// Cancelled lock requests at the head are still to be passed over.
    #[prost(bool, tag = "12")]
    pub(crate) advancing: bool,
    /// Calls that wait are still to be failed. Invariant: only of a stuck entity that is not locked.
    #[prost(bool, tag = "13")]
    pub(crate) sifting: bool,
}

impl Row for EntityRow {}

/// The token of the last accepted answer.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct AnsweredBatch {
    #[prost(uint64, tag = "1")]
    turn: u64,
    #[prost(uint64, tag = "2")]
    lease: u64,
    #[prost(uint64, tag = "3")]
    term: u64,
}

impl AnsweredBatch {
    pub(crate) fn of(command: &CompleteEntityBatch) -> Self {
        Self { turn: command.turn, lease: command.epoch.lease, term: command.epoch.term }
    }
}

/// A row with its id, loaded to be read or changed.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    pub(crate) id: EntityId,
    pub(crate) row: EntityRow,
}

impl Entity {
    /// How much waits.
    pub(crate) fn backlog(&self) -> u32 {
        length(self.row.ahead).saturating_add(length(self.row.waiting))
    }

    /// A batch can be handed out now.
    pub(crate) fn has_batch(&self) -> bool {
        let row = &self.row;
        let ready = if row.lock.is_some() { length(row.ahead) } else { self.backlog() };
        ready > 0 && row.stuck.is_none() && !row.advancing
    }

    /// A cascade over its mailbox has not ended.
    pub(crate) fn goes_on(&self) -> bool {
        self.row.advancing || self.row.sifting
    }

    /// Nothing is left of it.
    fn is_over(&self) -> bool {
        self.row.state_bytes.is_none() && self.row.lock.is_none() && self.backlog() == 0
    }
}

pub(crate) fn length(queue: Option<QueueHead>) -> u32 {
    queue.map_or(0, |queue| queue.length())
}

impl State<'_> {
    /// Loads an entity; `None` where there is none of this id.
    pub(crate) fn entity(&self, id: &EntityId) -> Loaded<Option<Entity>> {
        Ok(self.tx.get(&keys::entity(id))?.map(|row| Entity { id: id.clone(), row }))
    }

    /// As [`Self::entity`], for an id that came in a command or message.
    pub(crate) fn entity_named(&self, text: &str) -> Loaded<Option<Entity>> {
        EntityId::parse(text).map_or(Ok(None), |id| self.entity(&id))
    }

    /// The entity, which begins to be where it is not; nothing is stored yet.
    pub(crate) fn entity_or_new(&mut self, id: &EntityId) -> Loaded<Entity> {
        if let Some(entity) = self.entity(id)? {
            return Ok(entity);
        }
        let task = self.next_task();
        let row = EntityRow {
            number: self.meta.take_number(),
            ahead_number: self.meta.take_number(),
            execution: task.execution(id.as_str()),
            modified: Some(self.at.into()),
            turn: 1,
            ..EntityRow::default()
        };
        Ok(Entity { id: id.clone(), row })
    }

    /// Closes a change of the entity: hands its lock on, stores it or removes it where nothing is
    /// left of it, and offers its batch if there is one.
    pub(crate) fn settle(&mut self, mut entity: Entity) -> Loaded<()> {
        self.hand_on_lock(&mut entity)?;
        let key = keys::entity(&entity.id);
        if entity.is_over() {
            return self.tx.remove(key);
        }
        self.tx.put(key, &entity.row)?;
        if entity.goes_on() {
            let entity = entity.id.as_str().to_owned();
            self.effect(Effect::FollowUp(Command::AdvanceEntity(AdvanceEntity { entity })));
        } else if entity.has_batch() {
            self.effect(Effect::OfferBatch { entity: entity.id });
        }
        Ok(())
    }

    /// Sets the entity's state, or removes it.
    pub(crate) fn set_state(&mut self, entity: &mut Entity, state: Option<String>) -> Loaded<()> {
        entity.row.modified = Some(self.at.into());
        let key = keys::entity_state(entity.row.number);
        let bytes = state.as_deref().map(payload::text_bytes);
        let had_state = std::mem::replace(&mut entity.row.state_bytes, bytes).is_some();
        match state {
            Some(state) => self.tx.put(key, &ValueRow { text: Some(state), failure: None }),
            None if had_state => self.tx.remove(key),
            None => Ok(()),
        }
    }
}

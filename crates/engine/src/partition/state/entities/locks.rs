//! Who uses an entity alone, and who waits to.
//!
//! ```text
//! (free) --(a lock request is first in the mailbox)--> locked --(unlocked, cancelled, released)--> (free)
//! ```
//!
//! A request goes from entity to entity in the order of their ids, so whoever waits for an entity
//! holds only earlier ones, and nobody waits in a circle. Not here: granting and cancelling across
//! entities (`apply::entities`). A request that waits is two rows: its mail, which keeps its turn,
//! and a row found by section, which says that it still counts. Cancelling removes the second only.

use crate::id::{EntityId, InstanceId};
use crate::limits;
use crate::mutants;
use crate::partition::command::{LockEntities, LocksGranted, MessageBody, Moment, Section};
use crate::partition::state::entities::mailbox::MailKind;
use crate::partition::state::entities::{Entity, length};
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row};

/// A lock that is held.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Lock {
    #[prost(message, required, tag = "1")]
    pub(crate) section: Section,
    #[prost(message, required, tag = "2")]
    pub(crate) since: Moment,
    /// The term of the entry that locked it.
    #[prost(uint64, tag = "3")]
    pub(crate) term: u64,
}

/// Finds locked entities.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct LockedRow {
    #[prost(message, required, tag = "1")]
    pub(crate) since: Moment,
}

impl Row for LockedRow {}

/// A request that still counts.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct LockRequestRow {
    #[prost(message, required, tag = "1")]
    pub(crate) section: Section,
    #[prost(message, required, tag = "2")]
    pub(crate) since: Moment,
}

impl Row for LockRequestRow {}

impl Entity {
    pub(crate) fn is_locked_by(&self, instance: &str, execution: &str) -> bool {
        let holder = self.row.lock.as_ref().map(|lock| &lock.section);
        holder.is_some_and(|holder| holder.instance == instance && holder.execution == execution)
    }

    fn is_held_for(&self, section: &Section) -> bool {
        self.row.lock.as_ref().is_some_and(|lock| lock.section == *section)
    }
}

impl State<'_> {
    /// Lets a lock request wait for its turn.
    pub(crate) fn push_lock_request(&mut self, entity: &mut Entity, request: LockEntities) -> Loaded<()> {
        let row = LockRequestRow { section: request.section.clone(), since: self.at.into() };
        self.tx.put(keys::lock_request(entity.row.number, &request.section), &row)?;
        self.push_mail(entity, &MailKind::Lock(request))
    }

    /// A request does not wait here any more. False where it was cancelled before, or never came.
    pub(crate) fn end_lock_request(&mut self, entity: &Entity, section: &Section) -> Loaded<bool> {
        let key = keys::lock_request(entity.row.number, section);
        let waits = self.tx.bytes(&key)?.is_some();
        self.tx.remove(key)?;
        Ok(waits)
    }

    /// Gives a lock back. False where this section does not hold it.
    pub(crate) fn release_lock(&mut self, entity: &mut Entity, section: &Section) -> Loaded<bool> {
        if !entity.is_held_for(section) {
            return Ok(false);
        }
        entity.row.lock = None;
        self.tx.remove(keys::locked(&entity.id))?;
        Ok(true)
    }

    /// Gives a free entity to the lock request that is first in its mailbox, if one is.
    pub(super) fn hand_on_lock(&mut self, entity: &mut Entity) -> Loaded<()> {
        self.lose_lock_by_mistake(entity)?;
        entity.row.advancing = false;
        let mut passed = 0;
        while entity.row.lock.is_none() && length(entity.row.ahead) == 0 {
            if passed >= limits::CASCADE_ROWS_MAX {
                entity.row.advancing = true;
                break;
            }
            let Some(request) = self.take_lock_request(entity)? else { break };
            passed += 1;
            if self.end_lock_request(entity, &request.section)? {
                self.lock(entity, request)?;
            }
        }
        Ok(())
    }

    fn lock(&mut self, entity: &mut Entity, request: LockEntities) -> Loaded<()> {
        let since = self.at.into();
        self.tx.put(keys::locked(&entity.id), &LockedRow { since })?;
        entity.row.sifting = false;
        entity.row.lock = Some(Lock { section: request.section.clone(), since, term: self.id.term });
        entity.row.modified = Some(since);
        self.send_lock_request(LockEntities { position: request.position.saturating_add(1), ..request })
    }

    /// Sends a lock request to its next entity, or tells its section that it holds all locks.
    pub(crate) fn send_lock_request(&mut self, request: LockEntities) -> Loaded<()> {
        let next = usize::try_from(request.position).ok().and_then(|next| request.entities.get(next));
        match next.map(|next| EntityId::parse(next)) {
            Some(Ok(next)) => self.send(next.as_instance(), MessageBody::LockEntities(request)),
            Some(Err(_)) => Ok(()),
            None => {
                let Ok(holder) = InstanceId::parse(&request.section.instance) else { return Ok(()) };
                let granted = LocksGranted { section: request.section };
                self.send(&holder, MessageBody::LocksGranted(granted))
            }
        }
    }

    fn lose_lock_by_mistake(&mut self, entity: &mut Entity) -> Loaded<()> {
        let older = entity.row.lock.as_ref().is_some_and(|lock| lock.term < self.id.term);
        if older && mutants::active(mutants::LOCK_LOST_ON_LEADER_CHANGE) {
            entity.row.lock = None;
            self.tx.remove(keys::locked(&entity.id))?;
        }
        Ok(())
    }
}

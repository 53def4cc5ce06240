//! What is offered to workers, and how an offer ends.
//!
//! Offers hold names and ids only, never payloads: what is queued here may be a hundred thousand
//! items. The work itself is built when a worker has a free slot.

use engine::id::{EntityId, InstanceId, PartitionId};
use engine::partition::command::ActivityKey;

/// One piece of work that a worker can do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// The next turn of an instance, whichever that is when it is built.
    Turn {
        /// The instance.
        instance: InstanceId,
    },
    /// One scheduled activity.
    Activity {
        /// Which.
        key: ActivityKey,
    },
    /// The next batch of an entity, whichever that is when it is built.
    Batch {
        /// The entity.
        entity: EntityId,
    },
}

impl Work {
    /// Which kind of worker slot it takes.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Turn { .. } => Kind::Turn,
            Self::Activity { .. } => Kind::Activity,
            Self::Batch { .. } => Kind::Batch,
        }
    }
}

/// The kinds of slots a worker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Orchestrator turns.
    Turn,
    /// Activities.
    Activity,
    /// Entity batches.
    Batch,
}

impl Kind {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Turn, Self::Activity, Self::Batch];
}

/// Work, the partition it belongs to, and what a worker must have registered to take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whose work it is.
    pub partition: PartitionId,
    /// Which.
    pub work: Work,
    /// The name of the orchestration, activity or entity.
    pub name: String,
    /// Its version; an activity without one has its orchestration's. Empty: none.
    pub version: String,
}

/// What the partition said to a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// `Reply::Done`: it counted, and this work is done.
    Accepted,
    /// Any other reply, `Reply::Unchanged` included: it did not count, or the like of it had counted
    /// before. Whoever holds the work now still does.
    Refused,
}

/// One value for each [`Kind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerKind<T> {
    /// For orchestrator turns.
    pub turns: T,
    /// For activities.
    pub activities: T,
    /// For entity batches.
    pub batches: T,
}

impl<T> PerKind<T> {
    /// The value of `kind`.
    pub fn of(&self, kind: Kind) -> &T {
        match kind {
            Kind::Turn => &self.turns,
            Kind::Activity => &self.activities,
            Kind::Batch => &self.batches,
        }
    }

    /// The value of `kind`, to change.
    pub fn of_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Turn => &mut self.turns,
            Kind::Activity => &mut self.activities,
            Kind::Batch => &mut self.batches,
        }
    }
}

//! What must happen outside because of an entry, and how durable its cause must be first.
//!
//! Losing effects is harmless: whatever is not finished is derived again from state by
//! `outstanding`. Performing them is `server::partition`'s.

use crate::id::{EntityId, InstanceId, LogId, PartitionId};
use crate::partition::StatusName;
use crate::partition::command::{ActivityKey, Command};
use crate::time::Timestamp;

/// When an effect may be performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// As soon as the cause is proposed: nobody outside this leader can tell.
    Proposed,
    /// Once the cause is committed: a person or another system can see it.
    Committed,
}

/// One thing to do outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// An instance has a turn to hand to a worker: [`Durability::Proposed`]. Offered again after
    /// each turn that leaves something in the inbox.
    OfferTurn {
        /// The instance.
        instance: InstanceId,
        /// Its orchestration's name, to find a worker.
        name: String,
        /// Its version; empty where it has none.
        version: String,
    },
    /// An activity to hand to a worker: [`Durability::Committed`], or [`Durability::Proposed`] where the
    /// hub is speculative.
    OfferActivity {
        /// Which.
        activity: ActivityKey,
        /// Its name, to find a worker.
        name: String,
        /// Its version, or its orchestration's where it has none: for matching only.
        version: String,
    },
    /// An entity has operations to hand to a worker: [`Durability::Proposed`]. Offered again after
    /// each batch that leaves something in the mailbox.
    OfferBatch {
        /// The entity.
        entity: EntityId,
    },
    /// The answer to whoever asked for the entry: [`Durability::Committed`]. At most one an entry.
    Reply(Reply),
    /// New messages for a partition are in the outbox: [`Durability::Committed`].
    Send {
        /// The receiver.
        to: PartitionId,
        /// The highest sequence number this entry made; later ones have causes of their own, which
        /// may not be committed yet.
        upto: u64,
    },
    /// Tell a sender what has arrived: [`Durability::Committed`].
    Acknowledge {
        /// The sender.
        to: PartitionId,
        /// All messages up to and including this sequence number.
        upto: u64,
    },
    /// An instance's status changed, or it was removed, for those who wait on it:
    /// [`Durability::Committed`].
    InstanceChanged {
        /// The instance.
        instance: InstanceId,
        /// What it is now; `None`: removed.
        status: Option<StatusName>,
    },
    /// A timer is due then: [`Durability::Proposed`]. The leader proposes `FireTimers` at that time.
    WakeAt(Timestamp),
    /// A termination waits for a worker's answer: [`Durability::Proposed`]. The leader proposes
    /// `ForceTerminate` if none comes in time.
    AwaitTermination {
        /// The instance.
        instance: InstanceId,
        /// The execution that is to end.
        execution: String,
    },
    /// The feed has events or letters to deliver: [`Durability::Committed`].
    FeedGrew,
    /// Schedules are due at other times than before: [`Durability::Committed`].
    ScheduleMoved,
    /// The next bounded step of a cascade, for the leader to propose: [`Durability::Proposed`].
    FollowUp(Command),
}

impl Effect {
    /// How durable the cause must be before this may be performed.
    pub fn durability(&self) -> Durability {
        match self {
            Self::OfferTurn { .. }
            | Self::OfferBatch { .. }
            | Self::WakeAt(_)
            | Self::AwaitTermination { .. }
            | Self::FollowUp(_) => Durability::Proposed,
            Self::OfferActivity { .. }
            | Self::Reply(_)
            | Self::Send { .. }
            | Self::Acknowledge { .. }
            | Self::InstanceChanged { .. }
            | Self::FeedGrew
            | Self::ScheduleMoved => Durability::Committed,
        }
    }
}

/// What an entry's author is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done, and this entry did it.
    Done,
    /// Nothing had to change (already so, already finished, a repeat of an accepted answer).
    Unchanged,
    /// An instance was created.
    Started {
        /// The instance.
        instance: InstanceId,
        /// The entry that created it.
        by: LogId,
    },
    /// Instances removed by a purge.
    Purged {
        /// How many.
        count: u32,
    },
    /// No, and nothing changed.
    Refused(Refusal),
}

/// A normal "no": the same on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such instance.
    InstanceNotFound,
    /// An instance of this id exists and may not be replaced.
    InstanceExists,
    /// The work item is another epoch's, another turn's or another execution's.
    StaleWorkItem,
    /// The instance's inbox is full ([`crate::limits::INBOX_EVENTS_MAX`]).
    InboxFull,
    /// The entry was decided under a lease that is over.
    EpochOver,
    /// The instance has not ended, and only an ended one can be restarted under its own id.
    NotEnded,
    /// The instance has not failed, and only a failed one can be rewound.
    NotFailed,
    /// The orchestration failed while it held locks on entities; they have been given to others.
    HeldLocks,
    /// The history is larger than one entry may rewrite ([`crate::limits::REWIND_BYTES_MAX`]).
    HistoryTooLarge,
    /// The entity's mailbox is full ([`crate::limits::MAILBOX_LENGTH_MAX`]).
    MailboxFull,
    /// The partition has as many schedules as it may ([`crate::limits::SCHEDULES_MAX`]).
    TooManySchedules,
    /// The entry names a large text that is not here, or not wholly: it is to be brought again first.
    PayloadMissing,
}

/// All effects of one entry, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects(Vec<Effect>);

impl Effects {
    /// Nothing to do.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.0.iter()
    }
}

impl IntoIterator for Effects {
    type Item = Effect;
    type IntoIter = std::vec::IntoIter<Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

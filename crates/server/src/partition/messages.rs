//! What goes into a partition core and what comes out: plain data, no channels, no futures.
//!
//! The order duties are written at the fields of [`Outputs`]. Not here: what a command means
//! (`engine`), and how the outside world is reached (`outside`).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::event::{Action, ActionKind};
use engine::id::{EntityId, Epoch, HubId, InstanceId, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::{ActivityKey, ReceiveMessages, StorePayload};
use engine::partition::effect::{Durability, Reply};
use engine::partition::feed::{DeadLetter, LifecycleEvent, Standing};
use engine::partition::schedules::ScheduleView;
use engine::partition::view::{
    Counts, EntitiesFilter, EntitiesPage, EntityView, Finished, HistoryPage, InstanceView, InstancesFilter,
    InstancesPage, LockedEntity, Meta,
};
use engine::time::Timestamp;
use engine::{catalog, partition};

use crate::dispatch::{Ended, Work};
use crate::node::budget::Budget;
use crate::node::payloads::Apart;

/// Whom to answer; the shell that feeds the core knows what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A command for whichever machine the core runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// For a partition of a task hub.
    Partition(partition::command::Command),
    /// For the catalog.
    Catalog(catalog::Command),
}

impl Request {
    /// Whether its record may wait a little for company in the log: it is an answer of the world
    /// that leads to a turn, whose own record brings a commit, or one that nobody waits for.
    ///
    /// Where activities do not wait for the log, neither does a turn that asks for more of them.
    pub(super) fn may_ride(&self, activities: Durability) -> bool {
        use partition::command::Command;
        match self {
            Self::Partition(Command::CompleteOrchestrationTurn(turn)) => {
                activities == Durability::Proposed && goes_on(&turn.actions)
            }
            Self::Partition(command) => matches!(
                command,
                Command::CompleteActivity(_) | Command::ReceiveMessages(_) | Command::AcknowledgeMessages(_)
            ),
            Self::Catalog(_) => false,
        }
    }

    /// Which work item this answers.
    pub(super) fn answers(&self) -> Option<Work> {
        use partition::command::Command;
        match self {
            Self::Partition(Command::CompleteOrchestrationTurn(turn)) => {
                InstanceId::parse(&turn.instance).ok().map(|instance| Work::Turn { instance })
            }
            Self::Partition(Command::CompleteActivity(activity)) => {
                Some(Work::Activity { key: activity.activity.clone() })
            }
            Self::Partition(Command::CompleteEntityBatch(batch)) => {
                EntityId::parse(&batch.entity).ok().map(|entity| Work::Batch { entity })
            }
            Self::Partition(_) | Self::Catalog(_) => None,
        }
    }

    /// The partition whose acknowledgement this is, and how far it goes.
    pub(super) fn acknowledges(&self) -> Option<(PartitionId, u64)> {
        match self {
            Self::Partition(partition::command::Command::AcknowledgeMessages(acknowledged)) => {
                Some((PartitionId(acknowledged.from), acknowledged.upto))
            }
            Self::Partition(_) | Self::Catalog(_) => None,
        }
    }
}

/// Whether what a turn asks for is activities and nothing else.
fn goes_on(actions: &[Action]) -> bool {
    !actions.is_empty()
        && actions.iter().all(|action| matches!(action.kind, Some(ActionKind::ScheduleTask(_))))
}

/// A read. Answered from proposed state, but only once all it saw is committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// One instance.
    Instance {
        /// Which.
        instance: InstanceId,
        /// With input, output and custom status.
        with_values: bool,
    },
    /// A page of instances, ordered by id.
    Instances {
        /// Which.
        filter: InstancesFilter,
        /// Beyond this id.
        after: Option<InstanceId>,
        /// At most so many.
        limit: usize,
    },
    /// A page of an instance's history.
    History {
        /// Which.
        instance: InstanceId,
        /// Beyond this many events.
        after: u64,
        /// At most so many.
        limit: usize,
    },
    /// Instances that ended within a span of time, ordered by (time, id).
    Finished {
        /// From the first, before the second.
        span: Range<Timestamp>,
        /// Beyond this one.
        after: Option<(Timestamp, InstanceId)>,
        /// At most so many.
        limit: usize,
    },
    /// One entity.
    Entity {
        /// Which.
        entity: EntityId,
        /// With its state.
        with_state: bool,
    },
    /// A page of entities, ordered by id.
    Entities {
        /// Which.
        filter: EntitiesFilter,
        /// Beyond this id.
        after: Option<EntityId>,
        /// At most so many.
        limit: usize,
    },
    /// Locked entities, ordered by id, with those who wait for them.
    Locks {
        /// Beyond this id.
        after: Option<EntityId>,
        /// At most so many.
        limit: usize,
    },
    /// Instances by status.
    Counts,
    /// One schedule.
    Schedule {
        /// Its name.
        name: String,
    },
    /// A page of schedules, ordered by name.
    Schedules {
        /// Beyond this name.
        after: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// The schedules that are due first.
    DueSchedules {
        /// At most so many.
        limit: usize,
    },
    /// How far the feed of lifecycle events is.
    Feed,
    /// A page of it.
    FeedEvents {
        /// Beyond this number.
        after: u64,
        /// At most so many.
        limit: usize,
    },
    /// A page of what could not be delivered.
    FeedLetters {
        /// To whom.
        subscription: String,
        /// Beyond this number.
        after: u64,
        /// At most so many.
        limit: usize,
    },
    /// Who takes part in the partition's group.
    Members,
    /// Epoch, digest and the like.
    Meta,
    /// The catalog's hubs.
    Hubs,
    /// The nodes of the cluster.
    Nodes,
    /// Where the replicas of a hub's partitions are to be.
    Placements {
        /// Whose; 0: the catalog's own.
        hub: HubId,
    },
}

/// What a [`Question`] is answered with.
#[derive(Debug, Clone)]
pub enum Answer {
    /// To [`Question::Instance`].
    Instance(Option<InstanceView>),
    /// To [`Question::Instances`].
    Instances(InstancesPage),
    /// To [`Question::History`]; `None`: no such instance.
    History(Option<HistoryPage>),
    /// To [`Question::Finished`].
    Finished(Vec<Finished>),
    /// To [`Question::Entity`].
    Entity(Option<EntityView>),
    /// To [`Question::Entities`].
    Entities(EntitiesPage),
    /// To [`Question::Locks`].
    Locks(Vec<LockedEntity>),
    /// To [`Question::Counts`].
    Counts(Counts),
    /// To [`Question::Schedule`].
    Schedule(Option<Box<ScheduleView>>),
    /// To [`Question::Schedules`] and [`Question::DueSchedules`].
    Schedules(Vec<ScheduleView>),
    /// To [`Question::Feed`].
    Feed(Standing),
    /// To [`Question::FeedEvents`].
    FeedEvents(Vec<LifecycleEvent>),
    /// To [`Question::FeedLetters`].
    FeedLetters(Vec<DeadLetter>),
    /// To [`Question::Members`], as of the last change that counts on the leader.
    Members(replication::Membership),
    /// To [`Question::Meta`].
    Meta(Meta),
    /// To [`Question::Hubs`].
    Hubs(Vec<catalog::HubView>),
    /// To [`Question::Nodes`], in order of their numbers; removed ones are not among them.
    Nodes(Vec<catalog::NodeView>),
    /// To [`Question::Placements`], one for each partition in order; none where there is no such hub.
    Placements(Vec<catalog::PlacementView>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Nothing was changed: this replica does not lead, or has not begun to.
    #[error("this replica does not lead the partition; nothing was changed")]
    NotLeading,
    /// Nothing was changed: too much is waiting already.
    #[error("too many requests are waiting; nothing was changed")]
    Overloaded,
    /// Nothing was changed: the partition has stopped for a reason that a person must look at.
    #[error("the partition has halted: {0}; nothing was changed")]
    Halted(String),
    /// Nothing was changed: the disk has no room for another entry.
    #[error("the disk is full; nothing was changed")]
    DiskFull,
    /// Nothing was changed: the request is larger than a log entry may be.
    #[error(
        "the request has {bytes} bytes, more than the {bytes_max} a log entry may have; nothing was changed"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What fits.
        bytes_max: usize,
    },
    /// It may have happened or not: leadership ended, or the disk filled up, before the outcome was
    /// known.
    #[error(
        "leadership ended or the disk filled up before the outcome was known; it may have happened or not"
    )]
    Unknown,
}

/// What a command's author is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// By a partition.
    Partition(Reply),
    /// By the catalog.
    Catalog(catalog::Reply),
}

/// What a held request or read ends with.
#[derive(Debug)]
pub enum Settled {
    /// The outcome of a [`Request`], committed.
    Reply(Result<Outcome, Unavailable>),
    /// The outcome of a [`Question`].
    Answer(Result<Answer, Unavailable>),
}

/// Everything that can reach a partition core.
#[derive(Debug)]
pub enum Event {
    /// A command; with a ticket where somebody waits for its outcome.
    Asked {
        /// What.
        request: Request,
        /// Who waits.
        ticket: Option<Ticket>,
    },
    /// A read.
    Questioned {
        /// What.
        question: Question,
        /// Who waits.
        ticket: Ticket,
    },
    /// Another replica of this group says something.
    Received {
        /// The replica.
        from: u64,
        /// A message of `replication::wire`.
        bytes: Bytes,
    },
    /// One tick of the group's clock. A group of one voter needs none.
    Ticked,
    /// The records of this output, and of all before it, are durable.
    Persisted {
        /// [`LogOutput::number`].
        number: u64,
    },
    /// The tables hold everything up to and including this index durably.
    Stored {
        /// The index.
        upto: u64,
    },
    /// Who should take part in the group, voters all of them; the leader sees to it, a step with each
    /// tick.
    Wanted {
        /// Their numbers.
        replicas: BTreeSet<u64>,
    },
    /// Hand leadership over, if this replica has it.
    HandOver {
        /// To this voter, which should be up: meanwhile nothing is proposed.
        to: u64,
    },
    /// Another replica's rows are here, whole, in a file beside this replica's. Not to come while
    /// [`super::core::Partition::is_replaced`].
    Brought {
        /// The file; its position is that of the rows.
        tables: Arc<storage::Tables>,
        /// Who took part in the group as of that position.
        members: replication::Membership,
    },
    /// Nothing happened, but the time the core asked for has come.
    Woke,
    /// The disk refused room for a log record, or has room again.
    DiskFull(bool),
    /// Offers were dropped for want of room, and there is room again: offer everything outstanding.
    Refill,
    /// The tables could not take a transaction for want of room: it is tried again later.
    StoreDeferred,
    /// The node log or the tables have failed for good, or hold something else than was written.
    Failed {
        /// What happened.
        why: String,
    },
}

/// Records for the node log.
#[derive(Debug)]
pub struct LogOutput {
    /// To give back in [`Event::Persisted`].
    pub number: u64,
    /// What to write.
    pub records: Vec<storage::Record>,
    /// Somebody waits for it: start a commit. Otherwise it rides along with the next one.
    pub urgent: bool,
    /// What makes it durable.
    pub proof: replication::Proof,
}

/// A transaction for the tables.
#[derive(Debug)]
pub struct StoreOutput {
    /// Rows and the applied position.
    pub batch: storage::tables::Batch,
    /// To give back in [`Event::Stored`].
    pub upto: u64,
}

/// An effect whose time has come, for the shell to perform in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Perform {
    /// Offer an orchestrator turn to workers.
    OfferTurn {
        /// The instance.
        instance: InstanceId,
        /// Its name.
        name: String,
        /// Its version, or empty.
        version: String,
    },
    /// Offer an activity to workers.
    OfferActivity {
        /// Which.
        activity: ActivityKey,
        /// Its name.
        name: String,
        /// Its version, or empty.
        version: String,
    },
    /// Offer an entity's batch to workers.
    OfferBatch(EntityId),
    /// An entity batch's completion was applied.
    BatchEnded(EntityId, Ended),
    /// A turn's completion was applied.
    TurnEnded(InstanceId, Ended),
    /// An activity's completion was applied.
    ActivityEnded(ActivityKey, Ended),
    /// Give a partition of the same hub a part of a large text that messages will name.
    Provide {
        /// The receiver.
        to: PartitionId,
        /// The part.
        part: StorePayload,
    },
    /// Hand messages to a partition of the same hub.
    Deliver {
        /// The receiver.
        to: PartitionId,
        /// What.
        messages: ReceiveMessages,
    },
    /// Tell a partition of the same hub what has arrived durably.
    Acknowledge {
        /// The sender.
        to: PartitionId,
        /// Up to and including.
        upto: u64,
    },
    /// Wake those who wait on an instance; its status now, or `None` where it was removed.
    InstanceChanged(InstanceId, Option<StatusName>),
    /// Schedules are due at other times than before.
    ScheduleMoved,
    /// The feed has something new to deliver.
    FeedGrew,
    /// Timers are being fired.
    TimersFired {
        /// How late the earliest of them is.
        late: Duration,
    },
    /// Leadership began: offers will come.
    Leading(Epoch),
    /// Leadership ended: forget every offer of this partition.
    LeadingEnded,
}

/// Everything one or more steps produced, in the order it must be dealt with.
#[derive(Debug, Default)]
pub struct Outputs {
    /// For the node log, in order.
    pub log: Vec<LogOutput>,
    /// Records that were to ride along have waited long enough: start a commit.
    pub flush: bool,
    /// To other replicas, at once.
    pub messages: Vec<(u64, Bytes)>,
    /// Effects to perform, in order.
    pub perform: Vec<Perform>,
    /// Answers.
    pub settled: Vec<(Ticket, Settled)>,
    /// Replicas that entries cannot bring up to date: each needs the rows as they are in the tables now.
    /// Said again with each tick until they have come.
    pub behind: Vec<u64>,
    /// The file of [`Event::Brought`] has to take the place of this replica's, before anything else
    /// is written. The index of the last entry in it.
    pub replaced: Option<u64>,
    /// For the tables; the next comes only after [`Event::Stored`].
    pub store: Option<StoreOutput>,
    /// When to send [`Event::Woke`] at the latest, by the same clock as `now`.
    pub wake_at: Option<Timestamp>,
    /// Set once, when the partition halts.
    pub halted: Option<String>,
}

/// What a core may be tuned with; `sim` has tiny ones.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// For rows kept in memory.
    pub working_set: Budget,
    /// For row changes that are not in the tables; a checkpoint is begun when it is used up.
    pub changes: Budget,
    /// Age of the oldest such change before a checkpoint is begun.
    pub checkpoint_age: Duration,
    /// How long a record nobody waits for may wait for company.
    pub ride_along: Duration,
    /// How long a termination waits for a worker before it is forced.
    pub termination_wait: Duration,
    /// How long messages stay unacknowledged before they are sent again.
    pub resend_after: Duration,
    /// Messages in one delivery.
    pub messages_max: usize,
    /// How durable the cause of an activity must be before it may run. Nothing else is ever released
    /// before it is committed.
    pub activities: Durability,
    /// Bytes of large texts that go ahead of one delivery; those of one message always may.
    pub provided_max: usize,
    /// Which texts are large.
    pub apart: Apart,
    /// Bytes of a work item: what the workers take in one message.
    pub work_item_bytes: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            working_set: Budget::new(8 << 20),
            changes: Budget::new(4 << 20),
            checkpoint_age: Duration::from_secs(5),
            ride_along: Duration::from_millis(2),
            termination_wait: Duration::from_secs(5),
            resend_after: Duration::from_secs(1),
            messages_max: 256,
            activities: Durability::Committed,
            provided_max: 4 << 20,
            apart: Apart::default(),
            work_item_bytes: engine::limits::WORK_ITEM_BYTES_MAX,
        }
    }
}

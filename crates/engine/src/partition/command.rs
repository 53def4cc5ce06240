//! What can be asked of a partition, grouped by who asks, because the origin decides how a
//! duplicate is recognised: a client by request id, a worker by its token, a peer by sequence
//! number, the leader by epoch.
//!
//! These types are also the log's format (version 1): field numbers are never reused. A command is
//! validated where it is built (`server::ingress`); `apply` trusts its shape and refuses, as data,
//! what the state does not allow.

pub use crate::partition::again::{Restart, Rewind, RewindChild};

use std::collections::BTreeMap;

use crate::event::{Action, FailureDetails, OrchestrationTraceContext, TraceContext};
pub use crate::partition::entities::command::*;
use crate::partition::feed::command::{AcknowledgeFeed, ConfigureFeed, ResendEvents};
pub use crate::partition::message::*;
pub use crate::partition::payloads::StorePayload;
use crate::partition::schedules::command::{ChangeSchedule, FireSchedule, PutSchedule};
use crate::time::Timestamp;

/// One entry of a partition's log. Its [`crate::id::LogId`] is the log's to give, not a field.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    /// When the leader proposed it: `max(previous at, leader's clock)`.
    #[prost(message, required, tag = "1")]
    pub at: Moment,
    /// What is asked.
    #[prost(
        oneof = "Command",
        tags = "10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 30, 31, 32, 50, 51, 70, 71, 72, 73, 74, 80, 81, 82, 85, 86"
    )]
    pub command: Option<Command>,
}

/// A [`Timestamp`] as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Moment {
    /// Seconds since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds within the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.seconds(), nanos: time.nanos() }
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        Self::new(moment.seconds, moment.nanos)
    }
}

/// Everything that changes a partition. 10–29 clients, 30–49 workers, 50–69 peers, 70–89 the leader.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Command {
    /// Client: create an instance.
    #[prost(message, tag = "10")]
    StartOrchestration(StartOrchestration),
    /// Client: deliver an external event.
    #[prost(message, tag = "11")]
    RaiseEvent(RaiseEvent),
    /// Client: hold the inbox.
    #[prost(message, tag = "12")]
    Suspend(Suspend),
    /// Client: release the inbox; also brings a stuck instance back.
    #[prost(message, tag = "13")]
    Resume(Resume),
    /// Client: end an instance.
    #[prost(message, tag = "14")]
    Terminate(Terminate),
    /// Client: remove a finished instance.
    #[prost(message, tag = "15")]
    Purge(Purge),
    /// Client: begin an ended instance anew.
    #[prost(message, tag = "18")]
    Restart(Restart),
    /// Client: let a failed instance try its failed steps again.
    #[prost(message, tag = "19")]
    Rewind(Rewind),
    /// Client: deliver again what could not be delivered.
    #[prost(message, tag = "22")]
    ResendEvents(ResendEvents),
    /// Client: put an operation into an entity's mailbox.
    #[prost(message, tag = "20")]
    SignalEntity(SignalEntity),
    /// Client: remove an entity's state.
    #[prost(message, tag = "21")]
    DeleteEntity(DeleteEntity),
    /// Client: take a lock from whoever has ended without giving it back.
    #[prost(message, tag = "25")]
    ReleaseLock(ReleaseLock),
    /// Client: bring a stuck entity back.
    #[prost(message, tag = "23")]
    ResumeEntity(ResumeEntity),
    /// Client: create or change a schedule.
    #[prost(message, tag = "26")]
    PutSchedule(PutSchedule),
    /// Client: pause, resume, trigger or delete a schedule.
    #[prost(message, tag = "27")]
    ChangeSchedule(ChangeSchedule),
    /// Client: a part of a large text, ahead of the command that names it.
    #[prost(message, tag = "28")]
    StorePayload(StorePayload),
    /// Worker: an orchestrator turn's answer.
    #[prost(message, tag = "30")]
    CompleteOrchestrationTurn(CompleteOrchestrationTurn),
    /// Worker: an activity's outcome.
    #[prost(message, tag = "31")]
    CompleteActivity(CompleteActivity),
    /// Worker: an entity batch's answer.
    #[prost(message, tag = "32")]
    CompleteEntityBatch(CompleteEntityBatch),
    /// Peer: messages of another partition (or of this one to itself).
    #[prost(message, tag = "50")]
    ReceiveMessages(ReceiveMessages),
    /// Peer: our messages have arrived durably.
    #[prost(message, tag = "51")]
    AcknowledgeMessages(AcknowledgeMessages),
    /// Leader: first entry of a new leadership or lease epoch.
    #[prost(message, tag = "70")]
    RaiseEpoch(RaiseEpoch),
    /// Leader: timers whose time has come, by the entry's own `at`.
    #[prost(message, tag = "71")]
    FireTimers(FireTimers),
    /// Leader: the next page of a bounded clean-up.
    #[prost(message, tag = "72")]
    Sweep(Sweep),
    /// Leader: a work item that no worker can finish.
    #[prost(message, tag = "73")]
    MarkStuck(MarkStuck),
    /// Leader: end an instance whose worker did not answer a termination.
    #[prost(message, tag = "74")]
    ForceTerminate(ForceTerminate),
    /// Leader: which lifecycle events are kept, and for whom.
    #[prost(message, tag = "80")]
    ConfigureFeed(ConfigureFeed),
    /// Leader: what a subscription has been given.
    #[prost(message, tag = "81")]
    AcknowledgeFeed(AcknowledgeFeed),
    /// Leader: a tick of a schedule has come.
    #[prost(message, tag = "82")]
    FireSchedule(FireSchedule),
    /// Leader: an entity batch that no worker can finish.
    #[prost(message, tag = "85")]
    MarkEntityStuck(MarkEntityStuck),
    /// Leader: the next page of cancelled lock requests.
    #[prost(message, tag = "86")]
    AdvanceEntity(AdvanceEntity),
}

/// The id a gateway gave a client call before its first attempt, and uses again on every retry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, prost::Message)]
pub struct RequestId {
    /// The gateway's incarnation, or a caller's idempotency key.
    #[prost(string, tag = "1")]
    pub source: String,
    /// The gateway's own count; 0 with an idempotency key.
    #[prost(uint64, tag = "2")]
    pub counter: u64,
}

/// Creates an instance. Tags 1 and 2 of every client command are the instance and the request id.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StartOrchestration {
    /// The instance; parsed before.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// Set where a repeat of this call must not be a second one.
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// 32 hex digits, minted at ingress.
    #[prost(string, tag = "3")]
    pub execution: String,
    /// The orchestration's name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// The version asked for.
    #[prost(string, optional, tag = "5")]
    pub version: Option<String>,
    /// JSON text; absent is not empty.
    #[prost(string, optional, tag = "6")]
    pub input: Option<String>,
    /// Labels, returned as given.
    #[prost(btree_map = "string, string", tag = "7")]
    pub tags: BTreeMap<String, String>,
    /// Later than the entry's `at`: stays pending until then. Otherwise starts at once.
    #[prost(message, optional, tag = "8")]
    pub scheduled_start: Option<Moment>,
    /// What to do about an instance of this id that exists.
    #[prost(message, optional, tag = "9")]
    pub reuse: Option<ReusePolicy>,
    /// W3C trace context, passed through.
    #[prost(message, optional, tag = "10")]
    pub trace: Option<TraceContext>,
}

/// Statuses in which an existing instance may be replaced by a new one of the same id.
/// Absent policy: never. Numbers are the wire's `OrchestrationStatus`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReusePolicy {
    /// Wire numbers of the statuses; empty: never replace.
    #[prost(int32, repeated, tag = "1")]
    pub replaceable: Vec<i32>,
}

/// Delivers an external event: buffered until awaited, kept over continue-as-new.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RaiseEvent {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// See [`StartOrchestration::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// The event's name, as sent: workers compare without case.
    #[prost(string, tag = "3")]
    pub name: String,
    /// JSON text.
    #[prost(string, optional, tag = "4")]
    pub input: Option<String>,
}

/// Holds the inbox of an instance: a turn in flight finishes, the next is not handed out.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Suspend {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// See [`StartOrchestration::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// Why, for people.
    #[prost(string, optional, tag = "3")]
    pub reason: Option<String>,
}

/// Releases the inbox of a suspended or stuck instance.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resume {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// See [`StartOrchestration::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// Why, for people.
    #[prost(string, optional, tag = "3")]
    pub reason: Option<String>,
}

/// Asks an instance to end; its worker confirms, or the leader forces it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Terminate {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// See [`StartOrchestration::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// JSON text that becomes the instance's output.
    #[prost(string, optional, tag = "3")]
    pub output: Option<String>,
    /// Children too.
    #[prost(bool, tag = "4")]
    pub recursive: bool,
}

/// Removes a finished instance: history, values, index entries. A running one is left alone.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Purge {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// See [`StartOrchestration::request`].
    #[prost(message, optional, tag = "2")]
    pub request: Option<RequestId>,
    /// Children too.
    #[prost(bool, tag = "3")]
    pub recursive: bool,
}

/// Who held the work item: an orchestrator turn counts only if this is exact.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct TokenEpoch {
    /// [`crate::id::Epoch::lineage`].
    #[prost(uint64, tag = "1")]
    pub lineage: u64,
    /// [`crate::id::Epoch::lease`].
    #[prost(uint64, tag = "2")]
    pub lease: u64,
    /// [`crate::id::Epoch::term`].
    #[prost(uint64, tag = "3")]
    pub term: u64,
}

/// A worker's answer to an orchestrator turn. `epoch`, `turn`, `started_at` and `delivered` come
/// from the signed token, so the log need not record that a turn was handed out.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CompleteOrchestrationTurn {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// The execution the turn belongs to.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// The epoch the turn was handed out in.
    #[prost(message, required, tag = "3")]
    pub epoch: TokenEpoch,
    /// Which turn of the execution, from 1.
    #[prost(uint64, tag = "4")]
    pub turn: u64,
    /// The timestamp of the turn's `OrchestratorStarted`: recorded in history exactly as sent.
    #[prost(message, required, tag = "5")]
    pub started_at: Moment,
    /// How many inbox events the turn was given, `OrchestratorStarted` not counted.
    #[prost(uint32, tag = "6")]
    pub delivered: u32,
    /// How many of the new events, `OrchestratorStarted` included, the worker took; absent: all.
    #[prost(int32, optional, tag = "7")]
    pub events_processed: Option<i32>,
    /// What the orchestration asks for, in order.
    #[prost(message, repeated, tag = "8")]
    pub actions: Vec<Action>,
    /// Absent: leave as is.
    #[prost(string, optional, tag = "9")]
    pub custom_status: Option<String>,
    /// Given back in the next turn.
    #[prost(message, optional, tag = "10")]
    pub trace: Option<OrchestrationTraceContext>,
}

/// Which scheduled activity: the entry that scheduled it and the count within that entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, prost::Message)]
pub struct ActivityKey {
    /// The instance that scheduled it.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// [`crate::id::LogId::term`] of the scheduling entry.
    #[prost(uint64, tag = "2")]
    pub term: u64,
    /// [`crate::id::LogId::index`] of the scheduling entry.
    #[prost(uint64, tag = "3")]
    pub index: u64,
    /// Position among the activities that entry scheduled, from 0.
    #[prost(uint32, tag = "4")]
    pub ordinal: u32,
}

/// An activity's outcome. Counts if the task is still open, whatever epoch it ran under.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CompleteActivity {
    /// Which activity.
    #[prost(message, required, tag = "1")]
    pub activity: ActivityKey,
    /// The lineage and epoch it was handed out in; the lineage must be ours, the rest is recorded.
    #[prost(message, required, tag = "2")]
    pub epoch: TokenEpoch,
    /// The execution that scheduled it.
    #[prost(string, tag = "3")]
    pub execution: String,
    /// The orchestration's own number for it.
    #[prost(int32, tag = "4")]
    pub task: i32,
    /// JSON text, on success.
    #[prost(string, optional, tag = "5")]
    pub result: Option<String>,
    /// Set on failure.
    #[prost(message, optional, tag = "6")]
    pub failure: Option<FailureDetails>,
}

/// Messages of one source partition, contiguous from `first`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceiveMessages {
    /// The sending partition.
    #[prost(uint32, tag = "1")]
    pub from: u32,
    /// The sender's lineage.
    #[prost(uint64, tag = "2")]
    pub from_lineage: u64,
    /// The lineage the sender believes we have.
    #[prost(uint64, tag = "3")]
    pub to_lineage: u64,
    /// Sequence number of the first message; the rest follow without gaps.
    #[prost(uint64, tag = "4")]
    pub first: u64,
    /// The messages.
    #[prost(message, repeated, tag = "5")]
    pub messages: Vec<Message>,
}

/// A peer confirms, durably, all messages up to and including `upto`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AcknowledgeMessages {
    /// The receiving partition.
    #[prost(uint32, tag = "1")]
    pub from: u32,
    /// The receiver's lineage.
    #[prost(uint64, tag = "2")]
    pub from_lineage: u64,
    /// The last sequence number confirmed.
    #[prost(uint64, tag = "3")]
    pub upto: u64,
}

/// The effective owner and epoch from here on: what the partition's own log says is what counts.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RaiseEpoch {
    /// The lineage of this log.
    #[prost(uint64, tag = "1")]
    pub lineage: u64,
    /// The app lease's epoch; never lower than before.
    #[prost(uint64, tag = "2")]
    pub lease: u64,
    /// The owning site; empty until sites exist.
    #[prost(string, tag = "3")]
    pub owner: String,
    /// Which partition of its hub this is. Fixed by the first entry of the log.
    #[prost(uint32, tag = "4")]
    pub partition: u32,
    /// How many partitions the hub has, at least 1. Fixed by the first entry of the log.
    #[prost(uint32, tag = "5")]
    pub partitions: u32,
}

/// Fires timers and scheduled starts due by the entry's `at`, at most a page of them.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct FireTimers {}

/// Removes what a finished execution or a purged instance left behind, a page at a time.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Sweep {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
}

/// A work item that no connected worker can take, or that failed too often.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MarkStuck {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// The execution it is about.
    #[prost(string, tag = "2")]
    pub execution: String,
    /// Set where an activity is meant: it is failed with `reason`. Otherwise the instance is held,
    /// visible with its reason, until somebody resumes it.
    #[prost(message, optional, tag = "3")]
    pub activity: Option<ActivityKey>,
    /// For people: what happened and what helps.
    #[prost(string, tag = "4")]
    pub reason: String,
}

/// Ends an instance whose termination no worker has confirmed.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ForceTerminate {
    /// The instance.
    #[prost(string, tag = "1")]
    pub instance: String,
    /// The execution that was to end.
    #[prost(string, tag = "2")]
    pub execution: String,
}

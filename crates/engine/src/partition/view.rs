//! Questions about a partition; `Err(Needs)` where rows are not loaded: load them and ask again.
//!
//! Not here: any change, and when an answer may be shown (it may hold what is not committed yet:
//! the caller's serving gate decides).

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use crate::event::{
    EventKind, FailureDetails, HistoryEvent, OrchestrationTraceContext, OrchestratorStarted, TraceContext,
};
use crate::id::{Epoch, InstanceId, LeaseEpoch, Lineage, LogId, PartitionId};
use crate::limits;
use crate::partition::command::{ActivityKey, Message, Parent};
pub use crate::partition::entities::view::*;
use crate::partition::listing;
use crate::partition::outstanding::{self, outbox_page};
use crate::partition::state::activities::{ActivityRow, DETACHED};
use crate::partition::state::dedup::OrphanRow;
use crate::partition::state::finished::FinishedRow;
use crate::partition::state::history::{Audience, event_in_full, past, read_chunk};
use crate::partition::state::inbox::InboxItem;
use crate::partition::state::instances::{Instance, InstanceRow};
use crate::partition::state::keys;
use crate::partition::state::meta::MetaRow;
use crate::partition::state::payloads::{self, PayloadRow, put_in_place};
use crate::partition::state::queue::Look;
use crate::partition::state::status::{Status, StatusName};
use crate::partition::state::values::{Value, ValueRow};
pub use crate::partition::waiting::*;
use crate::payload::{PayloadHash, Reference, whole_bytes};
use crate::rows::{Key, KeyBuilder, Loaded, Needs, Range, Transaction, WorkingSet, decode};
use crate::time::Timestamp;

/// A turn to hand to a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The instance.
    pub instance: InstanceId,
    /// Its execution.
    pub execution: String,
    /// The turn's number in the execution, from 1.
    pub turn: u64,
    /// The orchestration's clock in this turn: the time of its `OrchestratorStarted`.
    pub started_at: Timestamp,
    /// How many inbox events the turn is given; goes back in the completion.
    pub delivered: u32,
    /// Its orchestration's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Committed events as stored: concatenated they are the encoding of
    /// `OrchestratorRequest.pastEvents`.
    pub past: Vec<Bytes>,
    /// Encoded events for `newEvents`, `OrchestratorStarted` first.
    pub new_events: Vec<Bytes>,
    /// What the worker returned with its last turn.
    pub trace: Option<OrchestrationTraceContext>,
    /// Bytes of the past. Where they are more than was asked for, no worker is sent them in one
    /// message, and large texts are left out of `past`.
    pub past_bytes: usize,
    /// Bytes of past and new events together. Above what a work item may have it is too large for a
    /// worker that cannot stream history.
    pub bytes: usize,
}

/// An activity to hand to a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityTask {
    /// Which.
    pub key: ActivityKey,
    /// The orchestration's own number for it.
    pub task: i32,
    /// The execution that scheduled it.
    pub execution: String,
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: Option<String>,
    /// JSON text.
    pub input: Option<String>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// W3C trace context.
    pub trace: Option<TraceContext>,
}

/// An instance as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceView {
    /// The instance.
    pub instance: InstanceId,
    /// Its orchestration's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its execution.
    pub execution: String,
    /// Where it is in its life.
    pub status: StatusName,
    /// What it waits for.
    pub waiting: Waiting,
    /// A termination waits for the worker's confirmation.
    pub terminating: bool,
    /// When it was created; continue-as-new does not change it.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it ended.
    pub completed: Option<Timestamp>,
    /// Its scheduled start.
    pub scheduled_start: Option<Timestamp>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// Who started it, if an orchestration did.
    pub parent: Option<Parent>,
    /// The turn that is due next.
    pub turn: u64,
    /// Events that wait in its inbox.
    pub inbox: u32,
    /// Events in its history.
    pub history_events: u64,
    /// Bytes of its history.
    pub history_bytes: u64,
    /// JSON text; only where values were asked for.
    pub input: Option<String>,
    /// JSON text; only where values were asked for, and only once it ended.
    pub output: Option<String>,
    /// JSON text; always.
    pub custom_status: Option<String>,
    /// Why it failed; always.
    pub failure: Option<FailureDetails>,
}

/// Which instances are meant; what is empty or absent does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstancesFilter {
    /// Only these.
    pub statuses: Vec<StatusName>,
    /// Created then or later.
    pub created_from: Option<Timestamp>,
    /// Created before.
    pub created_to: Option<Timestamp>,
    /// Ids that begin so.
    pub prefix: String,
}

/// A page of instances, without texts.
#[derive(Debug, Clone, PartialEq)]
pub struct InstancesPage {
    /// In order of their ids; may be fewer than asked for, even none, although more follow.
    pub instances: Vec<InstanceView>,
    /// Where to go on; `None`: there are no more.
    pub next: Option<InstanceId>,
}

/// One ended instance of a list by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// When it ended.
    pub at: Timestamp,
    /// The instance.
    pub instance: InstanceId,
    /// How it ended.
    pub status: StatusName,
}

/// One event of a history, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// An encoded `HistoryEvent`.
    pub event: Bytes,
    /// Workers are sent it too.
    pub visible: bool,
}

/// A page of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// Whose execution it is.
    pub execution: String,
    /// In order.
    pub events: Vec<RecordedEvent>,
    /// Where to go on; `None`: there are no more.
    pub next: Option<u64>,
}

/// How many instances there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By status.
    pub by_status: BTreeMap<StatusName, u64>,
    /// Those of them that no worker can take.
    pub stuck: u64,
}

/// What a partition knows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Which partition it is; `None` before its first `RaiseEpoch`.
    pub partition: Option<PartitionId>,
    /// How many its hub has.
    pub partitions: u32,
    /// Lineage, lease and the term of the last applied entry.
    pub epoch: Epoch,
    /// The owning site.
    pub owner: String,
    /// The last applied entry.
    pub applied: LogId,
    /// Its time.
    pub at: Timestamp,
    /// The wrapping sum of `row_digest` over all rows but this one.
    pub digest: u64,
    /// Messages ever parked because their lineage was unknown.
    pub orphans: u64,
}

/// A message that was parked because its lineage was unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Orphan {
    /// The sending partition.
    pub from: PartitionId,
    /// Its lineage.
    pub from_lineage: Lineage,
    /// The lineage it believed we have.
    pub to_lineage: Lineage,
    /// Its number.
    pub sequence: u64,
    /// What it says.
    pub message: Message,
    /// When it arrived.
    pub at: Timestamp,
}

/// A large text that is held apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadView {
    /// Which content.
    pub hash: PayloadHash,
    /// Bytes of the whole.
    pub bytes: u32,
    /// Bytes that are here.
    pub stored: u32,
    /// How often the other rows name it.
    pub references: u64,
}

/// Room left in a work item for what surrounds the events.
const ENVELOPE_BYTES: usize = 8 << 10;

/// The turn that can be handed out now, if there is one, in a work item of at most `bytes_max` where
/// that can be. `epoch` must be the partition's own.
pub fn turn(
    rows: &WorkingSet,
    instance: &InstanceId,
    epoch: Epoch,
    now: Timestamp,
    bytes_max: usize,
) -> Result<Option<Turn>, Needs> {
    let tx = Transaction::new(rows);
    let meta: MetaRow = tx.get(&keys::meta())?.unwrap_or_default();
    let ours = epoch.lineage.0 == meta.lineage && epoch.lease.0 == meta.lease;
    let Some(row) = tx.get::<InstanceRow>(&keys::instance(instance))?.filter(|_| ours) else {
        return Ok(None);
    };
    let instance = Instance::from_row(instance.clone(), row);
    if !instance.has_turn() {
        return Ok(None);
    }
    let row = &instance.row;
    let (past, past_bytes) = past(&tx, row, bytes_max)?;
    let earliest = row
        .started_at
        .map_or(Timestamp::ZERO, |last| Timestamp::from(last).plus(std::time::Duration::from_micros(1)));
    let started_at = now.max(earliest);
    let room = bytes_max.saturating_sub(past_bytes.saturating_add(ENVELOPE_BYTES));
    let (delivered, waiting) = inbox_page(&tx, &instance, room)?;
    let mut new_events = Vec::with_capacity(waiting.len() + 1);
    let started = EventKind::OrchestratorStarted(OrchestratorStarted {});
    let started = HistoryEvent { event_id: -1, timestamp: Some(started_at.into()), kind: Some(started) };
    new_events.push(Bytes::from(started.encode_to_vec()));
    new_events.extend(waiting);
    let bytes = past_bytes + new_events.iter().map(Bytes::len).sum::<usize>();
    Ok(Some(Turn {
        instance: instance.id.clone(),
        execution: row.execution.clone(),
        turn: row.turn,
        started_at,
        delivered,
        name: row.name.clone(),
        version: row.version.clone(),
        past,
        new_events,
        trace: row.span.clone(),
        past_bytes,
        bytes,
    }))
}

/// The first waiting events that fit into `room` bytes, at least one, and how many they are of the
/// inbox: events of older executions are counted and left out.
fn inbox_page(tx: &Transaction, instance: &Instance, room: usize) -> Loaded<(u32, Vec<Bytes>)> {
    let mut delivered = 0_u32;
    let mut events: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    instance.inbox_queue().look(tx, instance.row.inbox, |item| {
        let item = InboxItem::read(item);
        bytes = whole_bytes(&item.event).saturating_add(bytes + 8);
        if bytes > room && delivered > 0 {
            return Look::Enough;
        }
        delivered += 1;
        if item.is_for(instance.row.number) {
            events.push(item.event);
        }
        Look::Further
    })?;
    let events = events.into_iter().map(|event| event_in_full(tx, event)).collect::<Loaded<_>>()?;
    Ok((delivered, events))
}

/// The activity, if it is still to be run.
pub fn activity(rows: &WorkingSet, key: &ActivityKey) -> Result<Option<ActivityTask>, Needs> {
    let tx = Transaction::new(rows);
    let task = key.task();
    let instance = match InstanceId::parse(&key.instance) {
        Ok(id) => tx.get::<InstanceRow>(&keys::instance(&id))?.map(|row| Instance::from_row(id, row)),
        Err(_) => None,
    };
    let current = match instance.filter(|instance| !instance.is_ended()).map(|instance| instance.row.number) {
        Some(number) => tx.get::<ActivityRow>(&keys::activity(number, task))?.map(|row| (number, row)),
        None => None,
    };
    let found = match current {
        Some(found) => Some(found),
        None => tx.get::<ActivityRow>(&keys::activity(DETACHED, task))?.map(|row| (DETACHED, row)),
    };
    let Some((number, row)) = found.filter(|(_, row)| row.instance == key.instance) else { return Ok(None) };
    let mut input = if row.input_apart {
        tx.get::<ValueRow>(&keys::activity_input(number, task))?.and_then(|value| value.text)
    } else {
        row.input
    };
    input.as_mut().map_or(Ok(()), |text| put_in_place(&tx, text))?;
    Ok(Some(ActivityTask {
        key: key.clone(),
        task: row.task,
        execution: row.execution,
        name: row.name,
        version: row.version,
        input,
        tags: row.tags,
        trace: row.trace,
    }))
}

/// The instance as it stands; inputs and outputs only with `with_values`.
pub fn instance(
    rows: &WorkingSet,
    id: &InstanceId,
    with_values: bool,
) -> Result<Option<InstanceView>, Needs> {
    let tx = Transaction::new(rows);
    let Some(row) = tx.get::<InstanceRow>(&keys::instance(id))? else { return Ok(None) };
    let instance = Instance::from_row(id.clone(), row);
    let ended = instance.is_ended();
    let wanted = |value: &Value| {
        let asked = match value {
            Value::Input => with_values,
            Value::Output => with_values && ended,
            Value::CustomStatus | Value::Failure => true,
        };
        asked && instance.row.has_value(*value)
    };
    let values: Vec<Value> = Value::ALL.into_iter().filter(wanted).collect();
    tx.want(values.iter().map(|value| instance.row.value_key(*value)))?;
    let mut view = bare(&instance);
    for value in values {
        let mut row: ValueRow = tx.get(&instance.row.value_key(value))?.unwrap_or_default();
        row.text.as_mut().map_or(Ok(()), |text| put_in_place(&tx, text))?;
        match value {
            Value::Input => view.input = row.text,
            Value::Output => view.output = row.text,
            Value::CustomStatus => view.custom_status = row.text,
            Value::Failure => view.failure = row.failure,
        }
    }
    Ok(Some(view))
}

pub(super) fn bare(instance: &Instance) -> InstanceView {
    let row = &instance.row;
    let status = instance.status();
    let history = row.history.unwrap_or_default();
    let time = |moment: Option<crate::partition::command::Moment>| moment.map(Timestamp::from);
    InstanceView {
        instance: instance.id.clone(),
        name: row.name.clone(),
        version: row.version.clone(),
        execution: row.execution.clone(),
        status: status.shown(),
        waiting: Waiting::of(instance),
        terminating: matches!(status, Status::Terminating(_)),
        created: time(row.created).unwrap_or_default(),
        updated: time(row.updated).unwrap_or_default(),
        completed: status.ended_at(),
        scheduled_start: time(row.scheduled_start),
        tags: row.tags.clone(),
        parent: row.parent.clone(),
        turn: row.turn,
        inbox: row.inbox.map_or(0, |inbox| inbox.length()),
        history_events: history.events(),
        history_bytes: history.bytes(),
        input: None,
        output: None,
        custom_status: None,
        failure: None,
    }
}

/// Instances after `after`, in order of their ids. Looks at a bounded number of rows, so a page
/// may be short although more follow.
pub fn instances(
    rows: &WorkingSet,
    filter: &InstancesFilter,
    after: Option<&InstanceId>,
    limit: usize,
) -> Result<InstancesPage, Needs> {
    let tx = Transaction::new(rows);
    if let Some(lists) = filter.lists() {
        return listing::instances(&tx, filter, &lists, after, limit);
    }
    let all = Range::all(KeyBuilder::room(keys::INSTANCE).text(&filter.prefix), limits::CASCADE_ROWS_MAX);
    let from =
        after.map_or_else(|| all.from.clone(), |after| keys::instance(after).next().max(all.from.clone()));
    let page = tx.range(&Range { from, ..all })?;
    let mut instances = Vec::new();
    let mut last = None;
    for (key, bytes) in &page {
        if instances.len() >= limit {
            return Ok(InstancesPage { instances, next: last });
        }
        let Some(id) = key.as_bytes().get(1..).and_then(|id| std::str::from_utf8(id).ok()) else { continue };
        let view = bare(&Instance::from_row(InstanceId::trusted(id), decode(bytes)));
        last = Some(view.instance.clone());
        if filter.accepts(&view) {
            instances.push(view);
        }
    }
    let next = last.filter(|_| page.len() >= limits::CASCADE_ROWS_MAX);
    Ok(InstancesPage { instances, next })
}

/// Ended instances in order of (time, id), after the one given, which need not exist any more.
pub fn finished(
    rows: &WorkingSet,
    from: Timestamp,
    to: Timestamp,
    after: Option<(Timestamp, &InstanceId)>,
    limit: usize,
) -> Result<Vec<Finished>, Needs> {
    let tx = Transaction::new(rows);
    let room = KeyBuilder::room(keys::FINISHED);
    let begin = room.clone().time(from).key();
    let from = after.map_or(begin.clone(), |(at, id)| keys::finished(at, id).next().max(begin));
    let page = tx.range(&Range { from, to: room.time(to).key(), limit })?;
    let entry = |(_, bytes): &(Key, Bytes)| {
        let row: FinishedRow = decode(bytes);
        let status = StatusName::from_wire(row.status)?;
        Some(Finished { at: row.at.into(), instance: InstanceId::parse(&row.instance).ok()?, status })
    };
    Ok(page.iter().filter_map(entry).collect())
}

/// A page of a history ends with the event that brings it to this size.
const HISTORY_PAGE_BYTES: usize = 4 << 20;

/// Events of the present execution from `cursor` on: 0, or what the page before said.
pub fn history(
    rows: &WorkingSet,
    id: &InstanceId,
    cursor: u64,
    limit: usize,
) -> Result<Option<HistoryPage>, Needs> {
    let tx = Transaction::new(rows);
    let Some(row) = tx.get::<InstanceRow>(&keys::instance(id))? else { return Ok(None) };
    let chunks = row.history.unwrap_or_default().chunks();
    let mut chunk = u32::try_from(cursor >> 32).unwrap_or(u32::MAX);
    let mut skip = usize::try_from(cursor & u64::from(u32::MAX)).unwrap_or(0);
    let mut events: Vec<RecordedEvent> = Vec::new();
    let mut bytes = 0_usize;
    while chunk < chunks && events.len() < limit && bytes < HISTORY_PAGE_BYTES {
        let stored = tx.bytes(&keys::history(row.number, chunk))?.unwrap_or_default();
        let all = read_chunk(&stored).expect("a history chunk is read once when it is loaded");
        let count = all.len();
        for (audience, event) in all.into_iter().skip(skip) {
            let event = event_in_full(&tx, event)?;
            bytes = bytes.saturating_add(event.len());
            events.push(RecordedEvent { event, visible: audience == Audience::All });
            skip += 1;
            if events.len() >= limit || bytes >= HISTORY_PAGE_BYTES {
                break;
            }
        }
        if skip >= count {
            chunk += 1;
            skip = 0;
        }
    }
    let next = (chunk < chunks).then(|| (u64::from(chunk) << 32) | u64::try_from(skip).unwrap_or(0));
    Ok(Some(HistoryPage { execution: row.execution, events, next }))
}

/// Messages for `to` after number `after`, with their numbers.
pub fn outbox(
    rows: &WorkingSet,
    to: PartitionId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Message)>, Needs> {
    outbox_page(rows, to, after, limit)
}

/// The large texts that the messages for `to` from number `first` to `last` name, each with the number
/// of its message: their partition must have them first.
pub fn outbox_references(
    rows: &WorkingSet,
    to: PartitionId,
    (first, last): (u64, u64),
) -> Result<Vec<(u64, Reference)>, Needs> {
    outstanding::outbox_references(rows, to, (first, last))
}

/// A large text in parts as they are stored; `None` where it is not here wholly.
pub fn payload(rows: &WorkingSet, reference: Reference) -> Result<Option<Vec<Bytes>>, Needs> {
    payloads::parts(&Transaction::new(rows), reference)
}

/// Large texts in the order of their hashes, after `after`.
pub fn payloads(
    rows: &WorkingSet,
    after: Option<PayloadHash>,
    limit: usize,
) -> Result<Vec<PayloadView>, Needs> {
    let all = Range::all(KeyBuilder::room(keys::PAYLOAD), limit);
    let from = after.map_or_else(|| all.from.clone(), |after| keys::payload(after).next());
    let page = Transaction::new(rows).range(&Range { from, ..all })?;
    let view = |(key, bytes): &(Key, Bytes)| {
        let hash = key.as_bytes().get(1..).and_then(PayloadHash::from_slice)?;
        let PayloadRow { bytes, stored, references, .. } = decode(bytes);
        Some(PayloadView { hash, bytes, stored, references })
    };
    Ok(page.iter().filter_map(view).collect())
}

/// Parked messages, the first `limit`.
pub fn orphans(rows: &WorkingSet, limit: usize) -> Result<Vec<Orphan>, Needs> {
    let page = Transaction::new(rows).range(&Range::all(KeyBuilder::room(keys::ORPHAN), limit))?;
    let orphan = |(key, bytes): &(Key, Bytes)| {
        let row: OrphanRow = decode(bytes);
        let parts = key.as_bytes().get(1..)?;
        Some(Orphan {
            from: PartitionId(u32::from_be_bytes(*parts.first_chunk()?)),
            from_lineage: Lineage(u64::from_be_bytes(*parts.get(4..)?.first_chunk()?)),
            to_lineage: Lineage(row.to_lineage),
            sequence: u64::from_be_bytes(*parts.get(12..)?.first_chunk()?),
            message: row.message,
            at: row.at.into(),
        })
    };
    Ok(page.iter().filter_map(orphan).collect())
}

/// How many instances there are, by status.
pub fn counts(rows: &WorkingSet) -> Result<Counts, Needs> {
    let meta: MetaRow = Transaction::new(rows).get(&keys::meta())?.unwrap_or_default();
    let mut counts = meta.counts.unwrap_or_default();
    let stuck = counts.stuck;
    Ok(Counts {
        by_status: StatusName::ALL.into_iter().map(|status| (status, *counts.of(status))).collect(),
        stuck,
    })
}

/// What the partition knows of itself.
pub fn meta(rows: &WorkingSet) -> Result<Meta, Needs> {
    let row: MetaRow = Transaction::new(rows).get(&keys::meta())?.unwrap_or_default();
    Ok(Meta {
        partition: (row.partitions > 0).then(|| row.id()),
        partitions: row.partitions,
        epoch: Epoch { lineage: Lineage(row.lineage), lease: LeaseEpoch(row.lease), term: row.term },
        applied: row.last(),
        at: row.last_at(),
        digest: row.digest,
        orphans: row.orphans,
        owner: row.owner,
    })
}

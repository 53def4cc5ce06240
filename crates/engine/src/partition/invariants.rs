//! What must hold between rooms, one function per name; the table is `docs/invariants.md`.
//!
//! Not here: what one room keeps alone (a sentence at its field). [`check`] wants every row in
//! memory and looks at all of them; [`check_changed`] runs after each entry in debug builds and
//! looks only at what the entry changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use prost::Message as _;

use crate::event::{EventKind, HistoryEvent};
use crate::id::InstanceId;
use crate::partition::entities::invariants::{
    entities_are_something, entity_calls_are_counted, free_entities_are_taken, locks_are_found,
    mailbox_is_whole,
};
use crate::partition::payloads::{idle_payloads_are_found, payloads_are_counted, payloads_are_whole};
use crate::partition::state::activities::DETACHED;
use crate::partition::state::children::ChildRow;
use crate::partition::state::history::read_chunk;
use crate::partition::state::inbox::InboxItem;
use crate::partition::state::instances::{Instance, InstanceRow};
use crate::partition::state::keys;
use crate::partition::state::listed::Listed;
use crate::partition::state::meta::{CountsRow, MetaRow};
use crate::partition::state::outbox::OutboxCursor;
use crate::partition::state::queue::QueueChunk;
use crate::partition::state::status::Status;
use crate::partition::state::timers::DueRow;
use crate::partition::{feed, schedules};
use crate::rows::{Key, KeyBuilder, WorkingSet, decode, row_digest};
use crate::time::Timestamp;

/// An invariant that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The kept state digest is not the sum over the rows.
    DigestMatchesRows(String),
    /// The counts by status are not those of the instances.
    CountsMatchInstances(String),
    /// A history's chunks, events or bytes are not what its head says.
    HistoryIsWhole(String),
    /// An inbox's chunks or events are not what its head says.
    InboxIsWhole(String),
    /// A task has more outcomes than it was scheduled.
    OneOutcomePerTask(String),
    /// A timer fired before its time.
    TimersNeverEarly(String),
    /// An orchestration's clock stood still or went back.
    OrchestrationClockRises(String),
    /// An execution has begun twice, or not with its beginning.
    OneStartPerExecution(String),
    /// The open tasks are not as many as the instance says.
    OpenTasksAreCounted(String),
    /// A timer is found by due time and not by execution, or the reverse.
    TimersAreTwoRows(String),
    /// An outbox has a gap, or keeps what was acknowledged.
    OutboxUntilAcknowledged(String),
    /// An ended instance is not listed as such, or another is.
    FinishedListsEnded(String),
    /// An instance is not on the list of its status, or another is.
    ListsMatchStatuses(String),
    /// A termination waits without being found, or the reverse.
    TerminationsAreFound(String),
    /// An ended instance has waiting events or open tasks, or its history does not say so.
    EndedIsQuiet(String),
    /// Two instances share rows, or a number was not given yet.
    NumbersAreUnique(String),
    /// The feed has a gap, or a subscription's counts are not those of the rows.
    FeedIsContiguous(String),
    /// An entity without a state, a lock or mail is kept, or a state without its entity.
    EntitiesAreSomething(String),
    /// A mailbox's chunks or items are not what its entity says.
    MailboxIsWhole(String),
    /// A lock is not listed, or another is, or a lock request counts that does not wait.
    LocksAreFound(String),
    /// A free entity has not been given to the lock request that is first.
    FreeEntitiesAreTaken(String),
    /// An instance waits for other calls than it says.
    EntityCallsAreCounted(String),
    /// A schedule is not found by its next tick, or another is.
    SchedulesAreTwoRows(String),
    /// A tick was run before its time.
    TicksNeverEarly(String),
    /// A large text is counted otherwise than the rows name it.
    PayloadsAreCounted(String),
    /// A large text has other parts or bytes than its row says.
    PayloadsAreWhole(String),
    /// A large text that nothing names is not on the list of such, or another is.
    IdlePayloadsAreFound(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Violation {}

/// The first invariant that does not hold. Every row must be in memory.
pub fn check(rows: &WorkingSet) -> Option<Violation> {
    let all = Everything { rows };
    let one = [
        digest_matches_rows,
        counts_match_instances,
        numbers_are_unique,
        feed_is_contiguous,
        schedules_are_two_rows,
        ticks_never_early,
    ];
    let more = [timers_are_two_rows, outbox_until_acknowledged, finished_lists_ended, terminations_are_found];
    let more = more.into_iter().chain([lists_match_statuses as fn(&Everything) -> Option<Violation>]);
    let entities = [entities_are_something, mailbox_is_whole, locks_are_found, free_entities_are_taken];
    let payloads = [payloads_are_counted, payloads_are_whole, idle_payloads_are_found];
    let each = [
        history_is_whole,
        inbox_is_whole,
        one_outcome_per_task,
        timers_never_early,
        orchestration_clock_rises,
        one_start_per_execution,
        open_tasks_are_counted,
        ended_is_quiet,
        entity_calls_are_counted,
    ];
    let whole = one.into_iter().chain(more).chain(entities).chain(payloads).find_map(|check| check(&all));
    whole
        .or_else(|| all.instances().find_map(|instance| each.iter().find_map(|check| check(&all, &instance))))
}

/// What can be checked of the rows the last entry changed, without loading any.
pub fn check_changed(rows: &WorkingSet) -> Option<Violation> {
    let all = Everything { rows };
    let instances = rows.changed().filter_map(|(key, value)| instance(key, value?));
    instances.map(|instance| tails_exist(&all, &instance)).find_map(|violation| violation)
}

fn schedules_are_two_rows(all: &Everything) -> Option<Violation> {
    schedules::invariants::schedules_are_two_rows(all.rows).map(Violation::SchedulesAreTwoRows)
}

fn ticks_never_early(all: &Everything) -> Option<Violation> {
    schedules::invariants::ticks_never_early(all.rows).map(Violation::TicksNeverEarly)
}

fn feed_is_contiguous(all: &Everything) -> Option<Violation> {
    feed::invariants::feed_is_contiguous(all.rows).map(Violation::FeedIsContiguous)
}

/// The rows of a partition, room by room.
pub(crate) struct Everything<'a> {
    rows: &'a WorkingSet,
}

fn instance(key: &Key, bytes: &Bytes) -> Option<Instance> {
    let id = std::str::from_utf8(key.as_bytes().get(1..)?).ok()?;
    (key.room() == keys::INSTANCE).then(|| Instance::from_row(InstanceId::trusted(id), decode(bytes)))
}

impl Everything<'_> {
    pub(crate) fn room(&self, builder: KeyBuilder) -> impl Iterator<Item = (&Key, &Bytes)> {
        self.rows.between(&builder.clone().key(), &builder.end())
    }

    fn instances(&self) -> impl Iterator<Item = Instance> {
        self.room(KeyBuilder::room(keys::INSTANCE)).filter_map(|(key, bytes)| instance(key, bytes))
    }

    pub(crate) fn meta(&self) -> MetaRow {
        self.rows.cell(&keys::meta()).flatten().map(decode).unwrap_or_default()
    }

    /// Every row.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Key, &Bytes)> {
        self.rows.iter()
    }

    fn has(&self, key: &Key) -> bool {
        self.rows.cell(key).flatten().is_some()
    }

    fn history(&self, row: &InstanceRow) -> Vec<HistoryEvent> {
        let chunks = self.room(keys::of(keys::HISTORY, row.number));
        let events = chunks.flat_map(|(_, chunk)| read_chunk(chunk).unwrap_or_default());
        events.filter_map(|(_, event)| HistoryEvent::decode(event).ok()).collect()
    }

    fn waiting(&self, row: &InstanceRow) -> Vec<InboxItem> {
        // What an ended instance left behind waits for a sweep, not for a turn.
        let Some(head) = row.inbox else { return Vec::new() };
        let chunks = self.room(keys::of(keys::INBOX, row.life));
        let items = chunks.flat_map(|(_, chunk)| decode::<QueueChunk>(chunk).items);
        items.skip(usize::try_from(head.skip()).unwrap_or(0)).map(InboxItem::read).collect()
    }

    /// History and what waits for this execution.
    pub(crate) fn events(&self, row: &InstanceRow) -> Vec<HistoryEvent> {
        let waiting = self.waiting(row).into_iter().filter(|item| item.is_for(row.number));
        let waiting = waiting.filter_map(|item| HistoryEvent::decode(item.event).ok());
        self.history(row).into_iter().chain(waiting).collect()
    }
}

pub(crate) fn unless(
    holds: bool,
    violation: impl FnOnce(String) -> Violation,
    what: impl FnOnce() -> String,
) -> Option<Violation> {
    (!holds).then(|| violation(what()))
}

fn digest_matches_rows(all: &Everything) -> Option<Violation> {
    let rows = all.rows.iter().filter(|(key, _)| key.room() != keys::META);
    let sum = rows.fold(0_u64, |sum, (key, value)| sum.wrapping_add(row_digest(key, value)));
    let kept = all.meta().digest;
    unless(sum == kept, Violation::DigestMatchesRows, || format!("kept {kept:#x}, rows {sum:#x}"))
}

fn counts_match_instances(all: &Everything) -> Option<Violation> {
    let mut counts = CountsRow::default();
    for instance in all.instances() {
        *counts.of(instance.status().shown()) += 1;
        counts.stuck += u64::from(matches!(instance.status(), Status::Stuck(_)));
    }
    let kept = all.meta().counts.unwrap_or_default();
    unless(kept == counts, Violation::CountsMatchInstances, || format!("kept {kept:?}, instances {counts:?}"))
}

fn numbers_are_unique(all: &Everything) -> Option<Violation> {
    let mut seen = BTreeSet::new();
    let numbers = all.instances().flat_map(|instance| [instance.row.number, instance.row.life]);
    let entities = all.entities().flat_map(|entity| [entity.row.number, entity.row.ahead_number]);
    let mut numbers = numbers.chain(entities);
    let twice = numbers.find(|number| *number == DETACHED || !seen.insert(*number));
    let highest = seen.last().copied().unwrap_or(0);
    let given = all.meta().numbers_given();
    unless(twice.is_none() && highest <= given, Violation::NumbersAreUnique, || {
        format!("twice {twice:?}, highest {highest}, given {given}")
    })
}

fn timers_are_two_rows(all: &Everything) -> Option<Violation> {
    let due = all.room(KeyBuilder::room(keys::TIMER_DUE)).map(|(_, bytes)| {
        let row: DueRow = decode(bytes);
        keys::timer(row.number, row.task())
    });
    let lost = due.into_iter().find(|key| !all.has(key));
    let found = all.room(KeyBuilder::room(keys::TIMER)).count();
    let armed = all.room(KeyBuilder::room(keys::TIMER_DUE)).count();
    unless(lost.is_none() && found == armed, Violation::TimersAreTwoRows, || {
        format!("{armed} by due time, {found} by execution, lost {lost:?}")
    })
}

fn outbox_until_acknowledged(all: &Everything) -> Option<Violation> {
    let mut expected = BTreeSet::new();
    for (key, bytes) in all.room(KeyBuilder::room(keys::OUTBOX_CURSOR)) {
        let to =
            key.as_bytes().get(1..).and_then(|to| to.first_chunk()).map_or(0, |to| u32::from_be_bytes(*to));
        let cursor: OutboxCursor = decode(bytes);
        let kept = cursor.acknowledged + 1..=cursor.last;
        expected.extend(kept.map(|sequence| keys::outbox(crate::id::PartitionId(to), sequence)));
    }
    let kept: BTreeSet<Key> = all.room(KeyBuilder::room(keys::OUTBOX)).map(|(key, _)| key.clone()).collect();
    let odd = kept.symmetric_difference(&expected).next();
    unless(odd.is_none(), Violation::OutboxUntilAcknowledged, || format!("{odd:?}"))
}

fn finished_lists_ended(all: &Everything) -> Option<Violation> {
    let ended = all.instances().filter_map(|i| Some(keys::finished(i.status().ended_at()?, &i.id)));
    let expected: BTreeSet<Key> = ended.collect();
    let kept: BTreeSet<Key> =
        all.room(KeyBuilder::room(keys::FINISHED)).map(|(key, _)| key.clone()).collect();
    let odd = kept.symmetric_difference(&expected).next();
    unless(odd.is_none(), Violation::FinishedListsEnded, || format!("{odd:?}"))
}

fn lists_match_statuses(all: &Everything) -> Option<Violation> {
    let listed = all.instances().filter_map(|i| {
        let list = Listed::of(i.status().shown())?;
        Some(keys::listed(list.number(), &i.id))
    });
    let expected: BTreeSet<Key> = listed.collect();
    let kept: BTreeSet<Key> = all.room(KeyBuilder::room(keys::LISTED)).map(|(key, _)| key.clone()).collect();
    let odd = kept.symmetric_difference(&expected).next();
    unless(odd.is_none(), Violation::ListsMatchStatuses, || format!("{odd:?}"))
}

fn terminations_are_found(all: &Everything) -> Option<Violation> {
    let waits = |instance: &Instance| matches!(instance.status(), Status::Terminating(_));
    let expected: BTreeSet<Key> = all.instances().filter(waits).map(|i| keys::termination(&i.id)).collect();
    let kept: BTreeSet<Key> =
        all.room(KeyBuilder::room(keys::TERMINATION)).map(|(key, _)| key.clone()).collect();
    let odd = kept.symmetric_difference(&expected).next();
    unless(odd.is_none(), Violation::TerminationsAreFound, || format!("{odd:?}"))
}

fn history_is_whole(all: &Everything, instance: &Instance) -> Option<Violation> {
    let head = instance.row.history.unwrap_or_default();
    let chunks: Vec<&Bytes> =
        all.room(keys::of(keys::HISTORY, instance.row.number)).map(|(_, chunk)| chunk).collect();
    let bytes: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    let events: usize = chunks.iter().map(|chunk| read_chunk(chunk).map_or(0, |events| events.len())).sum();
    let found = (chunks.len(), events, bytes);
    let said =
        (usize::try_from(head.chunks()), usize::try_from(head.events()), usize::try_from(head.bytes()));
    unless(said == (Ok(found.0), Ok(found.1), Ok(found.2)), Violation::HistoryIsWhole, || {
        format!("{}: {head:?}, found {found:?}", instance.id)
    })
}

fn inbox_is_whole(all: &Everything, instance: &Instance) -> Option<Violation> {
    let head = instance.row.inbox.unwrap_or_default();
    let rows = all.room(keys::of(keys::INBOX, instance.row.life));
    let found: Vec<Key> = rows.map(|(key, _)| key.clone()).collect();
    let expected: Vec<Key> = head.chunks().map(|chunk| keys::inbox(instance.row.life, chunk)).collect();
    let items = all.waiting(&instance.row).len();
    // An ended instance's inbox is left to a sweep.
    let holds = instance.is_ended() || (found == expected && usize::try_from(head.length()) == Ok(items));
    unless(holds, Violation::InboxIsWhole, || format!("{}: {head:?}, {items} events, {found:?}", instance.id))
}

fn one_outcome_per_task(all: &Everything, instance: &Instance) -> Option<Violation> {
    // Positive: scheduled, negative: answered; ids are used again, so they are counted.
    let mut open: BTreeMap<(&str, i32), i64> = BTreeMap::new();
    for event in all.events(&instance.row) {
        let (task, step) = match &event.kind {
            Some(EventKind::TaskScheduled(_)) => (("activity", event.event_id), 1),
            Some(EventKind::TaskCompleted(done)) => (("activity", done.task_scheduled_id), -1),
            Some(EventKind::TaskFailed(done)) => (("activity", done.task_scheduled_id), -1),
            Some(EventKind::SubOrchestrationInstanceCreated(_)) => (("child", event.event_id), 1),
            Some(EventKind::SubOrchestrationInstanceCompleted(done)) => {
                (("child", done.task_scheduled_id), -1)
            }
            Some(EventKind::SubOrchestrationInstanceFailed(done)) => (("child", done.task_scheduled_id), -1),
            Some(EventKind::TimerCreated(_)) => (("timer", event.event_id), 1),
            Some(EventKind::TimerFired(done)) => (("timer", done.timer_id), -1),
            other => {
                debug_assert!(other.is_some(), "an event of no kind is never stored");
                continue;
            }
        };
        *open.entry(task).or_default() += step;
    }
    let twice = open.iter().find(|(_, left)| **left < 0);
    unless(twice.is_none(), Violation::OneOutcomePerTask, || format!("{}: {twice:?}", instance.id))
}

fn timers_never_early(all: &Everything, instance: &Instance) -> Option<Violation> {
    let early = all.events(&instance.row).into_iter().find(|event| match &event.kind {
        Some(EventKind::TimerFired(fired)) => {
            event.timestamp.map(Timestamp::from) < fired.fire_at.map(Timestamp::from)
        }
        _ => false,
    });
    unless(early.is_none(), Violation::TimersNeverEarly, || format!("{}: {early:?}", instance.id))
}

fn orchestration_clock_rises(all: &Everything, instance: &Instance) -> Option<Violation> {
    let history = all.history(&instance.row).into_iter();
    let started = history.filter(|event| matches!(event.kind, Some(EventKind::OrchestratorStarted(_))));
    let times: Vec<Timestamp> = started.filter_map(|event| event.timestamp.map(Timestamp::from)).collect();
    let back = times.iter().zip(times.iter().skip(1)).find(|(before, after)| before >= after);
    unless(back.is_none(), Violation::OrchestrationClockRises, || format!("{}: {back:?}", instance.id))
}

fn one_start_per_execution(all: &Everything, instance: &Instance) -> Option<Violation> {
    let events = all.events(&instance.row);
    let starts =
        events.iter().filter(|event| matches!(event.kind, Some(EventKind::ExecutionStarted(_)))).count();
    // One that ended before its first turn never began.
    let holds = starts == 1 || (starts == 0 && instance.is_ended());
    unless(holds, Violation::OneStartPerExecution, || format!("{}: {starts} starts", instance.id))
}

fn open_tasks_are_counted(all: &Everything, instance: &Instance) -> Option<Violation> {
    let row = &instance.row;
    let count = |room| all.room(keys::of(room, row.number)).count();
    let children: Vec<ChildRow> =
        all.room(keys::of(keys::CHILD, row.number)).map(|(_, bytes)| decode(bytes)).collect();
    let open = children.iter().filter(|child| child.open).count();
    let found = [count(keys::ACTIVITY), count(keys::TIMER), open, children.len()];
    let said = [row.open_activities, row.open_timers, row.open_children, row.children];
    let same = said.iter().zip(found).all(|(said, found)| usize::try_from(*said) == Ok(found));
    unless(same || instance.is_ended(), Violation::OpenTasksAreCounted, || {
        format!("{}: says {said:?}, found {found:?}", instance.id)
    })
}

fn ended_is_quiet(all: &Everything, instance: &Instance) -> Option<Violation> {
    let row = &instance.row;
    let quiet = row.inbox.is_none() && row.open_activities + row.open_timers + row.open_children == 0;
    let ends = all
        .history(row)
        .into_iter()
        .filter(|event| matches!(event.kind, Some(EventKind::ExecutionCompleted(_))));
    let ends = ends.count();
    let holds = if instance.is_ended() { quiet && ends == 1 } else { ends == 0 };
    unless(holds, Violation::EndedIsQuiet, || format!("{}: quiet {quiet}, {ends} ends", instance.id))
}

/// The part of `HistoryIsWhole` and `InboxIsWhole` that needs no other row: the last chunks are not
/// known to be absent, and none is known behind them.
fn tails_exist(all: &Everything, instance: &Instance) -> Option<Violation> {
    let row = &instance.row;
    let absent = |key: &Key| matches!(all.rows.cell(key), Some(None));
    let chunks = row.history.map_or(0, |history| history.chunks());
    let lost = chunks > 0 && absent(&keys::history(row.number, chunks - 1));
    let behind = all.has(&keys::history(row.number, chunks));
    if let Some(violation) = unless(!lost && !behind, Violation::HistoryIsWhole, || instance.id.to_string()) {
        return Some(violation);
    }
    let inbox = row.inbox.unwrap_or_default().chunks();
    let lost = !inbox.is_empty() && absent(&keys::inbox(row.life, inbox.end - 1));
    let behind = !inbox.is_empty() && all.has(&keys::inbox(row.life, inbox.end));
    unless(!lost && !behind, Violation::InboxIsWhole, || instance.id.to_string())
}

//! Every effect that is not finished, derived from rows alone, a page at a time.
//!
//! Not here: replies, which the client asks for again (`state::requests`). Only the rooms of
//! pending work are read, never every instance: a waiting instance costs nothing at a restart.

use bytes::Bytes;

use crate::id::{EntityId, InstanceId, PartitionId};
use crate::partition::command::{AdvanceEntity, Command, Message, Sweep};
use crate::partition::effect::{Effect, Effects};
use crate::partition::state::activities::ActivityRow;
use crate::partition::state::entities::scheduled::ScheduledRow;
use crate::partition::state::entities::{Entity, EntityRow};
use crate::partition::state::instances::{Instance, InstanceRow};
use crate::partition::state::keys;
use crate::partition::state::outbox::OutboxCursor;
use crate::partition::state::payloads::IdleRow;
use crate::partition::state::queue::QueueChunk;
use crate::partition::state::sweeps::SweepRow;
use crate::partition::state::terminations::TerminationRow;
use crate::partition::state::timers::DueRow;
use crate::payload::{Reference, references};
use crate::rows::{Key, KeyBuilder, Loaded, Needs, Range, Transaction, WorkingSet, decode};

/// Rows a page looks at.
const PAGE_ROWS: usize = 64;
/// Inbox chunks a page looks at: they are larger.
const PAGE_CHUNKS: usize = 16;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    room: Room,
    from: Option<Key>,
}

/// The rooms of pending work, in the order they are looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Turns,
    Batches,
    Activities,
    Timers,
    Scheduled,
    IdlePayloads,
    Outbox,
    Terminations,
    Sweeps,
}

impl Cursor {
    /// The first page.
    pub const START: Self = Self { room: Room::Turns, from: None };
}

impl Default for Cursor {
    fn default() -> Self {
        Self::START
    }
}

impl Room {
    fn tag(self) -> u8 {
        match self {
            Self::Turns => keys::INBOX,
            Self::Batches => keys::MAILBOX,
            Self::Activities => keys::ACTIVITY,
            Self::Timers => keys::TIMER_DUE,
            Self::Scheduled => keys::SCHEDULED,
            Self::IdlePayloads => keys::PAYLOAD_IDLE,
            Self::Outbox => keys::OUTBOX_CURSOR,
            Self::Terminations => keys::TERMINATION,
            Self::Sweeps => keys::SWEEP,
        }
    }

    fn limit(self) -> usize {
        match self {
            Self::Turns | Self::Batches => PAGE_CHUNKS,
            // Only the earliest is awaited; firing it names the next.
            Self::Timers | Self::Scheduled | Self::IdlePayloads => 1,
            Self::Activities | Self::Outbox | Self::Terminations | Self::Sweeps => PAGE_ROWS,
        }
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Turns => Some(Self::Batches),
            Self::Batches => Some(Self::Activities),
            Self::Activities => Some(Self::Timers),
            Self::Timers => Some(Self::Scheduled),
            Self::Scheduled => Some(Self::IdlePayloads),
            Self::IdlePayloads => Some(Self::Outbox),
            Self::Outbox => Some(Self::Terminations),
            Self::Terminations => Some(Self::Sweeps),
            Self::Sweeps => None,
        }
    }
}

/// One page of unfinished effects, and where the next begins.
pub fn outstanding(rows: &WorkingSet, cursor: Cursor) -> Result<(Effects, Option<Cursor>), Needs> {
    let tx = Transaction::new(rows);
    let Cursor { room, from } = cursor;
    let all = Range::all(KeyBuilder::room(room.tag()), room.limit());
    let range = Range { from: from.unwrap_or(all.from), ..all };
    let page = tx.range(&range)?;
    let mut effects = Effects::none();
    let resume = match room {
        Room::Turns => turns(&tx, &page, &mut effects)?,
        Room::Batches => batches(&tx, &page, &mut effects)?,
        Room::Activities
        | Room::Timers
        | Room::Scheduled
        | Room::IdlePayloads
        | Room::Outbox
        | Room::Terminations
        | Room::Sweeps => {
            page.iter()
                .filter_map(|(key, bytes)| rebuild(room, key, bytes))
                .for_each(|effect| effects.push(effect));
            page.last().map(|(key, _)| key.next())
        }
    };
    let first_only = matches!(room, Room::Timers | Room::Scheduled | Room::IdlePayloads);
    let more = page.len() >= range.limit && !first_only;
    let next = match resume.filter(|_| more) {
        Some(from) => Some(Cursor { room, from: Some(from) }),
        None => room.next().map(|room| Cursor { room, from: None }),
    };
    Ok((effects, next))
}

/// Instances whose inbox holds anything: any number of chunks, one offer each.
fn turns(tx: &Transaction, page: &[(Key, Bytes)], effects: &mut Effects) -> Loaded<Option<Key>> {
    let (owners, resume) = owners(page);
    let ids: Vec<InstanceId> = owners.iter().filter_map(|owner| InstanceId::parse(owner).ok()).collect();
    tx.want(ids.iter().map(keys::instance))?;
    for id in ids {
        let Some(row) = tx.get::<InstanceRow>(&keys::instance(&id))? else { continue };
        let instance = Instance::from_row(id, row);
        if instance.has_turn() {
            effects.push(Effect::OfferTurn {
                instance: instance.id,
                name: instance.row.name,
                version: instance.row.version.unwrap_or_default(),
            });
        }
    }
    Ok(resume)
}

/// Entities whose mailbox holds anything, as [`turns`]. One may be offered twice: it has two queues.
fn batches(tx: &Transaction, page: &[(Key, Bytes)], effects: &mut Effects) -> Loaded<Option<Key>> {
    let (owners, resume) = owners(page);
    let ids: Vec<EntityId> = owners.iter().filter_map(|owner| EntityId::parse(owner).ok()).collect();
    tx.want(ids.iter().map(keys::entity))?;
    for id in ids {
        let Some(row) = tx.get::<EntityRow>(&keys::entity(&id))? else { continue };
        let entity = Entity { id, row };
        if entity.goes_on() {
            let entity = entity.id.as_str().to_owned();
            effects.push(Effect::FollowUp(Command::AdvanceEntity(AdvanceEntity { entity })));
        } else if entity.has_batch() {
            effects.push(Effect::OfferBatch { entity: entity.id });
        }
    }
    Ok(resume)
}

/// Whose chunks these are, and where the next other queue may begin.
fn owners(page: &[(Key, Bytes)]) -> (Vec<String>, Option<Key>) {
    let mut owners: Vec<String> = Vec::new();
    let mut resume = None;
    for (key, bytes) in page {
        let chunk: QueueChunk = decode(bytes);
        if owners.last() != Some(&chunk.owner) {
            owners.push(chunk.owner);
        }
        // The rest of this queue is of no interest.
        resume = number(key).map(|number| keys::of(key.room(), number).end());
    }
    (owners, resume)
}

fn rebuild(room: Room, key: &Key, bytes: &Bytes) -> Option<Effect> {
    match room {
        Room::Turns | Room::Batches => None,
        Room::Activities => decode::<ActivityRow>(bytes).offer(keys::task_of(key)?),
        Room::Timers => Some(Effect::WakeAt(decode::<DueRow>(bytes).due.into())),
        Room::Scheduled => Some(Effect::WakeAt(decode::<ScheduledRow>(bytes).due.into())),
        Room::IdlePayloads => Some(Effect::WakeAt(decode::<IdleRow>(bytes).until.into())),
        Room::Outbox => {
            let to = PartitionId(u32::from_be_bytes(*key.as_bytes().get(1..)?.first_chunk()?));
            let cursor: OutboxCursor = decode(bytes);
            cursor.is_outstanding().then_some(Effect::Send { to, upto: cursor.last })
        }
        Room::Terminations => {
            let row: TerminationRow = decode(bytes);
            let instance = InstanceId::parse(&row.instance).ok()?;
            Some(Effect::AwaitTermination { instance, execution: row.execution })
        }
        Room::Sweeps => {
            let row: SweepRow = decode(bytes);
            Some(Effect::FollowUp(Command::Sweep(Sweep { instance: row.instance })))
        }
    }
}

fn number(key: &Key) -> Option<u64> {
    Some(u64::from_be_bytes(*key.as_bytes().get(1..)?.first_chunk()?))
}

/// The messages for `to` after number `after`, at most `limit`, with their numbers.
pub(crate) fn outbox_page(
    rows: &WorkingSet,
    to: PartitionId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Message)>, Needs> {
    let tx = Transaction::new(rows);
    let cursor: OutboxCursor = tx.get(&keys::outbox_cursor(to))?.unwrap_or_default();
    let after = after.max(cursor.acknowledged);
    if after >= cursor.last {
        return Ok(Vec::new());
    }
    let to_end = Range {
        from: keys::outbox(to, after + 1),
        to: KeyBuilder::room(keys::OUTBOX).small(to.0).end(),
        limit,
    };
    let page = tx.range(&to_end)?;
    let sequence = |key: &Key| key.as_bytes().get(5..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    Ok(page.iter().filter_map(|(key, bytes)| Some((sequence(key)?, decode(bytes)))).collect())
}

/// The large texts that the messages for `to` from number `first` to `last` name, each with its message.
pub(crate) fn outbox_references(
    rows: &WorkingSet,
    to: PartitionId,
    (first, last): (u64, u64),
) -> Result<Vec<(u64, Reference)>, Needs> {
    let tx = Transaction::new(rows);
    let mut found = Vec::new();
    for sequence in first..=last {
        let bytes = tx.bytes(&keys::outbox(to, sequence))?.unwrap_or_default();
        found.extend(references(&bytes).map(|reference| (sequence, reference)));
    }
    Ok(found)
}

//! Questions about entities: the batch to hand out, an entity, a page of them, who holds which lock.
//!
//! Not here: finding circles among those who wait, which needs all partitions (`waits`).

use bytes::Bytes;

use crate::id::{EntityId, Epoch};
use crate::limits;
use crate::partition::command::Section;
use crate::partition::state::entities::locks::LockRequestRow;
use crate::partition::state::entities::{Entity, EntityRow};
use crate::partition::state::history::event_in_full;
use crate::partition::state::keys;
use crate::partition::state::meta::MetaRow;
use crate::partition::state::payloads::put_in_place;
use crate::partition::state::queue::Look;
use crate::partition::state::values::ValueRow;
use crate::payload::whole_bytes;
use crate::rows::{Key, KeyBuilder, Loaded, Needs, Range, Transaction, WorkingSet, decode};
use crate::time::Timestamp;

/// An entity's operations to hand to a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The entity.
    pub entity: EntityId,
    /// Which of its lives.
    pub execution: String,
    /// Which batch of this life, from 1.
    pub turn: u64,
    /// JSON text; absent: it has none.
    pub state: Option<String>,
    /// Encoded events, `EntityOperationSignaled` or `EntityOperationCalled`, in order.
    pub operations: Vec<Bytes>,
}

/// An entity as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityView {
    /// The entity.
    pub entity: EntityId,
    /// When it last changed.
    pub modified: Timestamp,
    /// How much waits in its mailbox.
    pub backlog: u32,
    /// Who uses it alone.
    pub lock: Option<LockView>,
    /// Bytes of its state; `None`: it has none.
    pub state_bytes: Option<u32>,
    /// JSON text; only where it was asked for.
    pub state: Option<String>,
    /// Why no worker can run it.
    pub stuck: Option<String>,
}

/// A lock that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockView {
    /// By whom.
    pub section: Section,
    /// Since when.
    pub since: Timestamp,
}

/// Which entities are meant; what is empty or absent does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntitiesFilter {
    /// Ids that begin so.
    pub prefix: String,
    /// Changed then or later.
    pub modified_from: Option<Timestamp>,
    /// Changed before.
    pub modified_to: Option<Timestamp>,
    /// Of which kind.
    pub kind: EntitiesKind,
}

/// Which kind of entities are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EntitiesKind {
    /// Those that have a state.
    #[default]
    WithState,
    /// Also those that have no state, only a lock or something waiting.
    All,
    /// Those that no worker can run, with a state or without.
    Stuck,
}

/// A page of entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitiesPage {
    /// In order of their ids; may be fewer than asked for, even none, although more follow.
    pub entities: Vec<EntityView>,
    /// Where to go on; `None`: there are no more.
    pub next: Option<EntityId>,
}

/// A locked entity and who waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedEntity {
    /// The entity.
    pub entity: EntityId,
    /// Who holds it.
    pub holder: LockView,
    /// Some of those who wait for the lock, at most [`WAITERS_MAX`].
    pub waiters: Vec<LockView>,
}

/// Waiting sections that are shown of one entity.
pub const WAITERS_MAX: usize = 64;

/// The batch that can be handed out now, if there is one. `epoch` must be the partition's own.
pub fn batch(rows: &WorkingSet, id: &EntityId, epoch: Epoch) -> Result<Option<Batch>, Needs> {
    let tx = Transaction::new(rows);
    let meta: MetaRow = tx.get(&keys::meta())?.unwrap_or_default();
    let ours = epoch.lineage.0 == meta.lineage && epoch.lease.0 == meta.lease;
    let Some(entity) = load(&tx, id)?.filter(|entity| ours && entity.has_batch()) else { return Ok(None) };
    let mut operations: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    entity.look_at_operations(&tx, |event| {
        bytes = whole_bytes(&event).saturating_add(bytes);
        let full = operations.len() >= limits::BATCH_OPERATIONS_MAX || bytes > limits::BATCH_BYTES_MAX;
        if full && !operations.is_empty() {
            return Look::Enough;
        }
        operations.push(event);
        Look::Further
    })?;
    let operations = operations.into_iter().map(|event| event_in_full(&tx, event)).collect::<Loaded<_>>()?;
    let state = state(&tx, &entity)?;
    let Entity { id, row } = entity;
    Ok(Some(Batch { entity: id, execution: row.execution, turn: row.turn, state, operations }))
}

fn load(tx: &Transaction, id: &EntityId) -> Loaded<Option<Entity>> {
    Ok(tx.get::<EntityRow>(&keys::entity(id))?.map(|row| Entity { id: id.clone(), row }))
}

fn state(tx: &Transaction, entity: &Entity) -> Loaded<Option<String>> {
    if entity.row.state_bytes.is_none() {
        return Ok(None);
    }
    let mut text = tx.get::<ValueRow>(&keys::entity_state(entity.row.number))?.and_then(|row| row.text);
    text.as_mut().map_or(Ok(()), |text| put_in_place(tx, text))?;
    Ok(text)
}

/// The entity as it stands; its state only with `with_state`.
pub fn entity(rows: &WorkingSet, id: &EntityId, with_state: bool) -> Result<Option<EntityView>, Needs> {
    let tx = Transaction::new(rows);
    let Some(entity) = load(&tx, id)? else { return Ok(None) };
    let state = if with_state { state(&tx, &entity)? } else { None };
    Ok(Some(EntityView { state, ..bare(entity) }))
}

fn bare(entity: Entity) -> EntityView {
    let backlog = entity.backlog();
    let Entity { id, row } = entity;
    let lock = row.lock.map(|lock| LockView { section: lock.section, since: lock.since.into() });
    EntityView {
        entity: id,
        modified: row.modified.map(Timestamp::from).unwrap_or_default(),
        backlog,
        lock,
        state_bytes: row.state_bytes,
        state: None,
        stuck: row.stuck,
    }
}

impl EntitiesFilter {
    fn accepts(&self, view: &EntityView) -> bool {
        let of_kind = match self.kind {
            EntitiesKind::WithState => view.state_bytes.is_some(),
            EntitiesKind::All => true,
            EntitiesKind::Stuck => view.stuck.is_some(),
        };
        of_kind
            && self.modified_from.is_none_or(|from| view.modified >= from)
            && self.modified_to.is_none_or(|to| view.modified < to)
    }
}

fn entity_of(key: &Key) -> Option<EntityId> {
    let text = key.as_bytes().get(1..).and_then(|id| std::str::from_utf8(id).ok())?;
    Some(EntityId::trusted(text))
}

/// Entities after `after`, in order of their ids. Looks at a bounded number of rows, so a page may be
/// short although more follow.
pub fn entities(
    rows: &WorkingSet,
    filter: &EntitiesFilter,
    after: Option<&EntityId>,
    limit: usize,
) -> Result<EntitiesPage, Needs> {
    let tx = Transaction::new(rows);
    let all = Range::all(KeyBuilder::room(keys::ENTITY).text(&filter.prefix), limits::CASCADE_ROWS_MAX);
    let from =
        after.map_or_else(|| all.from.clone(), |after| keys::entity(after).next().max(all.from.clone()));
    let page = tx.range(&Range { from, ..all })?;
    let mut entities = Vec::new();
    let mut last = None;
    for (key, bytes) in &page {
        if entities.len() >= limit {
            return Ok(EntitiesPage { entities, next: last });
        }
        let Some(id) = entity_of(key) else { continue };
        let view = bare(Entity { id, row: decode(bytes) });
        last = Some(view.entity.clone());
        if filter.accepts(&view) {
            entities.push(view);
        }
    }
    let next = last.filter(|_| page.len() >= limits::CASCADE_ROWS_MAX);
    Ok(EntitiesPage { entities, next })
}

/// Locked entities after `after`, in order of their ids, with those who wait for them.
pub fn locks(rows: &WorkingSet, after: Option<&EntityId>, limit: usize) -> Result<Vec<LockedEntity>, Needs> {
    let tx = Transaction::new(rows);
    let all = Range::all(KeyBuilder::room(keys::LOCKED), limit);
    let from = after.map_or_else(|| all.from.clone(), |after| keys::locked(after).next());
    let page = tx.range(&Range { from, ..all })?;
    let ids: Vec<EntityId> = page.iter().filter_map(|(key, _)| entity_of(key)).collect();
    tx.want(ids.iter().map(keys::entity))?;
    let mut found = Vec::new();
    for id in ids {
        let Some(entity) = load(&tx, &id)? else { continue };
        let requests = Range::all(keys::of(keys::LOCK_REQUEST, entity.row.number), WAITERS_MAX);
        let waiters = tx.range(&requests)?;
        let waiter = |(_, bytes): &(Key, Bytes)| {
            let row: LockRequestRow = decode(bytes);
            LockView { section: row.section, since: row.since.into() }
        };
        let waiters = waiters.iter().map(waiter).collect();
        if let Some(holder) = bare(entity).lock {
            found.push(LockedEntity { entity: id, holder, waiters });
        }
    }
    Ok(found)
}

//! Which task hubs and nodes exist and which node holds what: the control plane's machine, of the
//! partition's shape.
//!
//! [`needs`] and [`apply`] turn an entry into a change of rows and [`Effects`]; [`list`], [`hub`],
//! [`nodes`] and [`placements`] answer questions. Not here: starting and stopping partitions
//! (`server`). Numbers of hubs, nodes and replicas are never given twice, and a deleted hub is kept
//! until somebody removes it for good.

mod command;
mod effect;
pub mod invariants;
mod nodes;
pub mod placement;
mod replicas;
pub(crate) mod rows;

use bytes::Bytes;
use prost::Message as _;

use crate::catalog::rows::{CatalogRow, HubRow, hub_key, meta_key};
use crate::id::{HubId, LogId};
use crate::rows::{Changes, KeyBuilder, Loaded, Needs, Range, Transaction, WorkingSet, decode};
use crate::time::Timestamp;

pub use command::{
    Command, CreateHub, DeleteHub, Entry, Mode, NodeState, PlaceReplicas, Placed, RegisterNode, RemoveHub,
    RemoveNode, SetNodeState, Survive, UndeleteHub,
};
pub use effect::{Effect, Effects, HubView, NodeView, PlacementView, Refusal, ReplicaView, Reply};
pub use nodes::{is_address, is_domain_path, is_node_name, node, nodes};
pub use replicas::{placement, placements};

/// How long a deleted hub can be brought back, in seconds: 7 days.
pub const TOMBSTONE_SECONDS: u64 = 7 * 24 * 60 * 60;
/// Bytes of a hub's signing key.
pub const HUB_KEY_BYTES: usize = 32;
/// Partitions of a hub.
pub const PARTITIONS_MAX: u32 = 1_024;
/// Characters of a hub's name.
pub const HUB_NAME_CHARS_MAX: usize = 64;
/// Nodes of a cluster: every node has a session with every other.
pub const NODES_MAX: u32 = 1_000;
/// Replicas of a partition: more make a majority no safer, and each entry slower.
pub const REPLICAS_MAX: usize = 9;
/// Replicas that a partition should have where its hub does not say: one may fail, and another is
/// then made.
pub const REPLICAS_TARGET: u32 = 3;
/// Replicas that a partition must have to be created where its hub does not say.
pub const REPLICAS_MIN: u32 = 2;

/// Letters, digits, `-` and `_`, beginning with a letter, at most [`HUB_NAME_CHARS_MAX`].
pub fn is_hub_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.len() <= HUB_NAME_CHARS_MAX
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Which rows must be loaded before `command` can be applied; asked again until nothing is missing.
pub fn needs(command: &Command, at: Timestamp, rows: &WorkingSet) -> Needs {
    run(rows, LogId::default(), at, Some(command)).err().unwrap_or_default()
}

/// Applies an entry whose rows are loaded. Total: a "no" is a reply.
///
/// # Panics
/// Where a row is missing that [`needs`] asked for: the caller's error, and this replica must stop.
pub fn apply(rows: &mut WorkingSet, id: LogId, entry: &Entry) -> Effects {
    match try_apply(rows, id, entry) {
        Ok(effects) => effects,
        Err(needs) => panic!("catalog entry {id} is applied without its rows: {needs:?}"),
    }
}

/// Applies an entry, or says which rows are missing and changes nothing.
pub fn try_apply(rows: &mut WorkingSet, id: LogId, entry: &Entry) -> Result<Effects, Needs> {
    let (changes, mut meta, effects) = run(rows, id, entry.at.into(), entry.command.as_ref())?;
    changes.commit(rows, |moved| {
        meta.digest = meta.digest.wrapping_add(moved);
        (meta_key(), Bytes::from(meta.encode_to_vec()))
    });
    Ok(effects)
}

struct State<'a> {
    tx: Transaction<'a>,
    meta: CatalogRow,
    at: Timestamp,
    effects: Effects,
}

fn run(
    rows: &WorkingSet,
    id: LogId,
    at: Timestamp,
    command: Option<&Command>,
) -> Loaded<(Changes, CatalogRow, Effects)> {
    let tx = Transaction::new(rows);
    let meta: CatalogRow = tx.get(&meta_key())?.unwrap_or_default();
    let at = at.max(meta.at.map_or(Timestamp::ZERO, Timestamp::from));
    let mut state = State { tx, meta, at, effects: Vec::new() };
    let reply = match command {
        Some(Command::CreateHub(command)) => Some(state.create(command)?),
        Some(Command::DeleteHub(command)) => Some(state.delete(&command.name)?),
        Some(Command::UndeleteHub(command)) => Some(state.undelete(&command.name)?),
        Some(Command::RemoveHub(command)) => Some(state.remove(&command.name)?),
        Some(Command::RegisterNode(command)) => Some(state.register(command)?),
        Some(Command::SetNodeState(command)) => Some(state.set_node_state(command)?),
        Some(Command::RemoveNode(command)) => Some(state.remove_node(command.node)?),
        Some(Command::PlaceReplicas(command)) => Some(state.place(command)?),
        None => None,
    };
    state.effects.extend(reply.map(Effect::Reply));
    let State { tx, mut meta, at, effects } = state;
    meta.term = id.term;
    meta.index = id.index;
    meta.at = Some(at.into());
    Ok((tx.seal(), meta, effects))
}

impl State<'_> {
    fn create(&mut self, command: &CreateHub) -> Loaded<Reply> {
        let allowed = is_hub_name(&command.name)
            && (1..=PARTITIONS_MAX).contains(&command.partitions)
            && command.key.len() == HUB_KEY_BYTES
            && Mode::try_from(command.mode).is_ok()
            && replicas::is_wish(command);
        if !allowed {
            return Ok(Reply::Refused(Refusal::Invalid));
        }
        if let Some(row) = self.row(&command.name)? {
            let refusal = if row.deleted.is_some() { Refusal::Deleted } else { Refusal::Exists };
            return Ok(Reply::Refused(refusal));
        }
        if let Some(refusal) = self.cannot_place(command)? {
            return Ok(Reply::Refused(refusal));
        }
        self.meta.hubs += 1;
        let hub = HubId(self.meta.hubs);
        let row = HubRow {
            number: hub.0,
            name: command.name.clone(),
            partitions: command.partitions,
            key: command.key.clone(),
            created: self.at.into(),
            deleted: None,
            mode: command.mode,
            survive: command.survive,
            replicas_target: command.replicas_target,
            replicas_min: command.replicas_min,
            placed: self.place_first(hub, &command.placements)?,
        };
        self.store(&row)?;
        self.effects.push(Effect::Open(row.view()));
        Ok(Reply::Done(row.view()))
    }

    fn delete(&mut self, name: &str) -> Loaded<Reply> {
        let Some(mut row) = self.row(name)? else { return Ok(Reply::Refused(Refusal::NotFound)) };
        if row.deleted.is_some() {
            return Ok(Reply::Unchanged(row.view()));
        }
        row.deleted = Some(self.at.into());
        self.store(&row)?;
        self.effects.push(Effect::Close(HubId(row.number)));
        Ok(Reply::Done(row.view()))
    }

    fn undelete(&mut self, name: &str) -> Loaded<Reply> {
        let Some(mut row) = self.row(name)? else { return Ok(Reply::Refused(Refusal::NotFound)) };
        if row.deleted.take().is_none() {
            return Ok(Reply::Unchanged(row.view()));
        }
        self.store(&row)?;
        self.effects.push(Effect::Open(row.view()));
        Ok(Reply::Done(row.view()))
    }

    fn remove(&mut self, name: &str) -> Loaded<Reply> {
        let Some(row) = self.row(name)? else { return Ok(Reply::Refused(Refusal::NotFound)) };
        if row.deleted.is_none() {
            return Ok(Reply::Refused(Refusal::NotDeleted));
        }
        self.tx.remove(hub_key(name))?;
        self.forget_placements(HubId(row.number))?;
        self.effects.push(Effect::Remove(HubId(row.number)));
        Ok(Reply::Removed(HubId(row.number)))
    }

    fn row(&self, name: &str) -> Loaded<Option<HubRow>> {
        self.tx.get(&hub_key(name))
    }

    fn store(&mut self, row: &HubRow) -> Loaded<()> {
        self.tx.put(hub_key(&row.name), row)
    }
}

/// Where the next page of [`outstanding`] begins: after a hub's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(Option<String>);

/// Hubs looked at at a time.
const PAGE_HUBS: usize = 64;

/// One page of what must be so: the hubs whose partitions run, and those that are closed.
pub fn outstanding(rows: &WorkingSet, cursor: &Cursor) -> Result<(Effects, Option<Cursor>), Needs> {
    let page = list(rows, cursor.0.as_deref(), PAGE_HUBS)?;
    let next = page.last().filter(|_| page.len() >= PAGE_HUBS).map(|hub| Cursor(Some(hub.name.clone())));
    let effect = |hub: HubView| if hub.deleted.is_some() { Effect::Close(hub.id) } else { Effect::Open(hub) };
    Ok((page.into_iter().map(effect).collect(), next))
}

/// Hubs after `after`, in order of their names, deleted ones too.
pub fn list(rows: &WorkingSet, after: Option<&str>, limit: usize) -> Result<Vec<HubView>, Needs> {
    let all = Range::all(KeyBuilder::room(rows::HUB), limit);
    let from = after.map_or_else(|| all.from.clone(), |after| hub_key(after).next());
    let page = Transaction::new(rows).range(&Range { from, ..all })?;
    Ok(page.iter().map(|(_, bytes)| decode::<HubRow>(bytes).view()).collect())
}

/// The hub of this name, deleted or not.
pub fn hub(rows: &WorkingSet, name: &str) -> Result<Option<HubView>, Needs> {
    Ok(Transaction::new(rows).get::<HubRow>(&hub_key(name))?.map(|row| row.view()))
}

/// The last applied entry and the state digest.
pub fn applied(rows: &WorkingSet) -> Result<(LogId, u64), Needs> {
    let meta: CatalogRow = Transaction::new(rows).get(&meta_key())?.unwrap_or_default();
    Ok((LogId { term: meta.term, index: meta.index }, meta.digest))
}

#[cfg(test)]
mod tests;

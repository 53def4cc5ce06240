//! What must hold of entities, one function per name.
//!
//! Not here: the order of operations and what comes of them, which only a history of many commands
//! shows (the simulation's).

use std::collections::BTreeSet;

use crate::event::EventKind;
use crate::id::EntityId;
use crate::partition::command::Section;
use crate::partition::invariants::{Everything, Violation, unless};
use crate::partition::state::entities::mailbox::MailKind;
use crate::partition::state::entities::{Entity, length};
use crate::partition::state::instances::Instance;
use crate::partition::state::keys;
use crate::partition::state::queue::{QueueChunk, QueueHead};
use crate::rows::{Key, KeyBuilder, decode};

impl Everything<'_> {
    pub(crate) fn entities(&self) -> impl Iterator<Item = Entity> {
        self.room(KeyBuilder::room(keys::ENTITY)).filter_map(|(key, bytes)| {
            let id = std::str::from_utf8(key.as_bytes().get(1..)?).ok()?;
            Some(Entity { id: EntityId::trusted(id), row: decode(bytes) })
        })
    }

    fn mail(&self, number: u64, head: Option<QueueHead>) -> Vec<MailKind> {
        let chunks = self.room(keys::of(keys::MAILBOX, number)).map(|(_, bytes)| decode::<QueueChunk>(bytes));
        let skip = head.map_or(0, |head| usize::try_from(head.skip()).unwrap_or(0));
        chunks.flat_map(|chunk| chunk.items).skip(skip).map(MailKind::read).collect()
    }
}

pub(crate) fn entities_are_something(all: &Everything) -> Option<Violation> {
    let entities: Vec<Entity> = all.entities().collect();
    let nothing = entities
        .iter()
        .find(|one| one.row.state_bytes.is_none() && one.row.lock.is_none() && one.backlog() == 0);
    let with_state = entities.iter().filter(|one| one.row.state_bytes.is_some());
    let expected: BTreeSet<Key> = with_state.map(|one| keys::entity_state(one.row.number)).collect();
    let odd = odd(all, keys::ENTITY_STATE, &expected);
    unless(nothing.is_none() && odd.is_none(), Violation::EntitiesAreSomething, || {
        format!("nothing {:?}, state {odd:?}", nothing.map(|one| &one.id))
    })
}

/// A row of the room that is not expected, or the reverse.
fn odd(all: &Everything, room: u8, expected: &BTreeSet<Key>) -> Option<Key> {
    let kept: BTreeSet<Key> = all.room(KeyBuilder::room(room)).map(|(key, _)| key.clone()).collect();
    kept.symmetric_difference(expected).next().cloned()
}

pub(crate) fn mailbox_is_whole(all: &Everything) -> Option<Violation> {
    let mut expected = BTreeSet::new();
    let mut miscounted = None;
    for entity in all.entities() {
        let row = &entity.row;
        for (number, head) in [(row.number, row.waiting), (row.ahead_number, row.ahead)] {
            let chunks = head.unwrap_or_default().chunks();
            expected.extend(chunks.map(|chunk| keys::of(keys::MAILBOX, number).small(chunk).key()));
            if usize::try_from(length(head)) != Ok(all.mail(number, head).len()) {
                miscounted = Some(entity.id.clone());
            }
        }
        // Sifting is for what waits of a stuck entity that nobody holds.
        if row.sifting && (row.stuck.is_none() || row.lock.is_some()) {
            miscounted = Some(entity.id.clone());
        }
    }
    let odd = odd(all, keys::MAILBOX, &expected);
    unless(odd.is_none() && miscounted.is_none(), Violation::MailboxIsWhole, || {
        format!("miscounted {miscounted:?}, chunk {odd:?}")
    })
}

pub(crate) fn locks_are_found(all: &Everything) -> Option<Violation> {
    let locked = all.entities().filter(|one| one.row.lock.is_some());
    let expected: BTreeSet<Key> = locked.map(|one| keys::locked(&one.id)).collect();
    let odd_lock = odd(all, keys::LOCKED, &expected);
    let mut waiting = BTreeSet::new();
    for entity in all.entities() {
        let mail = all.mail(entity.row.number, entity.row.waiting);
        waiting.extend(mail.iter().filter_map(|mail| Some(lock_request(mail, entity.row.number)?.1)));
    }
    let mut requests = all.room(KeyBuilder::room(keys::LOCK_REQUEST)).map(|(key, _)| key);
    let lost = requests.find(|key| !waiting.contains(*key));
    unless(odd_lock.is_none() && lost.is_none(), Violation::LocksAreFound, || {
        format!("lock {odd_lock:?}, request without mail {lost:?}")
    })
}

fn lock_request(mail: &MailKind, number: u64) -> Option<(&Section, Key)> {
    match mail {
        MailKind::Lock(request) => Some((&request.section, keys::lock_request(number, &request.section))),
        MailKind::Operation(_) => None,
    }
}

pub(crate) fn free_entities_are_taken(all: &Everything) -> Option<Violation> {
    let idle = all.entities().find(|one| {
        let row = &one.row;
        let free = row.lock.is_none() && length(row.ahead) == 0 && !row.advancing;
        free && matches!(all.mail(row.number, row.waiting).first(), Some(MailKind::Lock(_)))
    });
    unless(idle.is_none(), Violation::FreeEntitiesAreTaken, || format!("{:?}", idle.map(|one| one.id)))
}

pub(crate) fn entity_calls_are_counted(all: &Everything, instance: &Instance) -> Option<Violation> {
    let mut open = 0_i64;
    for event in all.events(&instance.row) {
        if let Some(EventKind::EntityOperationCalled(_)) = event.kind {
            open += 1;
        }
        if let Some(EventKind::EntityOperationCompleted(_) | EventKind::EntityOperationFailed(_)) = event.kind
        {
            open -= 1;
        }
    }
    let said = i64::from(instance.row.open_calls);
    unless(said == open || instance.is_ended(), Violation::EntityCallsAreCounted, || {
        format!("{}: says {said}, found {open}", instance.id)
    })
}

//! Circles among critical sections that wait for each other's locks.
//!
//! There should be none: locks are taken in one order, and a section that holds locks may not ask for
//! more. A circle needs a lock that was taken under other rules, such as before a restore, so it is
//! looked for and reported, never resolved. Not here: reading the locks (`view::locks`).

use std::collections::{BTreeMap, BTreeSet};

use crate::partition::command::Section;
use crate::partition::view::LockedEntity;

type Name = (String, String, String);

fn name(section: &Section) -> Name {
    (section.instance.clone(), section.execution.clone(), section.id.clone())
}

/// Sections that can never go on, because they wait, directly or through others, for themselves; in
/// order of their names.
pub fn circle(locks: &[LockedEntity]) -> Vec<Section> {
    let mut waits_for: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    let mut sections: BTreeMap<Name, Section> = BTreeMap::new();
    for lock in locks {
        let holder = &lock.holder.section;
        sections.insert(name(holder), holder.clone());
        for waiter in &lock.waiters {
            sections.insert(name(&waiter.section), waiter.section.clone());
            waits_for.entry(name(&waiter.section)).or_default().insert(name(holder));
        }
    }
    // Whoever waits for nobody goes on, and after it whoever waited for it; the rest never does.
    let mut stopped: BTreeSet<Name> = sections.keys().cloned().collect();
    loop {
        let blocked = |one: &Name| {
            waits_for.get(one).is_some_and(|for_whom| for_whom.iter().any(|other| stopped.contains(other)))
        };
        let free: Vec<Name> = stopped.iter().filter(|one| !blocked(one)).cloned().collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|one| {
            stopped.remove(one);
        });
    }
    sections.into_iter().filter(|(one, _)| stopped.contains(one)).map(|(_, section)| section).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EntityId;
    use crate::partition::view::LockView;
    use crate::time::Timestamp;

    fn view(instance: &str) -> LockView {
        let section =
            Section { instance: instance.to_owned(), execution: "e".to_owned(), id: "s".to_owned() };
        LockView { section, since: Timestamp::ZERO }
    }

    fn locked(entity: &str, holder: &str, waiters: &[&str]) -> LockedEntity {
        LockedEntity {
            entity: EntityId::trusted(entity),
            holder: view(holder),
            waiters: waiters.iter().map(|waiter| view(waiter)).collect(),
        }
    }

    fn circle_of(locks: &[LockedEntity]) -> Vec<String> {
        circle(locks).into_iter().map(|section| section.instance).collect()
    }

    #[test]
    fn a_queue_is_no_circle() {
        assert_eq!(circle_of(&[]), [] as [&str; 0]);
        let locks = [locked("@a@1", "x", &["y", "z"]), locked("@a@2", "y", &["z"])];
        assert_eq!(circle_of(&locks), [] as [&str; 0]);
    }

    #[test]
    fn two_that_hold_what_the_other_wants_are_a_circle_and_so_is_who_waits_behind() {
        let locks = [locked("@a@1", "x", &["y"]), locked("@a@2", "y", &["x", "z"]), locked("@a@3", "w", &[])];
        assert_eq!(circle_of(&locks), ["x", "y", "z"]);
    }
}

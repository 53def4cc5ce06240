//! Hubs come, go, come back and go for good.
//!
//! Not here: stored bytes (`tests/formats`).

use super::*;

struct Machine {
    rows: WorkingSet,
    index: u64,
}

impl Machine {
    fn new() -> Self {
        Self { rows: WorkingSet::new(), index: 0 }
    }

    fn apply(&mut self, command: Command) -> Effects {
        self.index += 1;
        let at = Timestamp::new(i64::try_from(self.index).unwrap(), 0);
        loop {
            let needs = needs(&command, at, &self.rows);
            if needs.is_empty() {
                break;
            }
            needs.keys.into_iter().for_each(|key| self.rows.load(key, None).unwrap());
            needs.ranges.iter().for_each(|range| self.rows.load_range(range, Vec::new()).unwrap());
        }
        let id = LogId { term: 1, index: self.index };
        apply(&mut self.rows, id, &Entry { at: at.into(), command: Some(command) })
    }

    fn create(&mut self, name: &str) -> Effects {
        let key = Bytes::from_static(&[1; HUB_KEY_BYTES]);
        self.apply(Command::CreateHub(CreateHub {
            name: name.to_owned(),
            partitions: 8,
            key,
            ..CreateHub::default()
        }))
    }

    fn delete(&mut self, name: &str) -> Effects {
        self.apply(Command::DeleteHub(DeleteHub { name: name.to_owned() }))
    }

    fn undelete(&mut self, name: &str) -> Effects {
        self.apply(Command::UndeleteHub(UndeleteHub { name: name.to_owned() }))
    }

    fn remove(&mut self, name: &str) -> Effects {
        self.apply(Command::RemoveHub(RemoveHub { name: name.to_owned() }))
    }

    fn list(&mut self) -> Vec<HubView> {
        let all = Range::all(KeyBuilder::room(rows::HUB), 64);
        self.rows.load_range(&all, Vec::new()).unwrap();
        list(&self.rows, None, 64).unwrap()
    }
}

fn refused(refusal: Refusal) -> Effects {
    vec![Effect::Reply(Reply::Refused(refusal))]
}

#[test]
fn a_hub_is_created_once_and_opened() {
    let mut machine = Machine::new();
    let effects = machine.create("orders");
    let hub = hub(&machine.rows, "orders").unwrap().unwrap();
    assert_eq!(effects, [Effect::Open(hub.clone()), Effect::Reply(Reply::Done(hub))]);
    assert_eq!(machine.create("orders"), refused(Refusal::Exists));
    assert_eq!(machine.create("9lives"), refused(Refusal::Invalid));
    assert_eq!(machine.list().len(), 1);
}

#[test]
fn a_deleted_hub_keeps_its_name_until_it_is_removed_for_good() {
    let mut machine = Machine::new();
    machine.create("orders");
    assert_eq!(machine.remove("orders"), refused(Refusal::NotDeleted));
    assert!(matches!(
        machine.delete("orders").as_slice(),
        [Effect::Close(HubId(1)), Effect::Reply(Reply::Done(_))]
    ));
    assert!(matches!(machine.delete("orders").as_slice(), [Effect::Reply(Reply::Unchanged(_))]));
    assert_eq!(machine.create("orders"), refused(Refusal::Deleted));
    let kept_until = machine.list().first().and_then(HubView::kept_until);
    assert_eq!(kept_until, Some(Timestamp::new(3 + 7 * 86_400, 0)));
    assert!(matches!(
        machine.undelete("orders").as_slice(),
        [Effect::Open(_), Effect::Reply(Reply::Done(_))]
    ));
    machine.delete("orders");
    let gone = [Effect::Remove(HubId(1)), Effect::Reply(Reply::Removed(HubId(1)))];
    assert_eq!(machine.remove("orders"), gone);
    assert_eq!(machine.undelete("orders"), refused(Refusal::NotFound));
}

#[test]
fn a_hubs_number_is_never_given_twice() {
    let mut machine = Machine::new();
    machine.create("orders");
    machine.delete("orders");
    machine.remove("orders");
    machine.create("orders");
    assert_eq!(hub(&machine.rows, "orders").unwrap().map(|hub| hub.id), Some(HubId(2)));
}

#[test]
fn the_kept_digest_is_the_sum_over_the_hubs() {
    let mut machine = Machine::new();
    machine.create("orders");
    machine.create("billing");
    machine.delete("billing");
    let rows = machine.rows.iter().filter(|(key, _)| key.room() == rows::HUB);
    let sum = rows.fold(0_u64, |sum, (key, value)| sum.wrapping_add(crate::rows::row_digest(key, value)));
    assert_eq!(applied(&machine.rows).unwrap(), (LogId { term: 1, index: 3 }, sum));
}

#[test]
fn what_is_outstanding_names_every_hub() {
    let mut machine = Machine::new();
    machine.create("orders");
    machine.create("billing");
    machine.delete("billing");
    machine.list();
    let (effects, next) = outstanding(&machine.rows, &Cursor::default()).unwrap();
    assert!(matches!(effects.as_slice(), [Effect::Close(HubId(2)), Effect::Open(_)]));
    assert_eq!(next, None);
}

//! Entities at their bounds: what a transcript would be too long to tell.
//!
//! Not here: what entities do (`scenarios`).

use engine::event::*;
use engine::id::{EntityId, Epoch, LeaseEpoch, Lineage};
use engine::limits;
use engine::partition::command::*;
use engine::partition::effect::{Effect, Effects};
use engine::partition::view;

use crate::support::{LEASE, LINEAGE, Machine, Memory};

fn section(number: usize) -> Section {
    Section { instance: format!("holder-{number}"), execution: "e".to_owned(), id: "s".to_owned() }
}

fn request(number: usize) -> LockEntities {
    LockEntities { section: section(number), entities: vec!["@lock@1".to_owned()], position: 0 }
}

/// Messages of another partition, in order.
struct Peer {
    machine: Machine,
    sent: u64,
}

impl Peer {
    fn send(&mut self, bodies: impl Iterator<Item = MessageBody>) -> Effects {
        let messages: Vec<Message> = bodies.map(|body| Message { body: Some(body) }).collect();
        let first = self.sent + 1;
        self.sent += u64::try_from(messages.len()).unwrap();
        let command =
            ReceiveMessages { from: 9, from_lineage: LINEAGE, to_lineage: LINEAGE, first, messages };
        let effects = self.machine.apply(Command::ReceiveMessages(command)).0;
        self.machine.check();
        effects
    }
}

#[test]
fn cancelled_lock_requests_are_passed_over_a_page_at_a_time() {
    let mut peer = Peer { machine: Machine::led(Memory::Forgets), sent: 0 };
    let count = 2 * limits::CASCADE_ROWS_MAX + 5;
    peer.send((0..=count).map(|number| MessageBody::LockEntities(request(number))));
    let cancel = |number| MessageBody::CancelLocks(CancelLocks { request: request(number) });
    peer.send((1..count).map(cancel));
    let unlock = UnlockEntity { entity: "@lock@1".to_owned(), section: section(0) };
    let mut effects = peer.send(std::iter::once(MessageBody::UnlockEntity(unlock)));
    let mut pages = 0;
    loop {
        let advance = effects.iter().find_map(|effect| match effect {
            Effect::FollowUp(Command::AdvanceEntity(advance)) => Some(advance.clone()),
            _ => None,
        });
        let outstanding = peer.machine.outstanding();
        let Some(advance) = advance else { break };
        let again = Effect::FollowUp(Command::AdvanceEntity(advance.clone()));
        assert!(outstanding.contains(&again), "a new leader goes on with it");
        pages += 1;
        effects = peer.machine.apply(Command::AdvanceEntity(advance)).0;
        peer.machine.check();
    }
    assert_eq!(pages, 2);
    let locks = peer.machine.ask(|rows| view::locks(rows, None, 10));
    assert_eq!(locks.len(), 1);
    assert_eq!(locks[0].holder.section, section(count));
}

fn signal(bytes: usize) -> Command {
    let kind = EventKind::EntityOperationSignaled(EntityOperationSignaled {
        operation: "add".to_owned(),
        input: Some("x".repeat(bytes)),
        ..EntityOperationSignaled::default()
    });
    let event = Box::new(HistoryEvent { event_id: -1, timestamp: None, kind: Some(kind) });
    Command::SignalEntity(SignalEntity { entity: "@counter@a".to_owned(), request: None, event })
}

fn batch_of(machine: &mut Machine) -> usize {
    let epoch = Epoch { lineage: Lineage(LINEAGE), lease: LeaseEpoch(LEASE), term: 1 };
    let id = EntityId::parse("@counter@a").unwrap();
    machine.ask(|rows| view::batch(rows, &id, epoch)).map_or(0, |batch| batch.operations.len())
}

#[test]
fn a_batch_is_bounded_by_operations_and_by_bytes() {
    let mut machine = Machine::led(Memory::Keeps);
    let count = limits::BATCH_OPERATIONS_MAX;
    (1..count).for_each(|_| drop(machine.apply(signal(1))));
    assert_eq!(batch_of(&mut machine), count - 1);
    machine.apply(signal(1));
    assert_eq!(batch_of(&mut machine), count);
    machine.apply(signal(1));
    assert_eq!(batch_of(&mut machine), count);

    let mut machine = Machine::led(Memory::Keeps);
    machine.apply(signal(limits::VALUE_BYTES_MAX));
    machine.apply(signal(1));
    assert_eq!(batch_of(&mut machine), 1, "a large one goes alone");
}

#[test]
fn a_signal_costs_the_same_however_many_wait() {
    let mut machine = Machine::led(Memory::Keeps);
    let written = |machine: &mut Machine| {
        let (_, writes) = machine.apply(signal(100));
        writes.iter().map(|(_, value)| value.as_ref().map_or(0, bytes::Bytes::len)).sum::<usize>()
    };
    let early: usize = (0..500).map(|_| written(&mut machine)).sum();
    (0..2_000).for_each(|_| drop(machine.apply(signal(100))));
    let late: usize = (0..500).map(|_| written(&mut machine)).sum();
    assert!(late < early + early / 5, "{early} bytes for the first 500, {late} for later ones");
}

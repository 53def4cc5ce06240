//! Large texts in transcripts, in random histories, and what they cost.
//!
//! A text `big.a12` of a transcript is the one that parts `part a 12 …` have brought: 12 times the
//! letter, named by a hash that is the letter 32 times. Not here: the transcripts.

use std::fmt::Write as _;

use bytes::Bytes;
use engine::event::{Action, ActionKind, CompleteOrchestration, ScheduleTask};
use engine::id::{Epoch, InstanceId, LeaseEpoch, Lineage};
use engine::partition::command::*;
use engine::partition::effect::{Effect, Refusal, Reply};
use engine::partition::view::{self, PayloadView};
use engine::payload::{PayloadHash, Reference};
use engine::rows::WriteSet;

use crate::random::World;
use crate::support::{LINEAGE, Machine, Memory};
use crate::words::Words;

fn reference(letter: u8, bytes: u32) -> Reference {
    Reference { hash: PayloadHash([letter; 32]), bytes }
}

/// Puts a reference where a transcript says `big.`.
pub(crate) fn name(text: &mut String) {
    let Some(spec) = text.strip_prefix("big.") else { return };
    let (letter, bytes) = spec.split_at(1);
    *text = reference(letter.as_bytes()[0], bytes.parse().unwrap()).to_text();
}

fn store(letter: u8, bytes: u32, range: std::ops::Range<u32>, keep_ms: u64) -> Command {
    Command::StorePayload(StorePayload {
        hash: Bytes::from(vec![letter; 32]),
        bytes,
        offset: range.start,
        part: Bytes::from(vec![letter; range.len()]),
        keep_ms,
    })
}

/// `part a 12 0 5`: of a text of 12 letters, those from 0 to 5.
pub(crate) fn part(words: &Words) -> Command {
    let number = |position| words.at(position).parse::<u32>().unwrap();
    store(words.at(1).as_bytes()[0], number(2), number(3)..number(4), words.number("keep", 1_000))
}

pub(crate) fn list(payloads: &[PayloadView]) -> String {
    let mut told = String::new();
    for payload in payloads {
        let letter = char::from(payload.hash.0[0]);
        let PayloadView { bytes, stored, references, .. } = payload;
        writeln!(told, "{letter}: {stored} of {bytes} bytes, named {references} times").unwrap();
    }
    if told.is_empty() { "no payloads\n".to_owned() } else { told }
}

impl World {
    /// Brings a large text, perhaps not wholly, and names it.
    pub(crate) fn payload(&mut self) -> String {
        let letter = *self.dice.pick(b"pqrs");
        let bytes = 300;
        let keep = self.dice.next() % 3_000;
        let upto = if self.dice.chance(90) { bytes } else { 200 };
        for from in (0..upto).step_by(100) {
            self.apply(store(letter, bytes, from..from + 100, keep));
        }
        reference(letter, bytes).to_text()
    }
}

const BYTES: u32 = 3 << 20;
const PART_BYTES: u32 = 512 << 10;

fn bring(machine: &mut Machine) -> usize {
    let mut written = 0;
    for from in (0..BYTES).step_by(usize::try_from(PART_BYTES).unwrap()) {
        written += bytes_of(&machine.apply(store(b'x', BYTES, from..from + PART_BYTES, 0)).1);
    }
    written
}

fn bytes_of(writes: &WriteSet) -> usize {
    writes.iter().map(|(key, value)| key.as_bytes().len() + value.as_ref().map_or(0, Bytes::len)).sum()
}

fn start(instance: &str, input: &str) -> Command {
    Command::StartOrchestration(StartOrchestration {
        instance: instance.to_owned(),
        execution: "0".repeat(32),
        name: "order".to_owned(),
        input: Some(input.to_owned()),
        ..StartOrchestration::default()
    })
}

fn turn(machine: &mut Machine, id: &InstanceId, bytes_max: usize) -> view::Turn {
    let epoch = Epoch { lineage: Lineage(LINEAGE), lease: LeaseEpoch(1), term: machine.id.term };
    let now = machine.at;
    machine.ask(|rows| view::turn(rows, id, epoch, now, bytes_max)).unwrap()
}

fn answer(machine: &mut Machine, turn: &view::Turn, actions: Vec<Action>) -> WriteSet {
    let command = CompleteOrchestrationTurn {
        instance: turn.instance.as_str().to_owned(),
        execution: turn.execution.clone(),
        epoch: machine.epoch(),
        turn: turn.turn,
        started_at: turn.started_at.into(),
        delivered: turn.delivered,
        actions,
        ..CompleteOrchestrationTurn::default()
    };
    machine.apply(Command::CompleteOrchestrationTurn(command)).1
}

#[test]
fn each_byte_of_a_large_text_is_written_once() {
    let mut machine = Machine::led(Memory::Forgets);
    let whole = usize::try_from(BYTES).unwrap();
    let brought = bring(&mut machine);
    assert!((whole..whole + 4_000).contains(&brought), "{brought} bytes for {whole}");
    let text = reference(b'x', BYTES).to_text();
    let mut after = 0;
    for id in ["a", "b", "c"] {
        after += bytes_of(&machine.apply(start(id, &text)).1);
        let id = InstanceId::parse(id).unwrap();
        let first = turn(&mut machine, &id, 4 << 20);
        assert!(first.bytes > whole, "the worker is given all of it");
        after += bytes_of(&answer(&mut machine, &first, Vec::new()));
    }
    // Inputs, inboxes and histories of three instances name it; none holds it.
    assert!(after < 10_000, "{after} bytes for three instances");
    let again = bring(&mut machine);
    assert!(again < 1_000, "{again} bytes for what is here already");
    machine.check();
}

/// Rows and bytes written by each entry of an orchestration of one activity, all its texts small.
fn hello() -> Vec<(usize, usize)> {
    let mut machine = Machine::led(Memory::Forgets);
    let id = InstanceId::parse("hello").unwrap();
    let mut told = Vec::new();
    let mut count = |writes: &WriteSet| told.push((writes.len(), bytes_of(writes)));
    count(&machine.apply(start("hello", "\"world\"")).1);
    let first = turn(&mut machine, &id, 4 << 20);
    let task = ScheduleTask { name: "greet".to_owned(), input: first.version.clone(), ..Default::default() };
    count(&answer(&mut machine, &first, vec![Action { id: 1, kind: Some(ActionKind::ScheduleTask(task)) }]));
    let Some(Effect::OfferActivity { activity, .. }) =
        machine.outstanding().into_iter().find(|effect| matches!(effect, Effect::OfferActivity { .. }))
    else {
        panic!("an activity")
    };
    let (epoch, execution, result) = (machine.epoch(), first.execution, Some("\"Hello\"".to_owned()));
    let outcome = CompleteActivity { activity, epoch, execution, task: 1, result, failure: None };
    count(&machine.apply(Command::CompleteActivity(outcome)).1);
    let second = turn(&mut machine, &id, 4 << 20);
    let end = CompleteOrchestration { orchestration_status: 1, ..Default::default() };
    let end = Action { id: 2, kind: Some(ActionKind::CompleteOrchestration(end)) };
    count(&answer(&mut machine, &second, vec![end]));
    count(&machine.apply(Command::Purge(Purge { instance: "hello".to_owned(), ..Purge::default() })).1);
    count(&machine.apply(Command::Sweep(Sweep { instance: "hello".to_owned() })).1);
    told
}

#[test]
fn small_texts_cost_what_they_did_before_there_were_large_ones() {
    assert_eq!(
        hello(),
        [(5, 259), (5, 405), (4, 278), (6, 452), (4, 85), (4, 61)],
        "as before there were payloads"
    );
}

#[test]
fn a_long_past_is_measured_without_looking_its_large_texts_up() {
    let mut machine = Machine::led(Memory::Forgets);
    bring(&mut machine);
    machine.apply(start("a", &reference(b'x', BYTES).to_text()));
    let id = InstanceId::parse("a").unwrap();
    let first = turn(&mut machine, &id, 4 << 20);
    answer(&mut machine, &first, Vec::new());
    let event = RaiseEvent { instance: "a".to_owned(), name: "go".to_owned(), ..RaiseEvent::default() };
    machine.apply(Command::RaiseEvent(event));
    let whole = turn(&mut machine, &id, 4 << 20);
    assert_eq!(whole.past.iter().map(Bytes::len).sum::<usize>(), whole.past_bytes);
    assert!(whole.past_bytes > usize::try_from(BYTES).unwrap());
    machine.rows.evict(0);
    let large = turn(&mut machine, &id, 2 << 20);
    assert!(large.past_bytes >= whole.past_bytes && large.bytes > 3 << 20);
    assert!(machine.rows.bytes() < 100_000, "{} bytes are in memory", machine.rows.bytes());
}

#[test]
fn an_entry_that_names_what_is_not_here_changes_nothing() {
    let mut machine = Machine::led(Memory::Forgets);
    let before = machine.store.len();
    let request = Some(RequestId { source: "gateway".to_owned(), counter: 1 });
    let Command::StartOrchestration(mut command) = start("a", &reference(b'x', BYTES).to_text()) else {
        panic!("a start")
    };
    command.request = request;
    let told = |machine: &mut Machine, command: &StartOrchestration| {
        let effects: Vec<Effect> =
            machine.apply(Command::StartOrchestration(command.clone())).0.into_iter().collect();
        effects.contains(&Effect::Reply(Reply::Refused(Refusal::PayloadMissing)))
    };
    assert!(told(&mut machine, &command), "nothing of it is here");
    machine.apply(store(b'x', BYTES, 0..PART_BYTES, 60_000));
    assert!(told(&mut machine, &command), "a part of it is here");
    assert_eq!(machine.store.len(), before + 3, "the text's row, its part and its place on the list");
    bring(&mut machine);
    assert!(!told(&mut machine, &command), "all of it is here, and the refusals were not remembered");
    machine.check();
}

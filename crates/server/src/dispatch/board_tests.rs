//! Tests of the board: who gets what, what happens when workers and partitions come and go, and a
//! random walk that checks the invariants after each step.

use engine::id::{InstanceId, LeaseEpoch, Lineage};
use engine::partition::command::ActivityKey;

#[path = "slots_tests.rs"]
mod slots_change;
#[path = "waits_tests.rs"]
mod waits;

use super::super::filter::Names;
use super::*;

const HOME: PartitionId = PartitionId(0);

fn epoch(term: u64) -> Epoch {
    Epoch { lineage: Lineage(1), lease: LeaseEpoch(0), term }
}

fn turn(instance: &str) -> Work {
    Work::Turn { instance: InstanceId::parse(instance).expect("an id") }
}

fn activity(instance: &str, ordinal: u32) -> Work {
    Work::Activity { key: ActivityKey { instance: instance.into(), term: 1, index: 1, ordinal } }
}

fn named(work: Work, name: &str, version: &str) -> Offer {
    Offer { partition: HOME, work, name: name.into(), version: version.into() }
}

fn slots(turns: u32, activities: u32) -> PerKind<u32> {
    PerKind { turns, activities, batches: 1 }
}

fn only(kind: Kind, list: &[(&str, &[&str])]) -> Filter {
    let versions = |versions: &[&str]| versions.iter().map(ToString::to_string).collect();
    let names: Names = list.iter().map(|(name, of)| (name.to_string(), versions(of))).collect();
    match kind {
        Kind::Turn => Filter::Named { turns: names, activities: Names::new(), batches: Names::new() },
        Kind::Activity => Filter::Named { turns: Names::new(), activities: names, batches: Names::new() },
        Kind::Batch => Filter::Named { turns: Names::new(), activities: Names::new(), batches: names },
    }
}

/// A board with everything told as the shell would.
struct Table {
    board: Board,
    now: Duration,
}

impl Table {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        Self { board: Board::new(options), now: Duration::ZERO }
    }

    fn worker(&mut self, turns: u32, activities: u32) -> StreamId {
        self.board.connect(Filter::Everything, slots(turns, activities))
    }

    fn offer(&mut self, work: &Work) {
        self.board.offer(named(work.clone(), "n", ""));
    }

    /// What is handed out now, and delivered.
    fn taken(&mut self) -> Vec<Assignment> {
        let mut taken = Vec::new();
        for action in self.board.take_actions() {
            match action {
                // Not wanted: it ended in the step that assigned it.
                Action::Assign(assignment) if !self.board.deliver(assignment.hand_out, epoch(1)) => {}
                Action::Assign(assignment) => taken.push(assignment),
                Action::Refill(partition) => panic!("no refill of {partition:?} is expected"),
            }
        }
        self.board.check();
        taken
    }

    fn works(&mut self) -> Vec<Work> {
        self.taken().iter().map(|assignment| Work::clone(&assignment.work)).collect()
    }

    fn one(&mut self) -> Assignment {
        let taken = self.taken();
        let [one] = taken.as_slice() else { panic!("one hand-out is expected: {taken:?}") };
        one.clone()
    }

    fn answer(&mut self, assignment: &Assignment, ended: Ended) {
        self.board.answered(assignment.hand_out, &assignment.work, epoch(1));
        self.board.ended(&assignment.work, ended);
    }

    fn abandon(&mut self, assignment: &Assignment) {
        self.board.abandoned(assignment.hand_out, &assignment.work, epoch(1));
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.board.tick(self.now);
    }
}

impl Board {
    /// The invariants of the file's header, and that nothing is left over anywhere.
    fn check(&self) {
        self.lanes.check();
        assert_eq!(self.by_work.len(), self.items.len());
        let mut used: BTreeMap<StreamId, PerKind<u32>> = BTreeMap::new();
        for out in self.hand_outs.values() {
            *used.entry(out.stream).or_default().of_mut(out.kind) += 1;
        }
        let mut handed_out = PerKind::default();
        for out in self.hand_outs.values() {
            *handed_out.of_mut(out.kind) += 1;
        }
        assert_eq!(handed_out, self.handed_out);
        for (id, stream) in &self.streams {
            assert_eq!(used.get(id).copied().unwrap_or_default(), stream.used, "slots of {id:?}");
            assert!(
                stream.used.turns <= stream.limits.turns
                    && stream.used.activities <= stream.limits.activities
            );
        }
        let delayed = self.items.values().filter(|item| matches!(item.state, State::Delayed { .. })).count();
        assert_eq!(delayed, self.delayed.len());
        let waiting = self.items.values().filter(|item| item.state == State::Waiting).count();
        assert_eq!(waiting, self.lanes.view().map(|(_, waiting, _)| waiting).sum::<usize>());
    }
}

#[test]
fn an_offer_goes_to_a_free_worker_at_once() {
    let mut table = Table::new();
    table.worker(1, 1);
    table.offer(&turn("a"));
    assert_eq!(table.one().attempt, 1);
    table.offer(&activity("a", 0));
    assert_eq!(*table.one().work, activity("a", 0));
}

#[test]
fn an_offer_without_a_worker_waits_for_one() {
    let mut table = Table::new();
    table.offer(&turn("a"));
    table.offer(&turn("b"));
    assert_eq!(table.works(), []);
    table.worker(1, 0);
    let first = table.one();
    assert_eq!(*first.work, turn("a"));
    table.answer(&first, Ended::Accepted);
    assert_eq!(table.works(), [turn("b")]);
}

#[test]
fn an_instance_has_one_turn_out_at_a_time() {
    let mut table = Table::new();
    table.worker(9, 0);
    table.offer(&turn("a"));
    let first = table.one();
    table.offer(&turn("a"));
    assert_eq!(table.works(), []);
    table.answer(&first, Ended::Accepted);
    assert_eq!(table.works(), [], "the partition offers again what is left");
    table.offer(&turn("a"));
    assert_eq!(table.works(), [turn("a")]);
}

#[test]
fn an_answer_frees_its_slot_before_it_is_applied() {
    let mut table = Table::new();
    table.worker(1, 0);
    table.offer(&turn("a"));
    let first = table.one();
    table.offer(&turn("b"));
    table.board.answered(first.hand_out, &first.work, epoch(1));
    assert_eq!(table.works(), [turn("b")]);
    table.offer(&turn("a"));
    assert_eq!(table.works(), [], "the turn of a is still being applied");
}

#[test]
fn a_refused_late_answer_leaves_the_present_hand_out_alone() {
    let mut table = Table::new();
    let first = table.worker(1, 0);
    table.offer(&turn("a"));
    let _lost = table.one();
    table.worker(1, 0);
    table.board.disconnect(first);
    let present = table.one();
    assert_eq!(present.attempt, 2);
    table.board.ended(&turn("a"), Ended::Refused);
    table.offer(&turn("a"));
    assert_eq!(table.works(), [], "it is still out");
    table.answer(&present, Ended::Accepted);
    table.offer(&turn("a"));
    assert_eq!(table.one().attempt, 1);
}

#[test]
fn an_accepted_late_answer_ends_the_present_hand_out_too() {
    let mut table = Table::new();
    let first = table.worker(1, 0);
    table.offer(&turn("a"));
    table.one();
    table.worker(2, 0);
    table.board.disconnect(first);
    let present = table.one();
    table.board.ended(&turn("a"), Ended::Accepted);
    table.offer(&turn("a"));
    let next = table.one();
    table.answer(&present, Ended::Refused);
    table.offer(&turn("a"));
    assert_eq!(table.works(), [], "the newer hand-out is still out");
    table.answer(&next, Ended::Accepted);
    table.board.check();
}

#[test]
fn a_new_instance_of_an_id_whose_old_turn_is_out_gets_its_turn_after_the_refusal() {
    let mut table = Table::new();
    table.worker(1, 0);
    table.offer(&turn("a"));
    let old = table.one();
    table.offer(&turn("a"));
    table.answer(&old, Ended::Refused);
    assert_eq!(table.one().attempt, 1);
}

#[test]
fn a_dead_workers_items_go_to_others_at_once_and_before_newer_ones() {
    let mut table = Table::new();
    let dying = table.worker(2, 0);
    for name in ["a", "b", "c"] {
        table.offer(&turn(name));
    }
    assert_eq!(table.works(), [turn("a"), turn("b")]);
    table.board.disconnect(dying);
    table.worker(3, 0);
    assert_eq!(table.works(), [turn("a"), turn("b"), turn("c")]);
}

#[test]
fn an_answer_that_arrived_survives_its_worker() {
    let mut table = Table::new();
    let dying = table.worker(1, 0);
    table.offer(&turn("a"));
    let out = table.one();
    table.board.answered(out.hand_out, &out.work, epoch(1));
    table.board.disconnect(dying);
    table.worker(1, 0);
    assert_eq!(table.works(), []);
    table.board.unanswered(out.hand_out, &out.work);
    table.wait(200);
    assert_eq!(table.one().attempt, 2);
}

#[test]
fn an_abandoned_item_waits_longer_each_time_and_goes_rather_to_another() {
    let mut table = Table::new();
    let first = table.worker(2, 0);
    table.offer(&turn("a"));
    let out = table.one();
    assert_eq!(out.stream, first);
    table.abandon(&out);
    let second = table.worker(1, 0);
    table.wait(199);
    assert_eq!(table.works(), []);
    table.wait(1);
    let out = table.one();
    assert_eq!(out.stream, second);
    table.abandon(&out);
    table.wait(399);
    assert_eq!(table.works(), []);
    table.wait(1);
    let out = table.one();
    // Nobody was harmed, so these were no attempts.
    assert_eq!((out.stream, out.attempt), (first, 1));
}

#[test]
fn an_abandoned_item_goes_back_to_the_only_worker() {
    let mut table = Table::new();
    table.worker(1, 0);
    table.offer(&turn("a"));
    let out = table.one();
    table.abandon(&out);
    table.wait(200);
    assert_eq!(table.one().attempt, 1);
}

#[test]
fn waits_double_up_to_their_limit() {
    let options = Options::default();
    let waits: Vec<u128> = [0, 1, 2, 7, 8, 100].map(|n| options.backoff(n).as_millis()).into();
    assert_eq!(waits, [200, 400, 800, 25_600, 30_000, 30_000]);
}

#[test]
fn work_that_nobody_takes_blocks_no_other() {
    let mut table = Table::new();
    for number in 0..1_000 {
        table.board.offer(named(turn(&format!("odd-{number}")), &format!("odd-{}", number % 10), ""));
    }
    table.board.connect(only(Kind::Turn, &[("known", &[])]), slots(1, 1));
    table.board.offer(named(turn("a"), "known", "7"));
    assert_eq!(table.works(), [turn("a")]);
    let unwanted = table.board.lanes().view().filter(|(_, waiting, taken)| *waiting == 100 && !taken);
    assert_eq!(unwanted.count(), 10);
}

#[test]
fn names_take_turns() {
    let mut table = Table::new();
    for number in 0..3 {
        table.board.offer(named(turn(&format!("a{number}")), "a", ""));
    }
    for number in 0..3 {
        table.board.offer(named(turn(&format!("b{number}")), "b", ""));
    }
    table.worker(4, 0);
    assert_eq!(table.works(), [turn("a0"), turn("b0"), turn("a1"), turn("b1")]);
}

#[test]
fn workers_take_turns() {
    let mut table = Table::new();
    let all = [
        table.worker(9, 0),
        table.worker(9, 0),
        table.board.connect(only(Kind::Turn, &[("n", &[])]), slots(9, 0)),
    ];
    for number in 0..6 {
        table.offer(&turn(&format!("a{number}")));
    }
    let taken = table.taken();
    for worker in all {
        let count = taken.iter().filter(|out| out.stream == worker).count();
        assert!((1..=3).contains(&count), "{worker:?} took {count} of 6");
    }
}

#[test]
fn a_version_is_matched_exactly_and_an_activity_by_what_it_inherits() {
    let mut table = Table::new();
    table.board.connect(only(Kind::Activity, &[("charge", &["3.0.0"])]), slots(5, 5));
    table.board.offer(named(activity("a", 0), "charge", "3.0.0"));
    table.board.offer(named(activity("a", 1), "charge", "2.0.0"));
    table.board.offer(named(activity("a", 2), "charge", ""));
    table.board.offer(named(turn("a"), "charge", "3.0.0"));
    assert_eq!(table.works(), [activity("a", 0)]);
}

#[test]
fn work_that_is_gone_gives_its_slot_to_the_next() {
    let mut table = Table::new();
    table.worker(1, 0);
    table.offer(&turn("a"));
    table.offer(&turn("b"));
    let [Action::Assign(first)] = &table.board.take_actions()[..] else { panic!("a is assigned") };
    table.board.nothing(first.hand_out);
    assert_eq!(table.works(), [turn("b")]);
}

#[test]
fn a_hand_out_that_was_not_built_is_tried_again_and_does_not_count() {
    let mut table = Table::new();
    table.worker(1, 0);
    table.offer(&turn("a"));
    let [Action::Assign(first)] = &table.board.take_actions()[..] else { panic!("a is assigned") };
    table.board.give_up(first.hand_out);
    table.board.check();
    table.wait(200);
    assert_eq!(table.one().attempt, 1);
}

#[test]
fn a_worker_that_leaves_while_its_item_is_built_gets_nothing() {
    let mut table = Table::new();
    let leaving = table.worker(1, 0);
    table.offer(&turn("a"));
    let [Action::Assign(first)] = &table.board.take_actions()[..] else { panic!("a is assigned") };
    table.board.disconnect(leaving);
    assert!(!table.board.deliver(first.hand_out, epoch(1)));
    table.worker(1, 0);
    assert_eq!(table.works(), [turn("a")]);
}

#[test]
fn a_slow_turn_goes_to_another_worker_and_the_slow_one_keeps_its_slot() {
    let mut table = Table::new();
    let slow = table.worker(1, 1);
    table.offer(&turn("a"));
    table.offer(&activity("a", 0));
    let taken = table.taken();
    table.wait(300_000);
    table.offer(&turn("b"));
    assert_eq!(table.works(), [], "the slow worker is busy, and its activity may last");
    let other = table.worker(2, 0);
    let moved = table.taken();
    assert!(moved.iter().all(|out| out.stream == other));
    assert_eq!(moved.len(), 2);
    table.board.answered(taken[0].hand_out, &taken[0].work, epoch(1));
    table.board.ended(&turn("a"), Ended::Accepted);
    table.offer(&turn("c"));
    assert_eq!(table.one().stream, slow);
}

#[test]
fn an_answer_of_another_epoch_or_about_other_work_frees_no_slot() {
    let mut table = Table::new();
    table.worker(1, 0);
    table.offer(&turn("a"));
    table.offer(&turn("b"));
    let out = table.one();
    table.board.answered(out.hand_out, &out.work, epoch(2));
    table.board.answered(out.hand_out, &turn("b"), epoch(1));
    table.board.abandoned(out.hand_out, &out.work, epoch(2));
    assert_eq!(table.works(), []);
    table.answer(&out, Ended::Accepted);
    assert_eq!(table.works(), [turn("b")]);
}

#[test]
fn a_partition_that_stops_leading_is_forgotten_and_others_are_not() {
    let mut table = Table::new();
    let mut there = named(turn("there"), "n", "");
    there.partition = PartitionId(1);
    let out = {
        table.worker(1, 0);
        table.offer(&turn("out"));
        table.one()
    };
    table.offer(&turn("waiting"));
    table.board.offer(there);
    table.board.reset(HOME);
    table.board.check();
    assert_eq!(table.works(), [], "the worker is still busy with what it got");
    table.board.answered(out.hand_out, &out.work, epoch(1));
    assert_eq!(table.works(), [turn("there")]);
    table.offer(&turn("out"));
    table.worker(1, 0);
    assert_eq!(table.works(), [turn("out")]);
}

#[test]
fn offers_beyond_the_boards_room_are_asked_for_again() {
    let mut table = Table::with(Options { items_max: 4, ..Options::default() });
    for number in 0..6 {
        table.offer(&turn(&format!("a{number}")));
    }
    table.worker(9, 0);
    let taken = table.taken();
    assert_eq!(taken.len(), 4);
    table.answer(&taken[0], Ended::Accepted);
    assert_eq!(table.board.take_actions(), []);
    table.answer(&taken[1], Ended::Accepted);
    assert_eq!(table.board.take_actions(), [Action::Refill(HOME)]);
    table.answer(&taken[2], Ended::Accepted);
    assert_eq!(table.board.take_actions(), []);
}

#[test]
fn an_idle_board_holds_nothing_and_asks_for_no_time() {
    let mut table = Table::new();
    let worker = table.worker(1, 1);
    for number in 0..50 {
        table.offer(&turn(&format!("a{number}")));
        let out = table.one();
        table.answer(&out, Ended::Accepted);
    }
    assert_eq!(table.board.due(), None);
    table.board.disconnect(worker);
    let board = &table.board;
    let empty = [board.items.len(), board.by_work.len(), board.hand_outs.len(), board.streams.len()];
    assert_eq!(empty, [0; 4]);
    assert_eq!(board.lanes().view().count(), 0);
}

/// Small, repeatable numbers: a linear congruential generator's high bits.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn a_random_walk_keeps_the_invariants_and_loses_no_work() {
    for seed in 0..200 {
        random_walk(seed);
    }
}

fn random_walk(seed: u64) {
    let mut dice = Dice(seed);
    let mut table = Table::new();
    let mut workers = Vec::new();
    let mut out = Vec::new();
    let mut open: BTreeSet<Work> = BTreeSet::new();
    for _ in 0..300 {
        let number = dice.roll(12);
        let work = if dice.roll(2) == 0 {
            turn(&format!("i{number}"))
        } else {
            activity("i", u32::try_from(number).expect("small"))
        };
        match dice.roll(10) {
            0..4 => {
                open.insert(work.clone());
                table.board.offer(named(work, if number.is_multiple_of(3) { "x" } else { "y" }, ""));
            }
            4 if workers.len() < 4 => {
                let turns = only(Kind::Turn, &[("x", &[]), ("y", &[])]);
                let filter = if dice.roll(2) == 0 { Filter::Everything } else { turns };
                workers.push(table.board.connect(filter, slots(2, 2)));
            }
            5 if !workers.is_empty() && dice.roll(3) == 0 => {
                let worker =
                    workers.swap_remove(usize::try_from(dice.roll(workers.len() as u64)).expect("small"));
                table.board.disconnect(worker);
            }
            6 => table.wait(dice.roll(1_000) * 100),
            _ if !out.is_empty() => {
                let held: Assignment =
                    out.swap_remove(usize::try_from(dice.roll(out.len() as u64)).expect("small"));
                match dice.roll(4) {
                    0 => table.abandon(&held),
                    1 => table.board.answered(held.hand_out, &held.work, epoch(1)),
                    _ => {
                        table.answer(&held, Ended::Accepted);
                        open.remove(&*held.work);
                    }
                }
                if dice.roll(4) == 0 {
                    table.board.unanswered(held.hand_out, &held.work);
                }
            }
            _ => {}
        }
        out.extend(table.taken());
    }
    finish(&mut table, &mut open, out);
}

/// With a patient worker for everything, all that is open ends.
fn finish(table: &mut Table, open: &mut BTreeSet<Work>, mut out: Vec<Assignment>) {
    table.worker(50, 50);
    for _ in 0..100 {
        out.extend(table.taken());
        for held in std::mem::take(&mut out) {
            table.answer(&held, Ended::Accepted);
            open.remove(&*held.work);
            table.board.unanswered(held.hand_out, &held.work);
        }
        let answered: Vec<(HandOutId, Work)> = table.board.items.values().filter_map(lost_answer).collect();
        for (hand_out, work) in answered {
            table.board.unanswered(hand_out, &work);
        }
        table.wait(60_000);
    }
    assert!(open.is_empty(), "never handed out: {open:?}");
}

fn lost_answer(item: &Item) -> Option<(HandOutId, Work)> {
    match item.state {
        State::Answered { hand_out } => Some((hand_out, Work::clone(&item.work))),
        State::Waiting | State::Delayed { .. } | State::Building { .. } | State::Out { .. } => None,
    }
}

#[test]
fn an_entity_has_one_batch_out_and_a_slow_one_goes_to_another_worker() {
    let mut table = Table::new();
    let batch = Work::Batch { entity: engine::id::EntityId::parse("@counter@a").expect("an id") };
    let slow = table.worker(1, 1);
    table.offer(&batch);
    assert_eq!(table.one().stream, slow);
    table.offer(&batch);
    table.worker(1, 1);
    assert_eq!(table.works(), [], "one batch of an entity at a time");
    table.wait(301_000);
    let again = table.one();
    assert_ne!(again.stream, slow);
    table.answer(&again, Ended::Accepted);
    table.offer(&batch);
    assert_eq!(table.one().attempt, 1);
}

//! Tests of the board: workers whose slots change while they work.
//!
//! Not here: who changes them (`peers::work`).

use super::*;

#[test]
fn a_worker_with_fewer_slots_keeps_what_it_has_and_one_with_more_is_given_more() {
    let mut table = Table::new();
    let worker = table.worker(3, 1);
    for id in ["a", "b", "c", "d"] {
        table.offer(&turn(id));
    }
    let held = table.taken();
    assert_eq!(held.len(), 3);
    table.board.resize(worker, slots(1, 1));
    for assignment in held.iter().take(2) {
        table.answer(assignment, Ended::Accepted);
        assert!(table.board.take_actions().is_empty(), "it still has as many as it may");
    }
    table.answer(&held[2], Ended::Accepted);
    assert_eq!(table.works(), [turn("d")]);
    table.offer(&turn("e"));
    table.offer(&turn("f"));
    assert_eq!(table.works(), []);
    table.board.resize(worker, slots(2, 1));
    assert_eq!(table.works(), [turn("e")]);
    table.board.disconnect(worker);
    table.board.resize(worker, slots(9, 1));
    assert_eq!(table.works(), [], "it has gone");
}

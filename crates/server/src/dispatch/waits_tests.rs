//! Tests of work that waits because of what workers did with it, and of telling why.

use super::*;

#[test]
fn an_answer_that_cannot_be_used_is_an_attempt() {
    let mut table = Table::new();
    table.worker(1, 0);
    table.offer(&turn("a"));
    let out = table.one();
    table.board.spoilt(out.hand_out, &out.work, epoch(1));
    table.wait(200);
    assert_eq!(table.one().attempt, 2);
}

#[test]
fn what_several_workers_did_not_survive_waits_longer_each_time() {
    let mut table = Table::new();
    table.offer(&turn("a"));
    for attempt in 1..=2 {
        let worker = table.worker(1, 0);
        assert_eq!(table.one().attempt, attempt);
        table.board.disconnect(worker);
    }
    let worker = table.worker(1, 0);
    assert_eq!(table.one().attempt, 3);
    table.board.disconnect(worker);
    table.worker(1, 0);
    table.wait(199);
    assert_eq!(table.works(), []);
    table.wait(1);
    assert_eq!(table.one().attempt, 4);
}

#[test]
fn why_work_waits_is_told_of_turns_and_activities() {
    let mut table = Table::new();
    let a = InstanceId::parse("a").unwrap();
    table.offer(&turn("a"));
    table.offer(&activity("a", 1));
    table.offer(&activity("ab", 1));
    let stages = |table: &Table| -> Vec<Stage> {
        table.board.standings(&a).into_iter().map(|standing| standing.stage).collect()
    };
    assert_eq!(stages(&table), [Stage::NoWorker, Stage::NoWorker]);
    table.worker(1, 0);
    let out = table.one();
    assert_eq!(stages(&table), [Stage::Answer, Stage::Slot]);
    for round in 1..=3 {
        let out = if round == 1 { out.clone() } else { table.one() };
        table.abandon(&out);
        if round < 3 {
            table.wait(400);
        }
    }
    assert_eq!(stages(&table), [Stage::NextTry { after: Duration::from_millis(800) }, Stage::Slot]);
    let given_back = table.board.given_back(3);
    assert_eq!((given_back.len(), given_back[0].items, given_back[0].most), (1, 1, 3));
    assert_eq!(table.board.given_back(4), []);
}

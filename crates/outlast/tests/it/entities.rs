//! Entities as users of the published Python SDK know them, and a bank on entities over a server that
//! is killed.
//!
//! Not here: the scenarios and the bank, which are `tests/sdk/python/entities.py`.

use serde_json::Value;

use crate::program::{Program, python};
use crate::scenarios::scenarios;
use crate::scratch::Scratch;
use crate::server::Server;

scenarios!(python "entities.py", every_scenario_has_a_test:
    signals_are_done_once_and_in_order,
    a_signal_sent_again_with_its_request_id_is_the_same_signal,
    calls_answer_and_failures_are_told_and_taken_back,
    orchestrations_signal_entities,
    entities_signal_others_and_start_orchestrations,
    a_scheduled_signal_is_nowhere_before_its_time,
    an_entity_without_a_state_does_not_exist,
    a_critical_section_is_alone,
    locks_end_with_their_holder,
    an_answer_to_an_earlier_execution_is_dropped,
    entities_are_found,
    what_cannot_be_is_refused,
    another_worker_takes_over_when_one_goes,
);

const TRANSFERS: usize = 40;

#[test]
fn a_bank_survives_kills_of_the_server_with_every_signal_counted_and_every_lock_returned() {
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch.join("data"));
    let mut bank =
        Program::start(python("entities.py").args(["bank", &server.grpc()]).arg(TRANSFERS.to_string()));
    bank.wait_for_lines(TRANSFERS / 3, "acknowledged");
    server.kill_and_restart();
    bank.wait_for_lines(2 * TRANSFERS / 3, "acknowledged");
    server.kill_and_restart();
    bank.wait_for_lines(TRANSFERS / 4, "finished");
    server.kill_and_restart();
    let verdict = bank.wait_for("the verdict", |line| serde_json::from_str::<Value>(line).ok());
    assert_eq!(verdict["signals"], TRANSFERS, "{verdict}");
    assert_eq!(verdict["total"], 0, "{verdict}");
    assert_eq!(verdict["locked"], Value::Array(Vec::new()), "{verdict}");
}

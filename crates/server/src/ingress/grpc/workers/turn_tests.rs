//! Tests of what a turn may ask for: nothing an orchestration can cause is handed out for ever.

use engine::event::{
    CreateSubOrchestration, CreateTimer, EntityOperationCalled, ScheduleTask, SendEntityMessage, SendEvent,
};
use engine::event::{OrchestrationInstance, RewindOrchestration};

use super::*;

fn action(kind: ActionKind) -> Action {
    Action { id: 1, kind: Some(kind) }
}

fn checked(actions: Vec<Action>, bytes: usize) -> Result<Vec<Action>, String> {
    check(TurnAnswer { actions, ..TurnAnswer::default() }, bytes).map(|answer| answer.actions)
}

fn task(name: &str, input: &str) -> Action {
    let task = ScheduleTask { name: name.into(), input: Some(input.into()), ..ScheduleTask::default() };
    action(ActionKind::ScheduleTask(task))
}

fn ended(status: OrchestrationStatus) -> CompleteOrchestration {
    CompleteOrchestration { orchestration_status: status as i32, ..CompleteOrchestration::default() }
}

/// The error type an orchestration fails with that asks for this; "" where it does not fail.
fn failure_of(asked: Action) -> String {
    let checked = checked(vec![task("fine", "1"), asked.clone()], 10).expect("a usable answer");
    if checked == [task("fine", "1"), asked] {
        return String::new();
    }
    let [Action { id: -1, kind: Some(ActionKind::CompleteOrchestration(completion)) }] = checked.as_slice()
    else {
        panic!("neither unchanged nor failed: {checked:?}");
    };
    assert_eq!(completion.orchestration_status, OrchestrationStatus::Failed as i32);
    let failure = completion.failure_details.as_ref().expect("a failure has details");
    assert!(failure.is_non_retriable);
    failure.error_type.clone()
}

#[test]
fn what_is_within_bounds_goes_through_as_it_is() {
    assert_eq!(failure_of(task("a", &"x".repeat(VALUE_BYTES_MAX))), "");
    let child = CreateSubOrchestration { name: "child".into(), ..CreateSubOrchestration::default() };
    assert_eq!(failure_of(action(ActionKind::CreateSubOrchestration(child))), "");
    for status in [OrchestrationStatus::Completed, OrchestrationStatus::ContinuedAsNew] {
        assert_eq!(failure_of(action(ActionKind::CompleteOrchestration(ended(status)))), "");
    }
}

#[test]
fn what_an_orchestrations_code_can_cause_fails_the_orchestration() {
    assert_eq!(failure_of(task("a", &"x".repeat(VALUE_BYTES_MAX + 1))), "PayloadTooLarge");
    assert_eq!(failure_of(task("", "1")), "InvalidAction");
    let child = CreateSubOrchestration {
        name: "child".into(),
        instance_id: "x".repeat(101),
        ..CreateSubOrchestration::default()
    };
    assert_eq!(failure_of(action(ActionKind::CreateSubOrchestration(child))), "InvalidAction");
    let mut large = ended(OrchestrationStatus::Completed);
    large.result = Some("x".repeat(VALUE_BYTES_MAX + 1));
    assert_eq!(failure_of(action(ActionKind::CompleteOrchestration(large))), "PayloadTooLarge");
}

#[test]
fn legacy_entity_messages_and_rewind_fail_the_orchestration_aloud() {
    let target =
        OrchestrationInstance { instance_id: "@counter@a".into(), ..OrchestrationInstance::default() };
    let legacy = SendEvent { instance: Some(target), name: "op".into(), data: None };
    assert_eq!(failure_of(action(ActionKind::SendEvent(legacy))), "NotSupported");
    let rewind = ActionKind::RewindOrchestration(RewindOrchestration::default());
    assert_eq!(failure_of(action(rewind)), "NotSupported");
}

#[test]
fn a_turn_that_is_too_large_fails_the_orchestration() {
    for (actions, bytes) in
        [(vec![task("a", "1")], TURN_BYTES_MAX + 1), (vec![task("a", "1"); TURN_ACTIONS_MAX + 1], 9)]
    {
        let checked = checked(actions, bytes).expect("a usable answer");
        let [Action { kind: Some(ActionKind::CompleteOrchestration(completion)), .. }] = checked.as_slice()
        else {
            panic!("not failed");
        };
        let failure = completion.failure_details.as_ref().expect("details");
        assert_eq!(failure.error_type, "PayloadTooLarge");
    }
}

#[test]
fn what_no_sdk_sends_is_unusable() {
    for kind in [
        None,
        Some(ActionKind::CreateTimer(CreateTimer::default())),
        Some(ActionKind::SendEvent(SendEvent::default())),
        Some(ActionKind::CompleteOrchestration(ended(OrchestrationStatus::Running))),
    ] {
        assert!(checked(vec![Action { id: 1, kind }], 10).is_err());
    }
}

#[test]
fn a_huge_failure_is_cut_to_a_value_without_splitting_a_character() {
    let mut failure = FailureDetails::new("E", "é".repeat(1 << 20));
    failure.stack_trace = Some("x".repeat(1 << 21));
    failure.inner_failure = Some(Box::new(FailureDetails::new("Inner", String::new())));
    fit(&mut failure);
    assert!(failure.encoded_len() <= NOTE_BYTES_MAX);
    assert!(failure.error_message.starts_with('é') && failure.error_type == "E");
}

#[test]
fn a_custom_status_that_is_too_large_fails_the_orchestration() {
    let status =
        |bytes: usize| TurnAnswer { custom_status: Some("x".repeat(bytes)), ..TurnAnswer::default() };
    assert_eq!(check(status(1 << 20), 10).expect("usable").actions, []);
    let failed = check(status((1 << 20) + 1), 10).expect("usable");
    assert_eq!((failed.actions.len(), failed.custom_status), (1, None));
}

#[test]
fn an_entity_message_that_cannot_be_kept_fails_the_orchestration() {
    let call = |operation: &str, input: usize| {
        let call = EntityOperationCalled {
            operation: operation.into(),
            input: Some("x".repeat(input)),
            target_instance_id: Some("@counter@a".into()),
            ..EntityOperationCalled::default()
        };
        let kind = Some(EntityMessage::EntityOperationCalled(call));
        action(ActionKind::SendEntityMessage(SendEntityMessage { kind }))
    };
    assert_eq!(failure_of(call("", 0)), "InvalidAction");
    assert_eq!(failure_of(call("add", VALUE_BYTES_MAX + 1)), "PayloadTooLarge");
    assert_eq!(failure_of(call("add", VALUE_BYTES_MAX)), "");
}

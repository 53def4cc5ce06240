//! Calls, signals and locks of entities, each test playing the server turn by turn.

use std::time::Duration;

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;
use pb::send_entity_message_action::EntityMessageType as Message;

use super::script::{Script, event, fired, output, raised};
use crate::entity::EntityId;
use crate::failure::LOCK_RULES;

/// An entity for the tests of calls and locks.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Account {
    cents: i64,
}

#[crate::entity]
impl Account {
    fn add(&mut self, cents: i64) -> i64 {
        self.cents += cents;
        self.cents
    }
}

fn entity_messages(actions: &[Action]) -> Vec<&Message> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::SendEntityMessage(message) => message.entity_message_type.as_ref(),
            _ => None,
        })
        .collect()
}

fn granted(section: &str) -> pb::HistoryEvent {
    let granted = pb::EntityLockGrantedEvent { critical_section_id: section.to_owned() };
    event(-1, Event::EntityLockGranted(granted))
}

fn answered(request: &str, output: &str) -> pb::HistoryEvent {
    let done =
        pb::EntityOperationCompletedEvent { request_id: request.to_owned(), output: Some(output.to_owned()) };
    event(-1, Event::EntityOperationCompleted(done))
}

#[test]
fn locks_are_taken_in_order_and_released_when_the_guard_goes() {
    let (mut script, actions) = Script::start(async |ctx, _| {
        let _guard = ctx.lock(["b", "a", "b"].map(EntityId::of::<Account>)).await;
        assert_eq!(ctx.entity::<Account>("c").add(1).await.unwrap_err().kind, LOCK_RULES);
        let left = ctx.entity::<Account>("a").add(-5).await?;
        ctx.signal::<Account>("log").add(left);
        Ok(left)
    });
    let [Message::EntityLockRequested(lock)] = entity_messages(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(lock.lock_set, ["@account@a", "@account@b"]);
    assert_eq!(lock.parent_instance_id.as_deref(), Some("i"));
    let section = lock.critical_section_id.clone();
    let actions = script.turn(vec![granted(&section)]);
    let [Message::EntityOperationCalled(call)] = entity_messages(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((call.operation.as_str(), call.input.as_deref()), ("add", Some("-5")));
    assert_eq!(call.parent_execution_id.as_deref(), Some("e"));
    let actions = script.turn(vec![answered(&call.request_id, "37")]);
    let messages = entity_messages(&actions);
    let [Message::EntityOperationSignaled(_), Message::EntityUnlockSent(a), Message::EntityUnlockSent(b)] =
        messages[..]
    else {
        panic!("{messages:?}")
    };
    assert_eq!(a.target_instance_id.as_deref(), Some("@account@a"));
    assert_eq!((b.target_instance_id.as_deref(), &b.critical_section_id), (Some("@account@b"), &section));
    assert_eq!(output(&actions), "37");
}

#[test]
fn a_lock_that_nobody_waits_for_any_more_is_given_up_when_it_is_granted() {
    let (mut script, actions) = Script::start(async |ctx, _| {
        let lock = ctx.lock([EntityId::of::<Account>("a")]);
        if ctx.timeout(Duration::from_secs(1), lock).await.is_err() {
            ctx.wait_event::<()>("end").await?;
        }
        Ok(1)
    });
    let Message::EntityLockRequested(lock) = entity_messages(&actions)[0] else { panic!("{actions:?}") };
    let section = lock.critical_section_id.clone();
    assert!(script.turn(vec![fired(2)]).is_empty());
    assert_eq!(entity_messages(&script.turn(vec![granted(&section)])).len(), 1);
    assert_eq!(output(&script.turn(vec![raised("end", "null")])), "1");
}

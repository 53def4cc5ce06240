//! The transcripts' words for entities.
//!
//! Not here: what the words do (`script`).

use engine::event::*;
use engine::id::EntityId;
use engine::partition::command::{self};
use engine::partition::view::{EntityView, LockedEntity};
use engine::time::Timestamp;

use crate::words::{self, Words, details, text};

pub(crate) fn message(words: &Words, now: Timestamp) -> EntityMessage {
    let name = words.at(2).to_owned();
    match words.verb() {
        "signal" => match signal_kind(words.at(2), words.at(3), words, now) {
            EventKind::EntityOperationSignaled(signal) => EntityMessage::EntityOperationSignaled(signal),
            other => panic!("no signal: {other:?}"),
        },
        "call" => EntityMessage::EntityOperationCalled(EntityOperationCalled {
            request_id: words.get("as").unwrap_or_else(|| "r1".to_owned()),
            operation: words.at(3).to_owned(),
            input: words.get("input"),
            target_instance_id: Some(name),
            ..Default::default()
        }),
        "lock" => EntityMessage::EntityLockRequested(EntityLockRequested {
            critical_section_id: name,
            lock_set: words.at(3).split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
            ..Default::default()
        }),
        "unlock" => EntityMessage::EntityUnlockSent(EntityUnlockSent {
            critical_section_id: name,
            target_instance_id: Some(words.at(3).to_owned()),
            ..Default::default()
        }),
        verb => panic!("unknown entity message {verb:?}"),
    }
}

fn signal_kind(entity: &str, operation: &str, words: &Words, now: Timestamp) -> EventKind {
    let ahead = |ahead: String| now.plus(std::time::Duration::from_millis(ahead.parse().unwrap())).into();
    EventKind::EntityOperationSignaled(EntityOperationSignaled {
        request_id: words.get("as").unwrap_or_default(),
        operation: operation.to_owned(),
        scheduled_time: words.get("in").map(ahead),
        input: words.get("input"),
        target_instance_id: Some(EntityId::parse(entity).map_or(entity.to_owned(), |id| id.to_string())),
    })
}

/// A client's `signal @counter@a add input=1 in=5000` (milliseconds).
pub(crate) fn signal(words: &Words, now: Timestamp) -> HistoryEvent {
    let kind = signal_kind(words.id(), words.at(2), words, now);
    HistoryEvent { event_id: -1, timestamp: None, kind: Some(kind) }
}

/// `… holder=a section=s1`
pub(crate) fn section(words: &Words) -> command::Section {
    command::Section {
        instance: words.get("holder").unwrap_or_default(),
        execution: words.get("execution").unwrap_or_else(|| "e".repeat(32)),
        id: words.get("section").unwrap_or_default(),
    }
}

/// `ok`, `ok:5`, `fail:Type`.
pub(crate) fn result(text: &str) -> command::OperationResult {
    match text.split_once(':') {
        Some(("fail", kind)) => {
            command::OperationResult { output: None, failure: Some(words::failure(kind)) }
        }
        Some((_, output)) => command::OperationResult { output: Some(output.to_owned()), failure: None },
        None => command::OperationResult::default(),
    }
}

/// `signal @counter@b add input=1`, `start id=x name=order in=5000`.
pub(crate) fn operation_action(text: &str, now: Timestamp) -> command::OperationAction {
    let words = Words::parse(text.trim());
    let kind = match words.verb() {
        "signal" => {
            let (entity, event) = (words.id().to_owned(), Box::new(signal(&words, now)));
            command::OperationActionKind::Signal(command::EntityOperation { entity, event })
        }
        "start" => command::OperationActionKind::Start(Box::new(command::StartDetached {
            instance: words.get("id").unwrap_or_default(),
            name: words.get("name").unwrap_or_else(|| "order".to_owned()),
            input: words.get("input"),
            scheduled_start: words.get("at").map(|at| words::moment(&at)),
            ..Default::default()
        })),
        verb => panic!("unknown action {verb:?}"),
    };
    command::OperationAction { kind: Some(kind) }
}

pub(crate) fn holder(section: &command::Section) -> String {
    format!("{} of {}", section.id, section.instance)
}

pub(crate) fn entity(view: &EntityView) -> String {
    let lock =
        view.lock.as_ref().map_or(String::new(), |lock| format!(", locked by {}", holder(&lock.section)));
    let stuck = view.stuck.as_ref().map_or(String::new(), |reason| format!(", stuck: {reason}"));
    let state = match (&view.state, view.state_bytes) {
        (Some(state), _) => state.clone(),
        (None, Some(_)) => "(not asked for)".to_owned(),
        (None, None) => "(none)".to_owned(),
    };
    format!(
        "{} state {state}, {} waiting, modified {}{lock}{stuck}\n",
        view.entity, view.backlog, view.modified
    )
}

pub(crate) fn locked(lock: &LockedEntity) -> String {
    let waiters: Vec<String> = lock.waiters.iter().map(|waiter| holder(&waiter.section)).collect();
    let waiters = if waiters.is_empty() { "nobody".to_owned() } else { waiters.join(", ") };
    format!("{} locked by {}, waiting: {}\n", lock.entity, holder(&lock.holder.section), waiters)
}

/// An event of an entity's or of its callers.
pub(crate) fn event(id: i32, kind: &EventKind) -> String {
    match kind {
        EventKind::EntityOperationSignaled(e) => {
            let target = e.target_instance_id.clone().unwrap_or_default();
            format!(
                "Signaled {id} {target} {} {} input {}",
                e.operation,
                e.request_id,
                text(e.input.as_ref())
            )
            .replace("  ", " ")
        }
        EventKind::EntityOperationCalled(e) => format!(
            "Called {id} {} {} as {} by {} input {}",
            e.target_instance_id.clone().unwrap_or_default(),
            e.operation,
            e.request_id,
            e.parent_instance_id.clone().unwrap_or_default(),
            text(e.input.as_ref())
        ),
        EventKind::EntityOperationCompleted(e) => {
            format!("CallCompleted {} {}", e.request_id, text(e.output.as_ref()))
        }
        EventKind::EntityOperationFailed(e) => {
            format!("CallFailed {} {}", e.request_id, details(e.failure_details.as_ref()))
        }
        EventKind::EntityLockRequested(e) => {
            format!("LockRequested {id} {} of {}", e.critical_section_id, e.lock_set.join(","))
        }
        EventKind::EntityLockGranted(e) => format!("LockGranted {}", e.critical_section_id),
        EventKind::EntityUnlockSent(e) => {
            let target = e.target_instance_id.clone().unwrap_or_default();
            format!("UnlockSent {id} {} of {target}", e.critical_section_id)
        }
        other => panic!("an event that is never stored: {other:?}"),
    }
}

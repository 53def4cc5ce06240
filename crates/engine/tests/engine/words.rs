//! Words to values and values to words, for the transcripts.
//!
//! Not here: what the words do (`script`).

use std::fmt::Write as _;

use engine::event::*;
use engine::partition::command::{self as command, Command, Message, MessageBody, Moment};
use engine::partition::effect::{Effect, Reply};
use engine::partition::view::InstanceView;
use engine::time::Timestamp;
use prost::Message as _;

use crate::entity_words;

/// A line, word by word; `name=value` words are settings.
pub(crate) struct Words {
    plain: Vec<String>,
    settings: Vec<(String, String)>,
}

impl Words {
    pub(crate) fn parse(line: &str) -> Self {
        let (line, _) = line.split_once(" : ").unwrap_or((line, ""));
        let (mut plain, mut settings) = (Vec::new(), Vec::new());
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => settings.push((name.to_owned(), value.to_owned())),
                None => plain.push(word.to_owned()),
            }
        }
        Self { plain, settings }
    }

    pub(crate) fn at(&self, position: usize) -> &str {
        self.plain.get(position).map_or("", |word| word)
    }

    pub(crate) fn verb(&self) -> &str {
        self.at(0)
    }

    pub(crate) fn id(&self) -> &str {
        self.at(1)
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.plain.iter().any(|plain| plain == word)
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    pub(crate) fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.get(name).map_or(otherwise, |value| value.parse().unwrap())
    }
}

pub(crate) fn moment(seconds: &str) -> Moment {
    Moment { seconds: seconds.parse().unwrap(), nanos: 0 }
}

pub(crate) fn statuses(list: &str) -> Vec<i32> {
    let number = |name: &str| match name {
        "running" => 0,
        "completed" => 1,
        "failed" => 3,
        "terminated" => 5,
        "pending" => 6,
        "suspended" => 7,
        other => panic!("no status {other:?}"),
    };
    list.split(',').filter(|name| !name.is_empty()).map(number).collect()
}

/// `type:message`, or `type:message/cause-type:cause-message`.
pub(crate) fn failure(text: &str) -> FailureDetails {
    let (outer, inner) = text.split_once('/').map_or((text, None), |(outer, inner)| (outer, Some(inner)));
    let (kind, message) = outer.split_once(':').unwrap_or((outer, ""));
    let mut details = FailureDetails::new(kind, message.to_owned());
    details.inner_failure = inner.map(|inner| Box::new(failure(inner)));
    details
}

fn complete(status: i32, words: &Words) -> ActionKind {
    let raised = |name: String| HistoryEvent {
        event_id: -1,
        timestamp: None,
        kind: Some(EventKind::EventRaised(EventRaised { name, input: None })),
    };
    ActionKind::CompleteOrchestration(CompleteOrchestration {
        orchestration_status: status,
        result: words.get("result"),
        new_version: words.get("version"),
        carryover_events: words.get("carry").into_iter().map(raised).collect(),
        failure_details: words.get("because").map(|text| failure(&text)),
        ..Default::default()
    })
}

/// `task 1 pay`, `child 2 ship`, `timer 3 +1500` (milliseconds), `send 4 other ping`, `complete`…
pub(crate) fn action(text: &str, now: Timestamp) -> Action {
    let words = Words::parse(text.trim());
    let id = words.at(1).parse().unwrap_or(-1);
    let name = words.at(2).to_owned();
    let input = words.get("input");
    let kind = match words.verb() {
        "task" => ActionKind::ScheduleTask(ScheduleTask { name, input, ..Default::default() }),
        "child" => ActionKind::CreateSubOrchestration(CreateSubOrchestration {
            instance_id: words.get("id").unwrap_or_default(),
            name,
            input,
            ..Default::default()
        }),
        "timer" => {
            let ahead = name.trim_start_matches('+').parse().unwrap();
            let fire_at = now.plus(std::time::Duration::from_millis(ahead));
            ActionKind::CreateTimer(CreateTimer { fire_at: Some(fire_at.into()) })
        }
        "send" => ActionKind::SendEvent(SendEvent {
            instance: Some(OrchestrationInstance { instance_id: name, execution_id: None }),
            name: words.at(3).to_owned(),
            data: input,
        }),
        "stop" => ActionKind::TerminateOrchestration(TerminateOrchestration {
            instance_id: name,
            reason: words.get("reason"),
            recurse: words.has("recursive"),
        }),
        "complete" => complete(1, &words),
        "continue" => complete(2, &words),
        "fail" => complete(3, &words),
        "terminated" => complete(5, &words),
        "entity" => ActionKind::SendEntityMessage(SendEntityMessage::default()),
        "signal" | "call" | "lock" | "unlock" => ActionKind::SendEntityMessage(SendEntityMessage {
            kind: Some(entity_words::message(&words, now)),
        }),
        "rewind" => ActionKind::RewindOrchestration(RewindOrchestration::default()),
        "unknown" => return Action { id, kind: None },
        verb => panic!("unknown action {verb:?}"),
    };
    Action { id, kind: Some(kind) }
}

pub(crate) fn text(value: Option<&String>) -> String {
    value.map_or("(none)".to_owned(), |value| {
        if value.len() > 40 { format!("{} bytes", value.len()) } else { value.clone() }
    })
}

pub(crate) fn details(failure: Option<&FailureDetails>) -> String {
    let Some(failure) = failure else { return "(none)".to_owned() };
    let mut told = format!("{}: {}", failure.error_type, failure.error_message);
    if let Some(inner) = &failure.inner_failure {
        write!(told, " <- {}", details(Some(inner))).unwrap();
    }
    told
}

/// Decodes the field-3 bytes that go into a work item as they are.
pub(crate) fn past_events(bytes: &[u8]) -> Vec<HistoryEvent> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Request {
        #[prost(message, repeated, tag = "3")]
        past_events: Vec<HistoryEvent>,
        #[prost(bytes = "vec", repeated, tag = "15")]
        hidden: Vec<Vec<u8>>,
    }
    let request = Request::decode(bytes).unwrap();
    assert!(request.hidden.is_empty(), "a worker is sent what is for people only");
    request.past_events
}

pub(crate) fn event(event: &HistoryEvent) -> String {
    let id = event.event_id;
    let kind = event.kind.as_ref().expect("an event has a kind");
    match kind {
        EventKind::OrchestratorStarted(_) => {
            let at: Timestamp = event.timestamp.map(Timestamp::from).unwrap_or_default();
            format!("OrchestratorStarted {at}")
        }
        EventKind::ExecutionStarted(e) => {
            let execution =
                e.orchestration_instance.as_ref().and_then(|i| i.execution_id.clone()).unwrap_or_default();
            let parent = e.parent_instance.as_ref().and_then(|p| p.orchestration_instance.as_ref());
            let parent = parent.map_or(String::new(), |p| format!(", child of {}", p.instance_id));
            let tags = if e.tags.is_empty() { String::new() } else { format!(", tags {:?}", e.tags) };
            format!(
                "ExecutionStarted {} input {} as {execution}{parent}{tags}",
                e.name,
                text(e.input.as_ref())
            )
        }
        EventKind::TaskScheduled(e) => {
            format!("TaskScheduled {id} {} input {}", e.name, text(e.input.as_ref()))
        }
        EventKind::TaskCompleted(e) => {
            format!("TaskCompleted of {} {}", e.task_scheduled_id, text(e.result.as_ref()))
        }
        EventKind::TaskFailed(e) => {
            format!("TaskFailed of {} {}", e.task_scheduled_id, details(e.failure_details.as_ref()))
        }
        EventKind::TimerCreated(e) => {
            format!("TimerCreated {id} for {}", e.fire_at.map(Timestamp::from).unwrap_or_default())
        }
        EventKind::TimerFired(e) => {
            format!("TimerFired of {} for {}", e.timer_id, e.fire_at.map(Timestamp::from).unwrap_or_default())
        }
        EventKind::EventRaised(e) => format!("EventRaised {} {}", e.name, text(e.input.as_ref())),
        EventKind::EventSent(e) => format!("EventSent {id} {} to {}", e.name, e.instance_id),
        EventKind::ExecutionTerminated(e) => {
            format!("ExecutionTerminated {} recurse {}", text(e.input.as_ref()), e.recurse)
        }
        EventKind::ExecutionSuspended(e) => format!("ExecutionSuspended {}", text(e.input.as_ref())),
        EventKind::ExecutionResumed(e) => format!("ExecutionResumed {}", text(e.input.as_ref())),
        EventKind::ExecutionRewound(e) => format!("ExecutionRewound {}", text(e.reason.as_ref())),
        EventKind::ExecutionCompleted(e) => format!(
            "ExecutionCompleted status {} {} {}",
            e.orchestration_status,
            text(e.result.as_ref()),
            details(e.failure_details.as_ref())
        ),
        EventKind::SubOrchestrationInstanceCreated(e) => {
            format!("ChildCreated {id} {} as {}", e.name, e.instance_id)
        }
        EventKind::SubOrchestrationInstanceCompleted(e) => {
            format!("ChildCompleted of {} {}", e.task_scheduled_id, text(e.result.as_ref()))
        }
        EventKind::SubOrchestrationInstanceFailed(e) => {
            format!("ChildFailed of {} {}", e.task_scheduled_id, details(e.failure_details.as_ref()))
        }
        other => entity_words::event(id, other),
    }
}

pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::OfferTurn { instance, name, version } => {
            format!("offer turn of {instance}, {name} {version}").trim_end().to_owned()
        }
        Effect::OfferBatch { entity } => format!("offer batch of {entity}"),
        Effect::OfferActivity { activity, name, version } => {
            format!("offer activity {} of {}, {name} {version}", key(activity), activity.instance)
                .trim_end()
                .to_owned()
        }
        Effect::Reply(reply) => format!("reply {}", answer(reply)),
        Effect::Send { to, upto } => format!("send to {to} up to {upto}"),
        Effect::Acknowledge { to, upto } => format!("acknowledge to {to} up to {upto}"),
        Effect::InstanceChanged { instance, status: None } => format!("removed {instance}"),
        Effect::InstanceChanged { instance, status: Some(status) } => {
            format!("changed {instance} to {}", format!("{status:?}").to_lowercase())
        }
        Effect::ScheduleMoved => "schedules moved".to_owned(),
        Effect::FeedGrew => "the feed grew".to_owned(),
        Effect::WakeAt(at) => format!("wake at {at}"),
        Effect::AwaitTermination { instance, .. } => format!("await termination of {instance}"),
        Effect::FollowUp(command) => format!("follow up: {}", self::command(command)),
    }
}

fn key(activity: &command::ActivityKey) -> String {
    format!("{}.{}/{}", activity.term, activity.index, activity.ordinal)
}

fn answer(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".to_owned(),
        Reply::Unchanged => "unchanged".to_owned(),
        Reply::Started { instance, by } => format!("started {instance} by {by}"),
        Reply::Purged { count } => format!("purged {count}"),
        Reply::Refused(refusal) => format!("refused {refusal:?}"),
    }
}

pub(crate) fn command(command: &Command) -> String {
    match command {
        Command::Sweep(sweep) => format!("sweep {}", sweep.instance),
        Command::FireTimers(_) => "fire".to_owned(),
        Command::AdvanceEntity(advance) => format!("advance {}", advance.entity),
        Command::AcknowledgeMessages(acknowledged) => format!("acknowledge {}", acknowledged.upto),
        Command::ConfigureFeed(feed) => format!("feed keep {}", feed.keep),
        other => panic!("no follow-up: {other:?}"),
    }
}

pub(crate) fn message(message: &Message) -> String {
    match message.body.as_ref().expect("a message says something") {
        MessageBody::StartChild(m) => {
            format!("start child {} {} of {}", m.instance, m.name, m.parent.instance)
        }
        MessageBody::ChildEnded(m) => {
            format!(
                "child of {} ended: {} {}",
                m.parent.instance,
                text(m.result.as_ref()),
                details(m.failure.as_ref())
            )
        }
        MessageBody::SendEvent(m) => format!("{} for {}", event(&m.event), m.instance),
        MessageBody::TerminateInstance(m) => format!("terminate {} recursive {}", m.instance, m.recursive),
        MessageBody::PurgeInstance(m) => format!("purge {}", m.instance),
        MessageBody::RewindChild(m) => format!("rewind {} of {}", m.start.instance, m.start.parent.instance),
        MessageBody::EntityOperation(m) => format!("{} for {}", event(&m.event), m.entity),
        MessageBody::EntityReplied(m) => format!(
            "reply to {} of {}: {} {}",
            m.request,
            m.instance,
            text(m.result.output.as_ref()),
            details(m.result.failure.as_ref())
        ),
        MessageBody::LockEntities(m) => {
            format!(
                "lock {} for {}, at {}",
                m.entities.join(","),
                entity_words::holder(&m.section),
                m.position
            )
        }
        MessageBody::LocksGranted(m) => format!("granted {}", entity_words::holder(&m.section)),
        MessageBody::UnlockEntity(m) => {
            format!("unlock {} of {}", m.entity, entity_words::holder(&m.section))
        }
        MessageBody::CancelLocks(m) => {
            format!("cancel locks of {}, at {}", entity_words::holder(&m.request.section), m.request.position)
        }
        MessageBody::StartDetached(m) => format!("start {} {}", m.instance, m.name),
    }
}

pub(crate) fn instance(view: &InstanceView) -> String {
    let mut told = format!("{} {:?}, waits for {:?}\n", view.instance, view.status, view.waiting);
    let version = view.version.clone().unwrap_or_default();
    writeln!(
        told,
        "  {} {version} execution {} turn {} inbox {} history {}",
        view.name, view.execution, view.turn, view.inbox, view.history_events
    )
    .unwrap();
    writeln!(
        told,
        "  input {} output {} status {}",
        text(view.input.as_ref()),
        text(view.output.as_ref()),
        text(view.custom_status.as_ref())
    )
    .unwrap();
    if let Some(failure) = &view.failure {
        writeln!(told, "  failure {}", details(Some(failure))).unwrap();
    }
    writeln!(told, "  created {} completed {:?}", view.created, view.completed.map(|at| at.to_string()))
        .unwrap();
    told
}

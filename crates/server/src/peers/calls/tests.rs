//! Every variant there and back, and what is twisted on its way.
//!
//! Not here: frames, and what is done about a call.

use std::collections::BTreeMap;

use engine::catalog::{HubView, Mode, NodeState, NodeView, PlacementView, ReplicaView, Survive};
use engine::event::FailureDetails;
use engine::id::{Epoch, HubId, LeaseEpoch, Lineage, LogId, NodeId, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::{Command, Parent, Purge, RaiseEvent, Section};
use engine::partition::effect::{Refusal, Reply};
use engine::partition::feed::{DeadLetter, Lifecycle, LifecycleEvent, Standing, Subscription};
use engine::partition::schedules::ScheduleView;
use engine::partition::schedules::command::Spec;
use engine::partition::view::{
    Counts, EntitiesFilter, EntitiesKind, EntitiesPage, EntityView, Finished, HistoryPage, InstanceView,
    InstancesFilter, InstancesPage, LockView, LockedEntity, Meta, OpenTasks, RecordedEvent, Waiting,
};

use super::*;
use crate::dispatch::Filter;
use crate::partition::messages::{Answer, Outcome, Question, Unavailable};

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds, 7)
}

fn instance(text: &str) -> InstanceId {
    InstanceId::parse(text).expect("an id")
}

fn entity(text: &str) -> EntityId {
    EntityId::parse(text).expect("an id")
}

fn view(waiting: Waiting) -> InstanceView {
    InstanceView {
        instance: instance("a"),
        name: "order".to_owned(),
        version: Some("2".to_owned()),
        execution: "e".to_owned(),
        status: StatusName::Suspended,
        waiting,
        terminating: true,
        created: at(1),
        updated: at(-2),
        completed: Some(at(3)),
        scheduled_start: Some(at(4)),
        tags: BTreeMap::from([("team".to_owned(), "pay".to_owned())]),
        parent: Some(Parent { instance: "p".to_owned(), task: -1, ..Parent::default() }),
        turn: 5,
        inbox: 6,
        history_events: 7,
        history_bytes: 8,
        input: Some(String::new()),
        output: Some("1".to_owned()),
        custom_status: None,
        failure: Some(FailureDetails::new("t", "m".to_owned())),
    }
}

fn entity_view() -> EntityView {
    let section = Section { instance: "a".to_owned(), execution: "e".to_owned(), id: "s".to_owned() };
    EntityView {
        entity: entity("@counter@x"),
        modified: at(9),
        backlog: 3,
        lock: Some(LockView { section, since: at(2) }),
        state_bytes: Some(0),
        state: Some(String::new()),
        stuck: None,
    }
}

fn hub() -> HubView {
    HubView {
        id: HubId(3),
        name: "pay".to_owned(),
        partitions: 16,
        key: Bytes::from_static(&[7; 32]),
        created: at(1),
        deleted: Some(at(2)),
        mode: Mode::Speculative,
        survive: Survive::try_from(1).expect("the second"),
        replicas_target: 3,
        replicas_min: 2,
    }
}

fn node() -> NodeView {
    NodeView {
        id: NodeId(4),
        name: "four".to_owned(),
        address: "four:1".to_owned(),
        incarnation: 2,
        fault_domain: "/a/b".to_owned(),
        upgrade_domain: "u".to_owned(),
        site: "s".to_owned(),
        labels: BTreeMap::from([("disk".to_owned(), "fast".to_owned())]),
        state: NodeState::try_from(1).expect("the second"),
        joined: at(1),
    }
}

fn placement() -> PlacementView {
    let replica = |replica, node| ReplicaView { replica, node: NodeId(node) };
    PlacementView {
        hub: HubId(3),
        partition: PartitionId(7),
        first: vec![1, 2, 3],
        replicas: vec![replica(1, 4), replica(5, 6)],
        version: 2,
    }
}

fn schedule() -> ScheduleView {
    ScheduleView {
        name: "nightly".to_owned(),
        spec: Spec::default(),
        generation: 2,
        paused: Some(String::new()),
        next: Some(at(1)),
        last: None,
        fired: Some(at(2)),
        last_instance: "nightly-1".to_owned(),
        started: 3,
        skipped: 4,
        created: at(5),
        updated: at(6),
    }
}

fn letter() -> DeadLetter {
    let event = LifecycleEvent {
        number: 4,
        what: Lifecycle::Rewound,
        at: at(1),
        instance: "a".to_owned(),
        execution: "e".to_owned(),
        name: "order".to_owned(),
        version: Some(String::new()),
        reason: "because".to_owned(),
    };
    DeadLetter { event, why: "no".to_owned(), attempts: 2, at: at(3), again: true }
}

fn questions() -> Vec<Question> {
    let filter = InstancesFilter {
        statuses: StatusName::ALL.to_vec(),
        created_from: Some(at(1)),
        created_to: None,
        prefix: "or".to_owned(),
    };
    let kind = |kind| EntitiesFilter { kind, modified_to: Some(at(3)), ..EntitiesFilter::default() };
    let entities = |filter| Question::Entities { filter, after: Some(entity("@c@d")), limit: 9 };
    vec![
        Question::Instance { instance: instance("a"), with_values: true },
        Question::Instances { filter, after: Some(instance("b")), limit: 65_536 },
        Question::History { instance: instance("a"), after: u64::MAX, limit: 0 },
        Question::Finished { span: at(1)..at(2), after: Some((at(1), instance("x"))), limit: 1 },
        Question::Finished { span: at(1)..Timestamp::MAX, after: None, limit: 1 },
        Question::Entity { entity: entity("@c@d"), with_state: false },
        entities(kind(EntitiesKind::WithState)),
        entities(kind(EntitiesKind::All)),
        entities(kind(EntitiesKind::Stuck)),
        Question::Locks { after: Some(entity("@c@d")), limit: 3 },
        Question::Counts,
        Question::Schedule { name: "nightly".to_owned() },
        Question::Schedules { after: Some(String::new()), limit: 3 },
        Question::DueSchedules { limit: 64 },
        Question::Feed,
        Question::FeedEvents { after: 3, limit: 4 },
        Question::FeedLetters { subscription: "mail".to_owned(), after: 3, limit: 4 },
        Question::Meta,
        Question::Hubs,
        Question::Nodes,
        Question::Placements { hub: HubId(3) },
        Question::Members,
    ]
}

fn answers() -> Vec<Answer> {
    let tasks = OpenTasks { activities: 1, children: 2, timers: 3, calls: 4, locks: 5 };
    let reason = || "why".to_owned();
    let waiting = [
        Waiting::Nothing,
        Waiting::Start(at(1)),
        Waiting::Worker,
        Waiting::Resume { reason: reason() },
        Waiting::Stuck { reason: reason() },
        Waiting::Tasks(tasks),
    ];
    let views: Vec<InstanceView> = waiting.into_iter().map(view).collect();
    let recorded = RecordedEvent { event: Bytes::from_static(b"event"), visible: true };
    let finished = Finished { at: at(1), instance: instance("a"), status: StatusName::Failed };
    let entity_of = entity_view();
    let lock = entity_of.lock.clone().expect("it is locked");
    let locked =
        LockedEntity { entity: entity("@c@d"), holder: lock.clone(), waiters: vec![lock.clone(), lock] };
    let standing = Standing {
        keep: 1,
        first: 2,
        last: 3,
        lineage: 4,
        subscriptions: vec![Subscription { name: "m".to_owned(), upto: 1, missed: 2, letters: 3 }],
    };
    let meta = Meta {
        partition: Some(PartitionId(0)),
        partitions: 16,
        epoch: Epoch { lineage: Lineage(1), lease: LeaseEpoch(2), term: 3 },
        owner: "here".to_owned(),
        applied: LogId { term: 3, index: 9 },
        at: at(1),
        digest: u64::MAX,
        orphans: 1,
    };
    vec![
        Answer::Instance(None),
        Answer::Instance(views.first().cloned()),
        Answer::Instances(InstancesPage { instances: views, next: Some(instance("z")) }),
        Answer::History(None),
        Answer::History(Some(HistoryPage {
            execution: "e".to_owned(),
            events: vec![recorded],
            next: Some(0),
        })),
        Answer::Finished(vec![finished]),
        Answer::Entity(None),
        Answer::Entity(Some(entity_of.clone())),
        Answer::Entities(EntitiesPage { entities: vec![entity_of], next: None }),
        Answer::Locks(vec![locked]),
        Answer::Counts(Counts { by_status: [(StatusName::Running, 4)].into(), stuck: 1 }),
        Answer::Schedule(None),
        Answer::Schedule(Some(Box::new(schedule()))),
        Answer::Schedules(vec![schedule()]),
        Answer::Feed(standing),
        Answer::FeedEvents(vec![letter().event]),
        Answer::FeedLetters(vec![letter()]),
        Answer::Meta(meta),
        Answer::Hubs(vec![hub()]),
        Answer::Nodes(vec![node()]),
        Answer::Placements(vec![placement()]),
        Answer::Members(replication::Membership::of_voters([replication::ReplicaId(3)])),
    ]
}

fn outcomes() -> Vec<Result<Outcome, Unavailable>> {
    use engine::catalog::{Refusal as No, Reply as Told};
    let partition = |reply| Ok(Outcome::Partition(reply));
    let catalog = |reply| Ok(Outcome::Catalog(reply));
    let mut all = vec![
        partition(Reply::Done),
        partition(Reply::Unchanged),
        partition(Reply::Started { instance: instance("a"), by: LogId { term: 1, index: 2 } }),
        partition(Reply::Purged { count: 3 }),
        catalog(Told::Done(hub())),
        catalog(Told::Unchanged(hub())),
        catalog(Told::Removed(HubId(4))),
        catalog(Told::Node(node())),
        catalog(Told::Placement(placement())),
        Err(Unavailable::NotLeading),
        Err(Unavailable::Overloaded),
        Err(Unavailable::Halted("why".to_owned())),
        Err(Unavailable::DiskFull),
        Err(Unavailable::TooLarge { bytes: 9, bytes_max: 8 }),
        Err(Unavailable::Unknown),
    ];
    all.extend((1..).map_while(Refusal::of).map(|refusal| partition(Reply::Refused(refusal))));
    all.extend((1..).map_while(No::of).map(|refusal| catalog(Told::Refused(refusal))));
    all
}

/// Which variant it is, so that one without a sample is noticed: a new one does not compile here.
fn variant_of_question(question: &Question) -> usize {
    match question {
        Question::Instance { .. } => 0,
        Question::Instances { .. } => 1,
        Question::History { .. } => 2,
        Question::Finished { .. } => 3,
        Question::Entity { .. } => 4,
        Question::Entities { .. } => 5,
        Question::Locks { .. } => 6,
        Question::Counts => 7,
        Question::Schedule { .. } => 8,
        Question::Schedules { .. } => 9,
        Question::DueSchedules { .. } => 10,
        Question::Feed => 11,
        Question::FeedEvents { .. } => 12,
        Question::FeedLetters { .. } => 13,
        Question::Meta => 14,
        Question::Hubs => 15,
        Question::Nodes => 16,
        Question::Placements { .. } => 17,
        Question::Members => 18,
    }
}

/// See [`variant_of_question`].
fn variant_of_answer(answer: &Answer) -> usize {
    match answer {
        Answer::Instance(_) => 0,
        Answer::Instances(_) => 1,
        Answer::History(_) => 2,
        Answer::Finished(_) => 3,
        Answer::Entity(_) => 4,
        Answer::Entities(_) => 5,
        Answer::Locks(_) => 6,
        Answer::Counts(_) => 7,
        Answer::Schedule(_) => 8,
        Answer::Schedules(_) => 9,
        Answer::Feed(_) => 10,
        Answer::FeedEvents(_) => 11,
        Answer::FeedLetters(_) => 12,
        Answer::Meta(_) => 13,
        Answer::Hubs(_) => 14,
        Answer::Nodes(_) => 15,
        Answer::Placements(_) => 16,
        Answer::Members(_) => 17,
    }
}

/// All numbers from 0 on are there.
fn assert_no_gap(numbers: impl Iterator<Item = usize>, count: usize) {
    let numbers: std::collections::BTreeSet<usize> = numbers.collect();
    assert_eq!(numbers, (0..count).collect(), "a variant has no sample");
}

#[test]
fn every_question_is_read_as_it_was_asked() {
    assert_no_gap(questions().iter().map(variant_of_question), 19);
    for asked in questions() {
        assert_eq!(read_question(question(&asked)), Ok(asked));
    }
}

#[test]
fn every_answer_is_read_as_it_was_given() {
    assert_no_gap(answers().iter().map(variant_of_answer), 18);
    for given in answers() {
        let read = read_answer(answer(&Ok(given.clone()))).expect("it is well formed");
        assert_eq!(format!("{:?}", read.expect("an answer")), format!("{given:?}"));
    }
    let read = read_answer(answer(&Err(Unavailable::Overloaded))).expect("it is well formed");
    assert_eq!(read.expect_err("none"), Unavailable::Overloaded);
}

#[test]
fn every_outcome_is_read_as_it_was_given() {
    assert_eq!(Refusal::of(12), Some(Refusal::PayloadMissing));
    assert_eq!(outcomes().len(), 15 + 12 + 14, "each reason and each refusal once");
    for given in outcomes() {
        assert_eq!(read_outcome(outcome(&given)), Ok(given));
    }
}

#[test]
fn commands_are_read_as_they_were_asked() {
    let command = Command::RaiseEvent(RaiseEvent {
        instance: "a".to_owned(),
        name: "paid".to_owned(),
        input: Some("x".repeat(70_000)),
        ..RaiseEvent::default()
    });
    let remove = engine::catalog::RemoveHub { name: "h".to_owned() };
    let requests = [
        Request::Partition(command),
        Request::Partition(Command::Purge(Purge::default())),
        Request::Catalog(engine::catalog::Command::RemoveHub(remove)),
    ];
    for asked in requests {
        assert_eq!(read_request(request(&asked)), Ok(asked));
    }
}

#[test]
fn filters_are_read_as_they_were_said() {
    let names = |name: &str, versions: &[&str]| {
        [(name.to_owned(), versions.iter().map(ToString::to_string).collect())].into()
    };
    let named = Filter::Named {
        turns: names("a", &["1", ""]),
        activities: names("b", &[]),
        batches: BTreeMap::new(),
    };
    for said in [Filter::Everything, named] {
        assert_eq!(read_filter(filter(&said)), Ok(said));
    }
    let many = (0..20_001).map(|name| (format!("n{name}"), Default::default())).collect();
    let many = Filter::Named { turns: many, activities: BTreeMap::new(), batches: BTreeMap::new() };
    assert!(read_filter(filter(&many)).is_err());
}

#[test]
fn what_is_twisted_is_refused_or_something_else_and_never_a_panic() {
    let refused = |bytes: &'static [u8]| {
        let bytes = Bytes::from_static(bytes);
        read_request(bytes.clone()).is_err()
            && read_question(bytes.clone()).is_err()
            && read_answer(bytes.clone()).is_err()
            && read_outcome(bytes).is_err()
    };
    assert!(refused(b"") && refused(b"\xff\xff\xff\xff\xff\xff") && refused(b"\x82\x01\x7f"));
    let page = Question::DueSchedules { limit: 65_537 };
    assert!(read_question(question(&page)).is_err(), "nobody asks for that many");
    let mut texts: Vec<Bytes> = questions().iter().map(question).collect();
    texts.extend(answers().into_iter().map(|given| answer(&Ok(given))));
    texts.extend(outcomes().iter().map(outcome));
    for text in texts {
        for index in 0..text.len() {
            for twist in [1_u8, 0x80, 0xff] {
                let mut twisted = text.to_vec();
                twisted[index] ^= twist;
                let twisted = Bytes::from(twisted);
                drop(read_request(twisted.clone()));
                drop(read_question(twisted.clone()));
                drop(read_filter(twisted.clone()));
                drop(read_outcome(twisted.clone()));
                drop(read_answer(twisted));
            }
            drop(read_answer(text.slice(..index)));
        }
    }
}

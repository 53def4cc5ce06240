//! One partition on a simulated disk, with a log thread and a store thread that are just loops.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::event::{Action, ActionKind, CompleteOrchestration, ScheduleTask};
use engine::id::{HubId, InstanceId, Lineage, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::{
    ActivityKey, Command, CompleteActivity, CompleteOrchestrationTurn, RaiseEvent, StartOrchestration,
    TokenEpoch,
};
use engine::partition::effect::Reply;
use engine::time::Timestamp;
use platform::fault::SimDisk;
use replication::{Group, ReplicaId};
use storage::{Durability, GroupKey, NodeLog, Tables};

use super::address::{Address, Delivery};
use super::core::{Partition, Parts};
use super::machine::Machine;
use super::mailbox::Mailbox;
use super::messages::{
    Answer, Event, Outcome, Outputs, Perform, Question, Request, Settled, Ticket, Tuning, Unavailable,
};
use super::outside::Outside;
use super::replica::Seat;
use crate::dispatch::{
    self, Claims, Dispatch, Filter, Grant, Item, Measure, Offer, Past, PerKind, TokenKey, Work, Worker,
    WorkerStream,
};
use crate::node::budget::Budget;
use crate::observe::metrics::Metrics;
use crate::peers::gateway::Gateway;
use crate::peers::links::Links;
use crate::peers::route::Lead;

/// Bytes of rows in memory, and of changes that are not in the tables.
const ROWS_MAX: usize = 64 << 10;
const CHANGES_MAX: usize = 32 << 10;
const TABLES: &str = "/data/p.redb";
const KEY: GroupKey = GroupKey { partition: 1 << 32, lineage: 1, replica: 1 };

struct Solo {
    partition: Partition,
    tables: Arc<Tables>,
    log: NodeLog,
    now: Timestamp,
    performed: Vec<Perform>,
    settled: Vec<Settled>,
}

impl Solo {
    fn start(disk: &Arc<SimDisk>) -> Self {
        let disk: Arc<dyn platform::Disk> = Arc::clone(disk) as Arc<dyn platform::Disk>;
        disk.create_dir_all(Path::new("/data")).expect("a directory");
        let (log, mut recovered) =
            NodeLog::open(Arc::clone(&disk), Path::new("/data/log"), storage::log::Options::small())
                .expect("a log");
        let tables = Arc::new(
            // Nothing is cached, so that rot is met where it is.
            Tables::open(
                disk,
                Path::new(TABLES),
                storage::tables::Options { cache_bytes: 0, ..Default::default() },
            )
            .expect("tables"),
        );
        let config = replication::Config::new(KEY, vec![ReplicaId(1)]);
        let applied = tables.applied().expect("a position");
        let applied = replication::LogId { term: applied.term, index: applied.index };
        let group = Group::open(config, recovered.groups.remove(&KEY), applied).expect("a group");
        let machine = Machine::Partition { id: PartitionId(0), of: 1 };
        let tuning = Tuning {
            working_set: Budget::new(ROWS_MAX),
            changes: Budget::new(CHANGES_MAX),
            checkpoint_age: Duration::from_secs(1),
            ..Tuning::default()
        };
        let parts = Parts { machine, group, tables: Arc::clone(&tables), lineage: Lineage(1), tuning };
        let partition = Partition::open(parts).expect("a partition");
        let now = Timestamp::new(1_700_000_000, 0);
        let mut solo = Self { partition, tables, log, now, performed: Vec::new(), settled: Vec::new() };
        solo.feed(Event::Woke);
        solo
    }

    /// Feeds an event and everything that follows from it, until the partition is quiet.
    fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while !events.is_empty() {
            let mut outputs = Outputs::default();
            for event in events.drain(..) {
                self.partition.step(event, self.now, &mut outputs);
            }
            self.partition.settle(self.now, &mut outputs);
            assert_eq!(outputs.halted, None);
            for output in outputs.log {
                if !output.records.is_empty() {
                    self.log.append(&output.records).expect("room");
                    self.log.sync().expect("a healthy disk");
                }
                events.push(Event::Persisted { number: output.number });
            }
            if let Some(store) = outputs.store {
                self.tables.store(store.batch, Durability::Checkpoint).expect("a healthy disk");
                events.push(Event::Stored { upto: store.upto });
            }
            self.performed.extend(outputs.perform);
            self.settled.extend(outputs.settled.into_iter().map(|(_, settled)| settled));
            if outputs.wake_at.is_some_and(|at| at <= self.now) {
                events.push(Event::Woke);
            }
        }
    }

    fn ask(&mut self, command: Command) -> Reply {
        self.settled.clear();
        self.feed(Event::Asked { request: Request::Partition(command), ticket: Some(Ticket(1)) });
        match self.settled.pop() {
            Some(Settled::Reply(Ok(Outcome::Partition(reply)))) => reply,
            other => panic!("no reply but {other:?}"),
        }
    }

    fn start_order(&mut self) {
        self.start_named("order-1");
    }

    fn start_named(&mut self, instance: &str) {
        let started = self.ask(Command::StartOrchestration(StartOrchestration {
            instance: instance.to_owned(),
            execution: "e".repeat(32),
            name: "order".to_owned(),
            ..Default::default()
        }));
        assert!(matches!(started, Reply::Started { .. }), "{started:?}");
    }

    fn complete_turn(&mut self, actions: Vec<Action>) -> Reply {
        let work = Work::Turn { instance: order() };
        let Ok(Some(Item::Turn(turn, epoch))) = self.partition.build(&work, self.now) else {
            panic!("there is no turn to do")
        };
        self.ask(Command::CompleteOrchestrationTurn(CompleteOrchestrationTurn {
            instance: "order-1".to_owned(),
            execution: turn.execution,
            epoch: TokenEpoch { lineage: epoch.lineage.0, lease: epoch.lease.0, term: epoch.term },
            turn: turn.turn,
            started_at: turn.started_at.into(),
            delivered: turn.delivered,
            actions,
            ..Default::default()
        }))
    }

    /// The open activity, as it was offered since this start.
    fn offered_activity(&self) -> ActivityKey {
        let offered = self.performed.iter().find_map(|perform| match perform {
            Perform::OfferActivity { activity, .. } => Some(activity.clone()),
            _ => None,
        });
        offered.expect("the open activity is offered")
    }

    fn complete_activity(&mut self, key: ActivityKey) {
        let Ok(Some(Item::Activity(task, epoch))) =
            self.partition.build(&Work::Activity { key: key.clone() }, self.now)
        else {
            panic!("the activity is gone")
        };
        let completed = self.ask(Command::CompleteActivity(CompleteActivity {
            activity: key,
            epoch: TokenEpoch { lineage: epoch.lineage.0, lease: epoch.lease.0, term: epoch.term },
            execution: task.execution,
            task: task.task,
            result: Some("\"paid\"".to_owned()),
            failure: None,
        }));
        assert_eq!(completed, Reply::Done);
    }

    fn status(&mut self) -> Option<StatusName> {
        self.settled.clear();
        let question = Question::Instance { instance: order(), with_values: true };
        self.feed(Event::Questioned { question, ticket: Ticket(1) });
        match self.settled.pop() {
            Some(Settled::Answer(Ok(Answer::Instance(found)))) => found.map(|found| found.status),
            other => panic!("no answer but {other:?}"),
        }
    }
}

fn order() -> InstanceId {
    InstanceId::parse("order-1").expect("an id")
}

fn action(id: i32, kind: ActionKind) -> Action {
    Action { id, kind: Some(kind) }
}

fn charge() -> Action {
    action(1, ActionKind::ScheduleTask(ScheduleTask { name: "charge".to_owned(), ..Default::default() }))
}

fn done() -> Action {
    let completed =
        CompleteOrchestration { orchestration_status: 1, result: Some("1".to_owned()), ..Default::default() };
    action(2, ActionKind::CompleteOrchestration(completed))
}

#[test]
fn an_orchestration_with_an_activity_completes_across_two_restarts() {
    let disk = Arc::new(SimDisk::new(7));
    let mut solo = Solo::start(&disk);
    assert!(solo.performed.iter().any(|perform| matches!(perform, Perform::Leading(_))));
    solo.start_order();
    assert!(solo.performed.iter().any(|perform| matches!(perform, Perform::OfferTurn { .. })));
    drop(solo);

    let mut solo = Solo::start(&disk);
    assert!(solo.performed.iter().any(|perform| matches!(perform, Perform::OfferTurn { .. })));
    assert_eq!(solo.complete_turn(vec![charge()]), Reply::Done);
    solo.now = solo.now.plus(Duration::from_secs(2));
    solo.feed(Event::Woke);
    drop(solo);

    let mut solo = Solo::start(&disk);
    let key = solo.offered_activity();
    solo.complete_activity(key);
    assert_eq!(solo.complete_turn(vec![done()]), Reply::Done);
    assert_eq!(solo.status(), Some(StatusName::Completed));
}

#[test]
fn instances_that_wait_take_memory_up_to_a_bound_and_none_once_they_are_in_the_tables() {
    let mut solo = Solo::start(&Arc::new(SimDisk::new(7)));
    for number in 0..400 {
        solo.start_named(&format!("order-{number}"));
        let Tuning { working_set, changes, .. } = &solo.partition.tuning;
        assert!(working_set.held() <= ROWS_MAX, "{} bytes of rows", working_set.held());
        // The change that goes beyond the bound begins the checkpoint.
        assert!(changes.held() <= CHANGES_MAX + 4_096, "{} bytes of changes", changes.held());
        assert_eq!(solo.partition.group.held(), 0, "the log's entries are in the log");
    }
    assert!(solo.partition.stored > 100, "checkpoints came early: {}", solo.partition.stored);
    solo.now = solo.now.plus(Duration::from_secs(2));
    solo.feed(Event::Woke);
    let Tuning { working_set, changes, .. } = &solo.partition.tuning;
    assert_eq!((working_set.held(), changes.held()), (0, 0));
    assert_eq!(solo.status(), Some(StatusName::Pending), "it is read back from the tables");
}

#[derive(Debug)]
struct NoClaims;

impl Claims for NoClaims {
    fn claim(&self, _: PartitionId, _: Work, grant: Grant) {
        grant.nothing();
    }

    fn refill(&self, _: PartitionId) {}
}

/// A worker's free slot, with the work that may take it.
fn slot_for(work: &Work) -> (WorkerStream, Grant) {
    let key = TokenKey { id: 1, secret: [7; 32] };
    let measure = Measure {
        clock: Arc::new(platform::real::RealClock::new()),
        metrics: Metrics::new("test", Duration::ZERO).hub("default"),
    };
    let dispatch = Dispatch::new(HubId(1), key, dispatch::Options::default(), Box::new(NoClaims), measure);
    let slots = PerKind { turns: 1, activities: 1, batches: 1 };
    let worker = dispatch.connect(Worker { filter: Filter::Everything, slots, past: Past::Inline });
    let name = "order".to_owned();
    let offer = Offer { partition: PartitionId(0), work: work.clone(), name, version: String::new() };
    (worker, dispatch.offer(offer).expect("the worker is free"))
}

#[test]
fn a_rotten_row_under_a_turn_halts_the_partition_and_tells_those_who_wait() {
    let disk = Arc::new(SimDisk::new(7));
    let mut solo = Solo::start(&disk);
    solo.start_order();
    assert_eq!(solo.complete_turn(vec![charge()]), Reply::Done);
    let key = solo.offered_activity();
    solo.now = solo.now.plus(Duration::from_secs(2));
    solo.feed(Event::Woke);
    drop(solo);
    let mut solo = Solo::start(&disk);
    solo.complete_activity(key);
    let file = disk.contents(Path::new(TABLES)).expect("there are tables");
    let rot = file.windows(6).enumerate().filter(|(_, bytes)| bytes == b"charge");
    for (offset, _) in rot {
        assert!(disk.flip_bit(Path::new(TABLES), offset as u64, 1));
    }
    let mut outputs = Outputs::default();
    let question = Question::Instance { instance: order(), with_values: false };
    let raised = Command::RaiseEvent(RaiseEvent { instance: "order-1".to_owned(), ..Default::default() });
    let request = Request::Partition(raised);
    solo.partition.step(Event::Asked { request, ticket: Some(Ticket(8)) }, solo.now, &mut outputs);
    solo.partition.step(Event::Questioned { question, ticket: Ticket(9) }, solo.now, &mut outputs);
    assert!(outputs.settled.is_empty(), "both wait for the disk");

    let work = Work::Turn { instance: order() };
    let (_worker, grant) = slot_for(&work);
    let mailbox = Mailbox::default();
    let outside = outside(&mailbox);
    outside.hand_out(&mut solo.partition, &work, grant, solo.now);
    let mut heard = Vec::new();
    mailbox.receive(&mut heard, || None);
    let Some(Delivery::Event { event, .. }) = heard.pop() else { panic!("it tells itself: {heard:?}") };
    solo.partition.step(event, solo.now, &mut outputs);
    let why = outputs.halted.expect("it halts as for any other reason");
    assert!(why.contains(TABLES), "{why}");
    assert!(outputs.perform.contains(&Perform::LeadingEnded));
    assert_eq!(outputs.settled.len(), 2, "{:?}", outputs.settled);
    outside.halted(&why);
    assert_eq!(outside.metrics.partitions.halted.get(), 1);
}

/// The outside of a partition of no hub, reached at `mailbox`.
fn outside(mailbox: &Mailbox<Delivery>) -> Outside {
    let disk: Arc<dyn platform::Disk> = Arc::new(SimDisk::new(1));
    let place = (HubId(1), PartitionId(0));
    let address = Address::new(mailbox.clone(), 1);
    Outside {
        partition: PartitionId(0),
        seat: Arc::new(Seat::new(place, KEY, TABLES.into(), (disk, Links::none()))),
        copies: Mailbox::default(),
        lead: Lead::new(place, address.clone(), Gateway::alone()),
        address,
        hub: None,
        log: Mailbox::default(),
        stores: Mailbox::default(),
        metrics: Arc::new(Metrics::new("test", Duration::ZERO)),
        riding: Vec::new(),
        riding_vouch: false,
        riding_number: 0,
        written: 0,
    }
}

#[test]
fn a_command_is_not_answered_before_it_is_durable() {
    let disk = Arc::new(SimDisk::new(7));
    let mut solo = Solo::start(&disk);
    let mut outputs = Outputs::default();
    let start = Command::StartOrchestration(StartOrchestration {
        instance: "order-1".to_owned(),
        execution: "e".repeat(32),
        name: "order".to_owned(),
        ..Default::default()
    });
    let request = Request::Partition(start);
    solo.partition.step(Event::Asked { request, ticket: Some(Ticket(9)) }, solo.now, &mut outputs);
    let question = Question::Instance { instance: order(), with_values: false };
    solo.partition.step(Event::Questioned { question, ticket: Ticket(10) }, solo.now, &mut outputs);
    solo.partition.settle(solo.now, &mut outputs);
    assert!(outputs.settled.is_empty(), "neither the start nor a read of it may be answered yet");
    assert!(outputs.perform.iter().any(|perform| matches!(perform, Perform::OfferTurn { .. })));
    let number = outputs.log.last().expect("records to write").number;
    let mut later = Outputs::default();
    solo.partition.step(Event::Persisted { number }, solo.now, &mut later);
    assert_eq!(later.settled.len(), 2);
}

#[test]
fn who_waits_on_a_full_disk_is_told_and_the_work_goes_on_when_there_is_room() {
    let disk = Arc::new(SimDisk::new(7));
    let mut solo = Solo::start(&disk);
    let mut outputs = Outputs::default();
    let start = StartOrchestration {
        instance: "order-1".to_owned(),
        execution: "e".repeat(32),
        name: "order".to_owned(),
        ..Default::default()
    };
    let request = Request::Partition(Command::StartOrchestration(start));
    solo.partition.step(Event::Asked { request, ticket: Some(Ticket(9)) }, solo.now, &mut outputs);
    solo.partition.step(Event::DiskFull(true), solo.now, &mut outputs);
    let question = Question::Instance { instance: order(), with_values: false };
    solo.partition.step(Event::Questioned { question, ticket: Ticket(10) }, solo.now, &mut outputs);
    let told: Vec<_> = outputs.settled.drain(..).map(|(_, settled)| settled).collect();
    assert!(
        matches!(
            told.as_slice(),
            [Settled::Reply(Err(Unavailable::Unknown)), Settled::Answer(Err(Unavailable::DiskFull))]
        ),
        "{told:?}"
    );
    solo.partition.settle(solo.now, &mut outputs);
    for output in outputs.log {
        solo.log.append(&output.records).expect("there is room again");
        solo.log.sync().expect("a healthy disk");
        solo.feed(Event::Persisted { number: output.number });
    }
    solo.feed(Event::DiskFull(false));
    assert_eq!(solo.status(), Some(StatusName::Pending));
}

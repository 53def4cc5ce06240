//! Random histories: whatever happens in whatever order, the same entries give the same state,
//! nothing that is pending is forgotten, and nothing is left behind.
//!
//! Not here: what a particular command does (`scenarios`). The seed names the run.

use std::collections::BTreeSet;

use engine::event::{
    Action, ActionKind, CompleteOrchestration, CreateSubOrchestration, CreateTimer, FailureDetails,
    OrchestrationInstance, ScheduleTask, SendEntityMessage, SendEvent, TerminateOrchestration,
};
use engine::id::{EntityId, Epoch, InstanceId, LeaseEpoch, Lineage, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::*;
use engine::partition::effect::{Effect, Effects, Reply};
use engine::partition::feed::command::ConfigureFeed;
use engine::partition::view::{self, Batch, EntitiesFilter, InstanceView, InstancesFilter, Turn, Waiting};
use engine::rows::WriteSet;
use engine::time::Timestamp;

use crate::support::{Dice, LINEAGE, Machine, Memory, raise_epoch};

pub(crate) const IDS: [&str; 6] = ["a", "b", "c", "a/child", "注文-1", "z"];

fn feed(keep: u64) -> Command {
    Command::ConfigureFeed(ConfigureFeed { keep, subscriptions: vec!["mail".to_owned()] })
}

/// Two machines fed the same entries, one of which forgets everything after each.
pub(crate) struct World {
    pub(crate) kept: Machine,
    pub(crate) forgotten: Machine,
    pub(crate) dice: Dice,
    pub(crate) turns: Vec<Turn>,
    pub(crate) batches: Vec<Batch>,
    pub(crate) activities: Vec<ActivityKey>,
    pub(crate) answered: Vec<Command>,
    pub(crate) follow_ups: Vec<Command>,
    requests: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            kept: Machine::new(Memory::Keeps),
            forgotten: Machine::new(Memory::Forgets),
            dice: Dice::new(seed),
            turns: Vec::new(),
            batches: Vec::new(),
            activities: Vec::new(),
            answered: Vec::new(),
            follow_ups: Vec::new(),
            requests: 0,
        };
        world.apply(raise_epoch());
        if seed.is_multiple_of(2) {
            world.apply(feed(5));
        }
        world
    }

    pub(crate) fn apply(&mut self, command: Command) -> Effects {
        let (effects, writes): (Effects, WriteSet) = self.kept.apply(command.clone());
        let other = self.forgotten.apply(command);
        assert_eq!(other.0, effects);
        assert_eq!(other.1, writes);
        self.perform(&effects);
        effects
    }

    fn perform(&mut self, effects: &Effects) {
        for effect in effects.iter() {
            match effect {
                Effect::OfferTurn { instance, .. } => {
                    let epoch =
                        Epoch { lineage: Lineage(LINEAGE), lease: LeaseEpoch(1), term: self.kept.id.term };
                    let now = self.kept.at;
                    let turn = self.kept.ask(|rows| view::turn(rows, instance, epoch, now, 4 << 20));
                    let again = self.forgotten.ask(|rows| view::turn(rows, instance, epoch, now, 4 << 20));
                    assert_eq!(turn, again);
                    self.turns.extend(turn);
                }
                Effect::OfferActivity { activity, .. } => self.activities.push(activity.clone()),
                Effect::OfferBatch { entity } => self.build_batch(entity),
                Effect::FollowUp(command) => self.follow_ups.push(command.clone()),
                Effect::Reply(_)
                | Effect::Send { .. }
                | Effect::Acknowledge { .. }
                | Effect::InstanceChanged { .. }
                | Effect::WakeAt(_)
                | Effect::FeedGrew
                | Effect::ScheduleMoved
                | Effect::AwaitTermination { .. } => {}
            }
        }
    }

    pub(crate) fn request(&mut self) -> Option<RequestId> {
        self.dice.chance(50).then(|| {
            self.requests += u64::from(self.dice.chance(80));
            RequestId { source: "gateway".to_owned(), counter: self.requests }
        })
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        if self.dice.chance(15) {
            return Some(self.payload());
        }
        let long = self.dice.chance(10);
        self.dice.chance(70).then(|| if long { "x".repeat(3_000) } else { "1".to_owned() })
    }

    fn client(&mut self) -> Command {
        let instance = (*self.dice.pick(&IDS)).to_owned();
        let (request, text, flag) = (self.request(), self.text(), self.dice.chance(50));
        match self.dice.below(15) {
            0..=3 => Command::StartOrchestration(StartOrchestration {
                instance,
                request,
                execution: format!("{:032x}", self.dice.next()),
                name: "order".to_owned(),
                version: flag.then(|| "1.0".to_owned()),
                input: text,
                scheduled_start: self.dice.chance(20).then(|| self.soon()),
                reuse: flag.then(|| ReusePolicy { replaceable: vec![0, 1, 3, 5, 6, 7] }),
                ..StartOrchestration::default()
            }),
            4..=6 => {
                Command::RaiseEvent(RaiseEvent { instance, request, name: "go".to_owned(), input: text })
            }
            7 => Command::Suspend(Suspend { instance, request, reason: text }),
            8 | 9 => Command::Resume(Resume { instance, request, reason: text }),
            10 => Command::Terminate(Terminate { instance, request, output: text, recursive: flag }),
            11 => Command::Purge(Purge { instance, request, recursive: flag }),
            12 => {
                let execution = format!("{:032x}", self.dice.next());
                Command::Restart(Restart { instance, request, execution })
            }
            _ => Command::Rewind(Rewind { instance, request, reason: text }),
        }
    }

    pub(crate) fn soon(&mut self) -> Moment {
        let ahead = std::time::Duration::from_millis(self.dice.next() % 20_000);
        self.kept.at.plus(ahead).into()
    }

    fn action(&mut self) -> Action {
        let input = self.text();
        let id = i32::try_from(self.dice.below(4)).unwrap();
        let target = (*self.dice.pick(&IDS)).to_owned();
        let kind = match self.dice.below(45) {
            30..=44 => ActionKind::SendEntityMessage(SendEntityMessage { kind: Some(self.entity_message()) }),
            0..=9 => {
                ActionKind::ScheduleTask(ScheduleTask { name: "pay".to_owned(), input, ..Default::default() })
            }
            10..=14 => ActionKind::CreateTimer(CreateTimer { fire_at: Some(self.soon()) }),
            15..=19 => ActionKind::CreateSubOrchestration(CreateSubOrchestration {
                instance_id: if self.dice.chance(50) { target } else { String::new() },
                name: "child".to_owned(),
                input,
                ..Default::default()
            }),
            20..=23 => ActionKind::SendEvent(SendEvent {
                instance: Some(OrchestrationInstance { instance_id: target, execution_id: None }),
                name: "ping".to_owned(),
                data: input,
            }),
            24 => ActionKind::TerminateOrchestration(TerminateOrchestration {
                instance_id: target,
                reason: input,
                recurse: true,
            }),
            25 if self.dice.chance(20) => ActionKind::RewindOrchestration(Default::default()),
            _ => ActionKind::CompleteOrchestration(CompleteOrchestration {
                orchestration_status: *self.dice.pick(&[1, 2, 2, 3, 5]),
                result: input,
                ..Default::default()
            }),
        };
        Action { id, kind: Some(kind) }
    }

    fn answer_turn(&mut self) -> Option<Command> {
        if self.turns.is_empty() {
            return None;
        }
        let turn = self.turns.swap_remove(self.dice.below(self.turns.len()));
        let count = self.dice.below(4);
        let actions = (0..count).map(|_| self.action()).collect();
        Some(Command::CompleteOrchestrationTurn(CompleteOrchestrationTurn {
            instance: turn.instance.as_str().to_owned(),
            execution: turn.execution,
            epoch: self.kept.epoch(),
            turn: turn.turn,
            started_at: turn.started_at.into(),
            delivered: turn.delivered,
            events_processed: self.dice.chance(20).then(|| i32::try_from(self.dice.below(4)).unwrap()),
            actions,
            custom_status: self.text(),
            trace: None,
        }))
    }

    fn answer_activity(&mut self) -> Option<Command> {
        if self.activities.is_empty() {
            return None;
        }
        let key = self.activities.swap_remove(self.dice.below(self.activities.len()));
        let task = self.kept.ask(|rows| view::activity(rows, &key))?;
        let failure = self.dice.chance(30).then(|| FailureDetails::new("Broken", "no".to_owned()));
        Some(Command::CompleteActivity(CompleteActivity {
            activity: key,
            epoch: self.kept.epoch(),
            execution: task.execution,
            task: task.task,
            result: self.text(),
            failure,
        }))
    }

    /// Sends what is in the outbox, sometimes again, sometimes with a gap.
    fn deliver(&mut self) -> Option<Command> {
        let limit = 1 + self.dice.below(20);
        let messages = self.kept.ask(|rows| view::outbox(rows, PartitionId(0), 0, limit));
        let skip = usize::from(self.dice.chance(10) && messages.len() > 1);
        let first = messages.get(skip)?.0;
        let messages = messages.into_iter().skip(skip).map(|(_, message)| message).collect();
        Some(Command::ReceiveMessages(ReceiveMessages {
            from: 0,
            from_lineage: LINEAGE,
            to_lineage: LINEAGE,
            first,
            messages,
        }))
    }

    fn exchange(&mut self) {
        let Some(command) = self.deliver() else { return };
        let effects = self.apply(command);
        for effect in effects {
            if let Effect::Acknowledge { upto, .. } = effect
                && !self.dice.chance(20)
            {
                self.apply(Command::AcknowledgeMessages(AcknowledgeMessages {
                    from: 0,
                    from_lineage: LINEAGE,
                    upto,
                }));
            }
        }
    }

    fn step(&mut self) {
        let command = match self.dice.below(100) {
            0..=17 => Some(self.client()),
            18..=24 => Some(self.entity_client()),
            25..=39 => self.answer_turn(),
            40..=49 => self.answer_batch(),
            50..=64 => self.answer_activity(),
            65..=74 => return self.exchange(),
            75..=84 => self.follow_ups.pop(),
            85..=89 => {
                let ahead = std::time::Duration::from_millis(self.dice.next() % 5_000);
                let at = self.kept.at.plus(ahead);
                self.kept.at = at;
                self.forgotten.at = at;
                Some(Command::FireTimers(FireTimers {}))
            }
            90..=94 => self.answered.last().cloned(),
            95 => return self.fail_over(),
            96 => self.force(),
            97 => self.stuck(),
            98 => self.mark_entity_stuck(),
            _ => return self.compare_outstanding(),
        };
        if let Some(command) = command {
            self.apply(command.clone());
            self.answered.push(command);
        }
    }

    fn force(&mut self) -> Option<Command> {
        let waits = self.kept.outstanding().into_iter().find_map(|effect| match effect {
            Effect::AwaitTermination { instance, execution } => Some((instance, execution)),
            _ => None,
        });
        waits.map(|(instance, execution)| {
            Command::ForceTerminate(ForceTerminate { instance: instance.as_str().to_owned(), execution })
        })
    }

    fn stuck(&mut self) -> Option<Command> {
        let id = InstanceId::parse(self.dice.pick::<&str>(&IDS)).unwrap();
        let view = self.kept.ask(|rows| view::instance(rows, &id, true))?;
        let activity = if self.dice.chance(50) { self.activities.last().cloned() } else { None };
        let instance = activity.as_ref().map_or(id.as_str().to_owned(), |key| key.instance.clone());
        let execution = view.execution;
        Some(Command::MarkStuck(MarkStuck { instance, execution, activity, reason: "no worker".to_owned() }))
    }

    fn fail_over(&mut self) {
        self.kept.fail_over();
        self.forgotten.fail_over();
        self.turns.clear();
        self.batches.clear();
        self.activities.clear();
        self.follow_ups.clear();
        let effects = self.compare_and_take();
        self.perform(&effects);
    }

    fn compare_outstanding(&mut self) {
        self.compare_and_take();
    }

    /// `outstanding` gives what the views say is pending, no more and no less.
    fn compare_and_take(&mut self) -> Effects {
        let found = self.kept.outstanding();
        assert_eq!(found, self.forgotten.outstanding());
        let offered: BTreeSet<InstanceId> = found
            .iter()
            .filter_map(|effect| match effect {
                Effect::OfferTurn { instance, .. } => Some(instance.clone()),
                _ => None,
            })
            .collect();
        let mut after: Option<InstanceId> = None;
        let mut waiting = BTreeSet::new();
        loop {
            let page =
                self.kept.ask(|rows| view::instances(rows, &InstancesFilter::default(), after.as_ref(), 3));
            waiting.extend(
                page.instances.into_iter().filter(|i| i.waiting == Waiting::Worker).map(|i| i.instance),
            );
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(offered, waiting);
        self.compare_lists();
        let offered: BTreeSet<&EntityId> = found
            .iter()
            .filter_map(|effect| match effect {
                Effect::OfferBatch { entity } => Some(entity),
                _ => None,
            })
            .collect();
        let filter = EntitiesFilter { kind: view::EntitiesKind::All, ..EntitiesFilter::default() };
        let entities = self.kept.ask(|rows| view::entities(rows, &filter, None, 100)).entities;
        let epoch = Epoch { lineage: Lineage(LINEAGE), lease: LeaseEpoch(1), term: self.kept.id.term };
        for entity in entities {
            let batch = self.kept.ask(|rows| view::batch(rows, &entity.entity, epoch));
            assert_eq!(batch.is_some(), offered.contains(&entity.entity), "{entity:?}");
        }
        let sends = found.iter().any(|effect| matches!(effect, Effect::Send { .. }));
        let messages = self.kept.ask(|rows| view::outbox(rows, PartitionId(0), 0, 1));
        assert_eq!(sends, !messages.is_empty());
        for key in &self.activities {
            let open = self.kept.ask(|rows| view::activity(rows, key)).is_some();
            let listed = found
                .iter()
                .any(|effect| matches!(effect, Effect::OfferActivity { activity, .. } if activity == key));
            assert!(!open || listed, "{key:?} is open and not outstanding");
        }
        let mut effects = Effects::none();
        found.into_iter().for_each(|effect| effects.push(effect));
        effects
    }

    /// A list of some statuses shows what a list of everything shows of them.
    fn compare_lists(&mut self) {
        let statuses = [StatusName::Running, StatusName::Failed, StatusName::Suspended];
        let everything = self.listed(&[], 1_000);
        let wanted = |view: &&InstanceView| statuses.contains(&view.status);
        let wanted: Vec<InstanceView> = everything.iter().filter(wanted).cloned().collect();
        assert_eq!(self.listed(&statuses, 2), wanted);
    }

    fn listed(&mut self, statuses: &[StatusName], limit: usize) -> Vec<InstanceView> {
        let filter = InstancesFilter { statuses: statuses.to_vec(), ..InstancesFilter::default() };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.kept.ask(|rows| view::instances(rows, &filter, after.as_ref(), limit));
            found.extend(page.instances);
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    }

    /// Ends and removes everything, and performs until nothing is outstanding.
    fn wind_down(&mut self) {
        self.apply(feed(0));
        for round in 0..200 {
            self.kept.at = self.kept.at.plus(std::time::Duration::from_secs(60));
            self.forgotten.at = self.kept.at;
            for id in IDS {
                let instance = id.to_owned();
                self.apply(Command::Terminate(Terminate {
                    instance: instance.clone(),
                    request: None,
                    output: None,
                    recursive: true,
                }));
                self.apply(Command::Purge(Purge { instance, request: None, recursive: true }));
            }
            self.turns.clear();
            self.batches.clear();
            self.activities.clear();
            self.resume_entities();
            self.follow_ups.clear();
            let found = self.kept.outstanding();
            for effect in &found {
                self.finish(effect);
            }
            let page = self
                .kept
                .ask(|rows| view::instances(rows, &InstancesFilter::default(), None, 1_000))
                .instances;
            for view in &page {
                let instance = view.instance.as_str().to_owned();
                let execution = view.execution.clone();
                self.apply(Command::Terminate(Terminate {
                    instance: instance.clone(),
                    request: None,
                    output: None,
                    recursive: false,
                }));
                self.apply(Command::ForceTerminate(ForceTerminate { instance: instance.clone(), execution }));
                self.apply(Command::Purge(Purge { instance, request: None, recursive: false }));
            }
            if found.is_empty() && page.is_empty() {
                return;
            }
            assert!(round < 199, "still outstanding: {found:?}");
        }
    }

    fn finish(&mut self, effect: &Effect) {
        match effect {
            Effect::OfferActivity { activity, .. } => {
                let Some(task) = self.kept.ask(|rows| view::activity(rows, activity)) else { return };
                let epoch = self.kept.epoch();
                let activity = activity.clone();
                let (execution, task) = (task.execution, task.task);
                let outcome =
                    CompleteActivity { activity, epoch, execution, task, ..CompleteActivity::default() };
                self.apply(Command::CompleteActivity(outcome));
            }
            Effect::Send { .. } => self.exchange(),
            Effect::WakeAt(_) => {
                self.apply(Command::FireTimers(FireTimers {}));
            }
            Effect::AwaitTermination { instance, execution } => {
                let instance = instance.as_str().to_owned();
                let execution = execution.clone();
                self.apply(Command::ForceTerminate(ForceTerminate { instance, execution }));
            }
            Effect::FollowUp(command) => {
                self.apply(command.clone());
            }
            Effect::OfferBatch { entity } => {
                self.build_batch(entity);
                if let Some(command) = self.answer_batch() {
                    self.apply(command);
                }
            }
            Effect::OfferTurn { .. }
            | Effect::Reply(_)
            | Effect::Acknowledge { .. }
            | Effect::FeedGrew
            | Effect::ScheduleMoved
            | Effect::InstanceChanged { .. } => {}
        }
    }
}

/// Rooms of instances, entities and what they have to do.
fn is_of_the_living(tag: u8) -> bool {
    (0x02..=0x0b).contains(&tag) || tag >= 0x18
}

#[test]
fn the_same_entries_give_the_same_state_with_and_without_memory() {
    for seed in 0..60 {
        let mut world = World::new(seed);
        for step in 0..250 {
            world.step();
            if step % 10 == 0 {
                world.kept.check();
            }
        }
        assert_eq!(world.kept.store, world.forgotten.store, "seed {seed}");
        assert_eq!(world.kept.digest(), world.forgotten.digest(), "seed {seed}");
        world.kept.check();
        world.wind_down();
        world.kept.check();
        // Meta, cursors and remembered requests stay; instances leave nothing behind.
        let left: Vec<u8> =
            world.kept.store.keys().map(|key| key[0]).filter(|tag| is_of_the_living(*tag)).collect();
        assert_eq!(left, [] as [u8; 0], "seed {seed}");
    }
}

#[test]
fn bytes_that_decode_as_entries_never_crash_the_machine() {
    use prost::Message as _;
    let mut dice = Dice::new(7);
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let mut world = World::new(11);
    for _ in 0..400 {
        world.step();
    }
    for command in world.answered.drain(..) {
        seeds.push(Entry { at: Moment::from(Timestamp::ZERO), command: Some(command) }.encode_to_vec());
    }
    let mut machine = world.forgotten;
    machine.memory = Memory::Keeps;
    let mut decoded = 0;
    for _ in 0..20_000 {
        let mut bytes = dice.pick(&seeds).clone();
        for _ in 0..=dice.below(4) {
            let at = dice.below(bytes.len());
            bytes[at] = u8::try_from(dice.below(256)).unwrap();
        }
        if let Ok(Entry { command: Some(command), .. }) = Entry::decode(bytes.as_slice()) {
            machine.apply(command);
            decoded += 1;
        }
    }
    assert!(decoded > 1_000, "only {decoded} of the bytes were entries");
}

#[test]
fn a_fan_out_of_ten_thousand_is_linear() {
    let mut machine = Machine::led(Memory::Keeps);
    let start = StartOrchestration {
        instance: "fan".to_owned(),
        execution: "0".repeat(32),
        name: "fan".to_owned(),
        ..StartOrchestration::default()
    };
    machine.apply(Command::StartOrchestration(start));
    let id = InstanceId::parse("fan").unwrap();
    let answer = |machine: &mut Machine, actions: Vec<Action>| {
        let epoch = Epoch { lineage: Lineage(LINEAGE), lease: LeaseEpoch(1), term: 1 };
        let now = machine.at;
        let turn = machine.ask(|rows| view::turn(rows, &id, epoch, now, 4 << 20)).unwrap();
        let command = CompleteOrchestrationTurn {
            instance: "fan".to_owned(),
            execution: turn.execution,
            epoch: machine.epoch(),
            turn: turn.turn,
            started_at: turn.started_at.into(),
            delivered: turn.delivered,
            actions,
            ..CompleteOrchestrationTurn::default()
        };
        machine.apply(Command::CompleteOrchestrationTurn(command))
    };
    let task = |id| {
        let kind = ActionKind::ScheduleTask(ScheduleTask { name: "pay".to_owned(), ..Default::default() });
        Action { id, kind: Some(kind) }
    };
    let (effects, writes) = answer(&mut machine, (1..=10_000).map(task).collect());
    let written: usize =
        writes.iter().map(|(key, value)| key.as_bytes().len() + value.as_ref().map_or(0, |v| v.len())).sum();
    assert!(written < 10_000 * 400, "{written} bytes for 10,000 activities");
    let mut total = 0;
    for effect in effects {
        let Effect::OfferActivity { activity, .. } = effect else { continue };
        let epoch = machine.epoch();
        let execution = "0".repeat(32);
        let outcome = CompleteActivity { activity, epoch, execution, ..CompleteActivity::default() };
        let (effects, writes) = machine.apply(Command::CompleteActivity(outcome));
        assert!(effects.iter().any(|effect| *effect == Effect::Reply(Reply::Done)));
        total += writes.iter().map(|(_, value)| value.as_ref().map_or(0, |v| v.len())).sum::<usize>();
    }
    // Each result rewrites the instance's row and half a chunk on average, however many there are.
    assert!(total < 10_000 * 10_000, "{total} bytes for 10,000 results");
    answer(&mut machine, Vec::new());
    machine.check();
}

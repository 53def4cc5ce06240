//! The orchestrations of the simulation: a tiny language, how a worker runs it from a history, and
//! what it must come to whatever goes wrong.
//!
//! A program is words: `a3` three activities at once, `b` an activity that fails, `t50` a timer of
//! 50 ms, `ex` wait for the event `x`, `s1` run program 1 as a sub-orchestration, `nI:x` send the
//! event `x` to the instance `I`, `g1` signal ledger 1, `k1` call it, `u1` call it and not wait, `l01`
//! use ledgers 0 and 1 alone, `y1` lock ledger 1 and never give it back, `c` continue as new, `r` two activities of which one fails, and
//! the orchestration with it, until somebody has mended it, `w` wait for an event that never comes. Each
//! step's outcome goes into a running sum;
//! the sum is the orchestration's output, so anything lost, doubled or reordered changes it.
//!
//! Not here: giving turns to workers, and sending their answers.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::event::{
    Action, ActionKind, CompleteOrchestration, CreateSubOrchestration, CreateTimer, EntityLockRequested,
    EntityMessage, EntityOperationCalled, EntityOperationSignaled, EntityUnlockSent, EventKind,
    FailureDetails, HistoryEvent, OrchestrationInstance, ScheduleTask, SendEntityMessage, SendEvent,
};
use engine::partition::command::Moment;
use engine::time::Timestamp;

use crate::entities;

/// Programs that others run as sub-orchestrations, by number. They run none themselves.
pub const LIBRARY: &[&str] = &["a1", "t5 a2", "a1 c a1", "b a1 t3"];

/// Sub-orchestrations that only some programs run: one that has to be mended, one that is never done,
/// and one that waits for one of these. Their numbers go on where [`LIBRARY`] ends.
const APART: &[&str] = &["a1 r", "w", "s5"];
/// A child that fails until it is mended.
pub const FRAIL_CHILD: &str = "s4";
/// A child with a child that is never done.
pub const ENDLESS_CHILD: &str = "s6";

/// Wire numbers of `OrchestrationStatus`.
pub const COMPLETED: i32 = 1;
const CONTINUED_AS_NEW: i32 = 2;
const FAILED: i32 = 3;
const TERMINATED: i32 = 5;

/// One word of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Activities at once.
    Activities(u64),
    /// An activity that fails.
    Failing,
    /// A timer of so many milliseconds.
    Timer(u64),
    /// Wait for an event of this name.
    Event(String),
    /// A sub-orchestration, by number in [`LIBRARY`].
    Child(usize),
    /// Send an event of this name to this instance.
    Send(String, String),
    /// Signal a ledger.
    Signal(u64),
    /// Call a ledger.
    Call(u64),
    /// Call a ledger and do not wait.
    CallOnly(u64),
    /// Use ledgers alone.
    Section(Vec<u64>),
    /// Lock a ledger until the end of the execution.
    Keep(u64),
    /// Continue as new with the rest.
    Again,
    /// An activity that fails until the instance is mended, and one beside it that is slower.
    Frail,
    /// Wait for what never comes.
    Never,
}

/// The words of a program. What is no word is left out: programs are our own.
pub fn parse(text: &str) -> Vec<Word> {
    text.split_whitespace().filter_map(parse_word).collect()
}

fn parse_word(word: &str) -> Option<Word> {
    let (head, rest) = word.split_at_checked(1)?;
    Some(match head {
        "a" => Word::Activities(rest.parse().ok()?),
        "b" => Word::Failing,
        "t" => Word::Timer(rest.parse().ok()?),
        "e" => Word::Event(rest.to_owned()),
        "s" => Word::Child(rest.parse().ok()?),
        "n" => {
            let (instance, name) = rest.split_once(':')?;
            Word::Send(instance.to_owned(), name.to_owned())
        }
        "g" => Word::Signal(rest.parse().ok()?),
        "k" => Word::Call(rest.parse().ok()?),
        "u" => Word::CallOnly(rest.parse().ok()?),
        "l" => Word::Section(rest.chars().filter_map(|digit| digit.to_digit(10).map(u64::from)).collect()),
        "y" => Word::Keep(rest.parse().ok()?),
        "c" => Word::Again,
        "r" => Word::Frail,
        "w" => Word::Never,
        _ => return None,
    })
}

/// The running sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum(u64);

impl Sum {
    const START: Self = Self(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, outcome: &str) {
        for byte in outcome.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// The input that starts a program.
pub fn input(program: &str) -> String {
    format!("{:016x} {program}", Sum::START.0)
}

/// What an activity with this input answers; whoever ran it may add a mark after `#`.
pub fn activity_result(input: &str, is_mended: bool) -> Result<String, FailureDetails> {
    if input.starts_with("fail") || (input.starts_with("frail") && !is_mended) {
        return Err(FailureDetails::new("Simulated", format!("{input} fails")));
    }
    Ok(format!("did {input}"))
}

fn without_mark(result: &str) -> &str {
    result.split_once('#').map_or(result, |(result, _)| result)
}

/// What a program comes to, given the payloads its events bring, by name and in order.
pub fn expected(program: &str, events: &BTreeMap<String, Vec<String>>) -> String {
    let mut sum = Sum::START;
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for word in &parse(program) {
        match word {
            Word::Activities(count) => {
                let before = sum;
                (0..*count).for_each(|at| sum.add(&format!("did {:x}.{at}", before.0)));
            }
            Word::Failing => sum.add("failed"),
            Word::Timer(_) => sum.add("fired"),
            Word::Event(name) => {
                let at = taken.entry(name).or_default();
                sum.add(events.get(name).and_then(|payloads| payloads.get(*at)).map_or("", |text| text));
                *at += 1;
            }
            Word::Child(number) => sum.add(&expected(library(*number), &BTreeMap::new())),
            Word::Frail => {
                let before = sum;
                for input in frail_inputs(before) {
                    sum.add(&format!("did {input}"));
                }
            }
            Word::Call(_) => sum.add("called"),
            Word::Section(_) => sum.add("alone"),
            Word::Keep(_) => sum.add("held"),
            Word::Send(..) | Word::Signal(_) | Word::CallOnly(_) | Word::Again | Word::Never => {}
        }
    }
    format!("{:016x}", sum.0)
}

/// How often a program adds to a ledger.
pub fn additions(program: &str, ledger: u64) -> u64 {
    let adds =
        |word: &Word| matches!(word, Word::Signal(to) | Word::Call(to) | Word::CallOnly(to) if *to == ledger);
    u64::try_from(parse(program).iter().filter(|word| adds(word)).count()).unwrap_or(0)
}

/// An entity's answer to a call that this execution did not make.
pub fn unasked_reply(events: &[HistoryEvent]) -> Option<String> {
    let execution = Seen::of(events).execution;
    let request = |event: &HistoryEvent| match &event.kind {
        Some(EventKind::EntityOperationCompleted(done)) => Some(done.request_id.clone()),
        Some(EventKind::EntityOperationFailed(failed)) => Some(failed.request_id.clone()),
        _ => None,
    };
    events.iter().filter_map(request).find(|request| !request.starts_with(execution))
}

fn library(number: usize) -> &'static str {
    LIBRARY.iter().chain(APART).nth(number).copied().unwrap_or("a1")
}

/// The inputs of what a frail step asks for.
fn frail_inputs(sum: Sum) -> [String; 2] {
    [format!("frail {:x}", sum.0), format!("beside {:x}", sum.0)]
}

/// What the history says of the tasks that were asked for.
#[derive(Debug, Default)]
struct Seen<'a> {
    input: &'a str,
    instance: &'a str,
    execution: &'a str,
    now: Timestamp,
    asked: BTreeMap<i32, ()>,
    outcomes: BTreeMap<i32, &'a str>,
    raised: Vec<(&'a HistoryEvent, &'a str, &'a str)>,
    terminated: Option<Option<String>>,
}

impl<'a> Seen<'a> {
    fn of(events: &'a [HistoryEvent]) -> Self {
        let mut seen = Self::default();
        events.iter().for_each(|event| seen.take(event));
        seen
    }

    fn take(&mut self, event: &'a HistoryEvent) {
        match &event.kind {
            Some(EventKind::OrchestratorStarted(_)) => {
                self.now = event.timestamp.map_or(Timestamp::ZERO, Timestamp::from);
            }
            Some(EventKind::ExecutionStarted(started)) => {
                self.input = started.input.as_deref().unwrap_or_default();
                if let Some(own) = &started.orchestration_instance {
                    self.instance = &own.instance_id;
                    self.execution = own.execution_id.as_deref().unwrap_or_default();
                }
            }
            Some(EventKind::ExecutionTerminated(terminated)) => {
                self.terminated = Some(terminated.input.clone());
            }
            Some(
                EventKind::TaskScheduled(_)
                | EventKind::TimerCreated(_)
                | EventKind::SubOrchestrationInstanceCreated(_)
                | EventKind::EventSent(_)
                | EventKind::EntityOperationSignaled(_)
                | EventKind::EntityOperationCalled(_)
                | EventKind::EntityLockRequested(_)
                | EventKind::EntityUnlockSent(_),
            ) => drop(self.asked.insert(event.event_id, ())),
            Some(EventKind::TaskCompleted(done)) => {
                let result = without_mark(done.result.as_deref().unwrap_or_default());
                self.outcomes.insert(done.task_scheduled_id, result);
            }
            Some(EventKind::TaskFailed(failed)) => {
                self.outcomes.insert(failed.task_scheduled_id, "failed");
            }
            Some(EventKind::SubOrchestrationInstanceCompleted(done)) => {
                self.outcomes.insert(done.task_scheduled_id, done.result.as_deref().unwrap_or_default());
            }
            Some(EventKind::SubOrchestrationInstanceFailed(failed)) => {
                self.outcomes.insert(failed.task_scheduled_id, "failed");
            }
            Some(EventKind::EntityOperationCompleted(done)) => self.answered(&done.request_id, "called"),
            Some(EventKind::EntityOperationFailed(failed)) => self.answered(&failed.request_id, "failed"),
            Some(EventKind::EntityLockGranted(granted)) => {
                self.answered(&granted.critical_section_id, "held");
            }
            Some(EventKind::TimerFired(fired)) => drop(self.outcomes.insert(fired.timer_id, "fired")),
            Some(EventKind::EventRaised(raised)) => {
                self.raised.push((event, &raised.name, raised.input.as_deref().unwrap_or_default()));
            }
            _ => {}
        }
    }
}

impl<'a> Seen<'a> {
    /// A request is named by its execution and the action's id.
    fn answered(&mut self, request: &str, outcome: &'a str) {
        if let Some(id) = request.rsplit('/').next().and_then(|id| id.parse().ok()) {
            self.outcomes.insert(id, outcome);
        }
    }
}

/// One replay: what was asked for so far, and what is asked for now.
struct Replay<'a> {
    seen: Seen<'a>,
    sum: Sum,
    next_id: i32,
    actions: Vec<Action>,
    /// Additions to each ledger so far.
    added: BTreeMap<u64, u64>,
}

/// The actions of a turn, given all events of the execution, past and new.
pub fn turn(events: &[HistoryEvent]) -> Vec<Action> {
    let seen = Seen::of(events);
    if let Some(reason) = seen.terminated.clone() {
        return vec![complete(0, TERMINATED, reason, Vec::new())];
    }
    let (sum, words) = seen.input.split_once(' ').unwrap_or((seen.input, ""));
    let sum = Sum(u64::from_str_radix(sum, 16).unwrap_or(Sum::START.0));
    Replay { seen, sum, next_id: 0, actions: Vec::new(), added: BTreeMap::new() }.run(words)
}

impl Replay<'_> {
    fn run(mut self, text: &str) -> Vec<Action> {
        let words: Vec<&str> = text.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            let Some(word) = parse_word(word) else { continue };
            if word == Word::Again {
                return self.again(&words[at + 1..]);
            }
            let Some(outcomes) = self.step(&word) else { return self.actions };
            if matches!(word, Word::Frail | Word::Child(_))
                && outcomes.iter().any(|outcome| outcome == "failed")
            {
                self.actions.push(complete(self.next_id, FAILED, None, Vec::new()));
                return self.actions;
            }
            outcomes.iter().for_each(|outcome| self.sum.add(outcome));
        }
        let output = format!("{:016x}", self.sum.0);
        self.actions.push(complete(self.next_id, COMPLETED, Some(output), Vec::new()));
        self.actions
    }

    fn again(mut self, rest: &[&str]) -> Vec<Action> {
        let input = format!("{:016x} {}", self.sum.0, rest.join(" "));
        let carried = self.seen.raised.iter().map(|(event, ..)| (*event).clone()).collect();
        self.actions.push(complete(self.next_id, CONTINUED_AS_NEW, Some(input), carried));
        self.actions
    }

    /// The outcomes of one word, or `None` while some are outstanding.
    fn step(&mut self, word: &Word) -> Option<Vec<String>> {
        match word {
            Word::Activities(count) => {
                let sum = self.sum.0;
                let inputs: Vec<_> = (0..*count).map(|at| format!("{sum:x}.{at}")).collect();
                let outcomes: Vec<_> = inputs.into_iter().map(|input| self.activity(input)).collect();
                outcomes.into_iter().collect()
            }
            Word::Failing => self.activity(format!("fail {:x}", self.sum.0)).map(|outcome| vec![outcome]),
            Word::Timer(ms) => {
                let fire_at = Moment::from(self.seen.now.plus(Duration::from_millis(*ms)));
                self.task(ActionKind::CreateTimer(CreateTimer { fire_at: Some(fire_at) }))
                    .map(|outcome| vec![outcome])
            }
            Word::Event(name) => {
                let at = self.seen.raised.iter().position(|(_, raised, _)| raised == name)?;
                Some(vec![self.seen.raised.remove(at).2.to_owned()])
            }
            Word::Child(number) => {
                let child = CreateSubOrchestration {
                    instance_id: format!("{}/{}", self.seen.instance, self.next_id),
                    name: "program".to_owned(),
                    input: Some(input(library(*number))),
                    ..CreateSubOrchestration::default()
                };
                self.task(ActionKind::CreateSubOrchestration(child)).map(|outcome| vec![outcome])
            }
            Word::Send(target, name) => {
                let instance = OrchestrationInstance { instance_id: target.clone(), execution_id: None };
                let data = Some(sent_payload(self.seen.instance));
                let send = SendEvent { instance: Some(instance), name: name.clone(), data };
                let sent = self.task(ActionKind::SendEvent(send));
                debug_assert!(sent.is_none(), "a sent event has no outcome");
                Some(Vec::new())
            }
            Word::Frail => {
                let outcomes = frail_inputs(self.sum).map(|input| self.activity(input));
                // A failure is not waited out: what is beside it may be open still.
                match outcomes.iter().flatten().any(|outcome| outcome == "failed") {
                    true => Some(vec!["failed".to_owned()]),
                    false => outcomes.into_iter().collect(),
                }
            }
            Word::Never => None,
            Word::Signal(to) => {
                let signal = EntityOperationSignaled {
                    operation: "add".to_owned(),
                    input: Some(self.addition(*to)),
                    target_instance_id: Some(entities::ledger(*to)),
                    ..EntityOperationSignaled::default()
                };
                self.entity(EntityMessage::EntityOperationSignaled(signal));
                Some(Vec::new())
            }
            Word::Call(to) => {
                let input = self.addition(*to);
                self.call(*to, "add", input).map(|outcome| vec![outcome])
            }
            Word::CallOnly(to) => {
                let input = self.addition(*to);
                self.call(*to, "add", input);
                Some(Vec::new())
            }
            Word::Section(ledgers) => self.section(ledgers),
            Word::Keep(ledger) => self.lock(&[*ledger]).map(|outcome| vec![outcome]),
            Word::Again => Some(Vec::new()),
        }
    }

    fn addition(&mut self, to: u64) -> String {
        let number = self.added.entry(to).or_default();
        *number += 1;
        entities::addition(self.seen.execution, *number, self.seen.instance)
    }

    /// What names a request of ours.
    fn request(&self) -> String {
        format!("{}/{}", self.seen.execution, self.next_id)
    }

    fn entity(&mut self, message: EntityMessage) -> Option<String> {
        self.task(ActionKind::SendEntityMessage(SendEntityMessage { kind: Some(message) }))
    }

    fn call(&mut self, to: u64, operation: &str, input: String) -> Option<String> {
        let call = EntityOperationCalled {
            request_id: self.request(),
            operation: operation.to_owned(),
            input: Some(input),
            target_instance_id: Some(entities::ledger(to)),
            ..EntityOperationCalled::default()
        };
        self.entity(EntityMessage::EntityOperationCalled(call))
    }

    fn lock(&mut self, ledgers: &[u64]) -> Option<String> {
        let request = EntityLockRequested {
            critical_section_id: self.request(),
            lock_set: ledgers.iter().map(|ledger| entities::ledger(*ledger)).collect(),
            ..EntityLockRequested::default()
        };
        self.entity(EntityMessage::EntityLockRequested(request))
    }

    /// Locks, enters all, stays a little, leaves all, unlocks.
    fn section(&mut self, ledgers: &[u64]) -> Option<Vec<String>> {
        let section = self.request();
        self.lock(ledgers)?;
        let who = self.seen.instance.to_owned();
        self.each(ledgers, "enter", &who)?;
        self.step(&Word::Timer(5))?;
        self.each(ledgers, "leave", &who)?;
        for ledger in ledgers {
            let unlock = EntityUnlockSent {
                critical_section_id: section.clone(),
                target_instance_id: Some(entities::ledger(*ledger)),
                ..EntityUnlockSent::default()
            };
            self.entity(EntityMessage::EntityUnlockSent(unlock));
        }
        Some(vec!["alone".to_owned()])
    }

    fn each(&mut self, ledgers: &[u64], operation: &str, who: &str) -> Option<()> {
        let answers: Vec<_> =
            ledgers.iter().map(|ledger| self.call(*ledger, operation, who.to_owned())).collect();
        answers.into_iter().all(|answer| answer.is_some()).then_some(())
    }

    fn activity(&mut self, input: String) -> Option<String> {
        let name = "work".to_owned();
        self.task(ActionKind::ScheduleTask(ScheduleTask {
            name,
            input: Some(input),
            ..ScheduleTask::default()
        }))
    }

    /// Asks for a task where that has not been done, and says how it came out.
    fn task(&mut self, kind: ActionKind) -> Option<String> {
        let id = self.next_id;
        self.next_id += 1;
        if !self.seen.asked.contains_key(&id) {
            self.actions.push(Action { id, kind: Some(kind) });
        }
        self.seen.outcomes.get(&id).map(|outcome| (*outcome).to_owned())
    }
}

/// Whether these events of a first turn are those of an execution that went on as new, and bring
/// external events along.
pub fn went_on_with_events(events: &[HistoryEvent]) -> bool {
    let seen = Seen::of(events);
    !seen.raised.is_empty() && !seen.input.starts_with(&format!("{:016x}", Sum::START.0))
}

/// What an orchestration says when it sends an event.
pub fn sent_payload(from: &str) -> String {
    format!("sent by {from}")
}

fn complete(id: i32, status: i32, result: Option<String>, carryover_events: Vec<HistoryEvent>) -> Action {
    let complete = CompleteOrchestration {
        orchestration_status: status,
        result,
        carryover_events,
        ..CompleteOrchestration::default()
    };
    Action { id, kind: Some(ActionKind::CompleteOrchestration(complete)) }
}

//! The orchestrations of the simulation: a tiny language, how a worker runs it from a history, and
//! what it must come to whatever goes wrong.
//!
//! A program is words: `a3` three activities at once, `b` an activity that fails, `t50` a timer of
//! 50 ms, `ex` wait for the event `x`, `s1` run program 1 as a sub-orchestration, `nI:x` send the
//! event `x` to the instance `I`, `c` continue as new, `r` two activities of which one fails, and the
//! orchestration with it, until somebody has mended it, `w` wait for an event that never comes. Each step's outcome goes into a running sum;
//! the sum is the orchestration's output, so anything lost, doubled or reordered changes it.
//!
//! Not here: giving turns to workers, and sending their answers.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::event::{
    Action, ActionKind, CompleteOrchestration, CreateSubOrchestration, CreateTimer, EventKind,
    FailureDetails, HistoryEvent, OrchestrationInstance, ScheduleTask, SendEvent,
};
use engine::partition::command::Moment;
use engine::time::Timestamp;

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
            Word::Send(..) | Word::Again | Word::Never => {}
        }
    }
    format!("{:016x}", sum.0)
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
                self.instance =
                    started.orchestration_instance.as_ref().map_or("", |instance| &instance.instance_id);
            }
            Some(EventKind::ExecutionTerminated(terminated)) => {
                self.terminated = Some(terminated.input.clone());
            }
            Some(
                EventKind::TaskScheduled(_)
                | EventKind::TimerCreated(_)
                | EventKind::SubOrchestrationInstanceCreated(_)
                | EventKind::EventSent(_),
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
            Some(EventKind::TimerFired(fired)) => drop(self.outcomes.insert(fired.timer_id, "fired")),
            Some(EventKind::EventRaised(raised)) => {
                self.raised.push((event, &raised.name, raised.input.as_deref().unwrap_or_default()));
            }
            _ => {}
        }
    }
}

/// One replay: what was asked for so far, and what is asked for now.
struct Replay<'a> {
    seen: Seen<'a>,
    sum: Sum,
    next_id: i32,
    actions: Vec<Action>,
}

/// The actions of a turn, given all events of the execution, past and new.
pub fn turn(events: &[HistoryEvent]) -> Vec<Action> {
    let seen = Seen::of(events);
    if let Some(reason) = seen.terminated.clone() {
        return vec![complete(0, TERMINATED, reason, Vec::new())];
    }
    let (sum, words) = seen.input.split_once(' ').unwrap_or((seen.input, ""));
    let sum = Sum(u64::from_str_radix(sum, 16).unwrap_or(Sum::START.0));
    Replay { seen, sum, next_id: 0, actions: Vec::new() }.run(words)
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
            Word::Again => Some(Vec::new()),
        }
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

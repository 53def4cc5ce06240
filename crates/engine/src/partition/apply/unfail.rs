//! What of a failed execution's history stays when it is rewound.
//!
//! Not here: whose history (`rewind`). Taken out is what would make a replay fail as before: the
//! failures that the orchestration met last or met in silence, the steps that they belong to, and
//! what was still open. A failure after which it asked for something was handled (by a retry, by
//! making good) and stays: its replay must ask for the same again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::event::{EventKind, HistoryEvent, SubOrchestrationInstanceCreated};
use crate::mutants;
use crate::partition::effect::Refusal;
use crate::partition::state::children::ChildRow;
use crate::partition::state::history::Audience;

/// A history as people see it.
pub(super) type History = Vec<(Audience, HistoryEvent)>;

/// See the file's header.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) history: History,
    /// The children to wait for again, by their place among the execution's children.
    pub(super) awaited: BTreeMap<usize, SubOrchestrationInstanceCreated>,
}

/// What a step is called by its outcome.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name<'a> {
    Activity(i32),
    Timer(i32),
    Child(i32),
    Call(&'a str),
}

#[derive(Debug)]
enum Role<'a> {
    TurnBegins,
    Asks(Name<'a>),
    Succeeds(Name<'a>),
    Fails(Name<'a>),
    /// Asks for something that has no outcome.
    Says,
    Ends,
    /// Comes from outside, or is for people.
    Other,
}

fn role(event: &HistoryEvent) -> Role<'_> {
    let Some(kind) = &event.kind else { return Role::Other };
    match kind {
        EventKind::OrchestratorStarted(_) => Role::TurnBegins,
        EventKind::TaskScheduled(_) => Role::Asks(Name::Activity(event.event_id)),
        EventKind::TaskCompleted(done) => Role::Succeeds(Name::Activity(done.task_scheduled_id)),
        EventKind::TaskFailed(done) => Role::Fails(Name::Activity(done.task_scheduled_id)),
        EventKind::TimerCreated(_) => Role::Asks(Name::Timer(event.event_id)),
        EventKind::TimerFired(done) => Role::Succeeds(Name::Timer(done.timer_id)),
        EventKind::SubOrchestrationInstanceCreated(_) => Role::Asks(Name::Child(event.event_id)),
        EventKind::SubOrchestrationInstanceCompleted(done) => {
            Role::Succeeds(Name::Child(done.task_scheduled_id))
        }
        EventKind::SubOrchestrationInstanceFailed(done) => Role::Fails(Name::Child(done.task_scheduled_id)),
        EventKind::EntityOperationCalled(call) => Role::Asks(Name::Call(&call.request_id)),
        EventKind::EntityOperationCompleted(done) => Role::Succeeds(Name::Call(&done.request_id)),
        EventKind::EntityOperationFailed(done) => Role::Fails(Name::Call(&done.request_id)),
        EventKind::EventSent(_)
        | EventKind::EntityOperationSignaled(_)
        | EventKind::EntityLockRequested(_)
        | EventKind::EntityUnlockSent(_) => Role::Says,
        EventKind::ExecutionCompleted(_) => Role::Ends,
        EventKind::ExecutionStarted(_)
        | EventKind::ExecutionTerminated(_)
        | EventKind::OrchestratorCompleted(_)
        | EventKind::EventRaised(_)
        | EventKind::Generic(_)
        | EventKind::HistoryState(_)
        | EventKind::ContinueAsNew(_)
        | EventKind::ExecutionSuspended(_)
        | EventKind::ExecutionResumed(_)
        | EventKind::EntityLockGranted(_)
        | EventKind::ExecutionRewound(_) => Role::Other,
    }
}

/// How a step stands at the end of the history.
#[derive(Debug, Clone, Copy)]
enum Standing {
    Open,
    Succeeded,
    /// By the event at this place, which is in this turn.
    Failed {
        at: usize,
        turn: usize,
    },
}

#[derive(Debug)]
struct Step {
    /// The place of the event that asks for it.
    asked: usize,
    /// Its place among the execution's children; `None` where it is no child, or never became one.
    child: Option<usize>,
    standing: Standing,
}

/// A history that has been read once: its steps and turns.
#[derive(Debug, Default)]
struct Reading {
    steps: Vec<Step>,
    /// The place where each turn begins.
    turns: Vec<usize>,
    /// Turns in which something was asked for.
    asking: BTreeSet<usize>,
}

fn read(history: &History, children: &[ChildRow]) -> Reading {
    let mut reading = Reading::default();
    // Two steps may be open under one name: an outcome is then the older one's.
    let mut open: BTreeMap<Name, VecDeque<usize>> = BTreeMap::new();
    let mut next_child = 0;
    for (at, (_, event)) in history.iter().enumerate() {
        let turn = reading.turns.len().saturating_sub(1);
        match role(event) {
            Role::TurnBegins => reading.turns.push(at),
            Role::Asks(name) => {
                let child = child_of(event, children, &mut next_child);
                open.entry(name).or_default().push_back(reading.steps.len());
                reading.steps.push(Step { asked: at, child, standing: Standing::Open });
                reading.asking.insert(turn);
            }
            Role::Succeeds(name) => {
                let step = open.get_mut(&name).and_then(VecDeque::pop_front);
                close(&mut reading, step, Standing::Succeeded);
            }
            Role::Fails(name) => {
                let step = open.get_mut(&name).and_then(VecDeque::pop_front);
                close(&mut reading, step, Standing::Failed { at, turn });
            }
            Role::Says => {
                reading.asking.insert(turn);
            }
            Role::Ends | Role::Other => {}
        }
    }
    reading
}

fn close(reading: &mut Reading, step: Option<usize>, standing: Standing) {
    if let Some(step) = step.and_then(|step| reading.steps.get_mut(step)) {
        step.standing = standing;
    }
}

/// Children are listed in the order in which they were asked for; what never became one is not.
fn child_of(event: &HistoryEvent, children: &[ChildRow], next: &mut usize) -> Option<usize> {
    let Some(EventKind::SubOrchestrationInstanceCreated(created)) = &event.kind else { return None };
    let is_meant = |row: &ChildRow| row.child == created.instance_id && row.parent.task == event.event_id;
    let found = *next + children.get(*next..)?.iter().position(is_meant)?;
    *next = found + 1;
    Some(found)
}

/// See the file's header. `Err`: it cannot be rewound.
pub(super) fn unfail(history: History, children: &[ChildRow]) -> Result<Kept, Refusal> {
    let reading = read(&history, children);
    let last = reading.turns.len().saturating_sub(1);
    let last_at = reading.turns.last().copied().unwrap_or(0);
    let mut gone: BTreeSet<usize> = BTreeSet::new();
    let mut awaited = BTreeMap::new();
    for step in &reading.steps {
        let again = match step.standing {
            Standing::Open => !mutants::active(mutants::REWIND_KEEPS_OPEN_TASKS),
            Standing::Succeeded => false,
            Standing::Failed { at, turn } => {
                let unhandled = turn == last || !reading.asking.contains(&turn);
                unhandled && gone.insert(at)
            }
        };
        match (step.child, history.get(step.asked).map(|(_, event)| &event.kind)) {
            _ if !again => {}
            (Some(child), Some(Some(EventKind::SubOrchestrationInstanceCreated(created))))
                if step.asked < last_at =>
            {
                awaited.insert(child, created.clone());
            }
            _ => {
                gone.insert(step.asked);
            }
        }
    }
    for (at, (_, event)) in history.iter().enumerate() {
        let of_the_end = at > last_at && matches!(role(event), Role::Asks(_) | Role::Says);
        if of_the_end || matches!(role(event), Role::Ends) {
            gone.insert(at);
        }
    }
    let stays = |at: usize| !gone.contains(&at);
    if holds_locks(history.iter().enumerate().filter(|(at, _)| stays(*at)).map(|(_, (_, event))| event)) {
        return Err(Refusal::HeldLocks);
    }
    let empty = empty_turns(&history, &reading.turns, &gone);
    let kept = history.into_iter().enumerate().filter(|(at, _)| !gone.contains(at) && !empty.contains(at));
    Ok(Kept { history: kept.map(|(_, event)| event).collect(), awaited })
}

/// Locks were given to others when the orchestration failed.
fn holds_locks<'a>(events: impl Iterator<Item = &'a HistoryEvent>) -> bool {
    let mut held = BTreeSet::new();
    for event in events {
        match &event.kind {
            Some(EventKind::EntityLockRequested(asked)) => {
                held.insert(&asked.critical_section_id);
            }
            Some(EventKind::EntityUnlockSent(sent)) => {
                held.remove(&sent.critical_section_id);
            }
            _ => {}
        }
    }
    !held.is_empty()
}

/// The beginnings of turns of which nothing else stays.
fn empty_turns(history: &History, turns: &[usize], gone: &BTreeSet<usize>) -> BTreeSet<usize> {
    let ends = turns.iter().skip(1).copied().chain([history.len()]);
    let is_empty = |from: usize, to: usize| {
        (from + 1..to).all(|at| {
            let hidden = history.get(at).is_none_or(|(audience, _)| *audience == Audience::People);
            hidden || gone.contains(&at)
        })
    };
    turns.iter().zip(ends).filter(|(from, to)| is_empty(**from, *to)).map(|(from, _)| *from).collect()
}

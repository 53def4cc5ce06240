//! What workers are given: TimersNeverEarly, by the log's own clock; DeliveredOnce: no outcome of a
//! task and no external event twice in one execution, and of calls that cannot be told apart no more
//! events than were sent; HistoryAppendOnly: within one leadership the
//! past of a turn begins with the past of the turn before.
//!
//! Not here: what the orchestration makes of it (`program`).

use std::collections::BTreeMap;

use engine::event::{EventKind, HistoryEvent};
use engine::time::Timestamp;

use crate::violation::{Violation, require};

/// The past of one execution, as the last worker saw it.
#[derive(Debug)]
struct Past {
    term: u64,
    turn: u64,
    bytes: Vec<u8>,
    started_at: Timestamp,
}

/// One turn as it is given to a worker.
#[derive(Debug)]
pub struct Given<'a> {
    /// Whose.
    pub instance: &'a str,
    /// Which execution.
    pub execution: &'a str,
    /// Which turn.
    pub turn: u64,
    /// The leadership that gives it.
    pub term: u64,
    /// The time of its `OrchestratorStarted`.
    pub started_at: Timestamp,
    /// The past, as stored.
    pub past: &'a [u8],
    /// Past and new events.
    pub events: &'a [HistoryEvent],
}

/// What was given so far.
#[derive(Debug, Default)]
pub struct Histories {
    pasts: BTreeMap<String, Past>,
    /// How often an event was sent by calls that cannot be told apart, by payload.
    unnamed: BTreeMap<String, u64>,
}

impl Histories {
    /// A worker is given a turn.
    pub fn on_turn(&mut self, given: &Given<'_>) -> Result<(), Violation> {
        self.once(given)?;
        given.events.iter().try_for_each(|event| not_early(given, event))?;
        self.appended(given)
    }

    /// An event is sent so often by a call that cannot be told from its repetition.
    pub fn on_raised(&mut self, payload: &str, times: u64) {
        *self.unnamed.entry(payload.to_owned()).or_default() += times;
    }

    fn once(&self, given: &Given<'_>) -> Result<(), Violation> {
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for identity in given.events.iter().filter_map(identity) {
            let sent = identity.strip_prefix("event ").and_then(|payload| self.unnamed.get(payload));
            let sent = sent.copied().unwrap_or(1);
            let times = seen.entry(identity.clone()).or_default();
            *times += 1;
            require(*times <= sent, "DeliveredOnce", || {
                format!("{identity} {times} times in {} of {}", given.execution, given.instance)
            })?;
        }
        Ok(())
    }

    fn appended(&mut self, given: &Given<'_>) -> Result<(), Violation> {
        if let Some(before) = self.pasts.get(given.execution)
            && before.term == given.term
        {
            require(given.past.starts_with(&before.bytes), "HistoryAppendOnly", || {
                format!("turn {} of {} does not begin with turn {}", given.turn, given.instance, before.turn)
            })?;
            let later = given.turn == before.turn || given.started_at > before.started_at;
            require(later, "TimeGoesForward", || {
                format!("turn {} of {} begins at {:?}", given.turn, given.instance, given.started_at)
            })?;
        }
        let past = Past {
            term: given.term,
            turn: given.turn,
            bytes: given.past.to_vec(),
            started_at: given.started_at,
        };
        self.pasts.insert(given.execution.to_owned(), past);
        Ok(())
    }
}

/// What an event is the one and only of, in its execution.
fn identity(event: &HistoryEvent) -> Option<String> {
    Some(match event.kind.as_ref()? {
        EventKind::ExecutionStarted(_) => "start".to_owned(),
        EventKind::TaskScheduled(_)
        | EventKind::TimerCreated(_)
        | EventKind::SubOrchestrationInstanceCreated(_)
        | EventKind::EventSent(_) => format!("asked {}", event.event_id),
        EventKind::TaskCompleted(done) => format!("outcome {}", done.task_scheduled_id),
        EventKind::TaskFailed(failed) => format!("outcome {}", failed.task_scheduled_id),
        EventKind::SubOrchestrationInstanceCompleted(done) => format!("outcome {}", done.task_scheduled_id),
        EventKind::SubOrchestrationInstanceFailed(failed) => format!("outcome {}", failed.task_scheduled_id),
        EventKind::TimerFired(fired) => format!("outcome {}", fired.timer_id),
        // Payloads of the simulation are unique.
        EventKind::EventRaised(raised) => format!("event {}", raised.input.as_deref().unwrap_or_default()),
        _ => return None,
    })
}

fn not_early(given: &Given<'_>, event: &HistoryEvent) -> Result<(), Violation> {
    let Some(EventKind::TimerFired(fired)) = &event.kind else { return Ok(()) };
    let due = fired.fire_at.map_or(Timestamp::ZERO, Timestamp::from);
    let at = event.timestamp.map_or(Timestamp::ZERO, Timestamp::from);
    require(at >= due, "TimersNeverEarly", || {
        format!("timer {} of {} fired at {at:?}, due at {due:?}", fired.timer_id, given.instance)
    })
}

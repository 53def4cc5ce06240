//! One subscription's way through one partition's feed, step by step.
//!
//! Synchronous and without a clock: [`Courier::next`] says what to do, the `on_` verbs say what came
//! of it. `delivery` does it in a server, the simulation plays it.
//!
//! The one rule: an event is acknowledged only after somebody has answered for it: the receiver by
//! taking it, or we by keeping a letter.

use std::collections::VecDeque;
use std::time::Duration;

use engine::partition::feed::command::{AcknowledgeFeed, Undelivered};
use engine::partition::feed::{DeadLetter, Lifecycle, LifecycleEvent};

/// Pause after the first failure; it doubles with each further one.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long to wait after so many failures in a row, the last one included.
pub fn pause_after(failures: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(PAUSE_MAX)
}

/// What a subscription asks of its courier.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The subscription.
    pub subscription: String,
    /// Events that are wanted; none named: all.
    pub wanted: Vec<Lifecycle>,
    /// Events of one post.
    pub batch: usize,
    /// How long to try before an event becomes a letter.
    pub retry_for: Duration,
    /// Events acknowledged together while more are on their way.
    pub acknowledged_together: u64,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read committed events beyond this one; then [`Courier::on_read`].
    Read {
        /// The last one that is known.
        after: u64,
    },
    /// Read letters that are wanted again; then [`Courier::on_letters`].
    ReadLetters,
    /// Post these; then [`Courier::on_posted`].
    Post(Vec<LifecycleEvent>),
    /// Propose this; then [`Courier::on_acknowledged`] or [`Courier::on_unavailable`].
    Acknowledge(AcknowledgeFeed),
    /// Ask again after so long, or once the feed grows.
    Pause(Duration),
    /// Nothing to do until the feed grows.
    Rest,
}

/// What a post came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Taken,
    /// The receiver will never take it.
    Refused(String),
    /// Nobody knows whether it arrived, or it is to be sent again.
    Failed(String),
}

#[derive(Debug)]
struct Batch {
    events: Vec<LifecycleEvent>,
    is_letter: bool,
    attempts: u32,
    since: Duration,
}

/// See the file's header.
#[derive(Debug)]
pub struct Courier {
    terms: Terms,
    /// The last event that somebody has answered for.
    settled: u64,
    acknowledged: u64,
    read: VecDeque<LifecycleEvent>,
    batch: Option<Batch>,
    dead: Vec<Undelivered>,
    delivered: Vec<u64>,
    /// Not before then.
    pause_until: Duration,
    look: Look,
    /// The feed has grown since the last read was begun: what that finds may be old.
    has_grown: bool,
}

/// What may be there that was not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Events, and then letters.
    ForEvents,
    ForLetters,
    Nowhere,
}

impl Courier {
    /// Goes on after the last acknowledged event.
    pub fn new(terms: Terms, acknowledged: u64) -> Self {
        Self {
            terms,
            settled: acknowledged,
            acknowledged,
            read: VecDeque::new(),
            batch: None,
            dead: Vec::new(),
            delivered: Vec::new(),
            pause_until: Duration::ZERO,
            look: Look::ForEvents,
            has_grown: false,
        }
    }

    /// What to do now, on a clock that never goes back.
    pub fn next(&mut self, now: Duration) -> Step {
        if now < self.pause_until {
            return Step::Pause(self.pause_until - now);
        }
        if self.owes(self.terms.acknowledged_together) {
            return self.acknowledgement();
        }
        if self.batch.is_none() {
            self.batch = self.take(now);
        }
        if let Some(batch) = &self.batch {
            return Step::Post(batch.events.clone());
        }
        match self.look {
            Look::ForEvents => {
                self.has_grown = false;
                Step::Read { after: self.settled }
            }
            Look::ForLetters => Step::ReadLetters,
            Look::Nowhere if self.owes(1) => self.acknowledgement(),
            Look::Nowhere => Step::Rest,
        }
    }

    /// Whether so many events, or any letter, are settled and not acknowledged.
    fn owes(&self, events: u64) -> bool {
        self.settled - self.acknowledged >= events || !self.dead.is_empty() || !self.delivered.is_empty()
    }

    fn acknowledgement(&self) -> Step {
        Step::Acknowledge(AcknowledgeFeed {
            subscription: self.terms.subscription.clone(),
            upto: self.settled,
            dead: self.dead.clone(),
            delivered: self.delivered.clone(),
        })
    }

    /// The next events to post together; those that nobody wants are settled on the way.
    fn take(&mut self, now: Duration) -> Option<Batch> {
        let mut events = Vec::new();
        while let Some(event) = self.read.front() {
            let is_wanted = self.terms.wanted.is_empty() || self.terms.wanted.contains(&event.what);
            if !is_wanted && events.is_empty() {
                self.settled = event.number;
            }
            if is_wanted && events.len() >= self.terms.batch.max(1) {
                break;
            }
            events.extend(self.read.pop_front().filter(|_| is_wanted));
        }
        (!events.is_empty()).then_some(Batch { events, is_letter: false, attempts: 0, since: now })
    }

    /// Committed events beyond those known; none: there are no more for now.
    pub fn on_read(&mut self, events: Vec<LifecycleEvent>) {
        self.look = match events.is_empty() && !self.has_grown {
            true => Look::ForLetters,
            false => Look::ForEvents,
        };
        self.read.extend(events);
    }

    /// Letters, of which those that are wanted again are posted.
    pub fn on_letters(&mut self, letters: Vec<DeadLetter>, now: Duration) {
        let again = letters.into_iter().find(|letter| letter.again);
        self.look = match &again {
            Some(_) => Look::ForLetters,
            None if self.has_grown => Look::ForEvents,
            None => Look::Nowhere,
        };
        let batch = |letter: DeadLetter| Batch {
            events: vec![letter.event],
            is_letter: true,
            attempts: 0,
            since: now,
        };
        self.batch = again.map(batch);
    }

    /// The feed has grown, or somebody wants letters again.
    pub fn on_grown(&mut self) {
        self.look = Look::ForEvents;
        self.has_grown = true;
    }

    /// What a post came to.
    pub fn on_posted(&mut self, outcome: Outcome, now: Duration) {
        let Some(mut batch) = self.batch.take() else { return };
        batch.attempts = batch.attempts.saturating_add(1);
        match outcome {
            Outcome::Taken => self.settle(&batch, None),
            Outcome::Refused(why) => self.settle(&batch, Some(&why)),
            // A letter is tried once each time that somebody asks for it.
            Outcome::Failed(why) if batch.is_letter => self.settle(&batch, Some(&why)),
            Outcome::Failed(why) if now.saturating_sub(batch.since) >= self.terms.retry_for => {
                self.settle(&batch, Some(&why));
            }
            Outcome::Failed(_) => {
                self.pause_until = now + pause_after(batch.attempts);
                self.batch = Some(batch);
            }
        }
    }

    fn settle(&mut self, batch: &Batch, failed: Option<&str>) {
        let numbers = batch.events.iter().map(|event| event.number);
        match failed {
            Some(why) => self.dead.extend(numbers.map(|number| Undelivered {
                number,
                why: why.chars().take(512).collect(),
                attempts: batch.attempts,
            })),
            None if batch.is_letter => self.delivered.extend(numbers),
            None => {}
        }
        if let (false, Some(last)) = (batch.is_letter, batch.events.last()) {
            self.settled = self.settled.max(last.number);
        }
    }

    /// The acknowledgement is committed.
    pub fn on_acknowledged(&mut self) {
        self.acknowledged = self.settled;
        self.dead.clear();
        self.delivered.clear();
    }

    /// The partition does not answer now.
    pub fn on_unavailable(&mut self, now: Duration) {
        self.pause_until = now + PAUSE_FIRST;
    }
}

#[cfg(test)]
mod tests {
    use engine::time::Timestamp;

    use super::*;

    fn event(number: u64, what: Lifecycle) -> LifecycleEvent {
        LifecycleEvent {
            number,
            what,
            at: Timestamp::ZERO,
            instance: "a".to_owned(),
            execution: String::new(),
            name: "order".to_owned(),
            version: None,
            reason: String::new(),
        }
    }

    fn courier(batch: usize) -> Courier {
        let wanted = vec![Lifecycle::Started, Lifecycle::Completed];
        let subscription = "mail".to_owned();
        let retry_for = Duration::from_secs(100);
        Courier::new(Terms { subscription, wanted, batch, retry_for, acknowledged_together: 64 }, 4)
    }

    fn posted(step: Step) -> Vec<u64> {
        match step {
            Step::Post(events) => events.iter().map(|event| event.number).collect(),
            other => panic!("{other:?} is no post"),
        }
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_nobody_wants_is_settled_without_a_post() {
        let mut courier = courier(10);
        assert_eq!(courier.next(at(0)), Step::Read { after: 4 });
        courier.on_read(vec![
            event(5, Lifecycle::Started),
            event(6, Lifecycle::Suspended),
            event(7, Lifecycle::Completed),
            event(8, Lifecycle::Purged),
        ]);
        assert_eq!(posted(courier.next(at(0))), [5, 7]);
        courier.on_posted(Outcome::Taken, at(0));
        assert_eq!(courier.next(at(0)), Step::Read { after: 7 });
        courier.on_read(vec![event(8, Lifecycle::Purged)]);
        assert_eq!(courier.next(at(0)), Step::Read { after: 8 });
        courier.on_read(Vec::new());
        courier.next(at(0));
        courier.on_letters(Vec::new(), at(0));
        assert!(
            matches!(courier.next(at(0)), Step::Acknowledge(told) if told.upto == 8 && told.dead.is_empty())
        );
        courier.on_acknowledged();
        assert_eq!(courier.next(at(0)), Step::Rest);
    }

    #[test]
    fn a_failed_post_is_repeated_after_growing_pauses_and_becomes_a_letter_at_last() {
        let mut courier = courier(1);
        courier.next(at(0));
        courier.on_read(vec![event(5, Lifecycle::Started), event(6, Lifecycle::Completed)]);
        let mut now = at(0);
        let mut posts = 0;
        while now < at(200) {
            match courier.next(now) {
                Step::Post(events) if events[0].number == 5 => {
                    posts += 1;
                    courier.on_posted(Outcome::Failed("no answer".to_owned()), now);
                }
                Step::Pause(pause) => now += pause,
                Step::Acknowledge(told) => {
                    assert_eq!((told.upto, told.dead[0].number, told.dead[0].attempts), (5, 5, posts));
                    courier.on_acknowledged();
                    assert_eq!(posted(courier.next(now)), [6], "the next goes on");
                    return;
                }
                other => panic!("{other:?} at {now:?}"),
            }
        }
        panic!("it was never given up");
    }

    #[test]
    fn growth_while_a_read_is_under_way_is_not_forgotten() {
        let mut courier = courier(1);
        assert_eq!(courier.next(at(0)), Step::Read { after: 4 });
        courier.on_grown();
        courier.on_read(Vec::new());
        assert_eq!(courier.next(at(0)), Step::Read { after: 4 });
        courier.on_read(Vec::new());
        assert_eq!(courier.next(at(0)), Step::ReadLetters);
        courier.on_grown();
        courier.on_letters(Vec::new(), at(0));
        assert_eq!(courier.next(at(0)), Step::Read { after: 4 });
    }

    #[test]
    fn a_letter_is_posted_again_where_somebody_wants_it() {
        let mut courier = courier(1);
        courier.next(at(0));
        courier.on_read(Vec::new());
        assert_eq!(courier.next(at(0)), Step::ReadLetters);
        let letter = |number, again| DeadLetter {
            event: event(number, Lifecycle::Started),
            why: String::new(),
            attempts: 1,
            at: Timestamp::ZERO,
            again,
        };
        courier.on_letters(vec![letter(1, false), letter(2, true)], at(0));
        assert_eq!(posted(courier.next(at(0))), [2]);
        courier.on_posted(Outcome::Taken, at(0));
        assert!(
            matches!(courier.next(at(0)), Step::Acknowledge(told) if told.delivered == [2] && told.upto == 4)
        );
        courier.on_acknowledged();
        assert_eq!(courier.next(at(0)), Step::ReadLetters);
    }
}

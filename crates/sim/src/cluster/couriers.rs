//! Lifecycle events leave the world: each leader's courier takes its steps, a receiver takes posts or
//! fails.
//!
//! Not here: the courier, which is the server's own. What it learns of its partition it is told as
//! anybody is: in committed answers, or never.

use std::time::Duration;

use engine::id::PartitionId;
use engine::partition::command::Command;
use engine::partition::feed::command::ConfigureFeed;
use engine::partition::feed::{LifecycleEvent, Standing};
use server::events::courier::{Courier, Outcome, Step, Terms};
use server::partition::messages::{Answer, Event, Question, Request, Settled, Ticket};

use super::World;
use super::process::Resident;
use super::queue::{Asker, Happening, Life, MS};
use crate::violation::Violation;

/// The one subscription.
const SUBSCRIPTION: &str = "receiver";
/// More events than a run has.
const KEEP: u64 = 1_000_000;
/// Events of one page: few, so that pages are turned.
const PAGE: usize = 5;
/// How long an event is tried; it must outlast all trouble.
const RETRY_FOR: Duration = Duration::from_secs(600);

/// A leader's courier.
#[derive(Debug)]
pub struct Played {
    /// `None` until it is known where it goes on.
    courier: Option<Courier>,
    /// A step is on its way, or its answer.
    is_busy: bool,
}

impl World {
    /// Leadership began: the feed is configured, and its courier begins.
    pub(super) fn begin_courier(&mut self, life: Life, partition: PartitionId) {
        let configure = ConfigureFeed { keep: KEEP, subscriptions: vec![SUBSCRIPTION.to_owned()] };
        let request = Box::new(Request::Partition(Command::ConfigureFeed(configure)));
        let at = self.soon(50, MS);
        self.queue.push(at, Happening::Ask { to: life.node, partition, request, asker: Asker::Peer });
        if let Some(resident) = self.resident(life, partition) {
            resident.courier = Some(Played { courier: None, is_busy: false });
        }
        self.wake_courier(life, partition, 5 * MS);
    }

    /// The feed has grown.
    pub(super) fn feed_grew(&mut self, life: Life, partition: PartitionId) {
        let Some(played) = self.resident(life, partition).and_then(|resident| resident.courier.as_mut())
        else {
            return;
        };
        if let Some(courier) = &mut played.courier {
            courier.on_grown();
        }
        self.wake_courier(life, partition, MS);
    }

    fn wake_courier(&mut self, life: Life, partition: PartitionId, spread: u64) {
        let at = self.soon(50, spread);
        let played = self.resident(life, partition).and_then(|resident| resident.courier.as_mut());
        if let Some(played) = played.filter(|played| !played.is_busy) {
            played.is_busy = true;
            self.queue.push(at, Happening::Courier(life, partition));
        }
    }

    /// The courier does its next thing.
    pub(super) fn courier(&mut self, life: Life, partition: PartitionId) -> Result<(), Violation> {
        let now = Duration::from_micros(self.now);
        let Some(played) = self.resident(life, partition).and_then(|resident| resident.courier.as_mut())
        else {
            return Ok(());
        };
        played.is_busy = false;
        let step = played.courier.as_mut().map(|courier| courier.next(now));
        let subscription = SUBSCRIPTION.to_owned();
        match step {
            None => self.courier_asks(life, partition, Question::Feed),
            Some(Step::Read { after }) => {
                self.courier_asks(life, partition, Question::FeedEvents { after, limit: PAGE })
            }
            Some(Step::ReadLetters) => self.courier_asks(
                life,
                partition,
                Question::FeedLetters { subscription, after: 0, limit: PAGE },
            ),
            Some(Step::Acknowledge(told)) => {
                let request = Request::Partition(Command::AcknowledgeFeed(told));
                let Some(resident) = self.resident(life, partition) else { return Ok(()) };
                let ticket = Some(resident.asked_by_courier());
                self.feed(life, partition, Event::Asked { request, ticket })
            }
            Some(Step::Post(events)) => self.post(life, partition, &events),
            Some(Step::Pause(pause)) => {
                let pause = u64::try_from(pause.as_micros()).unwrap_or(MS);
                self.wake_courier(life, partition, pause.max(1));
                Ok(())
            }
            Some(Step::Rest) => Ok(()),
        }
    }

    fn courier_asks(
        &mut self,
        life: Life,
        partition: PartitionId,
        question: Question,
    ) -> Result<(), Violation> {
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let ticket = resident.asked_by_courier();
        self.feed(life, partition, Event::Questioned { question, ticket })
    }

    /// What the courier asked for is there, or is not to be had.
    pub(super) fn courier_heard(&mut self, life: Life, partition: PartitionId, settled: Settled) {
        let now = Duration::from_micros(self.now);
        let played = self.resident(life, partition).and_then(|resident| resident.courier.as_mut());
        let Some(played) = played else { return };
        played.is_busy = false;
        match (&mut played.courier, settled) {
            (None, Settled::Answer(Ok(Answer::Feed(standing)))) => played.courier = begun(&standing),
            (Some(courier), Settled::Answer(Ok(Answer::FeedEvents(events)))) => courier.on_read(events),
            (Some(courier), Settled::Answer(Ok(Answer::FeedLetters(letters)))) => {
                courier.on_letters(letters, now);
            }
            (Some(courier), Settled::Reply(Ok(_))) => courier.on_acknowledged(),
            (Some(courier), Settled::Answer(Err(_)) | Settled::Reply(Err(_))) => courier.on_unavailable(now),
            (None | Some(_), _) => {}
        }
        self.wake_courier(life, partition, 2 * MS);
    }

    /// The receiver takes the events, or does not, or does and nobody hears of it.
    fn post(
        &mut self,
        life: Life,
        partition: PartitionId,
        events: &[LifecycleEvent],
    ) -> Result<(), Violation> {
        let trouble = if self.healed { 0 } else { 200 };
        let fails = self.random.chance(trouble);
        let is_unheard = !fails && self.random.chance(trouble);
        if !fails {
            self.checkers.deliveries.on_received(partition, events)?;
        }
        let outcome = if fails || is_unheard {
            self.marks.reach("lifecycle event posted again");
            Outcome::Failed("trouble".to_owned())
        } else {
            Outcome::Taken
        };
        let now = Duration::from_micros(self.now);
        let played = self.resident(life, partition).and_then(|resident| resident.courier.as_mut());
        if let Some(courier) = played.and_then(|played| played.courier.as_mut()) {
            courier.on_posted(outcome, now);
        }
        self.wake_courier(life, partition, 2 * MS);
        Ok(())
    }

    /// Whether every leader's courier has nothing left to do.
    pub fn couriers_rest(&self) -> bool {
        (0..self.setup.partitions).map(PartitionId).all(|partition| {
            let node = self.leader(partition).and_then(|at| self.nodes.get(at));
            let resident = node.and_then(|node| node.process.as_ref()?.residents.get(&partition));
            let Some(resident) = resident else { return false };
            // What is not committed yet is told later.
            let is_committed = resident.core.committed().index == resident.core.group().last().index;
            let played = resident.courier.as_ref();
            is_committed && played.is_some_and(|played| played.courier.is_some() && !played.is_busy)
        })
    }

    /// Everything that a partition has told is with the receiver.
    pub fn look_at_deliveries(&mut self) -> Result<(), Violation> {
        for partition in (0..self.setup.partitions).map(PartitionId) {
            let Some(life) = self.leader(partition).and_then(|node| self.life(node)) else { continue };
            let Some(resident) = self.resident(life, partition) else { continue };
            let Ok(rows) = resident.core.whole() else { continue };
            let told = engine::partition::feed::events(&rows, 0, usize::MAX);
            let told = told.map_err(|needs| Violation {
                invariant: "EverythingIsTold",
                detail: format!("all rows are there, and yet {needs:?}"),
            })?;
            self.checkers.deliveries.check_all(partition, &told)?;
        }
        Ok(())
    }
}

impl Resident {
    /// A ticket for the courier, which does nothing else until it has heard.
    fn asked_by_courier(&mut self) -> Ticket {
        if let Some(played) = &mut self.courier {
            played.is_busy = true;
        }
        self.ticket(Asker::Courier)
    }
}

/// `None` where the feed is not configured yet.
fn begun(standing: &Standing) -> Option<Courier> {
    let known = standing.subscriptions.iter().find(|known| known.name == SUBSCRIPTION)?;
    let terms = Terms {
        subscription: known.name.clone(),
        wanted: Vec::new(),
        batch: 2,
        retry_for: RETRY_FOR,
        acknowledged_together: 1,
    };
    Some(Courier::new(terms, known.upto))
}

//! The schedule of each partition: its leader's ticker looks at a clock that may be wrong and
//! proposes what it finds due, early and twice.
//!
//! Not here: which ticks there are and what becomes of them, which are the server's own.

use engine::id::{InstanceId, PartitionId};
use engine::partition::command::Command;
use engine::partition::schedules::command::{CatchUp, Overlap, PutSchedule, Spec};
use engine::partition::schedules::{ScheduleView, schedule};
use engine::partition::view;
use engine::time::Timestamp;
use platform::clock::Clock as _;
use server::partition::messages::{Answer, Event, Question, Request, Settled};
use server::schedules::plan::{self, Previous};

use super::World;
use super::node::EPOCH_SECONDS;
use super::queue::{Asker, Happening, Life, MS};
use crate::violation::{Violation, require};

/// Ticks of a schedule, a second apart.
const TICKS: i64 = 3;

/// What a leader's ticker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticker {
    /// Nothing, until it is woken.
    Waits,
    /// It is about to ask, or to hear.
    Busy,
    /// It has looked, and nothing is due any more.
    Rests,
}

fn name(partition: PartitionId) -> String {
    format!("beat-{}", partition.0)
}

fn at(second: i64) -> Timestamp {
    Timestamp::new(EPOCH_SECONDS + second, 0)
}

/// The schedule: every missed tick is run, so that none may be left out.
fn put(partition: PartitionId) -> Command {
    let spec = Spec {
        orchestration: "program".to_owned(),
        every: Some(1),
        start_at: Some(at(1).into()),
        end_at: Some(at(1 + TICKS).into()),
        catch_up: CatchUp::All.into(),
        overlap: Overlap::Allow.into(),
        ..Spec::default()
    };
    let (spec, next) = (Some(Box::new(spec)), Some(at(1).into()));
    Command::PutSchedule(PutSchedule { name: name(partition), request: None, spec, next, create: true })
}

/// Its last tick was run when it was due, by the time of the log that the schedule is in: another
/// leader's clock says nothing.
fn is_in_time(view: &ScheduleView) -> Result<(), Violation> {
    require(view.last <= view.fired, "TicksFireOnce", || {
        format!("{} ran {:?} at {:?}", view.name, view.last, view.fired)
    })
}

impl World {
    /// Leadership began: the schedule is there, now or since long, and its ticker begins.
    pub(super) fn begin_ticker(&mut self, life: Life, partition: PartitionId) {
        let request = Box::new(Request::Partition(put(partition)));
        let at = self.soon(50, MS);
        self.queue.push(at, Happening::Ask { to: life.node, partition, request, asker: Asker::Peer });
        // It looks after the schedule is there, or it would find that nothing is due.
        self.queue.push(self.now + 5 * MS, Happening::Ticker(life, partition));
        if let Some(resident) = self.resident(life, partition) {
            resident.ticker = Some(Ticker::Busy);
        }
    }

    /// Schedules have moved.
    pub(super) fn schedule_moved(&mut self, life: Life, partition: PartitionId) {
        self.wake_ticker(life, partition, MS);
    }

    fn wake_ticker(&mut self, life: Life, partition: PartitionId, spread: u64) {
        let at = self.soon(50, spread);
        let ticker = self.resident(life, partition).and_then(|resident| resident.ticker.as_mut());
        if let Some(ticker) = ticker.filter(|ticker| **ticker != Ticker::Busy) {
            *ticker = Ticker::Busy;
            self.queue.push(at, Happening::Ticker(life, partition));
        }
    }

    /// The ticker asks what is due.
    pub(super) fn ticker(&mut self, life: Life, partition: PartitionId) -> Result<(), Violation> {
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let ticket = resident.ticket(Asker::Ticker);
        self.feed(
            life,
            partition,
            Event::Questioned { question: Question::DueSchedules { limit: 4 }, ticket },
        )
    }

    /// What the ticker asked for is there, or is not to be had.
    pub(super) fn ticker_heard(
        &mut self,
        life: Life,
        partition: PartitionId,
        settled: Settled,
    ) -> Result<(), Violation> {
        let ticker = self.resident(life, partition).and_then(|resident| resident.ticker.as_mut());
        let Some(ticker) = ticker else { return Ok(()) };
        *ticker = Ticker::Waits;
        match settled {
            Settled::Answer(Ok(Answer::Schedules(due))) => match due.first() {
                Some(view) => {
                    is_in_time(view)?;
                    self.tick_or_wait(life, partition, view)
                }
                None => {
                    *ticker = Ticker::Rests;
                    Ok(())
                }
            },
            Settled::Answer(_) | Settled::Reply(_) => {
                self.wake_ticker(life, partition, 20 * MS);
                Ok(())
            }
        }
    }

    fn tick_or_wait(
        &mut self,
        life: Life,
        partition: PartitionId,
        view: &ScheduleView,
    ) -> Result<(), Violation> {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(life.node) else { return Ok(()) };
        node.catch_up(now);
        let wall = node.clock.wall();
        let wall = Timestamp::new(
            i64::try_from(wall.as_secs()).unwrap_or(0),
            i32::try_from(wall.subsec_nanos()).unwrap_or(0),
        );
        let Some(command) = plan::fire(view, Previous::Over, wall) else {
            self.wake_ticker(life, partition, 50 * MS);
            return Ok(());
        };
        if self.random.chance(if self.healed { 0 } else { 200 }) {
            self.marks.reach("tick proposed twice");
            let request = Box::new(Request::Partition(Command::FireSchedule(command.clone())));
            let at = self.soon(50, 400 * MS);
            let to = self.leader(partition).unwrap_or(life.node);
            self.queue.push(at, Happening::Ask { to, partition, request, asker: Asker::Peer });
        }
        let Some(resident) = self.resident(life, partition) else { return Ok(()) };
        let ticket = Some(resident.ticket(Asker::Ticker));
        if let Some(ticker) = &mut resident.ticker {
            *ticker = Ticker::Busy;
        }
        let request = Request::Partition(Command::FireSchedule(command));
        self.feed(life, partition, Event::Asked { request, ticket })
    }

    /// Whether every schedule is over, and each of its runs has had time to arrive.
    pub fn tickers_rest(&self) -> bool {
        (0..self.setup.partitions).map(PartitionId).all(|partition| {
            let node = self.leader(partition).and_then(|at| self.nodes.get(at));
            let resident = node.and_then(|node| node.process.as_ref()?.residents.get(&partition));
            let Some(resident) = resident else { return false };
            let is_committed = resident.core.committed().index == resident.core.group().last().index;
            is_committed && resident.ticker == Some(Ticker::Rests)
        })
    }

    /// TicksFireOnce: each tick of each schedule was run, once, and not before its time.
    pub fn look_at_ticks(&mut self) -> Result<(), Violation> {
        for home in (0..self.setup.partitions).map(PartitionId) {
            let name = name(home);
            let Some(view) = self.rows_of(home).and_then(|rows| schedule(&rows, &name).ok().flatten()) else {
                continue;
            };
            is_in_time(&view)?;
            let expected = u64::try_from(TICKS).unwrap_or(0);
            let is_whole = (view.started, view.skipped, view.next) == (expected, 0, None);
            require(is_whole, "TicksFireOnce", || format!("{name} stands at {view:?}"))?;
            (1..=TICKS).try_for_each(|second| self.look_at_run(&name, at(second)))?;
        }
        Ok(())
    }

    fn look_at_run(&mut self, name: &str, tick: Timestamp) -> Result<(), Violation> {
        let text = plan::instance_id(name, tick);
        let Ok(id) = InstanceId::parse(&text) else { return Ok(()) };
        let rows = self.rows_of(id.partition(self.setup.partitions));
        let found = rows.and_then(|rows| view::instance(&rows, &id, false).ok().flatten());
        // By its own partition's clock, which may be behind that of its schedule.
        let is_in_time = found.as_ref().is_some_and(|run| run.completed.is_some_and(|end| end >= tick));
        require(is_in_time, "TicksFireOnce", || {
            format!("{text} was due at {tick} and ended {:?}", found.map(|run| run.completed))
        })
    }

    fn rows_of(&mut self, partition: PartitionId) -> Option<engine::rows::WorkingSet> {
        let life = self.leader(partition).and_then(|node| self.life(node))?;
        self.resident(life, partition)?.core.whole().ok()
    }
}

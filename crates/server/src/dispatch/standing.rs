//! Why work waits: each item of an instance, and the items that workers keep giving back.
//!
//! Not here: changing anything. This is for people, and read only when somebody asks.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use engine::id::InstanceId;
use engine::partition::command::ActivityKey;

use super::{Board, Item, State};
use crate::dispatch::lanes::LaneKey;
use crate::dispatch::offer::{Kind, Work};

/// Activities of one instance that are looked at.
const ACTIVITIES_MAX: usize = 100;
/// Items that are looked at for how often they were given back.
const GIVEN_BACK_MAX: usize = 10_000;

/// Where one item stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// A turn or an activity.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its version, or "".
    pub version: String,
    /// What it waits for.
    pub stage: Stage,
    /// How often workers gave it back.
    pub given_back: u32,
    /// How often it was handed out without an answer, the present time included.
    pub attempts: u32,
}

/// What an item waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A worker that takes its name and version: none is connected.
    NoWorker,
    /// A free slot.
    Slot,
    /// Its next try.
    NextTry {
        /// In so long.
        after: Duration,
    },
    /// The worker that has it, or the partition that has its answer.
    Answer,
}

/// Work of one name and version that workers keep giving back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// Turns or activities.
    pub kind: Kind,
    /// Their name.
    pub name: String,
    /// Their version, or "".
    pub version: String,
    /// How many items.
    pub items: usize,
    /// How often the one was that was given back most.
    pub most: u32,
}

impl Board {
    /// Where the work of an instance stands that is on the board.
    pub(in crate::dispatch) fn standings(&self, instance: &InstanceId) -> Vec<Standing> {
        let turn = self.by_work.get(&Work::Turn { instance: instance.clone() });
        let text = instance.as_str();
        let first = ActivityKey { instance: text.to_owned(), ..ActivityKey::default() };
        let from = Work::Activity { key: first };
        let activities = self.by_work.range::<Work, _>((Bound::Included(&from), Bound::Unbounded));
        let own = |work: &Work| matches!(work, Work::Activity { key } if key.instance == text);
        let activities = activities.take_while(|(work, _)| own(work)).map(|(_, id)| id).take(ACTIVITIES_MAX);
        turn.into_iter().chain(activities).filter_map(|id| self.standing(self.items.get(id)?)).collect()
    }

    fn standing(&self, item: &Item) -> Option<Standing> {
        let (LaneKey { kind, name, version }, taken) = self.lanes.key(item.lane)?;
        let stage = match item.state {
            State::Waiting if !taken => Stage::NoWorker,
            State::Waiting => Stage::Slot,
            State::Delayed { due } => Stage::NextTry { after: due.saturating_sub(self.now) },
            State::Building { .. } | State::Out { .. } | State::Answered { .. } => Stage::Answer,
        };
        let (name, version) = (name.clone(), version.clone());
        Some(Standing {
            kind: *kind,
            name,
            version,
            stage,
            given_back: item.given_back,
            attempts: item.attempts,
        })
    }

    /// What was given back at least `often` times and waits for its next try.
    pub(in crate::dispatch) fn given_back(&self, often: u32) -> Vec<GivenBack> {
        let mut found: BTreeMap<&LaneKey, (usize, u32)> = BTreeMap::new();
        for (_, id) in self.delayed.iter().take(GIVEN_BACK_MAX) {
            let Some(item) = self.items.get(id).filter(|item| item.given_back >= often) else { continue };
            let Some((key, _)) = self.lanes.key(item.lane) else { continue };
            let (items, most) = found.entry(key).or_default();
            *items += 1;
            *most = (*most).max(item.given_back);
        }
        let told = |(key, (items, most)): (&LaneKey, (usize, u32))| GivenBack {
            kind: key.kind,
            name: key.name.clone(),
            version: key.version.clone(),
            items,
            most,
        };
        found.into_iter().map(told).collect()
    }
}

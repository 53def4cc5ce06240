//! The queues: one lane for each (kind, name, version), so that work nobody takes blocks no other.
//!
//! Workers with the same filter form a class. A class knows which lanes have work for it and which
//! of its workers have a free slot, so that neither side of a match is ever searched for in a list.
//! Not here: what an item is, how often it was tried, and when it is tried again (`board`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use super::filter::Filter;
use super::offer::{Kind, PerKind};

/// One worker's stream, never used again within a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId(pub(super) u64);

/// One item on the board, never used again within a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ItemId(pub(super) u64);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneId(u64);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClassId(u64);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneKey {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) version: String,
}

/// Which end of a lane an item goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was handed out before.
    Front,
    /// It is new.
    Back,
}

#[derive(Debug)]
struct Lane {
    key: LaneKey,
    waiting: VecDeque<ItemId>,
    /// Items of this lane anywhere on the board; the lane goes with the last one.
    members: usize,
    /// The classes whose filter accepts this lane.
    classes: Vec<ClassId>,
}

#[derive(Debug)]
struct Class {
    filter: Filter,
    members: usize,
    /// Lanes with waiting items that this class accepts.
    ready: PerKind<BTreeSet<LaneId>>,
    /// Members with a free slot.
    free: PerKind<BTreeSet<StreamId>>,
    lane_turn: PerKind<LaneId>,
    stream_turn: PerKind<StreamId>,
}

/// All lanes and classes.
///
/// Invariant: a lane with waiting items has no class with a free member; whatever could be matched
/// is matched at once.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<LaneId, Lane>,
    lane_ids: BTreeMap<LaneKey, LaneId>,
    classes: BTreeMap<ClassId, Class>,
    class_ids: BTreeMap<Filter, ClassId>,
    /// Invariant: how many items wait in all lanes of a kind.
    waiting: PerKind<usize>,
    next_id: u64,
}

/// The next of `set` after `turn`, around the end; remembers it in `turn`.
fn next_around<T: Ord + Copy>(set: &BTreeSet<T>, turn: &mut T, avoid: Option<T>) -> Option<T> {
    let after = set.range((Bound::Excluded(*turn), Bound::Unbounded));
    let found = after.chain(set.iter()).copied().find(|candidate| Some(*candidate) != avoid)?;
    *turn = found;
    Some(found)
}

impl Lanes {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The lane of this key, with one more member.
    pub(super) fn join_lane(&mut self, key: LaneKey) -> LaneId {
        if let Some(id) = self.lane_ids.get(&key) {
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.members += 1;
            }
            return *id;
        }
        let id = LaneId(self.id());
        let accepts = |class: &Class| class.filter.accepts(key.kind, &key.name, &key.version);
        let classes = self.classes.iter().filter(|(_, class)| accepts(class)).map(|(id, _)| *id).collect();
        self.lane_ids.insert(key.clone(), id);
        self.lanes.insert(id, Lane { key, waiting: VecDeque::new(), members: 1, classes });
        id
    }

    /// One member of the lane has left the board.
    pub(super) fn leave_lane(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.members -= 1;
        if lane.members == 0
            && let Some(lane) = self.lanes.remove(&id)
        {
            self.lane_ids.remove(&lane.key);
        }
    }

    /// Puts an item in its lane, to wait.
    pub(super) fn wait(&mut self, id: LaneId, item: ItemId, end: End) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        match end {
            End::Front => lane.waiting.push_front(item),
            End::Back => lane.waiting.push_back(item),
        }
        *self.waiting.of_mut(lane.key.kind) += 1;
        if lane.waiting.len() == 1 {
            for class in &lane.classes {
                if let Some(class) = self.classes.get_mut(class) {
                    class.ready.of_mut(lane.key.kind).insert(id);
                }
            }
        }
    }

    /// Takes waiting items out of a lane.
    pub(super) fn withdraw(&mut self, id: LaneId, gone: impl Fn(ItemId) -> bool) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let before = lane.waiting.len();
        lane.waiting.retain(|item| !gone(*item));
        *self.waiting.of_mut(lane.key.kind) -= before - lane.waiting.len();
        self.rest_if_empty(id);
    }

    fn rest_if_empty(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get(&id) else { return };
        if lane.waiting.is_empty() {
            for class in &lane.classes {
                if let Some(class) = self.classes.get_mut(class) {
                    class.ready.of_mut(lane.key.kind).remove(&id);
                }
            }
        }
    }

    /// A worker for an item of this lane, another than `avoid` where there is one. Classes take
    /// turns, and within a class its workers.
    pub(super) fn worker_for(&mut self, id: LaneId, avoid: Option<StreamId>) -> Option<StreamId> {
        let lane = self.lanes.get_mut(&id)?;
        let kind = lane.key.kind;
        let wanted: &[Option<StreamId>] = if avoid.is_some() { &[avoid, None] } else { &[None] };
        for avoid in wanted {
            for position in 0..lane.classes.len() {
                let Some(class) = self.classes.get_mut(&lane.classes[position]) else { continue };
                let turn = class.stream_turn.of_mut(kind);
                if let Some(stream) = next_around(class.free.of(kind), turn, *avoid) {
                    lane.classes.rotate_left(position + 1);
                    return Some(stream);
                }
            }
        }
        None
    }

    /// The next item for a worker of this class; lanes take turns.
    pub(super) fn item_for(&mut self, class: ClassId, kind: Kind) -> Option<ItemId> {
        let class = self.classes.get_mut(&class)?;
        let id = next_around(class.ready.of(kind), class.lane_turn.of_mut(kind), None)?;
        let item = self.lanes.get_mut(&id)?.waiting.pop_front()?;
        *self.waiting.of_mut(kind) -= 1;
        self.rest_if_empty(id);
        Some(item)
    }

    /// The class of a filter, with one more member.
    pub(super) fn join_class(&mut self, filter: Filter) -> ClassId {
        if let Some(id) = self.class_ids.get(&filter) {
            if let Some(class) = self.classes.get_mut(id) {
                class.members += 1;
            }
            return *id;
        }
        let id = ClassId(self.id());
        let mut class = Class {
            filter: filter.clone(),
            members: 1,
            ready: PerKind::default(),
            free: PerKind::default(),
            lane_turn: PerKind::default(),
            stream_turn: PerKind::default(),
        };
        for (lane_id, lane) in &mut self.lanes {
            if class.filter.accepts(lane.key.kind, &lane.key.name, &lane.key.version) {
                lane.classes.push(id);
                if !lane.waiting.is_empty() {
                    class.ready.of_mut(lane.key.kind).insert(*lane_id);
                }
            }
        }
        self.classes.insert(id, class);
        self.class_ids.insert(filter, id);
        id
    }

    /// One member of the class has gone.
    pub(super) fn leave_class(&mut self, id: ClassId, stream: StreamId) {
        self.mark(id, stream, PerKind::default());
        let Some(class) = self.classes.get_mut(&id) else { return };
        class.members -= 1;
        if class.members == 0 {
            if let Some(class) = self.classes.remove(&id) {
                self.class_ids.remove(&class.filter);
            }
            for lane in self.lanes.values_mut() {
                lane.classes.retain(|class| *class != id);
            }
        }
    }

    /// Says of which kinds a worker has a free slot.
    pub(super) fn mark(&mut self, class: ClassId, stream: StreamId, free: PerKind<bool>) {
        let Some(class) = self.classes.get_mut(&class) else { return };
        for kind in Kind::ALL {
            let streams = class.free.of_mut(kind);
            if *free.of(kind) {
                streams.insert(stream);
            } else {
                streams.remove(&stream);
            }
        }
    }

    /// How many items wait.
    pub(super) fn waiting(&self) -> PerKind<usize> {
        self.waiting
    }

    /// What a lane is for, and whether any connected worker accepts it.
    pub(super) fn key(&self, id: LaneId) -> Option<(&LaneKey, bool)> {
        self.lanes.get(&id).map(|lane| (&lane.key, !lane.classes.is_empty()))
    }

    /// Each lane with its waiting items and whether any connected worker accepts it.
    pub(super) fn view(&self) -> impl Iterator<Item = (&LaneKey, usize, bool)> {
        self.lanes.values().map(|lane| (&lane.key, lane.waiting.len(), !lane.classes.is_empty()))
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut waiting = PerKind::default();
        for lane in self.lanes.values() {
            *waiting.of_mut(lane.key.kind) += lane.waiting.len();
        }
        assert_eq!(waiting, self.waiting);
        for (id, lane) in &self.lanes {
            for class in &lane.classes {
                let class = &self.classes[class];
                let waiting = !lane.waiting.is_empty();
                assert_eq!(class.ready.of(lane.key.kind).contains(id), waiting, "ready of {:?}", lane.key);
                assert!(
                    !waiting || class.free.of(lane.key.kind).is_empty(),
                    "unmatched work in {:?}",
                    lane.key
                );
            }
        }
    }
}

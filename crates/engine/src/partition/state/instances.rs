//! One small row an instance: who it is, where it is in its life, where its other rows are.
//!
//! Not here: texts of any size (`values`), events (`history`, `inbox`), open tasks. An idle
//! instance is this row and what it waits for.

use std::collections::BTreeMap;

use crate::event::{OrchestrationTraceContext, TraceContext};
use crate::id::{InstanceId, LogId};
use crate::partition::command::{CompleteOrchestrationTurn, Moment, Parent};
use crate::partition::effect::Effect;
use crate::partition::state::history::HistoryHead;
use crate::partition::state::queue::QueueHead;
use crate::partition::state::status::{Ending, Status};
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row};
use crate::time::Timestamp;

/// The stored row.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InstanceRow {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) version: Option<String>,
    /// 32 hex digits; another after each continue-as-new.
    #[prost(string, tag = "3")]
    pub(crate) execution: String,
    /// Names the rows of this execution. Invariant: never used before.
    #[prost(uint64, tag = "4")]
    pub(crate) number: u64,
    /// Names the rows that outlive an execution: inbox and texts. Invariant: never used before.
    #[prost(uint64, tag = "5")]
    pub(crate) life: u64,
    #[prost(message, optional, tag = "6")]
    pub(crate) created: Option<Moment>,
    #[prost(message, optional, tag = "7")]
    pub(crate) updated: Option<Moment>,
    #[prost(message, optional, tag = "8")]
    pub(crate) scheduled_start: Option<Moment>,
    #[prost(btree_map = "string, string", tag = "9")]
    pub(crate) tags: BTreeMap<String, String>,
    #[prost(message, optional, tag = "10")]
    pub(crate) parent: Option<Parent>,
    #[prost(message, optional, tag = "11")]
    pub(crate) trace: Option<TraceContext>,
    #[prost(message, optional, tag = "12")]
    pub(crate) span: Option<OrchestrationTraceContext>,
    /// The turn that is due next, from 1 in each execution.
    #[prost(uint64, tag = "13")]
    pub(crate) turn: u64,
    /// The time of the last turn. Invariant: never falls, across executions too.
    #[prost(message, optional, tag = "14")]
    pub(crate) started_at: Option<Moment>,
    /// Tells a repeat of the last accepted answer from a stale one.
    #[prost(message, optional, tag = "15")]
    pub(crate) answered: Option<AnsweredTurn>,
    #[prost(message, optional, tag = "16")]
    pub(crate) inbox: Option<QueueHead>,
    #[prost(message, optional, tag = "17")]
    pub(crate) history: Option<HistoryHead>,
    #[prost(uint32, tag = "18")]
    pub(crate) open_activities: u32,
    #[prost(uint32, tag = "19")]
    pub(crate) open_children: u32,
    #[prost(uint32, tag = "20")]
    pub(crate) open_timers: u32,
    /// Children of this execution, open or not.
    #[prost(uint32, tag = "21")]
    pub(crate) children: u32,
    /// Which texts exist: bit n for `Value` n.
    #[prost(uint32, tag = "22")]
    pub(crate) values: u32,
    /// The entry that began this execution.
    #[prost(uint64, tag = "23")]
    pub(crate) begun_term: u64,
    #[prost(uint64, tag = "24")]
    pub(crate) begun_index: u64,
    /// The timer of a scheduled start, while it is ahead.
    #[prost(bool, tag = "25")]
    pub(crate) start_timer: bool,
    /// Calls of entities without an answer.
    #[prost(uint32, tag = "30")]
    pub(crate) open_calls: u32,
    /// The critical section the execution is in, or wants to be in.
    #[prost(message, optional, tag = "31")]
    pub(crate) section: Option<OpenSection>,
    #[prost(oneof = "Status", tags = "40, 41, 42, 43, 44, 45, 46, 47")]
    pub(crate) status: Option<Status>,
}

impl Row for InstanceRow {}

/// Locks on entities, asked for or held. One at a time: whoever holds locks waits for no others.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct OpenSection {
    /// The orchestration's own name for it.
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    /// What is not given back yet, in order.
    #[prost(string, repeated, tag = "2")]
    pub(crate) entities: Vec<String>,
    /// All of them are held.
    #[prost(bool, tag = "3")]
    pub(crate) granted: bool,
}

impl OpenSection {
    /// How many locks are waited for; some of them may be held already.
    pub(crate) fn awaited(&self) -> u32 {
        if self.granted { 0 } else { u32::try_from(self.entities.len()).unwrap_or(u32::MAX) }
    }
}

/// The token of the last accepted answer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct AnsweredTurn {
    #[prost(string, tag = "1")]
    execution: String,
    #[prost(uint64, tag = "2")]
    turn: u64,
    #[prost(message, required, tag = "3")]
    started_at: Moment,
    #[prost(uint32, tag = "4")]
    delivered: u32,
    #[prost(uint64, tag = "5")]
    lease: u64,
    #[prost(uint64, tag = "6")]
    term: u64,
}

impl AnsweredTurn {
    pub(crate) fn of(command: &CompleteOrchestrationTurn) -> Self {
        Self {
            execution: command.execution.clone(),
            turn: command.turn,
            started_at: command.started_at,
            delivered: command.delivered,
            lease: command.epoch.lease,
            term: command.epoch.term,
        }
    }
}

/// What a new instance is made of.
#[derive(Debug, Clone)]
pub(crate) struct Birth {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) execution: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) parent: Option<Parent>,
    pub(crate) scheduled_start: Option<Timestamp>,
}

/// A row with its id, loaded to be read or changed.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) row: InstanceRow,
    /// The status the counts hold it under; `None` for one that is not stored yet.
    counted: Option<Status>,
}

impl Instance {
    pub(crate) fn from_row(id: InstanceId, row: InstanceRow) -> Self {
        let counted = row.status.clone();
        Self { id, row, counted }
    }

    pub(crate) fn status(&self) -> &Status {
        self.row.status.as_ref().expect("an instance row without a status is refused when loaded")
    }

    pub(crate) fn status_mut(&mut self) -> &mut Status {
        self.row.status.as_mut().expect("an instance row without a status is refused when loaded")
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.status().ended_at().is_some()
    }

    /// A turn can be handed out now.
    pub(crate) fn has_turn(&self) -> bool {
        self.status().is_runnable() && self.row.inbox.as_ref().is_some_and(|inbox| inbox.length() > 0)
    }

    pub(crate) fn begun(&self) -> LogId {
        LogId { term: self.row.begun_term, index: self.row.begun_index }
    }

    pub(crate) fn become_suspended(&mut self, reason: String) -> bool {
        self.status_mut().become_suspended(reason)
    }

    pub(crate) fn become_stuck(&mut self, reason: String) -> bool {
        self.status_mut().become_stuck(reason)
    }

    pub(crate) fn become_released(&mut self) -> bool {
        self.status_mut().become_released()
    }

    pub(crate) fn become_due(&mut self) {
        self.row.start_timer = false;
        self.status_mut().become_due();
    }

    pub(crate) fn become_running(&mut self) {
        self.status_mut().become_running();
    }

    pub(crate) fn become_terminating(&mut self, recursive: bool) {
        self.status_mut().become_terminating(recursive);
    }

    pub(crate) fn become_rewound(&mut self) -> bool {
        self.status_mut().become_rewound()
    }

    pub(crate) fn become_ended(&mut self, ending: Ending, at: Timestamp) {
        self.status_mut().become_ended(ending, at);
    }
}

impl State<'_> {
    /// Loads an instance; `None` where there is none of this id.
    pub(crate) fn instance(&self, id: &InstanceId) -> Loaded<Option<Instance>> {
        Ok(self.tx.get(&keys::instance(id))?.map(|row| Instance::from_row(id.clone(), row)))
    }

    /// As [`Self::instance`], for an id that came in a command or message: no such instance where
    /// the text is no id.
    pub(crate) fn instance_named(&self, text: &str) -> Loaded<Option<Instance>> {
        InstanceId::parse(text).map_or(Ok(None), |id| self.instance(&id))
    }

    /// A new instance, not stored yet.
    pub(crate) fn give_birth(&mut self, id: &InstanceId, birth: Birth) -> Instance {
        let until = birth.scheduled_start.filter(|start| *start > self.at);
        let row = InstanceRow {
            name: birth.name,
            version: birth.version,
            execution: birth.execution,
            number: self.meta.take_number(),
            life: self.meta.take_number(),
            created: Some(self.at.into()),
            scheduled_start: birth.scheduled_start.map(Moment::from),
            tags: birth.tags,
            trace: birth.trace,
            parent: birth.parent,
            turn: 1,
            begun_term: self.id.term,
            begun_index: self.id.index,
            status: Some(Status::start(until)),
            ..InstanceRow::default()
        };
        Instance { id: id.clone(), row, counted: None }
    }

    /// Gives the instance its next execution.
    pub(crate) fn begin_execution(&mut self, instance: &mut Instance, execution: String) {
        let row = &mut instance.row;
        row.execution = execution;
        row.number = self.meta.take_number();
        row.turn = 1;
        row.history = None;
        row.open_activities = 0;
        row.open_children = 0;
        row.open_timers = 0;
        row.open_calls = 0;
        row.section = None;
        row.children = 0;
        row.begun_term = self.id.term;
        row.begun_index = self.id.index;
    }

    /// Gives the instance's inbox and texts a new name: those of the old one are being swept.
    pub(crate) fn begin_life(&mut self, instance: &mut Instance) {
        instance.row.life = self.meta.take_number();
        instance.row.inbox = None;
        instance.row.values = 0;
    }

    /// Writes the instance back and keeps the counts.
    pub(crate) fn store(&mut self, instance: &mut Instance) -> Loaded<()> {
        instance.row.updated = Some(self.at.into());
        let before = instance.counted.take();
        let shown = |status: Option<&Status>| status.map(Status::shown);
        self.list(instance, shown(before.as_ref()), shown(instance.row.status.as_ref()))?;
        self.count(before.as_ref(), instance.row.status.as_ref());
        instance.counted = instance.row.status.clone();
        self.tx.put(keys::instance(&instance.id), &instance.row)
    }

    /// Removes the instance's row; its other rows are left to a sweep.
    pub(crate) fn forget(&mut self, instance: &Instance) -> Loaded<()> {
        self.list(instance, instance.counted.as_ref().map(Status::shown), None)?;
        self.count(instance.counted.as_ref(), None);
        self.tx.remove(keys::instance(&instance.id))
    }

    fn count(&mut self, before: Option<&Status>, after: Option<&Status>) {
        let counts = self.meta.counts.get_or_insert_default();
        for (status, step) in [(before, 1_u64.wrapping_neg()), (after, 1)] {
            let Some(status) = status else { continue };
            let count = counts.of(status.shown());
            *count = count.wrapping_add(step);
            if matches!(status, Status::Stuck(_)) {
                counts.stuck = counts.stuck.wrapping_add(step);
            }
        }
    }

    /// Offers the instance's turn, if it has one.
    pub(crate) fn offer_turn(&mut self, instance: &Instance) {
        if instance.has_turn() {
            self.effect(Effect::OfferTurn {
                instance: instance.id.clone(),
                name: instance.row.name.clone(),
                version: instance.row.version.clone().unwrap_or_default(),
            });
        }
    }
}

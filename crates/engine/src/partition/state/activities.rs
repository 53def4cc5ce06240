//! Scheduled activities without an outcome yet: a row each, gone once the outcome is recorded.
//!
//! Not here: who runs them (`server::dispatch`). An action's id is only an attribute: retries use
//! it again, so a task is named by the entry that scheduled it.

use std::collections::BTreeMap;

use crate::event::{ScheduleTask, TraceContext};
use crate::id::{InstanceId, LogId};
use crate::partition::command::ActivityKey;
use crate::partition::effect::Effect;
use crate::partition::state::State;
use crate::partition::state::instances::Instance;
use crate::partition::state::keys::{self, TaskKey};
use crate::partition::state::values::ValueRow;
use crate::rows::{Loaded, Row};

/// Inputs up to this size stay in the task's row; larger ones get a row of their own, so that a
/// page of tasks is small.
const INLINE_INPUT_BYTES: usize = 512;

/// The number under which tasks are kept whose execution ended in the turn that scheduled them:
/// they run, and nobody hears of it.
pub(crate) const DETACHED: u64 = 0;

/// Who waits for an activity's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    Execution,
    Nobody,
}

/// The stored row.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ActivityRow {
    #[prost(string, tag = "1")]
    pub(crate) instance: String,
    #[prost(string, tag = "2")]
    pub(crate) execution: String,
    /// The scheduling action's id.
    #[prost(int32, tag = "3")]
    pub(crate) task: i32,
    #[prost(string, tag = "4")]
    pub(crate) name: String,
    #[prost(string, optional, tag = "5")]
    pub(crate) version: Option<String>,
    /// The version to find a worker by: its own, or its orchestration's.
    #[prost(string, tag = "6")]
    pub(crate) offered_version: String,
    #[prost(btree_map = "string, string", tag = "7")]
    pub(crate) tags: BTreeMap<String, String>,
    #[prost(message, optional, tag = "8")]
    pub(crate) trace: Option<TraceContext>,
    #[prost(string, optional, tag = "9")]
    pub(crate) input: Option<String>,
    /// The input is in a row of its own.
    #[prost(bool, tag = "10")]
    pub(crate) input_apart: bool,
}

impl Row for ActivityRow {}

impl ActivityKey {
    pub(crate) fn of(instance: &str, task: TaskKey) -> Self {
        Self {
            instance: instance.to_owned(),
            term: task.by.term,
            index: task.by.index,
            ordinal: task.ordinal,
        }
    }

    pub(crate) fn task(&self) -> TaskKey {
        TaskKey { by: LogId { term: self.term, index: self.index }, ordinal: self.ordinal }
    }
}

impl ActivityRow {
    /// `None` where the stored instance is no id, which no entry can have written.
    pub(crate) fn offer(&self, task: TaskKey) -> Option<Effect> {
        InstanceId::parse(&self.instance).ok().map(|_| Effect::OfferActivity {
            activity: ActivityKey::of(&self.instance, task),
            name: self.name.clone(),
            version: self.offered_version.clone(),
        })
    }
}

impl State<'_> {
    /// Opens a task and offers it.
    pub(crate) fn open_activity(
        &mut self,
        instance: &mut Instance,
        listener: Listener,
        id: i32,
        action: ScheduleTask,
    ) {
        let task = self.next_task();
        let number = match listener {
            Listener::Execution => instance.row.number,
            Listener::Nobody => DETACHED,
        };
        let apart = action.input.as_ref().is_some_and(|input| input.len() > INLINE_INPUT_BYTES);
        let orchestration = instance.row.version.clone().unwrap_or_default();
        let mut row = ActivityRow {
            instance: instance.id.as_str().to_owned(),
            execution: instance.row.execution.clone(),
            task: id,
            name: action.name,
            offered_version: action
                .version
                .clone()
                .filter(|version| !version.is_empty())
                .unwrap_or(orchestration),
            version: action.version,
            tags: action.tags,
            trace: action.parent_trace_context,
            input: action.input,
            input_apart: apart,
        };
        if apart {
            let input = ValueRow { text: row.input.take(), failure: None };
            self.tx.insert(keys::activity_input(number, task), &input);
        }
        self.tx.insert(keys::activity(number, task), &row);
        instance.row.open_activities += u32::from(listener == Listener::Execution);
        if let Some(effect) = row.offer(task) {
            self.effect(effect);
        }
    }

    /// The task, if it is still open in the present execution.
    pub(crate) fn activity(&self, instance: &Instance, task: TaskKey) -> Loaded<Option<ActivityRow>> {
        self.tx.get(&keys::activity(instance.row.number, task))
    }

    pub(crate) fn close_activity(
        &mut self,
        instance: &mut Instance,
        task: TaskKey,
        row: &ActivityRow,
    ) -> Loaded<()> {
        instance.row.open_activities = instance.row.open_activities.saturating_sub(1);
        self.remove_activity(instance.row.number, task, row)
    }

    /// Closes a task that nobody waits for. False where there is none.
    pub(crate) fn close_detached_activity(&mut self, task: TaskKey) -> Loaded<bool> {
        let Some(row) = self.tx.get::<ActivityRow>(&keys::activity(DETACHED, task))? else {
            return Ok(false);
        };
        self.remove_activity(DETACHED, task, &row)?;
        Ok(true)
    }

    fn remove_activity(&mut self, number: u64, task: TaskKey, row: &ActivityRow) -> Loaded<()> {
        if row.input_apart {
            self.tx.remove(keys::activity_input(number, task))?;
        }
        self.tx.remove(keys::activity(number, task))
    }
}

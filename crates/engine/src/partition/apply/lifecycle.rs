//! How an instance begins, ends and goes: shared by the commands that cause it.
//!
//! Not here: who may ask for it (each command's file).

use crate::event::{
    EventKind, ExecutionCompleted, ExecutionStarted, FailureDetails, OrchestrationInstance,
    ParentInstanceInfo,
};
use crate::id::InstanceId;
use crate::partition::apply::entities::asking;
use crate::partition::apply::event;
use crate::partition::command::{ChildEnded, MessageBody, Moment, Parent};
use crate::partition::effect::Effect;
use crate::partition::feed::Lifecycle;
use crate::partition::state::State;
use crate::partition::state::history::Addition;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::{Birth, Instance};
use crate::partition::state::status::{Ending, Status};
use crate::partition::state::sweeps::{ChildrenFate, SweepRow};
use crate::partition::state::values::Value;
use crate::payload;
use crate::rows::Loaded;

/// The error type of a child that was terminated: it has no failure of its own.
const TERMINATED: &str = "OrchestrationTerminated";

/// Creates an instance of an id that is free.
pub(super) fn create(
    state: &mut State,
    id: &InstanceId,
    mut birth: Birth,
    input: Option<String>,
) -> Loaded<()> {
    birth.scheduled_start = birth.scheduled_start.filter(|start| *start > state.at);
    let mut instance = state.give_birth(id, birth);
    state.set_value(&mut instance, Value::Input, input.clone())?;
    let started = execution_started(state, &instance, input);
    state.push_inbox(&mut instance, Addressee::Execution, &started)?;
    if let Some(start) = instance.row.scheduled_start {
        instance.row.start_timer = true;
        state.arm_timer(&mut instance, start, None);
    }
    state.store(&mut instance)?;
    if !instance.row.start_timer {
        state.tell(Lifecycle::Started, &instance, "")?;
    }
    state.offer_turn(&instance);
    state.changed(&instance);
    Ok(())
}

/// The event that begins each execution.
pub(super) fn execution_started(
    state: &State,
    instance: &Instance,
    input: Option<String>,
) -> crate::event::HistoryEvent {
    let row = &instance.row;
    let started = ExecutionStarted {
        name: row.name.clone(),
        version: row.version.clone(),
        input,
        orchestration_instance: Some(orchestration_instance(instance)),
        parent_instance: row.parent.as_ref().map(parent_info),
        scheduled_start_timestamp: row.scheduled_start,
        parent_trace_context: row.trace.clone(),
        orchestration_span_id: None,
        tags: row.tags.clone(),
    };
    event(state.at, EventKind::ExecutionStarted(started))
}

/// An instance and its execution, as workers see them.
pub(super) fn orchestration_instance(instance: &Instance) -> OrchestrationInstance {
    OrchestrationInstance {
        instance_id: instance.id.as_str().to_owned(),
        execution_id: Some(instance.row.execution.clone()),
    }
}

/// A parent as workers see it.
pub(super) fn parent_info(parent: &Parent) -> ParentInstanceInfo {
    ParentInstanceInfo {
        task_scheduled_id: parent.task,
        name: Some(parent.name.clone()),
        version: parent.version.clone(),
        orchestration_instance: Some(OrchestrationInstance {
            instance_id: parent.instance.clone(),
            execution_id: Some(parent.execution.clone()),
        }),
    }
}

/// How and with what an instance ends.
#[derive(Debug)]
pub(super) struct End {
    pub(super) ending: Ending,
    pub(super) output: Option<String>,
    pub(super) failure: Option<FailureDetails>,
    /// The open children are terminated too.
    pub(super) recursive: bool,
}

/// Ends an open instance and stores it.
pub(super) fn end(state: &mut State, instance: &mut Instance, end: End) -> Loaded<()> {
    let End { ending, output, mut failure, recursive } = end;
    if let Some(failure) = &mut failure {
        failure.truncate();
    }
    let was_terminating = matches!(instance.status(), Status::Terminating(_));
    instance.become_ended(ending, state.at);
    if was_terminating {
        state.end_termination(instance)?;
    }
    let completed = ExecutionCompleted {
        orchestration_status: instance.status().shown().wire(),
        result: output.clone(),
        failure_details: failure.clone(),
    };
    let mut addition = Addition::default();
    addition.push_hidden(&event(state.at, EventKind::ExecutionCompleted(completed)));
    state.append_history(instance, addition)?;
    state.set_value(instance, Value::Output, output.clone())?;
    state.set_failure(instance, failure.clone())?;
    state.list_finished(&instance.id, state.at, instance.status().shown());
    state.tell_end(instance, ending, (output.as_deref(), failure.as_ref()))?;
    tell_parent(state, instance, ending, output, failure)?;
    asking::release_section(state, instance)?;
    leave_open_work(state, instance, recursive);
    state.store(instance)?;
    state.changed(instance);
    Ok(())
}

fn tell_parent(
    state: &mut State,
    instance: &Instance,
    ending: Ending,
    output: Option<String>,
    failure: Option<FailureDetails>,
) -> Loaded<()> {
    let Some(parent) = instance.row.parent.clone() else { return Ok(()) };
    let id = &instance.id;
    let (result, failure) = match ending {
        Ending::Completed => (output, None),
        Ending::Failed => {
            let failure = failure.unwrap_or_else(|| {
                FailureDetails::new(
                    "OrchestrationFailed",
                    format!("sub-orchestration {id} failed without details"),
                )
            });
            (None, Some(failure))
        }
        Ending::Terminated => {
            let output = output.as_deref().map(payload::shown).unwrap_or_default();
            let message = format!("sub-orchestration {id} was terminated: {output}");
            (None, Some(FailureDetails::new(TERMINATED, message)))
        }
    };
    send_child_ended(state, parent, result, failure)
}

/// Tells a parent about its child's end, whether the child ever existed or not.
pub(super) fn send_child_ended(
    state: &mut State,
    parent: Parent,
    result: Option<String>,
    failure: Option<FailureDetails>,
) -> Loaded<()> {
    let Ok(target) = InstanceId::parse(&parent.instance) else { return Ok(()) };
    state.send(&target, MessageBody::ChildEnded(ChildEnded { parent, result, failure }))
}

/// Hands what the execution left open to a sweep, if there is anything.
fn leave_open_work(state: &mut State, instance: &mut Instance, recursive: bool) {
    let waiting = instance.row.inbox.take().is_some_and(|inbox| inbox.length() > 0);
    let row = &mut instance.row;
    let terminate_children = recursive && row.open_children > 0;
    let open = row.open_activities > 0 || row.open_timers > 0;
    row.open_activities = 0;
    row.open_timers = 0;
    row.open_children = 0;
    row.open_calls = 0;
    row.start_timer = false;
    if open || waiting || terminate_children {
        let mut sweep = SweepRow {
            execution: row.number,
            inbox: if waiting { row.life } else { 0 },
            ..SweepRow::default()
        };
        if terminate_children {
            sweep.set_children(ChildrenFate::Terminated);
        }
        state.leave_to_sweep(instance, sweep);
    }
}

/// Whether a removal reaches the children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Instance,
    Children,
}

/// Removes an ended instance; what it leaves behind goes with a sweep.
pub(super) fn remove(state: &mut State, instance: &Instance, reach: Reach) -> Loaded<()> {
    state.unlist_finished(instance)?;
    state.tell(Lifecycle::Purged, instance, "")?;
    state.forget(instance)?;
    let row = &instance.row;
    let mut sweep =
        SweepRow { execution: row.number, history: true, values: row.life, ..SweepRow::default() };
    if reach == Reach::Children && row.children > 0 {
        sweep.set_children(ChildrenFate::Purged);
    }
    state.leave_to_sweep(instance, sweep);
    state.effect(Effect::InstanceChanged { instance: instance.id.clone(), status: None });
    Ok(())
}

/// The time of a scheduled start, if one was given.
pub(super) fn start_time(moment: Option<Moment>) -> Option<crate::time::Timestamp> {
    moment.map(crate::time::Timestamp::from)
}

//! A work item that no worker can take, or that failed too often.
//!
//! Not here: counting attempts (`server::dispatch`). An activity is failed, so that its
//! orchestration can decide; an orchestration is held with its reason until somebody resumes it.

use crate::event::{EventKind, FailureDetails, TaskFailed};
use crate::partition::apply::{event, terminate};
use crate::partition::command::{ActivityKey, MarkStuck};
use crate::partition::effect::Reply;
use crate::partition::feed::Lifecycle;
use crate::partition::state::State;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::Instance;
use crate::partition::state::status::Status;
use crate::rows::Loaded;

const STUCK: &str = "WorkItemStuck";

pub(super) fn apply(state: &mut State, command: &MarkStuck) -> Loaded<Reply> {
    let instance = state.instance_named(&command.instance)?;
    let current = instance.filter(|found| !found.is_ended() && found.row.execution == command.execution);
    match (current, &command.activity) {
        (Some(instance), Some(activity)) => fail_activity(state, instance, activity, &command.reason),
        (Some(instance), None) => hold(state, instance, &command.reason),
        (None, Some(activity)) => detached(state, activity),
        (None, None) => Ok(Reply::Unchanged),
    }
}

fn detached(state: &mut State, activity: &ActivityKey) -> Loaded<Reply> {
    Ok(if state.close_detached_activity(activity.task())? { Reply::Done } else { Reply::Unchanged })
}

fn fail_activity(
    state: &mut State,
    mut instance: Instance,
    activity: &ActivityKey,
    reason: &str,
) -> Loaded<Reply> {
    let task = activity.task();
    let Some(row) = state.activity(&instance, task)? else { return detached(state, activity) };
    state.close_activity(&mut instance, task, &row)?;
    let failure = FailureDetails::new(STUCK, reason.to_owned());
    let failed = TaskFailed { task_scheduled_id: row.task, failure_details: Some(failure) };
    let failed = event(state.at, EventKind::TaskFailed(failed));
    state.push_inbox(&mut instance, Addressee::Execution, &failed)?;
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(Reply::Done)
}

fn hold(state: &mut State, mut instance: Instance, reason: &str) -> Loaded<Reply> {
    if matches!(instance.status(), Status::Terminating(_)) {
        return terminate::finish(state, &mut instance);
    }
    if !instance.become_stuck(reason.to_owned()) {
        return Ok(Reply::Unchanged);
    }
    state.tell(Lifecycle::Stuck, &instance, reason)?;
    state.store(&mut instance)?;
    state.changed(&instance);
    Ok(Reply::Done)
}

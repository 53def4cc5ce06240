//! A client, a parent or the leader ends an instance.
//!
//! Not here: the worker's confirmation (`complete_orchestration_turn`). What no worker has begun,
//! or no worker can take, ends at once; otherwise the worker is asked, and the leader forces the
//! end if no answer comes.

use crate::event::{EventKind, ExecutionTerminated};
use crate::partition::apply::event;
use crate::partition::apply::lifecycle::{self, End};
use crate::partition::command::{ForceTerminate, Terminate};
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::Instance;
use crate::partition::state::status::{Ending, Status, StatusName};
use crate::partition::state::values::Value;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &Terminate) -> Loaded<Reply> {
    let Some(mut instance) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    terminate(state, &mut instance, command.output.clone(), command.recursive)
}

/// Asks for an end, or ends.
pub(super) fn terminate(
    state: &mut State,
    instance: &mut Instance,
    output: Option<String>,
    recursive: bool,
) -> Loaded<Reply> {
    match instance.status() {
        Status::Terminating(_) | Status::Completed(_) | Status::Failed(_) | Status::Terminated(_) => {
            Ok(Reply::Unchanged)
        }
        Status::Pending(_) | Status::Stuck(_) => end_now(state, instance, output, recursive),
        Status::Suspended(held) if held.pending.is_some() => end_now(state, instance, output, recursive),
        Status::Running(_) | Status::Suspended(_) => ask(state, instance, output, recursive),
    }
}

fn end_now(
    state: &mut State,
    instance: &mut Instance,
    output: Option<String>,
    recursive: bool,
) -> Loaded<Reply> {
    let end = End { ending: Ending::Terminated, output, failure: None, recursive };
    lifecycle::end(state, instance, end)?;
    Ok(Reply::Done)
}

fn ask(state: &mut State, instance: &mut Instance, output: Option<String>, recursive: bool) -> Loaded<Reply> {
    let was_suspended = instance.status().shown() == StatusName::Suspended;
    state.set_value(instance, Value::Output, output.clone())?;
    let terminated = ExecutionTerminated { input: output, recurse: recursive };
    let terminated = event(state.at, EventKind::ExecutionTerminated(terminated));
    state.push_inbox(instance, Addressee::Instance, &terminated)?;
    instance.become_terminating(recursive);
    state.await_termination(instance);
    state.store(instance)?;
    if was_suspended {
        state.changed(instance);
    }
    state.offer_turn(instance);
    Ok(Reply::Done)
}

/// The leader's patience is over.
pub(super) fn apply_force(state: &mut State, command: &ForceTerminate) -> Loaded<Reply> {
    let Some(mut instance) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Unchanged);
    };
    if instance.row.execution != command.execution {
        return Ok(Reply::Unchanged);
    }
    finish(state, &mut instance)
}

/// Ends an instance that waits for its worker's confirmation, with the output asked for.
pub(super) fn finish(state: &mut State, instance: &mut Instance) -> Loaded<Reply> {
    let Status::Terminating(terminating) = instance.status() else { return Ok(Reply::Unchanged) };
    let recursive = terminating.recursive;
    let output = state.text(instance, Value::Output)?;
    end_now(state, instance, output, recursive)
}

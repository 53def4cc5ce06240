//! A client holds an instance's inbox, or releases it.
//!
//! Not here: telling workers. Suspension is the server's affair: a turn in flight finishes and
//! counts, the next is not handed out, and the events in history are for people only, because
//! workers buffer badly when they see them.

use crate::event::{EventKind, ExecutionResumed, ExecutionSuspended};
use crate::partition::apply::event;
use crate::partition::command::{Resume, Suspend};
use crate::partition::effect::{Refusal, Reply};
use crate::partition::feed::Lifecycle;
use crate::partition::state::State;
use crate::partition::state::history::Addition;
use crate::partition::state::instances::Instance;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &Suspend) -> Loaded<Reply> {
    let Some(mut instance) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    if !instance.become_suspended(command.reason.clone().unwrap_or_default()) {
        return Ok(Reply::Unchanged);
    }
    let suspended = EventKind::ExecutionSuspended(ExecutionSuspended { input: command.reason.clone() });
    let reason = command.reason.as_deref().unwrap_or("");
    state.tell(Lifecycle::Suspended, &instance, reason)?;
    record(state, &mut instance, suspended)?;
    Ok(Reply::Done)
}

pub(super) fn apply_resume(state: &mut State, command: &Resume) -> Loaded<Reply> {
    let Some(mut instance) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    if !instance.become_released() {
        return Ok(Reply::Unchanged);
    }
    let resumed = EventKind::ExecutionResumed(ExecutionResumed { input: command.reason.clone() });
    let reason = command.reason.as_deref().unwrap_or("");
    state.tell(Lifecycle::Resumed, &instance, reason)?;
    record(state, &mut instance, resumed)?;
    state.offer_turn(&instance);
    Ok(Reply::Done)
}

fn record(state: &mut State, instance: &mut Instance, kind: EventKind) -> Loaded<()> {
    let mut addition = Addition::default();
    addition.push_hidden(&event(state.at, kind));
    state.append_history(instance, addition)?;
    state.store(instance)?;
    state.changed(instance);
    Ok(())
}

//! A client creates an instance.
//!
//! Not here: checking names and sizes (`server::ingress`). An id in use is refused, unless the
//! policy names the status of the instance that has it: then that one is ended and removed first.

use crate::id::InstanceId;
use crate::partition::apply::lifecycle::{self, End, Reach};
use crate::partition::command::StartOrchestration;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::partition::state::instances::{Birth, Instance};
use crate::partition::state::status::Ending;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &StartOrchestration) -> Loaded<Reply> {
    let Ok(id) = InstanceId::parse(&command.instance) else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    if let Some(existing) = state.instance(&id)? {
        if !may_replace(command, &existing) {
            return Ok(Reply::Refused(Refusal::InstanceExists));
        }
        replace(state, existing)?;
    }
    let birth = Birth {
        name: command.name.clone(),
        version: command.version.clone(),
        execution: command.execution.clone(),
        tags: command.tags.clone(),
        trace: command.trace.clone(),
        parent: None,
        scheduled_start: lifecycle::start_time(command.scheduled_start),
    };
    lifecycle::create(state, &id, birth, command.input.clone())?;
    Ok(Reply::Started { instance: id, by: state.id })
}

fn may_replace(command: &StartOrchestration, existing: &Instance) -> bool {
    let status = existing.status().shown().wire();
    command.reuse.as_ref().is_some_and(|policy| policy.replaceable.contains(&status))
}

fn replace(state: &mut State, mut existing: Instance) -> Loaded<()> {
    if !existing.is_ended() {
        let end = End { ending: Ending::Terminated, output: None, failure: None, recursive: false };
        lifecycle::end(state, &mut existing, end)?;
    }
    lifecycle::remove(state, &existing, Reach::Instance)
}

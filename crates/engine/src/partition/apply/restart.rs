//! A client begins an ended instance anew, under its own id.
//!
//! Not here: a restart under another id, which is a start like any other (`server::ingress`). What
//! the instance was begun with is kept; its history, its parent and its children are not.

use crate::mutants;
use crate::partition::apply::lifecycle::{self, Reach};
use crate::partition::command::Restart;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::partition::state::instances::Birth;
use crate::partition::state::values::Value;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &Restart) -> Loaded<Reply> {
    let Some(ended) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    if !ended.is_ended() {
        return Ok(Reply::Refused(Refusal::NotEnded));
    }
    let kept = !mutants::active(mutants::RESTART_WITHOUT_INPUT);
    let input = state.text(&ended, Value::Input)?.filter(|_| kept);
    let birth = Birth {
        name: ended.row.name.clone(),
        version: ended.row.version.clone(),
        execution: command.execution.clone(),
        tags: ended.row.tags.clone(),
        trace: ended.row.trace.clone(),
        parent: None,
        scheduled_start: None,
    };
    lifecycle::remove(state, &ended, Reach::Instance)?;
    lifecycle::create(state, &ended.id, birth, input)?;
    Ok(Reply::Started { instance: ended.id, by: state.id })
}

//! A client delivers an external event: it waits in the inbox, whatever the instance does now.
//!
//! Not here: matching names, which is the worker's. An event for an ended instance is dropped.

use crate::event::{EventKind, EventRaised};
use crate::limits;
use crate::partition::apply::event;
use crate::partition::command::RaiseEvent;
use crate::partition::effect::{Refusal, Reply};
use crate::partition::state::State;
use crate::partition::state::inbox::Addressee;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &RaiseEvent) -> Loaded<Reply> {
    let Some(mut instance) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    if instance.is_ended() {
        return Ok(Reply::Unchanged);
    }
    if instance.row.inbox.is_some_and(|inbox| inbox.length() >= limits::INBOX_EVENTS_MAX) {
        return Ok(Reply::Refused(Refusal::InboxFull));
    }
    let raised = EventRaised { name: command.name.clone(), input: command.input.clone() };
    let raised = event(state.at, EventKind::EventRaised(raised));
    state.push_inbox(&mut instance, Addressee::Instance, &raised)?;
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(Reply::Done)
}

//! A client removes a finished instance.
//!
//! Not here: removing its many rows (`sweep`). The id is free at once; what is left is named by
//! numbers that no later instance gets.

use crate::partition::apply::lifecycle::{self, Reach};
use crate::partition::command::Purge;
use crate::partition::effect::Reply;
use crate::partition::state::State;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &Purge) -> Loaded<Reply> {
    let instance = state.instance_named(&command.instance)?.filter(|instance| instance.is_ended());
    let Some(instance) = instance else { return Ok(Reply::Purged { count: 0 }) };
    let reach = if command.recursive { Reach::Children } else { Reach::Instance };
    lifecycle::remove(state, &instance, reach)?;
    Ok(Reply::Purged { count: 1 })
}

//! A failed instance tries its failed steps again: a client asks, or its rewound parent does.
//!
//! Not here: what of the history stays (`unfail`). The instance goes on as a new execution with the
//! history that stays, so every answer to the old one is stale. Its next turn brings no event: the
//! replay alone asks for what was taken out. Workers are not told, since some of them throw.

use crate::event::{EventKind, ExecutionRewound, HistoryEvent, SubOrchestrationInstanceCreated};
use crate::id::InstanceId;
use crate::limits;
use crate::partition::apply::unfail::{History, Kept, unfail};
use crate::partition::apply::{event, lifecycle, receive_messages};
use crate::partition::command::{MessageBody, Parent, Rewind, RewindChild, StartChild};
use crate::partition::effect::{Refusal, Reply};
use crate::partition::feed::Lifecycle;
use crate::partition::state::State;
use crate::partition::state::children::ChildRow;
use crate::partition::state::history::Addition;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::Instance;
use crate::partition::state::keys::TaskKey;
use crate::partition::state::status::Status;
use crate::partition::state::sweeps::SweepRow;
use crate::partition::state::values::Value;
use crate::rows::Loaded;

pub(super) fn apply(state: &mut State, command: &Rewind) -> Loaded<Reply> {
    let Some(instance) = state.instance_named(&command.instance)? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    let rewound = rewind(state, instance, command.reason.as_deref())?;
    Ok(rewound.map_or_else(Reply::Refused, |()| Reply::Done))
}

/// `Err`: it cannot be, and nothing has changed.
fn rewind(state: &mut State, mut instance: Instance, reason: Option<&str>) -> Loaded<Result<(), Refusal>> {
    if !matches!(instance.status(), Status::Failed(_)) {
        return Ok(Err(Refusal::NotFailed));
    }
    if instance.row.history.is_some_and(|history| history.bytes() > limits::REWIND_BYTES_MAX) {
        return Ok(Err(Refusal::HistoryTooLarge));
    }
    let children = state.children(&instance)?;
    let rows: Vec<ChildRow> = children.iter().map(|(_, row)| row.clone()).collect();
    let Kept { history, awaited } = match unfail(state.whole_history(&instance)?, &rows) {
        Ok(kept) => kept,
        Err(refusal) => return Ok(Err(refusal)),
    };
    state.unlist_finished(&instance)?;
    begin_again(state, &mut instance)?;
    let rewound = ExecutionRewound { reason: reason.map(str::to_owned), ..ExecutionRewound::default() };
    let rewound = event(state.at, EventKind::ExecutionRewound(rewound));
    write_history(state, &mut instance, history, &rewound)?;
    for (place, (task, row)) in children.into_iter().enumerate() {
        await_child(state, &mut instance, (task, row), awaited.get(&place), reason)?;
    }
    state.push_inbox(&mut instance, Addressee::Nobody, &rewound)?;
    state.tell(Lifecycle::Rewound, &instance, reason.unwrap_or(""))?;
    state.store(&mut instance)?;
    state.changed(&instance);
    state.offer_turn(&instance);
    Ok(Ok(()))
}

/// Another execution, and another life: what the old ones left is still being swept.
fn begin_again(state: &mut State, instance: &mut Instance) -> Loaded<()> {
    let input = state.text(instance, Value::Input)?;
    let custom_status = state.text(instance, Value::CustomStatus)?;
    let row = &instance.row;
    let sweep = SweepRow { execution: row.number, history: true, values: row.life, ..SweepRow::default() };
    state.leave_to_sweep(instance, sweep);
    let task = state.next_task();
    let execution = task.execution(&instance.row.execution);
    state.begin_execution(instance, execution);
    state.begin_life(instance);
    instance.become_rewound();
    state.set_value(instance, Value::Input, input)?;
    state.set_value(instance, Value::CustomStatus, custom_status)
}

fn write_history(
    state: &mut State,
    instance: &mut Instance,
    history: History,
    rewound: &HistoryEvent,
) -> Loaded<()> {
    let mut addition = Addition::default();
    for (audience, mut event) in history {
        if let Some(EventKind::ExecutionStarted(started)) = &mut event.kind {
            started.orchestration_instance = Some(lifecycle::orchestration_instance(instance));
            started.parent_instance = instance.row.parent.as_ref().map(lifecycle::parent_info);
        }
        addition.push_for(audience, &event);
    }
    addition.push_hidden(rewound);
    state.append_history(instance, addition)
}

/// Keeps the child with its parent, for a purge to find; `created`: and waits for it again.
fn await_child(
    state: &mut State,
    instance: &mut Instance,
    (task, mut row): (TaskKey, ChildRow),
    created: Option<&SubOrchestrationInstanceCreated>,
    reason: Option<&str>,
) -> Loaded<()> {
    row.open = false;
    let child = InstanceId::parse(&row.child);
    if let (Some(created), Ok(child)) = (created, child) {
        let parent = Parent { execution: instance.row.execution.clone(), ..row.parent };
        row = ChildRow { parent: parent.clone(), open: true, ..row };
        let start = StartChild {
            execution: task.execution(&parent.execution),
            parent,
            instance: created.instance_id.clone(),
            name: created.name.clone(),
            version: created.version.clone(),
            input: created.input.clone(),
            tags: created.tags.clone(),
            trace: created.parent_trace_context.clone(),
        };
        let message = RewindChild { start, reason: reason.map(str::to_owned) };
        state.send(&child, MessageBody::RewindChild(message))?;
    }
    state.open_child(instance, task, &row);
    Ok(())
}

/// A rewound parent waits for its child again.
pub(super) fn receive(state: &mut State, message: &RewindChild) -> Loaded<()> {
    let start = &message.start;
    let child = state.instance_named(&start.instance)?;
    // Nobody of this name: it is created. Somebody else's: its parent is told.
    let Some(mut child) = child.filter(|child| receive_messages::is_child_of(child, &start.parent)) else {
        return receive_messages::start_child(state, start);
    };
    child.row.parent = Some(start.parent.clone());
    match child.status() {
        Status::Terminated(_) => receive_messages::start_child(state, start),
        Status::Failed(_) => match rewind(state, child, message.reason.as_deref())? {
            Ok(()) => Ok(()),
            Err(_) => receive_messages::start_child(state, start),
        },
        Status::Completed(_) => {
            let output = state.text(&child, Value::Output)?;
            state.store(&mut child)?;
            lifecycle::send_child_ended(state, start.parent.clone(), output, None)
        }
        Status::Pending(_)
        | Status::Running(_)
        | Status::Suspended(_)
        | Status::Stuck(_)
        | Status::Terminating(_) => state.store(&mut child),
    }
}

//! Clears away what an ended execution or a removed instance left behind, a page at a time.
//!
//! Not here: deciding what is left behind (`lifecycle`, `continue_as_new`). The rows are named by
//! numbers nobody uses any more, so nothing depends on when this happens.

use bytes::Bytes;

use crate::id::InstanceId;
use crate::limits;
use crate::mutants;
use crate::partition::command::{Command, MessageBody, PurgeInstance, Sweep, TerminateInstance};
use crate::partition::effect::Effect;
use crate::partition::state::children::ChildRow;
use crate::partition::state::sweeps::{ChildrenFate, SweepRow};
use crate::partition::state::timers::TimerRow;
use crate::partition::state::{State, keys};
use crate::rows::{Key, KeyBuilder, Loaded, Range, decode};

pub(super) fn apply(state: &mut State, command: &Sweep) -> Loaded<()> {
    let room = KeyBuilder::room(keys::SWEEP).bounded_text(&command.instance);
    let rows = state.tx.range(&Range::all(room, 2))?;
    let Some((key, bytes)) = rows.first() else { return Ok(()) };
    let mut sweep: SweepRow = decode(bytes);
    let mut page = Page { left: limits::CASCADE_ROWS_MAX };
    let done = sweep_all(state, &mut sweep, &mut page)?;
    if done {
        state.tx.remove(key.clone())?;
    } else {
        state.tx.put(key.clone(), &sweep)?;
    }
    if !done || rows.len() > 1 {
        state.effect(Effect::FollowUp(Command::Sweep(command.clone())));
    }
    Ok(())
}

/// How many rows this entry may still touch.
struct Page {
    left: usize,
}

/// True when nothing is left.
fn sweep_all(state: &mut State, sweep: &mut SweepRow, page: &mut Page) -> Loaded<bool> {
    if sweep.children() == ChildrenFate::Terminated && !terminate_children(state, sweep, page)? {
        return Ok(false);
    }
    let mut rooms = Vec::new();
    if sweep.execution != 0 {
        rooms.extend([(keys::ACTIVITY, sweep.execution), (keys::ACTIVITY_INPUT, sweep.execution)]);
        rooms.push((keys::TIMER, sweep.execution));
    }
    if sweep.history {
        rooms.extend([(keys::CHILD, sweep.execution), (keys::HISTORY, sweep.execution)]);
    }
    if sweep.inbox != 0 {
        rooms.push((keys::INBOX, sweep.inbox));
    }
    if sweep.values != 0 {
        rooms.push((keys::VALUE, sweep.values));
    }
    for (room, number) in rooms {
        if page.left == 0 || !sweep_room(state, sweep, (room, number), page)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes a page of one room's rows; true when none is left.
fn sweep_room(
    state: &mut State,
    sweep: &SweepRow,
    (room, number): (u8, u64),
    page: &mut Page,
) -> Loaded<bool> {
    let rows = state.tx.range(&Range::all(keys::of(room, number), page.left))?;
    if room == keys::TIMER {
        let due = |row: &TimerRow| keys::timer_due(row.due.into(), number, row.task());
        state.tx.want(rows.iter().map(|(_, bytes)| due(&decode(bytes))))?;
    }
    for (key, bytes) in &rows {
        match room {
            keys::TIMER => {
                let row: TimerRow = decode(bytes);
                state.remove_timer(number, row.due.into(), row.task())?;
            }
            keys::CHILD if sweep.children() == ChildrenFate::Purged => {
                purge_child(state, &decode(bytes))?;
                state.tx.remove(key.clone())?;
            }
            _ => state.tx.remove(key.clone())?,
        }
    }
    let done = rows.len() < page.left;
    page.left -= rows.len();
    Ok(done)
}

fn purge_child(state: &mut State, row: &ChildRow) -> Loaded<()> {
    let Ok(child) = InstanceId::parse(&row.child) else { return Ok(()) };
    let message = PurgeInstance { instance: row.child.clone(), parent: row.parent.clone() };
    state.send(&child, MessageBody::PurgeInstance(message))
}

/// Tells a page of open children to end; true when all are told.
fn terminate_children(state: &mut State, sweep: &mut SweepRow, page: &mut Page) -> Loaded<bool> {
    let all = Range::all(keys::of(keys::CHILD, sweep.execution), page.left);
    let from =
        if sweep.after.is_empty() { all.from.clone() } else { Key::from_bytes(sweep.after.clone()).next() };
    let rows = state.tx.range(&Range { from, ..all })?;
    for (_, bytes) in &rows {
        let row: ChildRow = decode(bytes);
        let Some(child) = InstanceId::parse(&row.child).ok().filter(|_| row.open) else { continue };
        let message = TerminateInstance {
            instance: row.child,
            parent: Some(row.parent),
            output: None,
            recursive: !mutants::active(mutants::RECURSION_STOPS_AT_CHILDREN),
        };
        state.send(&child, MessageBody::TerminateInstance(message))?;
    }
    let done = rows.len() < page.left;
    page.left -= rows.len();
    if done {
        sweep.set_children(ChildrenFate::Left);
    }
    sweep.after = match rows.last() {
        Some((key, _)) if !done => key.clone().into_bytes(),
        Some(_) | None => Bytes::new(),
    };
    Ok(done)
}

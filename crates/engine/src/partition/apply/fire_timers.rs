//! Timers, scheduled starts, scheduled operations and idle payloads whose time has come, a page of each.
//!
//! Not here: any clock. The entry's own time decides, and a late fire is fine, an early one never.

use std::time::Duration;

use crate::event::{EventKind, TimerFired};
use crate::id::InstanceId;
use crate::limits;
use crate::mutants;
use crate::partition::apply::{entities, event};
use crate::partition::command::{Command, FireTimers};
use crate::partition::effect::Effect;
use crate::partition::feed::Lifecycle;
use crate::partition::state::inbox::Addressee;
use crate::partition::state::instances::Instance;
use crate::partition::state::timers::{self, DueRow};
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, decode};
use crate::time::Timestamp;

pub(super) fn apply(state: &mut State) -> Loaded<()> {
    let early = if mutants::active(mutants::TIMER_COMPARE) { Duration::from_secs(1) } else { Duration::ZERO };
    let after_now = state.at.plus(early).plus(Duration::from_nanos(1));
    let page = state.tx.range(&timers::due_before(after_now, limits::CASCADE_ROWS_MAX))?;
    let due: Vec<DueRow> = page.iter().map(|(_, bytes)| decode(bytes)).collect();
    want_all(state, &due)?;
    for row in &due {
        state.remove_timer(row.number, row.due.into(), row.task())?;
        let instance = state.instance_named(&row.instance)?;
        let current = instance.filter(|instance| instance.row.number == row.number && !instance.is_ended());
        if let Some(instance) = current {
            fire(state, instance, row)?;
        }
    }
    let more = entities::deliver_due(state, after_now)? | state.remove_idle(after_now)?;
    if more || page.len() >= limits::CASCADE_ROWS_MAX {
        state.effect(Effect::FollowUp(Command::FireTimers(FireTimers {})));
        return Ok(());
    }
    let timer = state.tx.range(&timers::due_from(after_now, 1))?;
    let timer = timer.first().map(|(_, next)| Timestamp::from(decode::<DueRow>(next).due));
    let others = [state.next_due_operation(after_now)?, state.next_idle(after_now)?];
    let next = others.into_iter().chain([timer]).flatten().min();
    if let Some(next) = next {
        state.effect(Effect::WakeAt(next));
    }
    Ok(())
}

/// Asks for all instances and inboxes at once.
fn want_all(state: &State, due: &[DueRow]) -> Loaded<()> {
    let ids: Vec<InstanceId> = due.iter().filter_map(|row| InstanceId::parse(&row.instance).ok()).collect();
    let timers = due.iter().map(|row| keys::timer(row.number, row.task()));
    state.tx.want(ids.iter().map(keys::instance).chain(timers))?;
    let mut tails = Vec::new();
    for id in &ids {
        let instance = state.instance(id)?;
        tails.extend(instance.and_then(|found| found.inbox_queue().tail(found.row.inbox)));
    }
    state.tx.want(tails)
}

fn fire(state: &mut State, mut instance: Instance, row: &DueRow) -> Loaded<()> {
    instance.row.open_timers = instance.row.open_timers.saturating_sub(1);
    if row.start {
        instance.become_due();
        state.tell(Lifecycle::Started, &instance, "")?;
    } else {
        let fired = TimerFired { fire_at: Some(row.due), timer_id: row.timer };
        let fired = event(state.at, EventKind::TimerFired(fired));
        state.push_inbox(&mut instance, Addressee::Execution, &fired)?;
        if mutants::active(mutants::DUPLICATE_TIMER_AFTER_FAILOVER) && row.task().by.term < state.id.term {
            state.push_inbox(&mut instance, Addressee::Execution, &fired)?;
        }
    }
    state.store(&mut instance)?;
    state.offer_turn(&instance);
    Ok(())
}

//! Commands about schedules.
//!
//! Not here: which ticks there are, and the start of a run where its instance lives
//! (`apply::entities::start_detached`). What holds: a tick is fired at most once, never before its time,
//! and never after a later one.

use crate::id::InstanceId;
use crate::partition::command::{MessageBody, Moment, StartDetached};
use crate::partition::effect::{Effect, Refusal, Reply};
use crate::partition::schedules::command::{Change, ChangeSchedule, FireSchedule, PutSchedule, Run};
use crate::partition::schedules::rows::{self, DueRow, ScheduleRow};
use crate::partition::state::State;
use crate::rows::Loaded;
use crate::time::Timestamp;
use crate::{limits, mutants};

pub(crate) fn put(state: &mut State, command: &PutSchedule) -> Loaded<Reply> {
    let Some(spec) = command.spec.as_deref() else { return Ok(Reply::Unchanged) };
    let known: Option<ScheduleRow> = state.tx.get(&rows::schedule(&command.name))?;
    match (&known, command.create) {
        (Some(_), true) => return Ok(Reply::Refused(Refusal::InstanceExists)),
        (None, false) => return Ok(Reply::Refused(Refusal::InstanceNotFound)),
        (None, true) if state.meta.schedules >= limits::SCHEDULES_MAX => {
            return Ok(Reply::Refused(Refusal::TooManySchedules));
        }
        (Some(_), false) | (None, true) => {}
    }
    let before = known.clone().unwrap_or_default();
    let is_paused = before.paused.is_some();
    let row = ScheduleRow {
        spec: spec.clone(),
        generation: state.id.index,
        next: command.next.filter(|next| !is_paused && is_later(Some(*next), before.last)),
        created: before.created.or(Some(state.at.into())),
        updated: Some(state.at.into()),
        ..before
    };
    state.meta.schedules += u64::from(known.is_none());
    store(state, &command.name, known.and_then(|known| known.next), Some(&row))?;
    Ok(Reply::Done)
}

pub(crate) fn change(state: &mut State, command: &ChangeSchedule) -> Loaded<Reply> {
    let Some(known) = state.tx.get::<ScheduleRow>(&rows::schedule(&command.name))? else {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    };
    let next = known.next;
    let mut row = ScheduleRow { generation: state.id.index, updated: Some(state.at.into()), ..known };
    let row = match &command.change {
        Some(Change::Pause(pause)) if row.paused.is_none() => {
            Some(ScheduleRow { paused: Some(pause.reason.clone()), next: None, ..row })
        }
        Some(Change::Resume(resume)) if row.paused.is_some() => {
            let next = resume.next.filter(|next| is_later(Some(*next), row.last));
            Some(ScheduleRow { paused: None, next, ..row })
        }
        Some(Change::Delete(_)) => {
            state.meta.schedules -= 1;
            None
        }
        Some(Change::Trigger(run)) => {
            start(state, &mut row, run, None)?;
            Some(row)
        }
        Some(Change::Pause(_) | Change::Resume(_)) | None => return Ok(Reply::Unchanged),
    };
    store(state, &command.name, next, row.as_ref())?;
    Ok(Reply::Done)
}

pub(crate) fn fire(state: &mut State, command: &FireSchedule) -> Loaded<Reply> {
    let known = state.tx.get::<ScheduleRow>(&rows::schedule(&command.name))?;
    let is_next =
        |row: &ScheduleRow| row.next == Some(command.tick) || mutants::active(mutants::TICK_FIRED_AGAIN);
    let is_meant = |row: &ScheduleRow| row.generation == command.generation && is_next(row);
    let Some(mut row) = known.filter(is_meant) else { return Ok(Reply::Unchanged) };
    if !is_due(command, state.at) {
        return Ok(Reply::Unchanged);
    }
    if let Some(run) = &command.run {
        start(state, &mut row, run, Some(run.tick))?;
        (row.last, row.fired) = (Some(run.tick), Some(state.at.into()));
    }
    row.skipped += u64::from(command.skipped);
    row.next = command.next;
    store(state, &command.name, Some(command.tick), Some(&row))?;
    Ok(Reply::Done)
}

/// The tick and what is run for it have come, and the next one is later than both.
fn is_due(command: &FireSchedule, at: Timestamp) -> bool {
    let run = command.run.as_ref().map(|run| run.tick);
    let is_early = Timestamp::from(command.tick) > at || run.is_some_and(|tick| Timestamp::from(tick) > at);
    if is_early && !mutants::active(mutants::SCHEDULE_FIRED_EARLY) {
        return false;
    }
    let run_is_behind = run.is_none_or(|run| run == command.tick || is_later(Some(run), Some(command.tick)));
    let latest = run.unwrap_or(command.tick);
    run_is_behind && command.next.is_none_or(|next| is_later(Some(next), Some(latest)))
}

fn is_later(later: Option<Moment>, than: Option<Moment>) -> bool {
    later.map(Timestamp::from) > than.map(Timestamp::from)
}

/// Sends the start of a run to where its instance lives. There it does not begin before its tick
/// either, whose clock that partition may have.
fn start(state: &mut State, row: &mut ScheduleRow, run: &Run, tick: Option<Moment>) -> Loaded<()> {
    let Ok(target) = InstanceId::parse(&run.instance) else { return Ok(()) };
    row.started += 1;
    row.last_instance.clone_from(&run.instance);
    let spec = &row.spec;
    let message = StartDetached {
        instance: run.instance.clone(),
        execution: run.execution.clone(),
        name: spec.orchestration.clone(),
        version: spec.version.clone(),
        input: spec.input.clone(),
        scheduled_start: tick,
        trace: None,
        tags: spec.tags.clone(),
    };
    state.send(&target, MessageBody::StartDetached(message))
}

/// Writes a schedule, or removes it; `before` is the tick that its row by due time has.
fn store(state: &mut State, name: &str, before: Option<Moment>, row: Option<&ScheduleRow>) -> Loaded<()> {
    let key = rows::schedule(name);
    let next = row.and_then(|row| row.next);
    let due = before.into_iter().chain(next).map(|at| rows::due(at, name));
    state.tx.want(due.chain([key.clone()]))?;
    if before != next {
        before.map_or(Ok(()), |at| state.tx.remove(rows::due(at, name)))?;
        next.map_or(Ok(()), |at| state.tx.put(rows::due(at, name), &DueRow { name: name.to_owned() }))?;
    }
    match row {
        Some(row) => state.tx.put(key, row)?,
        None => state.tx.remove(key)?,
    }
    state.effect(Effect::ScheduleMoved);
    Ok(())
}

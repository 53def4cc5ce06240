//! One match over all commands, then one file per command.
//!
//! Not here: loading rows (the caller's) and performing effects (the server's). A command's file
//! reads the state through the rooms' verbs only and never fails halfway: a row that is not in
//! memory ends the attempt with nothing changed.

mod acknowledge_messages;
mod actions;
mod complete_activity;
mod complete_orchestration_turn;
mod continue_as_new;
mod entities;
mod fire_timers;
mod lifecycle;
mod mark_stuck;
mod purge;
mod raise_epoch;
mod raise_event;
mod receive_messages;
mod restart;
mod rewind;
mod start_orchestration;
mod suspend;
mod sweep;
mod terminate;
mod unfail;

use crate::event::{EventKind, HistoryEvent};
use crate::id::LogId;
use crate::partition::command::{Command, RequestId};
use crate::partition::effect::{Effect, Effects, Refusal, Reply};
use crate::partition::state::payloads::Named;
use crate::partition::state::{Outcome, State};
use crate::partition::{feed, schedules};
use crate::rows::{Loaded, WorkingSet};
use crate::time::Timestamp;

/// What a command changes and what must happen then, or which rows are missing to say.
pub(crate) fn run(
    rows: &WorkingSet,
    id: LogId,
    at: Timestamp,
    command: &Command,
) -> Loaded<(Outcome, Effects)> {
    let mut state = State::begin(rows, id, at)?;
    dispatch(&mut state, command)?;
    if state.count_references()? == Named::Missing {
        // Nothing has happened but the refusal, and nobody remembers it: the same request may come again.
        state = State::begin(rows, id, at)?;
        state.effect(Effect::Reply(Reply::Refused(Refusal::PayloadMissing)));
    }
    Ok(state.finish())
}

fn dispatch(state: &mut State, command: &Command) -> Loaded<()> {
    match command {
        Command::StartOrchestration(c) => {
            client(state, c.request.as_ref(), |s| start_orchestration::apply(s, c))
        }
        Command::RaiseEvent(c) => client(state, c.request.as_ref(), |s| raise_event::apply(s, c)),
        Command::Suspend(c) => client(state, c.request.as_ref(), |s| suspend::apply(s, c)),
        Command::Resume(c) => client(state, c.request.as_ref(), |s| suspend::apply_resume(s, c)),
        Command::Terminate(c) => client(state, c.request.as_ref(), |s| terminate::apply(s, c)),
        Command::Purge(c) => client(state, c.request.as_ref(), |s| purge::apply(s, c)),
        Command::Restart(c) => client(state, c.request.as_ref(), |s| restart::apply(s, c)),
        Command::Rewind(c) => client(state, c.request.as_ref(), |s| rewind::apply(s, c)),
        Command::ResendEvents(c) => client(state, c.request.as_ref(), |s| feed::apply::resend(s, c)),
        Command::SignalEntity(c) => client(state, c.request.as_ref(), |s| entities::requests::signal(s, c)),
        Command::DeleteEntity(c) => client(state, c.request.as_ref(), |s| entities::requests::delete(s, c)),
        Command::ReleaseLock(c) => {
            client(state, c.request.as_ref(), |s| entities::requests::release_lock(s, c))
        }
        Command::ResumeEntity(c) => client(state, c.request.as_ref(), |s| entities::requests::resume(s, c)),
        Command::StorePayload(c) => answer(state, |s| s.store_part(c)),
        Command::CompleteEntityBatch(c) => answer(state, |s| entities::batch::complete(s, c)),
        Command::MarkEntityStuck(c) => answer(state, |s| entities::batch::mark_stuck(s, c)),
        Command::AdvanceEntity(c) => entities::batch::advance(state, c),
        Command::PutSchedule(c) => client(state, c.request.as_ref(), |s| schedules::apply::put(s, c)),
        Command::ChangeSchedule(c) => client(state, c.request.as_ref(), |s| schedules::apply::change(s, c)),
        Command::CompleteOrchestrationTurn(c) => answer(state, |s| complete_orchestration_turn::apply(s, c)),
        Command::CompleteActivity(c) => answer(state, |s| complete_activity::apply(s, c)),
        Command::ReceiveMessages(c) => receive_messages::apply(state, c),
        Command::AcknowledgeMessages(c) => acknowledge_messages::apply(state, c),
        Command::RaiseEpoch(c) => answer(state, |s| raise_epoch::apply(s, c)),
        Command::FireTimers(_) => fire_timers::apply(state),
        Command::Sweep(c) => sweep::apply(state, c),
        Command::MarkStuck(c) => answer(state, |s| mark_stuck::apply(s, c)),
        Command::ForceTerminate(c) => answer(state, |s| terminate::apply_force(s, c)),
        Command::ConfigureFeed(c) => answer(state, |s| feed::apply::configure(s, c)),
        Command::FireSchedule(c) => answer(state, |s| schedules::apply::fire(s, c)),
        Command::AcknowledgeFeed(c) => answer(state, |s| feed::apply::acknowledge(s, c)),
    }
}

/// Answers a client: as before where the request was answered already, otherwise by doing it.
fn client<'a>(
    state: &mut State<'a>,
    request: Option<&RequestId>,
    act: impl FnOnce(&mut State<'a>) -> Loaded<Reply>,
) -> Loaded<()> {
    let reply = match state.answered(request)? {
        Some(reply) => reply,
        None => {
            let reply = act(state)?;
            state.remember(request, &reply)?;
            reply
        }
    };
    state.effect(Effect::Reply(reply));
    Ok(())
}

/// Answers a worker or the leader.
fn answer<'a>(state: &mut State<'a>, act: impl FnOnce(&mut State<'a>) -> Loaded<Reply>) -> Loaded<()> {
    let reply = act(state)?;
    state.effect(Effect::Reply(reply));
    Ok(())
}

/// An event that confirms no action.
fn event(at: Timestamp, kind: EventKind) -> HistoryEvent {
    confirmation(at, -1, kind)
}

/// An event that confirms the action `id`.
fn confirmation(at: Timestamp, id: i32, kind: EventKind) -> HistoryEvent {
    HistoryEvent { event_id: id, timestamp: Some(at.into()), kind: Some(kind) }
}

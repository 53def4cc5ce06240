//! Commands about the feed: what is kept and for whom, what has been delivered, what is to be
//! delivered again.
//!
//! Not here: appending events (`state`).

use bytes::Bytes;

use crate::limits;
use crate::mutants;
use crate::partition::command::Command;
use crate::partition::effect::{Effect, Refusal, Reply};
use crate::partition::feed::command::{AcknowledgeFeed, ConfigureFeed, ResendEvents, Undelivered};
use crate::partition::feed::rows::{self, CURSOR, CursorRow, EVENT, EventRow, FeedHead, LetterRow};
use crate::partition::state::State;
use crate::rows::{Key, KeyBuilder, Loaded, Range, decode};

/// Letters a subscription keeps; later ones are counted as missed.
const LETTERS_MAX: u64 = 10_000;

pub(crate) fn configure(state: &mut State, command: &ConfigureFeed) -> Loaded<Reply> {
    let before = state.meta.feed.unwrap_or(FeedHead { keep: 0, first: 1, last: 0 });
    state.meta.feed = Some(FeedHead { keep: command.keep, ..before });
    let wanted: &[String] = if command.keep > 0 { &command.subscriptions } else { &[] };
    let mut steps = unsubscribe_others(state, wanted)?;
    if command.keep == 0 && steps != Steps::More {
        steps = steps.max(forget_events(state)?);
    }
    if subscribe(state, wanted, before.last)? || before.keep != command.keep {
        steps = steps.max(Steps::Some);
    }
    if steps == Steps::More {
        state.effect(Effect::FollowUp(Command::ConfigureFeed(command.clone())));
    }
    Ok(if steps == Steps::None { Reply::Unchanged } else { Reply::Done })
}

/// What a bounded step has left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Steps {
    /// Nothing had to change.
    None,
    /// Something has.
    Some,
    /// And there is more.
    More,
}

/// Gives each new subscription a cursor; whether there was one.
fn subscribe(state: &mut State, wanted: &[String], last: u64) -> Loaded<bool> {
    let mut any = false;
    for name in wanted {
        let key = rows::cursor(name);
        if state.tx.bytes(&key)?.is_none() {
            state.tx.put(key, &CursorRow { upto: last, missed: 0, letters: 0 })?;
            any = true;
        }
    }
    Ok(any)
}

/// Takes their cursors from subscriptions that are not wanted any more, letters first.
fn unsubscribe_others(state: &mut State, wanted: &[String]) -> Loaded<Steps> {
    let known = state.tx.range(&Range::all(KeyBuilder::room(CURSOR), limits::CASCADE_ROWS_MAX))?;
    let mut steps = Steps::None;
    for (key, bytes) in known {
        let Some(name) = rows::name_of(&key).filter(|name| !wanted.iter().any(|other| other == name)) else {
            continue;
        };
        let letters = state.tx.range(&Range::all(rows::letters(name), limits::CASCADE_ROWS_MAX))?;
        remove_all(state, &letters)?;
        if letters.len() < limits::CASCADE_ROWS_MAX {
            state.tx.remove(key)?;
            steps = steps.max(Steps::Some);
            continue;
        }
        let cursor: CursorRow = decode(&bytes);
        let removed = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        state.tx.put(key, &CursorRow { letters: cursor.letters.saturating_sub(removed), ..cursor })?;
        steps = Steps::More;
    }
    Ok(steps)
}

/// Forgets a page of events.
fn forget_events(state: &mut State) -> Loaded<Steps> {
    let page = state.tx.range(&Range::all(KeyBuilder::room(EVENT), limits::CASCADE_ROWS_MAX))?;
    let Some((last, _)) = page.last() else { return Ok(Steps::None) };
    remove_all(state, &page)?;
    if let (Some(number), Some(head)) = (rows::number_of(last), &mut state.meta.feed) {
        head.first = number + 1;
    }
    Ok(if page.len() < limits::CASCADE_ROWS_MAX { Steps::Some } else { Steps::More })
}

fn remove_all(state: &mut State, page: &[(Key, Bytes)]) -> Loaded<()> {
    page.iter().try_for_each(|(key, _)| state.tx.remove(key.clone()))
}

pub(crate) fn acknowledge(state: &mut State, command: &AcknowledgeFeed) -> Loaded<Reply> {
    let key = rows::cursor(&command.subscription);
    let (Some(mut cursor), Some(head)) = (state.tx.get::<CursorRow>(&key)?, state.meta.feed) else {
        return Ok(Reply::Unchanged);
    };
    let before = cursor;
    let numbers = command.dead.iter().map(|dead| dead.number);
    state.tx.want(
        numbers.clone().map(rows::event).chain(
            numbers
                .chain(command.delivered.iter().copied())
                .map(|number| rows::letter(&command.subscription, number)),
        ),
    )?;
    for dead in &command.dead {
        bury(state, &command.subscription, &mut cursor, dead)?;
    }
    for number in &command.delivered {
        let key = rows::letter(&command.subscription, *number);
        if state.tx.bytes(&key)?.is_some() {
            state.tx.remove(key)?;
            cursor.letters = cursor.letters.saturating_sub(1);
        }
    }
    let upto = if mutants::active(mutants::FEED_ACKNOWLEDGED_WHOLLY) {
        head.last
    } else {
        command.upto.min(head.last)
    };
    if upto > cursor.upto {
        // What went before it could be delivered is behind the first that is left.
        let gone = head.first.saturating_sub(1).min(upto);
        cursor.missed += gone.saturating_sub(cursor.upto);
        cursor.upto = upto;
    }
    if cursor == before && command.dead.is_empty() {
        return Ok(Reply::Unchanged);
    }
    state.tx.put(key, &cursor)?;
    Ok(Reply::Done)
}

/// Keeps a letter for an event, or notes that its delivery has failed again.
fn bury(state: &mut State, name: &str, cursor: &mut CursorRow, dead: &Undelivered) -> Loaded<()> {
    let key = rows::letter(name, dead.number);
    let known: Option<LetterRow> = state.tx.get(&key)?;
    let is_new = known.is_none();
    let event = match known {
        Some(letter) => Some((letter.event, letter.attempts)),
        None => state.tx.get::<EventRow>(&rows::event(dead.number))?.map(|event| (event, 0)),
    };
    let Some((event, attempts)) = event else { return Ok(()) };
    if is_new && cursor.letters >= LETTERS_MAX {
        cursor.missed += 1;
        return Ok(());
    }
    cursor.letters += u64::from(is_new);
    let attempts = attempts.saturating_add(dead.attempts);
    let row = LetterRow { event, why: dead.why.clone(), attempts, at: state.at.into(), again: false };
    state.tx.put(key, &row)
}

/// Marks letters as wanted again, at most a page of them.
pub(crate) fn resend(state: &mut State, command: &ResendEvents) -> Loaded<Reply> {
    let name = &command.subscription;
    if state.tx.bytes(&rows::cursor(name))?.is_none() {
        return Ok(Reply::Refused(Refusal::InstanceNotFound));
    }
    let page: Vec<(Key, LetterRow)> = if command.numbers.is_empty() {
        let page = state.tx.range(&Range::all(rows::letters(name), limits::CASCADE_ROWS_MAX))?;
        page.into_iter().map(|(key, bytes)| (key, decode(&bytes))).collect()
    } else {
        let keys: Vec<Key> = command.numbers.iter().map(|number| rows::letter(name, *number)).collect();
        state.tx.want(keys.iter().cloned())?;
        let mut found = Vec::new();
        for key in keys {
            found.extend(state.tx.get(&key)?.map(|letter| (key, letter)));
        }
        found
    };
    let mut count = 0;
    for (key, letter) in page.into_iter().filter(|(_, letter)| !letter.again) {
        count += 1;
        state.tx.put(key, &LetterRow { again: true, ..letter })?;
    }
    if count == 0 {
        return Ok(Reply::Unchanged);
    }
    state.effect(Effect::FeedGrew);
    Ok(Reply::Done)
}

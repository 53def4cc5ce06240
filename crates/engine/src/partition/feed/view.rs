//! Questions about a feed.
//!
//! Not here: any change. As in `partition::view`, an answer may hold what is not committed yet.

use bytes::Bytes;

use crate::partition::feed::Lifecycle;
use crate::partition::feed::rows::{self, CURSOR, CursorRow, EventRow, LetterRow};
use crate::partition::state::keys;
use crate::partition::state::meta::MetaRow;
use crate::rows::{Key, KeyBuilder, Needs, Range, Transaction, WorkingSet, decode};
use crate::time::Timestamp;

/// Subscriptions that are shown.
const SUBSCRIPTIONS_MAX: usize = 64;

/// What became of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// Its place in the feed, from 1, without gaps.
    pub number: u64,
    /// What.
    pub what: Lifecycle,
    /// When.
    pub at: Timestamp,
    /// The instance.
    pub instance: String,
    /// Its execution.
    pub execution: String,
    /// Its orchestration's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Why, where somebody said; the message of a failure.
    pub reason: String,
}

/// An event that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event.
    pub event: LifecycleEvent,
    /// What the last attempt said.
    pub why: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the last one was given up.
    pub at: Timestamp,
    /// Somebody wants it delivered again.
    pub again: bool,
}

/// How far a feed is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Events to keep; 0: no feed is kept.
    pub keep: u64,
    /// The first event there is; beyond `last` where there is none.
    pub first: u64,
    /// The last event.
    pub last: u64,
    /// The history of the world that these numbers belong to.
    pub lineage: u64,
    /// Those who are told.
    pub subscriptions: Vec<Subscription>,
}

/// How far a subscription is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub name: String,
    /// The last event that is settled.
    pub upto: u64,
    /// Events that were lost to it because the bound was reached.
    pub missed: u64,
    /// Events that could not be delivered and are kept.
    pub letters: u64,
}

fn shown(number: u64, row: EventRow) -> LifecycleEvent {
    LifecycleEvent {
        number,
        // Rows are written with known kinds only.
        what: Lifecycle::try_from(row.what).unwrap_or(Lifecycle::Started),
        at: row.at.into(),
        instance: row.instance,
        execution: row.execution,
        name: row.name,
        version: row.version,
        reason: row.reason,
    }
}

/// How far the feed is, and who is told.
pub fn standing(rows: &WorkingSet) -> Result<Standing, Needs> {
    let tx = Transaction::new(rows);
    let meta: MetaRow = tx.get(&keys::meta())?.unwrap_or_default();
    let head = meta.feed.unwrap_or_default();
    let mut standing = Standing {
        keep: head.keep,
        first: head.first,
        last: head.last,
        lineage: meta.lineage,
        subscriptions: Vec::new(),
    };
    if !head.is_on() {
        return Ok(standing);
    }
    for (key, bytes) in tx.range(&Range::all(KeyBuilder::room(CURSOR), SUBSCRIPTIONS_MAX))? {
        let Some(name) = rows::name_of(&key) else { continue };
        let CursorRow { upto, missed, letters } = decode(&bytes);
        standing.subscriptions.push(Subscription { name: name.to_owned(), upto, missed, letters });
    }
    Ok(standing)
}

/// Events after number `after`, at most `limit`.
pub fn events(rows: &WorkingSet, after: u64, limit: usize) -> Result<Vec<LifecycleEvent>, Needs> {
    let tx = Transaction::new(rows);
    let page = tx.range(&rows::events_from(after.saturating_add(1), limit))?;
    Ok(page
        .into_iter()
        .filter_map(|(key, bytes)| Some(shown(rows::number_of(&key)?, decode(&bytes))))
        .collect())
}

/// A subscription's letters after number `after`, at most `limit`.
pub fn dead_letters(
    rows: &WorkingSet,
    subscription: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<DeadLetter>, Needs> {
    let tx = Transaction::new(rows);
    let from = rows::letter(subscription, after.saturating_add(1));
    let page = tx.range(&Range { from, to: rows::letters(subscription).end(), limit })?;
    let letter = |(key, bytes): &(Key, Bytes)| {
        let row: LetterRow = decode(bytes);
        Some(DeadLetter {
            event: shown(rows::number_of(key)?, row.event),
            why: row.why,
            attempts: row.attempts,
            at: row.at.into(),
            again: row.again,
        })
    };
    Ok(page.iter().filter_map(letter).collect())
}

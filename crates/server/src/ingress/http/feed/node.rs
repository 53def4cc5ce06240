//! The feeds of all partitions of a hub as one.
//!
//! A place in the feed is one number for each partition; there is no order between partitions but
//! that of time, by which a page is sorted.

use std::collections::BTreeMap;

use engine::id::PartitionId;
use engine::partition::command::Command;
use engine::partition::effect::Reply;
use engine::partition::feed::command::ResendEvents;
use engine::partition::feed::{LifecycleEvent, Standing};
use serde_json::Value;

use super::super::node::unavailable;
use super::super::problem::Problem;
use super::super::shapes::time;
use super::{Letter, Resend, SubscriptionStatus};
use crate::events::envelope::cloud_event;
use crate::node::Hub;
use crate::observe::codes;

fn partitions(hub: &Hub) -> impl Iterator<Item = PartitionId> + use<> {
    (0..hub.partitions()).map(PartitionId)
}

async fn standings(hub: &Hub) -> Result<Vec<Standing>, Problem> {
    let mut standings = Vec::new();
    for partition in partitions(hub) {
        standings.push(hub.feed(partition).await.map_err(unavailable)?);
    }
    if standings.iter().all(|standing| standing.keep == 0) {
        let detail = format!("task hub {:?} keeps no lifecycle events", hub.name());
        return Err(Problem::new(&codes::EVENTS_OFF, detail));
    }
    Ok(standings)
}

/// A page of events beyond a place, and the place behind it.
pub(in super::super) async fn page(
    hub: &Hub,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<Value>, String), Problem> {
    let standings = standings(hub).await?;
    let mut places = match &after {
        Some(text) => read_places(text, standings.len())?,
        None => standings.iter().map(|standing| standing.first.saturating_sub(1)).collect(),
    };
    let mut found: Vec<(PartitionId, LifecycleEvent)> = Vec::new();
    for (partition, (standing, place)) in partitions(hub).zip(standings.iter().zip(&places)) {
        if place.saturating_add(1) < standing.first {
            let detail = format!("events up to {} of partition {partition} are gone", standing.first - 1);
            return Err(Problem::new(&codes::EVENTS_GONE, detail));
        }
        let events = hub.feed_events(partition, *place, limit).await.map_err(unavailable)?;
        found.extend(events.into_iter().map(|event| (partition, event)));
    }
    found.sort_by_key(|(partition, event)| (event.at, *partition, event.number));
    found.truncate(limit);
    let mut events = Vec::with_capacity(found.len());
    for (partition, event) in found {
        let at = usize::try_from(partition.0).unwrap_or(usize::MAX);
        let lineage = standings.get(at).map_or(0, |standing| standing.lineage);
        if let Some(place) = places.get_mut(at) {
            *place = event.number;
        }
        events.push(cloud_event(&hub.event_origin(partition, lineage), &event));
    }
    let next: Vec<String> = places.iter().map(ToString::to_string).collect();
    Ok((events, next.join(" ")))
}

fn read_places(text: &str, count: usize) -> Result<Vec<u64>, Problem> {
    let places: Option<Vec<u64>> = text.split(' ').map(|place| place.parse().ok()).collect();
    places
        .filter(|places| places.len() == count)
        .ok_or_else(|| Problem::new(&codes::CURSOR_INVALID, "the cursor does not belong to this feed"))
}

/// How far each subscription is, over all partitions.
pub(in super::super) async fn standing(hub: &Hub) -> Result<Vec<SubscriptionStatus>, Problem> {
    let mut sums: BTreeMap<String, SubscriptionStatus> = BTreeMap::new();
    for standing in standings(hub).await? {
        for known in standing.subscriptions {
            let sum = sums.entry(known.name.clone()).or_default();
            sum.name = known.name;
            sum.settled += known.upto;
            sum.waiting += standing.last - known.upto;
            sum.dead += known.letters;
            sum.missed += known.missed;
        }
    }
    Ok(sums.into_values().collect())
}

/// A page of letters beyond a place, and where the next begins.
pub(in super::super) async fn letters(
    hub: &Hub,
    subscription: &str,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<Letter>, Option<String>), Problem> {
    let standings = standings(hub).await?;
    must_be_known(&standings, subscription)?;
    let place = after.as_deref().and_then(|text| text.split_once(' '));
    let place = place.and_then(|(partition, number)| Some((partition.parse().ok()?, number.parse().ok()?)));
    let (first, mut after): (u32, u64) = place.unwrap_or((0, 0));
    let mut found = Vec::new();
    for partition in partitions(hub).skip_while(|partition| partition.0 < first) {
        let room = limit - found.len();
        let page = hub.feed_letters(partition, subscription.to_owned(), after, room).await;
        let page = page.map_err(unavailable)?;
        let lineage = usize::try_from(partition.0).ok().and_then(|at| standings.get(at));
        let origin = hub.event_origin(partition, lineage.map_or(0, |standing| standing.lineage));
        let last = page.last().map(|letter| letter.event.number);
        found.extend(page.into_iter().map(|letter| Letter {
            id: origin.id(&letter.event),
            event: cloud_event(&origin, &letter.event),
            why: letter.why,
            attempts: letter.attempts,
            at: time(letter.at),
            again: letter.again,
        }));
        if let (true, Some(last)) = (found.len() >= limit, last) {
            return Ok((found, Some(format!("{} {last}", partition.0))));
        }
        after = 0;
    }
    Ok((found, None))
}

fn must_be_known(standings: &[Standing], subscription: &str) -> Result<(), Problem> {
    let mut known = standings.iter().flat_map(|standing| &standing.subscriptions);
    if known.any(|known| known.name == subscription) {
        return Ok(());
    }
    let detail = format!("there is no subscription {subscription:?} to this task hub's events");
    Err(Problem::new(&codes::SUBSCRIPTION_NOT_FOUND, detail))
}

/// Marks letters as wanted again; whether there was any that was not.
pub(in super::super) async fn resend(hub: &Hub, resend: Resend) -> Result<bool, Problem> {
    must_be_known(&standings(hub).await?, &resend.subscription)?;
    let mut by_partition: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for id in &resend.ids {
        let (partition, number) = read_id(id)?;
        by_partition.entry(partition).or_default().push(number);
    }
    if resend.ids.is_empty() {
        by_partition = partitions(hub).map(|partition| (partition.0, Vec::new())).collect();
    }
    let mut changed = false;
    for (partition, numbers) in by_partition {
        let all = numbers.is_empty();
        loop {
            let command = ResendEvents {
                subscription: resend.subscription.clone(),
                request: None,
                numbers: numbers.clone(),
            };
            let asked = hub.ask_partition(PartitionId(partition), Command::ResendEvents(command)).await;
            let done = asked.map_err(unavailable)? == Reply::Done;
            changed |= done;
            if !all || !done {
                break;
            }
        }
    }
    Ok(changed)
}

/// Partition and number in the id of an event.
fn read_id(id: &str) -> Result<(u32, u64), Problem> {
    let mut parts = id.split('.').skip(1);
    let partition = parts.next().and_then(|text| text.parse().ok());
    let number = parts.nth(1).and_then(|text| text.parse().ok());
    let shown: String = id.chars().take(64).collect();
    partition
        .zip(number)
        .filter(|_| parts.next().is_none())
        .ok_or_else(|| Problem::new(&codes::BODY_INVALID, format!("{shown:?} is no event's id")))
}

//! Answers to questions.
//!
//! Not here: the parts they are made of (`instances`, `entities`, `feeds`, `catalog`).

use bytes::Bytes;
use engine::catalog::PlacementView;
use engine::partition::feed::Standing;
use engine::partition::schedules::ScheduleView;
use engine::partition::view::{HistoryPage, Meta};
use prost::Message;

use super::catalog::{WireHub, WireNode, WirePlacement};
use super::entities::{WireEntities, WireEntity, WireLocked};
use super::feeds::{WireLetter, WireLifecycle, WireSchedule, WireStanding};
use super::instances::{WireCounts, WireFinished, WireHistory, WireInstance, WireInstances, WireMeta};
use super::outcomes::WireUnavailable;
use super::{Malformed, Read, all};
use crate::partition::messages::{Answer, Unavailable};

#[derive(Clone, PartialEq, Message)]
struct WireAnswer {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Unavailable(WireUnavailable),
    #[prost(message, tag = "2")]
    Instance(Found<WireInstance>),
    #[prost(message, tag = "3")]
    Instances(WireInstances),
    #[prost(message, tag = "4")]
    History(Found<WireHistory>),
    #[prost(message, tag = "5")]
    Finished(List<WireFinished>),
    #[prost(message, tag = "6")]
    Entity(Found<WireEntity>),
    #[prost(message, tag = "7")]
    Entities(WireEntities),
    #[prost(message, tag = "8")]
    Locks(List<WireLocked>),
    #[prost(message, tag = "9")]
    Counts(WireCounts),
    #[prost(message, tag = "10")]
    Schedule(Found<WireSchedule>),
    #[prost(message, tag = "11")]
    Schedules(List<WireSchedule>),
    #[prost(message, tag = "12")]
    Feed(WireStanding),
    #[prost(message, tag = "13")]
    FeedEvents(List<WireLifecycle>),
    #[prost(message, tag = "14")]
    FeedLetters(List<WireLetter>),
    #[prost(message, tag = "15")]
    Meta(WireMeta),
    #[prost(message, tag = "16")]
    Hubs(List<WireHub>),
    #[prost(message, tag = "17")]
    Nodes(List<WireNode>),
    #[prost(message, tag = "18")]
    Placements(List<WirePlacement>),
    /// A `replication::Membership`.
    #[prost(bytes = "bytes", tag = "19")]
    Members(Bytes),
}

/// A message that others are made of.
trait Wire: Message + Default + std::fmt::Debug {}

impl<T: Message + Default + std::fmt::Debug> Wire for T {}

/// What may not exist.
#[derive(Clone, PartialEq, Message)]
struct Found<T: Wire> {
    #[prost(message, optional, tag = "1")]
    found: Option<T>,
}

#[derive(Clone, PartialEq, Message)]
struct List<T: Wire> {
    #[prost(message, repeated, tag = "1")]
    items: Vec<T>,
}

fn found<'a, T, W: Wire + From<&'a T>>(found: Option<&'a T>) -> Found<W> {
    Found { found: found.map(W::from) }
}

fn list<'a, T, W: Wire + From<&'a T>>(items: &'a [T]) -> List<W> {
    List { items: items.iter().map(W::from).collect() }
}

/// What a question is answered with.
pub fn answer(answer: &Result<Answer, Unavailable>) -> Bytes {
    let kind = match answer {
        Err(why) => Kind::Unavailable(why.into()),
        Ok(Answer::Instance(view)) => Kind::Instance(found(view.as_ref())),
        Ok(Answer::Instances(page)) => Kind::Instances(page.into()),
        Ok(Answer::History(page)) => Kind::History(found(page.as_ref())),
        Ok(Answer::Finished(page)) => Kind::Finished(list(page)),
        Ok(Answer::Entity(view)) => Kind::Entity(found(view.as_ref())),
        Ok(Answer::Entities(page)) => Kind::Entities(page.into()),
        Ok(Answer::Locks(page)) => Kind::Locks(list(page)),
        Ok(Answer::Counts(counts)) => Kind::Counts(counts.into()),
        Ok(Answer::Schedule(view)) => Kind::Schedule(found(view.as_deref())),
        Ok(Answer::Schedules(page)) => Kind::Schedules(list(page)),
        Ok(Answer::Feed(standing)) => Kind::Feed(standing.into()),
        Ok(Answer::FeedEvents(page)) => Kind::FeedEvents(list(page)),
        Ok(Answer::FeedLetters(page)) => Kind::FeedLetters(list(page)),
        Ok(Answer::Meta(meta)) => Kind::Meta(meta.into()),
        Ok(Answer::Hubs(hubs)) => Kind::Hubs(list(hubs)),
        Ok(Answer::Nodes(nodes)) => Kind::Nodes(list(nodes)),
        Ok(Answer::Placements(placements)) => Kind::Placements(list(placements)),
        Ok(Answer::Members(members)) => Kind::Members(members.encode()),
    };
    WireAnswer { kind: Some(kind) }.encode_to_vec().into()
}

/// See [`answer`].
pub fn read_answer(bytes: Bytes) -> Read<Result<Answer, Unavailable>> {
    let wire = WireAnswer::decode(bytes).map_err(|_| Malformed("an answer that cannot be read"))?;
    Ok(Ok(match wire.kind.ok_or(Malformed("an answer of an unknown kind"))? {
        Kind::Unavailable(why) => return Ok(Err(why.read()?)),
        Kind::Instance(view) => Answer::Instance(view.found.map(WireInstance::read).transpose()?),
        Kind::Instances(page) => Answer::Instances(page.read()?),
        Kind::History(page) => Answer::History(page.found.map(HistoryPage::from)),
        Kind::Finished(page) => Answer::Finished(all(page.items, WireFinished::read)?),
        Kind::Entity(view) => Answer::Entity(view.found.map(WireEntity::read).transpose()?),
        Kind::Entities(page) => Answer::Entities(page.read()?),
        Kind::Locks(page) => Answer::Locks(all(page.items, WireLocked::read)?),
        Kind::Counts(counts) => Answer::Counts(counts.read()?),
        Kind::Schedule(view) => Answer::Schedule(view.found.map(|view| Box::new(view.into()))),
        Kind::Schedules(page) => Answer::Schedules(page.items.into_iter().map(ScheduleView::from).collect()),
        Kind::Feed(standing) => Answer::Feed(Standing::from(standing)),
        Kind::FeedEvents(page) => Answer::FeedEvents(all(page.items, WireLifecycle::read)?),
        Kind::FeedLetters(page) => Answer::FeedLetters(all(page.items, WireLetter::read)?),
        Kind::Meta(meta) => Answer::Meta(Meta::from(meta)),
        Kind::Hubs(hubs) => Answer::Hubs(all(hubs.items, WireHub::read)?),
        Kind::Nodes(nodes) => Answer::Nodes(all(nodes.items, WireNode::read)?),
        Kind::Placements(of) => Answer::Placements(of.items.into_iter().map(PlacementView::from).collect()),
        Kind::Members(members) => {
            let members = replication::Membership::decode(members);
            Answer::Members(members.ok_or(Malformed("members that may not be"))?)
        }
    }))
}

//! Questions.
//!
//! Not here: their answers (`answers`).

use bytes::Bytes;
use engine::id::{HubId, InstanceId};
use engine::partition::StatusName;
use engine::partition::command::Moment;
use engine::partition::view::{EntitiesFilter, EntitiesKind, InstancesFilter};
use prost::Message;

use super::{Malformed, Numbered as _, Read, entity_id, instance_id, moment, number, numbered, time};
use crate::partition::messages::Question;

/// More is asked for by nobody here.
const LIMIT_MAX: usize = 65_536;

numbered!(EntitiesKind: WithState = 1, All = 2, Stuck = 3);

#[derive(Clone, PartialEq, Message)]
struct WireQuestion {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Instance(One),
    #[prost(message, tag = "2")]
    Instances(Instances),
    #[prost(message, tag = "3")]
    History(Page),
    #[prost(message, tag = "4")]
    Finished(Finished),
    #[prost(message, tag = "5")]
    Entity(One),
    #[prost(message, tag = "6")]
    Entities(Entities),
    #[prost(message, tag = "7")]
    Locks(Page),
    #[prost(message, tag = "8")]
    Counts(()),
    #[prost(message, tag = "9")]
    Schedule(One),
    #[prost(message, tag = "10")]
    Schedules(Page),
    #[prost(message, tag = "11")]
    DueSchedules(Page),
    #[prost(message, tag = "12")]
    Feed(()),
    #[prost(message, tag = "13")]
    FeedEvents(Page),
    #[prost(message, tag = "14")]
    FeedLetters(Page),
    #[prost(message, tag = "15")]
    Meta(()),
    #[prost(message, tag = "16")]
    Hubs(()),
    #[prost(message, tag = "17")]
    Nodes(()),
    /// The hub.
    #[prost(uint32, tag = "18")]
    Placements(u32),
    #[prost(message, tag = "19")]
    Members(()),
}

/// One thing by its name.
#[derive(Clone, PartialEq, Message)]
struct One {
    #[prost(string, tag = "1")]
    name: String,
    /// With its values.
    #[prost(bool, tag = "2")]
    whole: bool,
}

/// A page of a list.
#[derive(Clone, PartialEq, Message)]
struct Page {
    /// Of what, where the list is of something.
    #[prost(string, tag = "1")]
    of: String,
    /// Beyond this name.
    #[prost(string, optional, tag = "2")]
    after: Option<String>,
    /// Beyond this number.
    #[prost(uint64, tag = "3")]
    beyond: u64,
    #[prost(uint64, tag = "4")]
    limit: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Instances {
    #[prost(message, required, tag = "1")]
    page: Page,
    #[prost(int32, repeated, tag = "2")]
    statuses: Vec<i32>,
    #[prost(message, optional, tag = "3")]
    created_from: Option<Moment>,
    #[prost(message, optional, tag = "4")]
    created_to: Option<Moment>,
}

#[derive(Clone, PartialEq, Message)]
struct Finished {
    #[prost(message, required, tag = "1")]
    page: Page,
    #[prost(message, required, tag = "2")]
    from: Moment,
    #[prost(message, required, tag = "3")]
    to: Moment,
    #[prost(message, optional, tag = "4")]
    after_at: Option<Moment>,
}

#[derive(Clone, PartialEq, Message)]
struct Entities {
    #[prost(message, required, tag = "1")]
    page: Page,
    #[prost(message, optional, tag = "2")]
    modified_from: Option<Moment>,
    #[prost(message, optional, tag = "3")]
    modified_to: Option<Moment>,
    #[prost(int32, tag = "4")]
    kind: i32,
}

/// A read.
pub fn question(question: &Question) -> Bytes {
    WireQuestion { kind: Some(wire(question)) }.encode_to_vec().into()
}

fn wire(question: &Question) -> Kind {
    let one = |name: &str, whole| One { name: name.to_owned(), whole };
    let page = |after: Option<&str>, limit: usize| Page {
        after: after.map(str::to_owned),
        limit: number(limit),
        ..Page::default()
    };
    match question {
        Question::Instance { instance, with_values } => Kind::Instance(one(instance.as_str(), *with_values)),
        Question::Instances { filter, after, limit } => Kind::Instances(Instances {
            page: Page { of: filter.prefix.clone(), ..page(after.as_ref().map(InstanceId::as_str), *limit) },
            statuses: filter.statuses.iter().map(|status| status.wire()).collect(),
            created_from: moment(filter.created_from),
            created_to: moment(filter.created_to),
        }),
        Question::History { instance, after, limit } => {
            Kind::History(Page { of: instance.as_str().to_owned(), beyond: *after, ..page(None, *limit) })
        }
        Question::Finished { span, after, limit } => Kind::Finished(Finished {
            page: page(after.as_ref().map(|(_, instance)| instance.as_str()), *limit),
            from: span.start.into(),
            to: span.end.into(),
            after_at: moment(after.as_ref().map(|(at, _)| *at)),
        }),
        Question::Entity { entity, with_state } => Kind::Entity(one(entity.as_str(), *with_state)),
        Question::Entities { filter, after, limit } => Kind::Entities(Entities {
            page: Page {
                of: filter.prefix.clone(),
                ..page(after.as_ref().map(|entity| entity.as_str()), *limit)
            },
            modified_from: moment(filter.modified_from),
            modified_to: moment(filter.modified_to),
            kind: filter.kind.number(),
        }),
        Question::Locks { after, limit } => {
            Kind::Locks(page(after.as_ref().map(|entity| entity.as_str()), *limit))
        }
        Question::Counts => Kind::Counts(()),
        Question::Schedule { name } => Kind::Schedule(one(name, false)),
        Question::Schedules { after, limit } => Kind::Schedules(page(after.as_deref(), *limit)),
        Question::DueSchedules { limit } => Kind::DueSchedules(page(None, *limit)),
        Question::Feed => Kind::Feed(()),
        Question::FeedEvents { after, limit } => {
            Kind::FeedEvents(Page { beyond: *after, ..page(None, *limit) })
        }
        Question::FeedLetters { subscription, after, limit } => {
            Kind::FeedLetters(Page { of: subscription.clone(), beyond: *after, ..page(None, *limit) })
        }
        Question::Meta => Kind::Meta(()),
        Question::Hubs => Kind::Hubs(()),
        Question::Nodes => Kind::Nodes(()),
        Question::Placements { hub } => Kind::Placements(hub.0),
        Question::Members => Kind::Members(()),
    }
}

/// See [`question`].
pub fn read_question(bytes: Bytes) -> Read<Question> {
    let wire = WireQuestion::decode(bytes).map_err(|_| Malformed("a question that cannot be read"))?;
    Ok(match wire.kind.ok_or(Malformed("a question of an unknown kind"))? {
        Kind::Instance(One { name, whole }) => {
            Question::Instance { instance: instance_id(&name)?, with_values: whole }
        }
        Kind::Instances(asked) => instances(asked)?,
        Kind::History(page) => {
            Question::History { instance: instance_id(&page.of)?, after: page.beyond, limit: page.limit()? }
        }
        Kind::Finished(asked) => finished(&asked)?,
        Kind::Entity(One { name, whole }) => {
            Question::Entity { entity: entity_id(&name)?, with_state: whole }
        }
        Kind::Entities(asked) => entities(asked)?,
        Kind::Locks(page) => {
            Question::Locks { after: page.after.as_deref().map(entity_id).transpose()?, limit: page.limit()? }
        }
        Kind::Counts(()) => Question::Counts,
        Kind::Schedule(One { name, .. }) => Question::Schedule { name },
        Kind::Schedules(page) => Question::Schedules { limit: page.limit()?, after: page.after },
        Kind::DueSchedules(page) => Question::DueSchedules { limit: page.limit()? },
        Kind::Feed(()) => Question::Feed,
        Kind::FeedEvents(page) => Question::FeedEvents { after: page.beyond, limit: page.limit()? },
        Kind::FeedLetters(page) => {
            Question::FeedLetters { after: page.beyond, limit: page.limit()?, subscription: page.of }
        }
        Kind::Meta(()) => Question::Meta,
        Kind::Hubs(()) => Question::Hubs,
        Kind::Nodes(()) => Question::Nodes,
        Kind::Placements(hub) => Question::Placements { hub: HubId(hub) },
        Kind::Members(()) => Question::Members,
    })
}

impl Page {
    fn limit(&self) -> Read<usize> {
        let limit = usize::try_from(self.limit).ok().filter(|limit| *limit <= LIMIT_MAX);
        limit.ok_or(Malformed("a page that is too long"))
    }
}

fn instances(asked: Instances) -> Read<Question> {
    let status = |number: &i32| StatusName::from_wire(*number);
    let statuses: Option<Vec<StatusName>> = asked.statuses.iter().map(status).collect();
    Ok(Question::Instances {
        limit: asked.page.limit()?,
        after: asked.page.after.as_deref().map(instance_id).transpose()?,
        filter: InstancesFilter {
            statuses: statuses.ok_or(Malformed("a status that this version does not know"))?,
            created_from: time(asked.created_from),
            created_to: time(asked.created_to),
            prefix: asked.page.of,
        },
    })
}

fn finished(asked: &Finished) -> Read<Question> {
    let after = match (time(asked.after_at), asked.page.after.as_deref()) {
        (Some(at), Some(instance)) => Some((at, instance_id(instance)?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(Malformed("half a place in a list by time")),
    };
    Ok(Question::Finished { span: asked.from.into()..asked.to.into(), after, limit: asked.page.limit()? })
}

fn entities(asked: Entities) -> Read<Question> {
    Ok(Question::Entities {
        limit: asked.page.limit()?,
        after: asked.page.after.as_deref().map(entity_id).transpose()?,
        filter: EntitiesFilter {
            prefix: asked.page.of,
            modified_from: time(asked.modified_from),
            modified_to: time(asked.modified_to),
            kind: EntitiesKind::read(asked.kind)?,
        },
    })
}

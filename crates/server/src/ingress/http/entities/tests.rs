//! Entities over HTTP, against a node that is made up.
//!
//! Not here: the paths of Durable Functions, whose transcripts have their own.

use engine::event::EventKind;
use engine::partition::command::Command;
use engine::partition::effect::Refusal;
use engine::partition::view::EntitiesKind;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::model::stored_json;
use super::super::tests::{Api, Fake};
use super::{Entity, EntityFilter, EntityPage};
use crate::node::States;

/// An entity as somebody sees who asked for its state.
pub(in super::super) fn entity(key: &str, state: Option<&str>) -> Entity {
    Entity {
        id: format!("@counter@{key}"),
        name: "counter".to_owned(),
        key: key.to_owned(),
        partition: 0,
        modified_at: "2026-01-01T00:00:00.500000Z".to_owned(),
        backlog: 0,
        locked_by: None,
        stuck: None,
        state_bytes: state.map(|state| u32::try_from(state.len()).expect("a short state")),
        state: state.map(stored_json),
    }
}

/// A page of `all`, as the made-up node gives it.
pub(in super::super) fn page(
    all: &[Entity],
    filter: &EntityFilter,
    after: Option<String>,
    limit: usize,
) -> EntityPage {
    let (after, wanted) = (after.unwrap_or_default(), &filter.entities);
    let of_kind = |found: &&Entity| match wanted.kind {
        EntitiesKind::WithState => found.state_bytes.is_some(),
        EntitiesKind::All => true,
        EntitiesKind::Stuck => found.stuck.is_some(),
    };
    let matching = all.iter().filter(|found| found.id > after && found.id.starts_with(&wanted.prefix));
    let mut entities: Vec<Entity> = matching.filter(of_kind).take(limit + 1).cloned().collect();
    let next = (entities.len() > limit).then(|| entities[limit - 1].id.clone());
    entities.truncate(limit);
    for entity in entities.iter_mut().filter(|_| filter.states == States::Left) {
        entity.state = None;
    }
    EntityPage { entities, next }
}

#[tokio::test]
async fn entities_are_listed_shown_signalled_and_resumed() {
    let stuck = Entity { stuck: Some("ten attempts".to_owned()), ..entity("b", None) };
    let api = Api::new(Fake::default().with_entities(vec![entity("a", Some("41")), stuck]));
    let at = |rest: &str| format!("/api/v1/hubs/orders/entities{rest}");
    let page = api.get(&at("?limit=1&values=true")).await.json();
    assert_eq!(
        (page["entities"][0]["key"].clone(), page["entities"][0]["state"].clone()),
        (json!("a"), json!(41))
    );
    let next = page["next"].as_str().expect("there is another").to_owned();
    let page = api.get(&at(&format!("?limit=1&values=true&cursor={next}"))).await.json();
    assert_eq!(
        (page["entities"][0]["stuck"].clone(), page["next"].clone()),
        (json!("ten attempts"), Value::Null)
    );
    assert_eq!(api.get(&at("?stuck=true")).await.json()["entities"].as_array().map(Vec::len), Some(1));
    let other = api.get(&at(&format!("?stuck=true&cursor={next}"))).await;
    assert_eq!(other.code().as_deref(), Some("OL-2029"), "a cursor of another list");
    assert_eq!(api.get(&at("/@Counter@a")).await.json()["state"], 41, "names are in lower case");
    assert_eq!(api.get(&at("/@counter@c")).await.code().as_deref(), Some("OL-2043"));
    assert_eq!(api.get(&at("/counter")).await.code().as_deref(), Some("OL-2012"));
    let path = at("/@counter@a/signals/add?at=2026-11-21T12:00:00Z");
    assert_eq!(
        api.post(&path, json!(1.50)).await.json(),
        json!({"schema": 1, "id": "@counter@a", "changed": true})
    );
    let Some(Command::SignalEntity(signal)) = api.asked().pop() else { panic!("it is no signal") };
    let Some(EventKind::EntityOperationSignaled(signaled)) = signal.event.kind else { panic!("no signal") };
    assert_eq!((signaled.operation.as_str(), signaled.input.as_deref()), ("add", Some("1.5")));
    assert_eq!(signaled.scheduled_time.map(|at| at.seconds), Some(1_795_262_400));
    assert_eq!(api.plain("POST", &at("/@counter@b/resume")).await.status, StatusCode::OK);
    assert_eq!(api.plain("DELETE", &at("/@counter@a")).await.json()["purged"], 0);
}

#[tokio::test]
async fn a_full_mailbox_and_a_missing_entity_are_told_apart() {
    let refused = |refusal| Api::default_with_refusal(refusal);
    let path = "/api/v1/hubs/orders/entities/@counter@a/signals/add";
    let full = refused(Refusal::MailboxFull).plain("POST", path).await;
    assert_eq!((full.status, full.code().as_deref()), (StatusCode::TOO_MANY_REQUESTS, Some("OL-2044")));
    let path = "/api/v1/hubs/orders/entities/@counter@a/resume";
    let missing = refused(Refusal::InstanceNotFound).plain("POST", path).await;
    assert_eq!((missing.status, missing.code().as_deref()), (StatusCode::NOT_FOUND, Some("OL-2043")));
}

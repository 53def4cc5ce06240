//! What may come in: ids, names, values and tags, parsed once at the door.
//!
//! A client is told INVALID_ARGUMENT. What an orchestration asks for in a turn is checked in
//! `answers`, because there nobody is listening who could correct it.

use std::collections::{BTreeMap, HashMap};

use engine::id::{EntityId, InstanceId};
use engine::limits;
use engine::partition::command::Moment;
use engine::time::Timestamp;
use tonic::Status;

use super::status::invalid;
use crate::observe::codes;

/// An instance id. Ids of the form `@name@key` belong to entities.
pub(super) fn instance_id(text: &str) -> Result<InstanceId, Status> {
    if EntityId::is_meant(text) {
        let told = format!("{text:?} is an entity's id, not an orchestration's");
        return Err(invalid(&codes::ID_INVALID, told));
    }
    InstanceId::parse(text)
        .map_err(|problem| invalid(&codes::ID_INVALID, format!("{problem}, but this is {}", shown(text))))
}

/// An entity's id.
pub(super) fn entity_id(text: &str) -> Result<EntityId, Status> {
    EntityId::parse(text)
        .map_err(|problem| invalid(&codes::ID_INVALID, format!("{problem}, but this is {}", shown(text))))
}

fn shown(text: &str) -> String {
    let count = text.chars().count();
    if count <= limits::INSTANCE_ID_CHARS_MAX {
        format!("{text:?}")
    } else {
        format!("one of {count} characters")
    }
}

/// A name that must be there.
pub(super) fn name(what: &str, text: String) -> Result<String, Status> {
    if text.is_empty() || text.len() > limits::NAME_BYTES_MAX {
        let told = format!("{what} has 1 to {} bytes, not {}", limits::NAME_BYTES_MAX, text.len());
        return Err(invalid(&codes::NAME_INVALID, told));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(&codes::NAME_INVALID, format!("{what} must not contain control characters")));
    }
    Ok(text)
}

/// A version, which may be absent or empty.
pub(super) fn version(text: Option<String>) -> Result<Option<String>, Status> {
    match text {
        Some(text) if !text.is_empty() => name("a version", text).map(Some),
        absent_or_empty => Ok(absent_or_empty),
    }
}

/// An input, an output, what an event carries.
pub(super) fn value(what: &str, text: Option<String>) -> Result<Option<String>, Status> {
    bounded(what, text, limits::VALUE_BYTES_MAX)
}

/// A reason.
pub(super) fn note(what: &str, text: Option<String>) -> Result<Option<String>, Status> {
    bounded(what, text, limits::NOTE_BYTES_MAX)
}

fn bounded(what: &str, text: Option<String>, max: usize) -> Result<Option<String>, Status> {
    match &text {
        Some(text) if text.len() > max => {
            let bytes = text.len();
            let told = format!("{what} has {bytes} bytes, more than the {max} a value may have");
            Err(invalid(&codes::PAYLOAD_TOO_LARGE, told))
        }
        Some(_) | None => Ok(text),
    }
}

/// An instance's labels, in order.
pub(super) fn tags(tags: HashMap<String, String>) -> Result<BTreeMap<String, String>, Status> {
    if tags.len() > limits::TAGS_MAX {
        let told = format!("{} tags, more than {}", tags.len(), limits::TAGS_MAX);
        return Err(invalid(&codes::TAGS_INVALID, told));
    }
    let tags: BTreeMap<String, String> = tags.into_iter().collect();
    match tags.iter().find(|(key, value)| key.len().max(value.len()) > limits::NAME_BYTES_MAX) {
        Some((key, _)) => {
            let key = key.chars().take(100).collect::<String>();
            let told =
                format!("tag {key:?}: key and value have at most {} bytes each", limits::NAME_BYTES_MAX);
            Err(invalid(&codes::TAGS_INVALID, told))
        }
        None => Ok(tags),
    }
}

/// A time from the wire.
pub(super) fn time(time: prost_types::Timestamp) -> Timestamp {
    Timestamp::new(time.seconds, time.nanos)
}

/// A start in the future; 1970 is what the JavaScript SDK sends for "none".
pub(super) fn scheduled_start(start: Option<prost_types::Timestamp>) -> Option<Moment> {
    start.map(time).filter(|start| start.seconds() > 0).map(Moment::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_too_long_is_refused_by_its_length() {
        let status = instance_id(&"x".repeat(101)).expect_err("too long");
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert!(status.message().contains("length"), "{}", status.message());
    }

    #[test]
    fn an_entitys_id_is_no_orchestrations() {
        assert!(instance_id("@counter@a").is_err());
        assert!(instance_id("@counter").is_ok());
        assert!(instance_id("a@b@c").is_ok());
    }

    #[test]
    fn a_start_at_the_epoch_is_no_start_in_the_future() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        assert_eq!(scheduled_start(at(0)), None);
        assert_eq!(scheduled_start(at(9)).map(|moment| moment.seconds), Some(9));
        assert_eq!(scheduled_start(None), None);
    }

    #[test]
    fn names_values_and_tags_have_bounds() {
        assert!(name("a name", String::new()).is_err());
        assert!(name("a name", "a\nb".into()).is_err());
        assert!(name("a name", "x".repeat(1_025)).is_err());
        assert!(value("an input", Some("x".repeat(limits::VALUE_BYTES_MAX))).is_ok());
        assert!(value("an input", Some("x".repeat(limits::VALUE_BYTES_MAX + 1))).is_err());
        assert!(note("a reason", Some("x".repeat((1 << 20) + 1))).is_err());
        assert!(value("an input", Some(String::new())).is_ok());
        assert!(tags((0..65).map(|n| (n.to_string(), String::new())).collect()).is_err());
        assert!(tags([("a".to_owned(), "x".repeat(1_025))].into()).is_err());
        assert_eq!(version(Some(String::new())).expect("empty is allowed").as_deref(), Some(""));
    }
}

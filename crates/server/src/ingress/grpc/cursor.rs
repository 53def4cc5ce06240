//! Where a listing goes on: opaque to callers, true across restarts, and checked when it comes back.
//!
//! A cursor names the last instance shown, not a place in some result that is kept: nothing is held
//! for a caller who does not come back.

use engine::id::{InstanceId, PartitionId};
use engine::time::Timestamp;
use prost::Message;
use tonic::Status;

use super::status;
use crate::dispatch::base64url;
use crate::observe::codes;

const VERSION: u32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    instance: String,
    #[prost(uint32, optional, tag = "3")]
    partition: Option<u32>,
    #[prost(int64, optional, tag = "4")]
    seconds: Option<i64>,
    #[prost(int32, tag = "5")]
    nanos: i32,
}

/// In a listing by partition and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ById {
    pub(super) partition: PartitionId,
    /// The last instance shown; `None`: the partition from its beginning.
    pub(super) after: Option<InstanceId>,
}

/// In a listing by time of completion, then id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByCompletion {
    pub(super) completed: Timestamp,
    pub(super) instance: InstanceId,
}

impl ById {
    pub(super) fn to_text(&self) -> String {
        let instance = self.after.as_ref().map_or("", InstanceId::as_str).to_owned();
        let stored =
            Stored { version: VERSION, instance, partition: Some(self.partition.0), ..Stored::default() };
        base64url::encode(&stored.encode_to_vec())
    }

    /// `None`: from the beginning. The SDKs send an absent, an empty or a "0" token for that.
    pub(super) fn parse(text: Option<&str>) -> Result<Option<Self>, Status> {
        let Some(text) = text.filter(|text| !text.is_empty() && *text != "0") else { return Ok(None) };
        let read = || {
            let stored = decode(text)?;
            let partition = PartitionId(stored.partition?);
            let after = match stored.instance.as_str() {
                "" => None,
                id => Some(InstanceId::parse(id).ok()?),
            };
            Some(Self { partition, after })
        };
        read().map(Some).ok_or_else(invalid)
    }
}

impl ByCompletion {
    pub(super) fn to_text(&self) -> String {
        let stored = Stored {
            version: VERSION,
            instance: self.instance.as_str().to_owned(),
            seconds: Some(self.completed.seconds()),
            nanos: self.completed.nanos(),
            ..Stored::default()
        };
        base64url::encode(&stored.encode_to_vec())
    }

    /// `None`: from the beginning.
    pub(super) fn parse(text: Option<&str>) -> Result<Option<Self>, Status> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        let read = || {
            let stored = decode(text)?;
            let completed = Timestamp::new(stored.seconds?, stored.nanos);
            Some(Self { completed, instance: InstanceId::parse(&stored.instance).ok()? })
        };
        read().map(Some).ok_or_else(invalid)
    }
}

fn decode(text: &str) -> Option<Stored> {
    let stored = Stored::decode(base64url::decode(text)?.as_slice()).ok()?;
    (stored.version == VERSION).then_some(stored)
}

fn invalid() -> Status {
    let told = "the continuation token is none of this server's; begin without one";
    status::invalid(&codes::CURSOR_INVALID, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_way_to_the_caller_and_back() {
        let instance = InstanceId::parse("注文-1").expect("an id");
        for after in [None, Some(instance.clone())] {
            let cursor = ById { partition: PartitionId(7), after };
            assert_eq!(ById::parse(Some(&cursor.to_text())).expect("ours"), Some(cursor));
        }
        let cursor = ByCompletion { completed: Timestamp::new(5, 6), instance };
        assert_eq!(ByCompletion::parse(Some(&cursor.to_text())).expect("ours"), Some(cursor));
    }

    #[test]
    fn no_token_an_empty_one_and_a_zero_begin_at_the_beginning() {
        for text in [None, Some(""), Some("0")] {
            assert_eq!(ById::parse(text).expect("the beginning"), None);
        }
    }

    #[test]
    fn a_token_that_is_not_ours_is_refused() {
        let other =
            ByCompletion { completed: Timestamp::ZERO, instance: InstanceId::parse("a").expect("an id") };
        for text in ["x", "!!!!", "AAAA", &other.to_text()] {
            assert!(ById::parse(Some(text)).is_err(), "{text}");
        }
    }
}

//! The start of an orchestration, put together piece by piece.
//!
//! A start with an id of the caller's own can be repeated after an unknown outcome: the server answers
//! [`Error::AlreadyExists`] if the first one arrived.

use std::collections::BTreeMap;
use std::time::SystemTime;

use outlast_proto::durable_task as pb;

use super::Link;
use crate::error::Error;
use crate::time;

/// A start that has not been sent.
#[derive(Debug)]
#[must_use = "nothing starts before send()"]
pub struct Start<'a> {
    link: &'a Link,
    name: String,
    input: Result<String, serde_json::Error>,
    instance_id: String,
    version: Option<String>,
    tags: BTreeMap<String, String>,
    at: Option<SystemTime>,
}

impl<'a> Start<'a> {
    pub(super) fn new(link: &'a Link, name: &str, input: Result<String, serde_json::Error>) -> Self {
        let tags = BTreeMap::new();
        Self { link, name: name.to_owned(), input, instance_id: String::new(), version: None, tags, at: None }
    }

    /// Sets the instance's id; without one the server makes it.
    pub fn id(mut self, instance_id: impl Into<String>) -> Self {
        self.instance_id = instance_id.into();
        self
    }

    /// Sets the version of the orchestration.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Sets a time before which it does not begin.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.at = Some(time);
        self
    }

    /// Starts it and gives the instance's id. When this returns, the server will not forget it.
    ///
    /// # Errors
    /// The id is taken, the server refuses, or it did not answer.
    pub async fn send(self) -> Result<String, Error> {
        let request = pb::CreateInstanceRequest {
            instance_id: self.instance_id,
            name: self.name,
            version: self.version,
            input: Some(self.input?),
            scheduled_start_timestamp: self.at.map(time::to_wire),
            tags: self.tags.into_iter().collect(),
            request_time: Some(time::to_wire(SystemTime::now())),
            ..Default::default()
        };
        let answer = self.link.stub().start_instance(self.link.unary(request)).await;
        Ok(answer.map_err(|status| self.link.error(&status))?.into_inner().instance_id)
    }
}

//! `outlast instance start`.
//!
//! An id of the caller's own makes the start repeatable: a second one is refused as existing.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{Call, read, span, value};
use crate::api::path;
use crate::failed::{Exit, Failed};
use crate::output::{self, Column, Single, cell, column};

/// How long `--wait` waits unless told otherwise.
const WAIT_DEFAULT: Duration = Duration::from_secs(60);

/// Arguments of `outlast instance start`.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The orchestration's name
    name: String,
    /// The instance's id [default: made by the server]
    #[arg(long)]
    id: Option<String>,
    /// The input: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// The orchestration's version, not this program's
    #[arg(long, value_name = "VERSION")]
    orchestration_version: Option<String>,
    /// A label, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    tag: Vec<String>,
    /// Begin not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Replace an instance of this id if it is in one of these statuses
    #[arg(long, value_delimiter = ',', value_name = "STATUS")]
    replace: Vec<String>,
    /// Wait until it has ended, as `instance wait` does
    #[arg(long)]
    wait: bool,
    /// How long to wait at most
    #[arg(long, value_parser = span, requires = "wait", value_name = "SPAN")]
    timeout: Option<Duration>,
}

const COLUMNS: &[Column] =
    &[column("ID", |it, _| cell::plain(&it["id"])), column("CREATED", |it, _| cell::plain(&it["created"]))];

impl Start {
    pub(super) async fn run(self, call: &Call<'_>) -> Result<Exit, Failed> {
        let started = call.api.post(&path::instances(call.hub), Some(&self.body()?)).await?;
        if self.wait {
            let id = started["id"].as_str().unwrap_or_default();
            return read::wait(call, id, self.timeout.unwrap_or(WAIT_DEFAULT)).await;
        }
        output::print(&Single { item: &started, columns: COLUMNS, id: "id" }.text(&call.look))?;
        Ok(Exit::Done)
    }

    fn body(&self) -> Result<Value, Failed> {
        let mut body = json!({ "name": self.name });
        let fields = [("id", &self.id), ("version", &self.orchestration_version), ("start_at", &self.at)];
        for (name, text) in fields {
            if let Some(text) = text {
                body[name] = Value::from(text.as_str());
            }
        }
        if let Some(input) = &self.input {
            body["input"] = value(input)?;
        }
        if !self.tag.is_empty() {
            body["tags"] =
                Value::Object(self.tag.iter().map(|tag| parse_tag(tag)).collect::<Result<_, _>>()?);
        }
        if !self.replace.is_empty() {
            body["replace"] = self.replace.iter().map(String::as_str).collect();
        }
        Ok(body)
    }
}

fn parse_tag(tag: &str) -> Result<(String, Value), Failed> {
    let (name, value) =
        tag.split_once('=').ok_or_else(|| Failed::usage(format!("tag {tag:?} is not NAME=VALUE")))?;
    Ok((name.to_owned(), Value::from(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_holds_only_what_was_said() {
        let start = Start {
            name: "order".to_owned(),
            id: None,
            input: Some("7".to_owned()),
            orchestration_version: None,
            tag: vec!["a=b=c".to_owned()],
            at: None,
            replace: vec!["failed".to_owned()],
            wait: false,
            timeout: None,
        };
        let body = start.body().unwrap();
        assert_eq!(
            body,
            json!({ "name": "order", "input": 7, "tags": { "a": "b=c" }, "replace": ["failed"] })
        );
        assert!(parse_tag("a").is_err());
    }
}

//! A call of this API as it came: path, query, host and body, read the way its callers expect.
//!
//! Names of parameters are compared without case, unknown ones are passed over, because proxies and
//! SDKs add their own. A value that cannot be read is refused: where Durable Functions takes a
//! mistyped date for none, a purge would remove too much.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use engine::event::TraceContext;
use engine::id::InstanceId;
use engine::time::Timestamp;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use serde_json::value::RawValue;

use super::super::extract::{is_json, parse_id, parse_name, path_values, read};
use super::super::problem::Problem;
use super::Refused;
use super::payload::quoted;
use crate::observe::{codes, rfc3339};

/// The task hub of a call that names none, as in gRPC.
const HUB: &str = "default";

/// Everything but the body.
#[derive(Debug)]
pub(super) struct Call {
    path: BTreeMap<String, String>,
    query: Vec<(String, String)>,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::new(&codes::PARAMETER_INVALID, error.body_text()))?;
        let path = path_values(parts, state).await?;
        Ok(Self { path, query: query.0, uri: parts.uri.clone(), headers: parts.headers.clone() })
    }
}

impl Call {
    /// The task hub it is about.
    pub(super) fn hub(&self) -> String {
        self.get("taskHub").unwrap_or(HUB).to_owned()
    }

    /// `{id}` of the path.
    pub(super) fn id(&self) -> Result<InstanceId, Refused> {
        Ok(parse_id(self.part("id"))?)
    }

    /// A part of the path as it is.
    pub(super) fn part(&self, field: &str) -> &str {
        self.path.get(field).map_or("", String::as_str)
    }

    /// A name in the path.
    pub(super) fn name(&self, field: &str) -> Result<String, Refused> {
        Ok(parse_name(field, self.part(field))?)
    }

    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let wanted = |(key, value): &&(String, String)| key.eq_ignore_ascii_case(name) && !value.is_empty();
        self.query.iter().find(wanted).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.query.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refused> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(unreadable(name, text, "true or false")),
        }
    }

    /// A date, with or without time and offset; UTC where none is given.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let found = rfc3339::parse(text).or_else(|| rfc3339::parse_civil(text));
        let (seconds, nanos) = found.ok_or_else(|| unreadable(name, text, "a date"))?;
        Ok(Some(Timestamp::new(seconds, nanos)))
    }

    /// A reason for people, as the JSON text that is kept.
    pub(super) fn reason(&self) -> Result<Option<String>, Refused> {
        let Some(reason) = self.get("reason") else { return Ok(None) };
        if reason.len() > engine::limits::NAME_BYTES_MAX {
            return Err(unreadable("reason", "a long text", "at most 1,024 bytes"));
        }
        Ok(Some(reason.to_owned()))
    }

    /// The W3C trace this call belongs to.
    pub(super) fn trace(&self) -> Option<TraceContext> {
        let text = |name: &str| self.headers.get(name)?.to_str().ok().map(str::to_owned);
        let trace_parent = text("traceparent").filter(|parent| parent.len() == 55)?;
        let span_id = trace_parent.get(36..52)?.to_owned();
        Some(TraceContext {
            trace_parent,
            span_id,
            trace_state: text("tracestate").filter(|it| it.len() <= 512),
        })
    }

    /// Scheme and authority under which the caller reaches this server.
    pub(super) fn origin(&self) -> String {
        let header = |name: header::HeaderName| self.headers.get(name).and_then(|value| value.to_str().ok());
        let secure = header(header::HeaderName::from_static("x-forwarded-proto")) == Some("https");
        let scheme = if secure { "https" } else { "http" };
        format!("{scheme}://{}", header(header::HOST).unwrap_or("localhost"))
    }
}

/// A refusal of a parameter's value.
pub(super) fn unreadable(name: &str, text: &str, wanted: &str) -> Refused {
    let shown: String = text.chars().take(64).collect();
    Problem::new(&codes::PARAMETER_INVALID, format!("{name}: {shown:?} is not {wanted}")).into()
}

/// The body of a call, and whether it says that it is JSON.
#[derive(Debug)]
pub(super) struct Content {
    is_json: bool,
    bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Content {
    type Rejection = Refused;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Refused> {
        let is_json = is_json(request.headers());
        Ok(Self { is_json, bytes: read(request, state).await? })
    }
}

impl Content {
    /// JSON of any type of content; an empty body is no value.
    pub(super) fn value(&self) -> Result<Option<Box<RawValue>>, Refused> {
        if self.bytes.is_empty() { Ok(None) } else { self.json().map(Some) }
    }

    /// JSON that is sent as such, and anything else as a JSON string; an empty body is no value.
    pub(super) fn json_or_text(&self) -> Result<Option<Box<RawValue>>, Refused> {
        if self.is_json || self.bytes.is_empty() {
            return self.value();
        }
        let text = std::str::from_utf8(&self.bytes)
            .map_err(|error| Problem::new(&codes::BODY_INVALID, error.to_string()))?;
        let quoted = RawValue::from_string(quoted(text)).expect("a quoted text is JSON");
        Ok(Some(quoted))
    }

    /// JSON that is sent as such.
    pub(super) fn json_only(&self) -> Result<Box<RawValue>, Refused> {
        if !self.is_json {
            let detail = "only application/json is taken here";
            return Err(Problem::new(&codes::CONTENT_TYPE, detail).into());
        }
        self.json()
    }

    fn json(&self) -> Result<Box<RawValue>, Refused> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| Problem::new(&codes::BODY_INVALID, error.to_string()).into())
    }
}

//! From an HTTP request to checked values: path, parameters, body, headers.
//!
//! Everything a request can get wrong in form is refused here, as a problem with its code. What
//! comes out of this file needs no further checks.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use engine::id::InstanceId;
use engine::limits;
use engine::partition::command::RequestId;
use engine::time::Timestamp;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::observe::{codes, rfc3339};

/// How long a request's body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// `{hub}` of a path: at most what a hub's name can have, nothing else checked.
#[derive(Debug)]
pub(super) struct HubPath(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for HubPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut values = path_values(parts, state).await?;
        Ok(Self(values.remove("hub").unwrap_or_default()))
    }
}

/// `{hub}` and `{id}` of a path.
#[derive(Debug)]
pub(super) struct InstancePath {
    pub(super) hub: String,
    pub(super) id: InstanceId,
}

impl<S: Send + Sync> FromRequestParts<S> for InstancePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut values = path_values(parts, state).await?;
        let id = parse_id(&values.remove("id").unwrap_or_default())?;
        Ok(Self { hub: values.remove("hub").unwrap_or_default(), id })
    }
}

/// `{name}` of a path.
#[derive(Debug)]
pub(super) struct NamePath(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut values = path_values(parts, state).await?;
        parse_name("name", &values.remove("name").unwrap_or_default()).map(Self)
    }
}

/// The values in a path, by name.
pub(super) async fn path_values<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<BTreeMap<String, String>, Problem> {
    let path: Result<Path<BTreeMap<String, String>>, PathRejection> =
        Path::from_request_parts(parts, state).await;
    path.map(|Path(values)| values)
        .map_err(|rejection| Problem::new(&codes::PARAMETER_INVALID, rejection.body_text()))
}

/// Query parameters; unknown ones are refused by the types used here.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await;
        query
            .map(|Query(values)| Self(values))
            .map_err(|rejection| Problem::new(&codes::PARAMETER_INVALID, rejection.body_text()))
    }
}

/// A JSON body.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let Sent { is_json, bytes } = Sent::read(request, state).await?;
        if !is_json {
            return Err(not_json());
        }
        decode(&bytes).map(Self)
    }
}

/// A JSON body that may be left out, together with its type.
#[derive(Debug)]
pub(super) struct OptionalJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let Sent { is_json, bytes } = Sent::read(request, state).await?;
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => decode(&bytes).map(Self),
            (false, false) => Err(not_json()),
        }
    }
}

/// A body within its bounds of size and time.
pub(super) async fn read<S: Send + Sync>(request: Request<Body>, state: &S) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_WAIT, Bytes::from_request(request, state)).await;
    let late = || Problem::new(&codes::BODY_INVALID, "the body did not arrive within 30 seconds");
    read.map_err(|_| late())?.map_err(|rejection: BytesRejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(&codes::PAYLOAD_TOO_LARGE, "the body is longer than http.body_bytes_max")
        } else {
            Problem::new(&codes::BODY_INVALID, rejection.body_text())
        }
    })
}

/// Whether a body is said to be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A body of any JSON that may be left out, as it was sent.
#[derive(Debug)]
pub(super) struct AnyJson(pub(super) Option<Box<RawValue>>);

impl<S: Send + Sync> FromRequest<S> for AnyJson {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let Sent { is_json, bytes } = Sent::read(request, state).await?;
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(Self(None)),
            (false, true) => read_json(&bytes).map(Some).map(Self),
            (false, false) => Err(not_json()),
        }
    }
}

struct Sent {
    is_json: bool,
    bytes: Bytes,
}

impl Sent {
    async fn read<S: Send + Sync>(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        Ok(Self { is_json, bytes: read(request, state).await? })
    }
}

fn not_json() -> Problem {
    Problem::new(&codes::CONTENT_TYPE, "the body is not sent as application/json")
}

/// An object: a list of its values in order, which serde would take for one, is none.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::new(&codes::BODY_INVALID, "the body is a list, not an object"));
    }
    read_json(bytes)
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::new(&codes::BODY_INVALID, error.to_string()))
}

/// The `Idempotency-Key` of a request, if it has one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or("").trim();
    let printable = key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if key.is_empty() || key.len() > 128 || !printable {
        let detail = "Idempotency-Key is not 1 to 128 printable ASCII characters";
        return Err(Problem::new(&codes::IDEMPOTENCY_KEY_INVALID, detail));
    }
    Ok(Some(key.to_owned()))
}

/// What an `Idempotency-Key` says: this request and its repeats are one. The same key with another
/// method or path is another request.
#[derive(Debug)]
pub(super) struct Repeat {
    /// The key as it was sent.
    pub(super) key: Option<String>,
    /// The id under which repeats are recognised.
    pub(super) request: Option<RequestId>,
}

impl<S: Send + Sync> FromRequestParts<S> for Repeat {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let key = idempotency_key(&parts.headers)?;
        let request = key.as_ref().map(|key| {
            let whole = format!("{} {}\n{key}", parts.method, parts.uri.path());
            // The prefix keeps callers' keys apart from the ids that gateways give to calls.
            RequestId { source: format!("key:{}", blake3::hash(whole.as_bytes()).to_hex()), counter: 0 }
        });
        Ok(Self { key, request })
    }
}

/// An instance's id.
pub(super) fn parse_id(text: &str) -> Result<InstanceId, Problem> {
    InstanceId::parse(text).map_err(|invalid| Problem::new(&codes::ID_INVALID, invalid.to_string()))
}

/// The name of an orchestration, event or version; `field` is what errors call it.
pub(super) fn parse_name(field: &str, text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.len() > limits::NAME_BYTES_MAX || text.chars().any(char::is_control) {
        let detail =
            format!("{field} is not 1 to {} bytes without control characters", limits::NAME_BYTES_MAX);
        return Err(Problem::new(&codes::NAME_INVALID, detail));
    }
    Ok(text.to_owned())
}

/// A value of an orchestration: the JSON text as it was sent.
pub(super) fn parse_value(field: &str, value: Option<Box<RawValue>>) -> Result<Option<String>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let text = value.get();
    if text.len() > limits::VALUE_BYTES_MAX {
        let detail =
            format!("{field} has {} bytes; at most {} are kept", text.len(), limits::VALUE_BYTES_MAX);
        return Err(Problem::new(&codes::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(Some(text.to_owned()))
}

/// Tags within their bounds.
pub(super) fn parse_tags(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    if tags.len() > limits::TAGS_MAX {
        let detail = format!("{} tags; an instance has at most {}", tags.len(), limits::TAGS_MAX);
        return Err(Problem::new(&codes::TAGS_INVALID, detail));
    }
    let too_long = |text: &String| text.len() > limits::NAME_BYTES_MAX;
    if let Some((key, _)) =
        tags.iter().find(|(key, value)| key.is_empty() || too_long(key) || too_long(value))
    {
        let shown: String = key.chars().take(32).collect();
        return Err(Problem::new(&codes::TAGS_INVALID, format!("tag {shown:?} is empty or too long")));
    }
    Ok(tags)
}

/// A point in time; `field` is what errors call it.
pub(super) fn parse_time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let found = rfc3339::parse(text).map(|(seconds, nanos)| Timestamp::new(seconds, nanos));
    found.ok_or_else(|| {
        let detail = format!("{field}: {text:?} is no time like 2026-11-21T12:00:00Z");
        Problem::new(&codes::PARAMETER_INVALID, detail)
    })
}

/// A length of time: seconds, or a number with a unit like `500ms`.
pub(super) fn parse_span(field: &str, text: &str, max: Duration) -> Result<Duration, Problem> {
    use crate::config::{Kind, Value};

    let with_unit =
        if text.bytes().all(|byte| byte.is_ascii_digit()) { format!("{text}s") } else { text.to_owned() };
    let kind = Kind::Duration { min: 0, max: u64::try_from(max.as_millis()).unwrap_or(u64::MAX) };
    match Value::parse(kind, &with_unit) {
        Ok(Value::Duration(span)) => Ok(span),
        Ok(_) | Err(_) => Err(Problem::new(
            &codes::PARAMETER_INVALID,
            format!("{field}: {text:?} is no time; allowed: {kind}"),
        )),
    }
}

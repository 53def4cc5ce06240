//! Speaks to a server: one request, one JSON answer or one [`Failed`].
//!
//! `path` puts addresses together. Every change carries an idempotency key, so that repeating a command's
//! request by hand or by proxy does nothing twice. Not here: what answers look like (`commands`).

pub(crate) mod path;

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use server::observe::codes;

use crate::cli::Global;
use crate::endpoints;
use crate::failed::{Exit, Failed};

/// How long a server may take to answer anything but a wait.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long it may take to accept a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// A server, as commands see it.
#[derive(Debug)]
pub(crate) struct Api {
    server: String,
    http: Client<HttpConnector, Full<Bytes>>,
    is_verbose: bool,
}

/// An answer that is no error.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Api {
    /// The server that the command line names.
    pub(crate) fn of(global: &Global) -> Self {
        Self::at(endpoints::server(global), global.verbose > 0)
    }

    fn at(server: String, is_verbose: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_MAX));
        connector.set_nodelay(true);
        Self { server, http: Client::builder(TokioExecutor::new()).build(connector), is_verbose }
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failed> {
        Ok(self.call(&Method::GET, path, None, ANSWER_MAX).await?.body)
    }

    /// Reads what may take as long as `patience` to come.
    pub(crate) async fn get_within(&self, path: &str, patience: Duration) -> Result<Answer, Failed> {
        self.call(&Method::GET, path, None, patience + ANSWER_MAX).await
    }

    /// Changes.
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Failed> {
        Ok(self.call(&Method::POST, path, body, ANSWER_MAX).await?.body)
    }

    /// Replaces.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        Ok(self.call(&Method::PUT, path, Some(body), ANSWER_MAX).await?.body)
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failed> {
        Ok(self.call(&Method::DELETE, path, None, ANSWER_MAX).await?.body)
    }

    async fn call(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Answer, Failed> {
        let changes = *method != Method::GET;
        if self.is_verbose {
            note(&format!("{method} {}{path}", self.server));
        }
        let request = self.request(method, path, body)?;
        let exchange = async {
            let answer =
                self.http.request(request).await.map_err(|error| self.unreachable(&error, changes))?;
            let status = answer.status();
            let bytes = answer.into_body().collect().await.map_err(|_| self.lost(changes))?.to_bytes();
            Ok((status, bytes))
        };
        let (status, bytes) =
            tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| Err(self.lost(changes)))?;
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        match body {
            Ok(body) if status.is_success() => Ok(Answer { status, body }),
            Ok(body) => Err(self.problem(status, &body)),
            Err(_) => Err(self.stranger(status)),
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Failed> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.server));
        if *method != Method::GET {
            request = request.header("idempotency-key", idempotency_key());
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(Value::to_string).unwrap_or_default();
        request
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|_| Failed::usage(format!("{:?} is not the address of a server", self.server)))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error, changes: bool) -> Failed {
        if !error.is_connect() {
            return self.lost(changes);
        }
        let happened = format!("no server answers at {}", self.server);
        Failed::new(Exit::Unavailable, &codes::UNAVAILABLE, happened)
            .next("start one with `outlast dev`, or name another with --server URL")
    }

    /// The connection ended before the answer came.
    fn lost(&self, changes: bool) -> Failed {
        let happened = format!("{} gave no answer", self.server);
        if !changes {
            return Failed::new(Exit::Unavailable, &codes::UNAVAILABLE, happened);
        }
        Failed::new(Exit::OutcomeUnknown, &codes::OUTCOME_UNKNOWN, happened)
            .not_happened("whether anything was changed is not known")
            .next("look with `outlast instance show` or `outlast hub list` before you repeat it")
    }

    fn problem(&self, status: StatusCode, body: &Value) -> Failed {
        let text = |name: &str| body[name].as_str();
        let (Some(code), Some(detail)) = (text("code"), text("detail")) else { return self.stranger(status) };
        Failed::told(exit_of(status, code), code, detail, text("next").unwrap_or("outlast status"))
    }

    fn stranger(&self, status: StatusCode) -> Failed {
        let happened = format!("what answers at {} ({status}) is not an Outlast server", self.server);
        Failed::new(Exit::Failure, &codes::ROUTE_NOT_FOUND, happened)
            .next("name the server's HTTP address with --server URL; its default port is 4002")
    }
}

/// The exit code that goes with an error answer.
fn exit_of(status: StatusCode, code: &str) -> Exit {
    if code == codes::CONFIRMATION_MISSING.id {
        return Exit::RefusedForSafety;
    }
    match status {
        StatusCode::UNAUTHORIZED => Exit::NotAuthenticated,
        StatusCode::NOT_FOUND | StatusCode::GONE => Exit::NotFound,
        StatusCode::BAD_REQUEST
        | StatusCode::UNPROCESSABLE_ENTITY
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => Exit::Usage,
        StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::INSUFFICIENT_STORAGE
        | StatusCode::TOO_MANY_REQUESTS => Exit::Unavailable,
        StatusCode::GATEWAY_TIMEOUT => Exit::OutcomeUnknown,
        _ => Exit::Failure,
    }
}

/// 128 bits that no other command has; the standard library seeds its hash maps at random.
fn idempotency_key() -> String {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    format!("cli-{:016x}{:016x}", half(), half())
}

/// A line for people.
pub(crate) fn note(text: &str) {
    use std::io::Write;
    // Progress that nobody can see is no reason to stop.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_keeps_its_code_and_gets_its_exit_code() {
        let api = Api::at("http://h".to_owned(), false);
        let body =
            serde_json::json!({ "code": "OL-2010", "detail": "there is no instance \"x\"", "next": "look" });
        let failed = api.problem(StatusCode::NOT_FOUND, &body);
        assert_eq!(failed, Failed::told(Exit::NotFound, "OL-2010", "there is no instance \"x\"", "look"));
        let body = serde_json::json!({ "code": codes::CONFIRMATION_MISSING.id, "detail": "no" });
        assert_eq!(api.problem(StatusCode::CONFLICT, &body).exit(), Exit::RefusedForSafety);
        assert_eq!(api.problem(StatusCode::BAD_GATEWAY, &Value::Null).exit(), Exit::Failure);
    }

    #[test]
    fn only_a_change_has_an_unknown_outcome() {
        let api = Api::at("http://h".to_owned(), false);
        assert_eq!(api.lost(true).exit(), Exit::OutcomeUnknown);
        assert_eq!(api.lost(false).exit(), Exit::Unavailable);
    }

    #[test]
    fn keys_differ() {
        assert_ne!(idempotency_key(), idempotency_key());
    }
}

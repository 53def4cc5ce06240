//! Every error of the HTTP API as RFC 9457 `application/problem+json`.
//!
//! A problem is a code of the register with the values of this case: status, title and the next
//! step follow from the code, so that the same thing is said in the log, on the command line and
//! here.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::observe::codes::{self, Code};

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: &'static Code,
    detail: String,
    /// Where an API of others answers this code with a status of its own.
    status: Option<StatusCode>,
}

impl Problem {
    /// A problem of a code; `detail` says what this case is, values included.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), status: None }
    }

    /// The same problem with a status that the code does not have elsewhere.
    pub(super) fn answered_with(self, status: StatusCode) -> Self {
        Self { status: Some(status), ..self }
    }

    /// The code.
    pub fn code(&self) -> &'static Code {
        self.code
    }

    /// The HTTP status: the one that goes with the code, unless it was given another.
    pub fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| status(self.code))
    }

    fn body(&self) -> ProblemBody {
        ProblemBody {
            kind: format!("/api/v1/errors/{}", self.code.id),
            title: self.code.title,
            status: self.status().as_u16(),
            code: self.code.id,
            detail: self.detail.clone(),
            next: self.code.next,
        }
    }
}

/// The body of an error answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where the code is explained.
    #[serde(rename = "type")]
    kind: String,
    /// What kind of problem it is: the same for each occurrence of a code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// A code of the register, such as `OL-2010`.
    code: &'static str,
    /// What happened in this case.
    detail: String,
    /// What to do next.
    next: &'static str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Statuses by code. Codes that no HTTP request can meet are a defect if one does.
const STATUSES: &[(&Code, StatusCode)] = &[
    (&codes::HUB_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::HUB_DELETED, StatusCode::GONE),
    (&codes::HUB_NAME_INVALID, StatusCode::UNPROCESSABLE_ENTITY),
    (&codes::HUB_EXISTS, StatusCode::CONFLICT),
    (&codes::HUB_NOT_DELETED, StatusCode::CONFLICT),
    (&codes::CONFIRMATION_MISSING, StatusCode::CONFLICT),
    (&codes::INSTANCE_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::INSTANCE_EXISTS, StatusCode::CONFLICT),
    (&codes::ID_INVALID, StatusCode::UNPROCESSABLE_ENTITY),
    (&codes::INSTANCE_RUNNING, StatusCode::CONFLICT),
    (&codes::NAME_INVALID, StatusCode::UNPROCESSABLE_ENTITY),
    (&codes::TAGS_INVALID, StatusCode::UNPROCESSABLE_ENTITY),
    (&codes::TEXT_RESERVED, StatusCode::UNPROCESSABLE_ENTITY),
    (&codes::PAYLOAD_TOO_LARGE, StatusCode::PAYLOAD_TOO_LARGE),
    (&codes::BODY_INVALID, StatusCode::UNPROCESSABLE_ENTITY),
    (&codes::CONTENT_TYPE, StatusCode::UNSUPPORTED_MEDIA_TYPE),
    (&codes::PARAMETER_INVALID, StatusCode::BAD_REQUEST),
    (&codes::ROUTE_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::METHOD_NOT_ALLOWED, StatusCode::METHOD_NOT_ALLOWED),
    (&codes::HOST_NOT_ALLOWED, StatusCode::MISDIRECTED_REQUEST),
    (&codes::ORIGIN_NOT_ALLOWED, StatusCode::FORBIDDEN),
    (&codes::DENIED, StatusCode::FORBIDDEN),
    (&codes::INBOX_FULL, StatusCode::TOO_MANY_REQUESTS),
    (&codes::ENTITY_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::MAILBOX_FULL, StatusCode::TOO_MANY_REQUESTS),
    (&codes::CURSOR_INVALID, StatusCode::BAD_REQUEST),
    (&codes::UNSUPPORTED, StatusCode::NOT_IMPLEMENTED),
    (&codes::IDEMPOTENCY_KEY_INVALID, StatusCode::BAD_REQUEST),
    (&codes::INSTANCE_FINISHED, StatusCode::GONE),
    (&codes::INSTANCE_NOT_FAILED, StatusCode::PRECONDITION_FAILED),
    (&codes::EVENTS_OFF, StatusCode::NOT_FOUND),
    (&codes::EVENTS_GONE, StatusCode::GONE),
    (&codes::SUBSCRIPTION_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::SCHEDULE_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::SCHEDULES_FULL, StatusCode::TOO_MANY_REQUESTS),
    (&codes::SCHEDULE_EXISTS, StatusCode::CONFLICT),
    (&codes::SCHEDULE_INVALID, StatusCode::UNPROCESSABLE_ENTITY),
    (&codes::NODE_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::NODE_IN_USE, StatusCode::CONFLICT),
    (&codes::NODE_CANNOT_DRAIN, StatusCode::CONFLICT),
    (&codes::HUB_NOT_PLACEABLE, StatusCode::CONFLICT),
    (&codes::PARTITION_NOT_FOUND, StatusCode::NOT_FOUND),
    (&codes::STALE_WORK_ITEM, StatusCode::CONFLICT),
    (&codes::REWIND_IMPOSSIBLE, StatusCode::CONFLICT),
    (&codes::UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE),
    (&codes::OUTCOME_UNKNOWN, StatusCode::GATEWAY_TIMEOUT),
    (&codes::STOPPING, StatusCode::SERVICE_UNAVAILABLE),
    (&codes::NOT_READY, StatusCode::SERVICE_UNAVAILABLE),
    (&codes::PARTITION_HALTED, StatusCode::SERVICE_UNAVAILABLE),
    (&codes::OVERLOADED, StatusCode::SERVICE_UNAVAILABLE),
    (&codes::DISK_FULL, StatusCode::INSUFFICIENT_STORAGE),
    (&codes::LOG_POISONED, StatusCode::SERVICE_UNAVAILABLE),
];

fn status(code: &Code) -> StatusCode {
    let found = STATUSES.iter().find(|(known, _)| known.id == code.id);
    found.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_a_request_has_a_status_of_its_own() {
        for code in codes::all().filter(|code| code.id.starts_with("OL-2")) {
            let metadata_is_grpc_only = code.id == codes::METADATA_INVALID.id;
            assert!(
                metadata_is_grpc_only || status(code).is_client_error() || status(code).as_u16() == 501,
                "{code}"
            );
        }
    }
}

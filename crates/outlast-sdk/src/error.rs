//! What a call to the server can come back with instead of an answer.
//!
//! Variants are by what the caller does next. Failures of user code are values, not errors of the
//! call: see [`Failure`](crate::Failure).

use std::time::Duration;

use tonic::{Code, Status};

/// Why a call to the server brought no answer.
///
/// ```
/// # use outlast_sdk::{Client, Error};
/// # async fn example(client: Client) -> Result<(), Error> {
/// match client.raise("order-1", "packed", "ann").await {
///     Err(Error::NotFound(_)) => println!("no such order"),
///     Err(error) if error.is_outcome_unknown() => println!("{error}: ask what has become of it"),
///     other => other?,
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such instance, hub or execution; nothing was changed.
    #[error("not found: {0}")]
    NotFound(String),
    /// An instance with that id exists already; nothing was changed.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// The server refuses the request as it is; nothing was changed.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The server refuses because of the state things are in; nothing was changed.
    #[error("refused: {0}")]
    Refused(String),
    /// The server could not be reached or gave up; whether the call took effect is unknown.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The answer did not come in time; whether the call took effect is unknown.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// A value could not be written or read as JSON.
    #[error("value is not what was expected: {0}")]
    Serialization(#[from] serde_json::Error),
    /// The address is not one.
    #[error("invalid address {0}")]
    Address(String),
    /// The server does not offer this, does not know who asks, or has a fault of its own.
    #[error("{code}: {message}")]
    Other {
        /// The gRPC code by name.
        code: &'static str,
        /// What the server says about it.
        message: String,
    },
}

impl Error {
    /// A stable name of the kind of error.
    ///
    /// ```
    /// assert_eq!(outlast_sdk::Error::NotFound("order-1".to_owned()).code(), "NOT_FOUND");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "NOT_FOUND",
            Self::AlreadyExists(_) => "ALREADY_EXISTS",
            Self::Invalid(_) => "INVALID",
            Self::Refused(_) => "REFUSED",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::TimedOut(_) => "TIMED_OUT",
            Self::Serialization(_) => "SERIALIZATION",
            Self::Address(_) => "ADDRESS",
            Self::Other { code, .. } => code,
        }
    }

    /// Whether the call may have taken effect although no answer came.
    ///
    /// ```
    /// # use outlast_sdk::Error;
    /// assert!(Error::TimedOut(std::time::Duration::from_secs(3)).is_outcome_unknown());
    /// assert!(!Error::NotFound("order-1".to_owned()).is_outcome_unknown());
    /// ```
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::TimedOut(_) => true,
            Self::Other { code, .. } => matches!(*code, "INTERNAL" | "UNKNOWN" | "ABORTED" | "CANCELLED"),
            Self::NotFound(_)
            | Self::AlreadyExists(_)
            | Self::Invalid(_)
            | Self::Refused(_)
            | Self::Serialization(_)
            | Self::Address(_) => false,
        }
    }

    pub(crate) fn from_status(status: &Status, deadline: Duration) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            Code::NotFound => Self::NotFound(message),
            Code::AlreadyExists => Self::AlreadyExists(message),
            Code::InvalidArgument | Code::OutOfRange => Self::Invalid(message),
            Code::FailedPrecondition | Code::ResourceExhausted => Self::Refused(message),
            Code::Unavailable => Self::Unavailable(message),
            Code::DeadlineExceeded => Self::TimedOut(deadline),
            code => Self::Other { code: code_name(code), message },
        }
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_is_unknown_exactly_where_the_call_may_have_arrived() {
        let of = |status: Status| Error::from_status(&status, Duration::from_secs(1)).is_outcome_unknown();
        assert!(of(Status::unavailable("gone")));
        assert!(of(Status::deadline_exceeded("late")));
        assert!(of(Status::cancelled("the connection was lost")));
        assert!(!of(Status::already_exists("there")));
        assert!(!of(Status::not_found("nowhere")));
    }
}

//! What a caller is told when something is not done: the status codes that the SDKs act on.
//!
//! UNAVAILABLE makes workers connect again and back off, so it is the answer to everything that
//! may be better in a moment. CANCELLED is never sent: old Python workers stop for good on it.

use engine::partition::effect::Refusal;
use tonic::{Code, Status};

use crate::dispatch::Invalid;
use crate::node::HubError;
use crate::partition::messages::Unavailable;

/// A partition did not answer.
pub(super) fn unavailable(error: &Unavailable) -> Status {
    let code = match error {
        Unavailable::NotLeading
        | Unavailable::Halted(_)
        | Unavailable::DiskFull
        | Unavailable::Overloaded
        | Unavailable::Unknown => Code::Unavailable,
        Unavailable::TooLarge { .. } => Code::InvalidArgument,
    };
    Status::new(code, error.to_string())
}

/// A hub cannot be used.
pub(super) fn hub(error: &HubError) -> Status {
    let code = match error {
        HubError::NotFound(_) | HubError::Deleted(_) => Code::NotFound,
        HubError::Exists(_) => Code::AlreadyExists,
        HubError::NotDeleted(_) => Code::FailedPrecondition,
        HubError::InvalidName(_) | HubError::InvalidPartitions(_) => Code::InvalidArgument,
        HubError::Unavailable(error) => return unavailable(error),
        HubError::Open(_) => Code::Unavailable,
    };
    Status::new(code, error.to_string())
}

/// A client's command was refused.
pub(super) fn refusal(refusal: Refusal, instance: &str) -> Status {
    match refusal {
        Refusal::InstanceNotFound => {
            Status::not_found(format!("an instance with id {instance:?} was not found"))
        }
        Refusal::InstanceExists => {
            Status::already_exists(format!("an instance with id {instance:?} already exists"))
        }
        Refusal::InboxFull => {
            Status::resource_exhausted(format!("the inbox of instance {instance:?} is full"))
        }
        Refusal::StaleWorkItem => stale(),
        Refusal::EpochOver => Status::unavailable("the partition has changed hands; try again"),
    }
}

/// An answer to a work item that is not the worker's any more.
pub(super) fn stale() -> Status {
    Status::not_found(
        "the work item is not this worker's any more: it was finished, handed out again or removed",
    )
}

/// A token that is none of this hub's.
pub(super) fn token(invalid: Invalid) -> Status {
    let code = match invalid {
        Invalid::Missing | Invalid::Malformed | Invalid::WrongSignature => Code::InvalidArgument,
        // It was somebody's: a hub that was deleted and made again, or another one.
        Invalid::WrongKey(_) | Invalid::WrongHub(_) => Code::NotFound,
    };
    Status::new(code, invalid.to_string())
}

/// An answer of a kind that does not fit its question: a defect of ours.
pub(super) fn unexpected(what: &impl std::fmt::Debug) -> Status {
    debug_assert!(false, "unexpected answer: {what:?}");
    Status::internal(format!("a defect in the server: unexpected answer {what:?}"))
}

/// Why entities are refused.
pub(super) fn no_entities() -> Status {
    Status::unimplemented("entities arrive with a later version; nothing was changed")
}

/// A status code's name, as metrics show it.
pub(super) fn code_name(code: Code) -> &'static str {
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

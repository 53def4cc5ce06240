//! What a caller is told when something is not done: the status codes that the SDKs act on.
//!
//! UNAVAILABLE makes workers connect again and back off, so it is the answer to everything that
//! may be better in a moment. The register's own code goes along as metadata, because a text may
//! be worded better one day. CANCELLED is never sent: old Python workers stop for good on it.

use engine::limits::REWIND_BYTES_MAX;
use engine::partition::effect::Refusal;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::dispatch::Invalid;
use crate::node::HubError;
use crate::observe::codes;
use crate::partition::messages::Unavailable;

/// The metadata entry with the register's code.
pub(super) const CODE: &str = "outlast-code";

/// A refusal of a kind that the register knows.
pub(super) fn coded(kind: &codes::Code, code: Code, told: impl Into<String>) -> Status {
    let mut status = Status::new(code, told);
    status.metadata_mut().insert(CODE, MetadataValue::from_static(kind.id));
    status
}

/// The caller's mistake.
pub(super) fn invalid(kind: &codes::Code, told: impl Into<String>) -> Status {
    coded(kind, Code::InvalidArgument, told)
}

/// A partition did not answer.
pub(super) fn unavailable(error: &Unavailable) -> Status {
    let (kind, code) = match error {
        Unavailable::NotLeading => (&codes::UNAVAILABLE, Code::Unavailable),
        Unavailable::Halted(_) => (&codes::PARTITION_HALTED, Code::Unavailable),
        Unavailable::DiskFull => (&codes::DISK_FULL, Code::Unavailable),
        Unavailable::Overloaded => (&codes::OVERLOADED, Code::Unavailable),
        Unavailable::Unknown => (&codes::OUTCOME_UNKNOWN, Code::Unavailable),
        Unavailable::TooLarge { .. } => (&codes::PAYLOAD_TOO_LARGE, Code::InvalidArgument),
    };
    coded(kind, code, error.to_string())
}

/// A hub cannot be used.
pub(super) fn hub(error: &HubError) -> Status {
    let (kind, code) = match error {
        HubError::NotFound(_) => (&codes::HUB_NOT_FOUND, Code::NotFound),
        HubError::Deleted(_) => (&codes::HUB_DELETED, Code::NotFound),
        HubError::Exists(_) => (&codes::HUB_EXISTS, Code::AlreadyExists),
        HubError::NotDeleted(_) => (&codes::HUB_NOT_DELETED, Code::FailedPrecondition),
        HubError::InvalidName(_) => (&codes::HUB_NAME_INVALID, Code::InvalidArgument),
        HubError::InvalidPartitions(_) => (&codes::PARAMETER_INVALID, Code::InvalidArgument),
        HubError::NotPlaced(..) | HubError::Unplaceable(..) => {
            (&codes::HUB_NOT_PLACEABLE, Code::FailedPrecondition)
        }
        HubError::Unavailable(error) => return unavailable(error),
        HubError::Open(_) => (&codes::UNAVAILABLE, Code::Unavailable),
    };
    coded(kind, code, error.to_string())
}

/// A client's command was refused.
pub(super) fn refusal(refusal: Refusal, instance: &str) -> Status {
    match refusal {
        Refusal::InstanceNotFound => {
            let told = format!("an instance with id {instance:?} was not found");
            coded(&codes::INSTANCE_NOT_FOUND, Code::NotFound, told)
        }
        Refusal::InstanceExists => {
            let told = format!("an instance with id {instance:?} already exists");
            coded(&codes::INSTANCE_EXISTS, Code::AlreadyExists, told)
        }
        Refusal::InboxFull => {
            let told = format!("the inbox of instance {instance:?} is full; the event was not kept");
            coded(&codes::INBOX_FULL, Code::ResourceExhausted, told)
        }
        Refusal::MailboxFull => {
            let told = format!("the mailbox of entity {instance:?} is full; the signal was not kept");
            coded(&codes::MAILBOX_FULL, Code::ResourceExhausted, told)
        }
        Refusal::TooManySchedules => {
            coded(&codes::SCHEDULES_FULL, Code::ResourceExhausted, "there are too many schedules")
        }
        Refusal::StaleWorkItem => stale(),
        Refusal::EpochOver => {
            coded(&codes::UNAVAILABLE, Code::Unavailable, "the partition has changed hands; try again")
        }
        Refusal::NotEnded => {
            not_allowed(&codes::INSTANCE_RUNNING, instance, "is still running", "restart under its own id")
        }
        Refusal::NotFailed => not_allowed(&codes::INSTANCE_NOT_FAILED, instance, "has not failed", "rewind"),
        Refusal::HeldLocks => not_allowed(
            &codes::REWIND_IMPOSSIBLE,
            instance,
            "failed while it held locks on entities",
            "rewind",
        ),
        Refusal::PayloadMissing => invalid(&codes::TEXT_RESERVED, text_reserved()),
        Refusal::HistoryTooLarge => {
            let why = format!("has a history of more than {REWIND_BYTES_MAX} bytes");
            not_allowed(&codes::REWIND_IMPOSSIBLE, instance, &why, "rewind")
        }
    }
}

/// Why a command is refused that names a large text nobody has brought.
pub(super) fn text_reserved() -> String {
    "a name, a reason, a status or a failure holds U+10FFFF and 72 digits, which name a large value; nothing \
     was changed"
        .to_owned()
}

/// The JavaScript SDK looks for these words.
fn not_allowed(kind: &codes::Code, instance: &str, why: &str, what: &str) -> Status {
    let told = format!("instance {instance:?} {why}: a {what} is not allowed; nothing was changed");
    coded(kind, Code::FailedPrecondition, told)
}

/// An answer to a work item that is not the worker's any more.
pub(super) fn stale() -> Status {
    coded(
        &codes::STALE_WORK_ITEM,
        Code::NotFound,
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
    coded(&codes::TOKEN_INVALID, code, invalid.to_string())
}

/// An answer of a kind that does not fit its question: a defect of ours.
pub(super) fn unexpected(what: &impl std::fmt::Debug) -> Status {
    debug_assert!(false, "unexpected answer: {what:?}");
    Status::internal(format!("a defect in the server: unexpected answer {what:?}"))
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

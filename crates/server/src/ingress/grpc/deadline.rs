//! A caller's own deadline, kept by us a moment before the transport would keep it.
//!
//! The transport ends an overdue call as CANCELLED, which SDKs take for a mistake; a deadline that has
//! passed is DEADLINE_EXCEEDED, for which they wait again or tell their caller. Not here: giving up on
//! anything by ourselves; a call without a deadline waits for as long as its caller does.

use std::future::Future;
use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataMap;

/// How much earlier than the transport we answer, if the deadline is not very short.
const EARLIER: Duration = Duration::from_millis(50);
/// The digits that the header may have.
const DIGITS_MAX: usize = 8;

/// When to answer a call with these headers at the latest.
pub(super) fn of(metadata: &MetadataMap) -> Option<Duration> {
    let asked = parse(metadata.get("grpc-timeout")?.to_str().ok()?)?;
    Some(asked.saturating_sub(EARLIER).max(asked / 2))
}

/// Waits for an answer until the deadline.
pub(super) async fn keep<T>(
    deadline: Option<Duration>,
    answer: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let Some(deadline) = deadline else { return answer.await };
    let late =
        || Status::deadline_exceeded("the call's own deadline has passed; whether it had an effect is open");
    tokio::time::timeout(deadline, answer).await.unwrap_or_else(|_| Err(late()))
}

/// `20S`: up to eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline(header: &str) -> Option<Duration> {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", header.parse().expect("printable"));
        of(&metadata)
    }

    #[test]
    fn a_deadline_is_kept_a_little_early() {
        assert_eq!(deadline("10S"), Some(Duration::from_millis(9_950)));
        assert_eq!(deadline("200m"), Some(Duration::from_millis(150)));
        assert_eq!(deadline("20m"), Some(Duration::from_millis(10)));
        assert_eq!(deadline("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600) - EARLIER));
    }

    #[test]
    fn what_is_no_deadline_is_none() {
        for header in ["", "S", "10", "123456789S", "-1S", "1x", "1 S", "+1S"] {
            assert_eq!(deadline(header), None, "{header:?}");
        }
    }

    #[tokio::test]
    async fn a_call_over_its_deadline_is_told_so() {
        let never = std::future::pending::<Result<(), Status>>();
        let told = keep(Some(Duration::from_millis(1)), never).await.expect_err("never answered");
        assert_eq!(told.code(), tonic::Code::DeadlineExceeded);
        assert!(keep(None, async { Ok(()) }).await.is_ok());
    }
}

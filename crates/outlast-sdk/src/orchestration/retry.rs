//! How often and how fast to try again.
//!
//! Not here: the trying (`call`). A policy is a value, so that one can be shared by many calls.

use std::time::Duration;

use prost_types::Timestamp;

use crate::failure::Failure;
use crate::time;

/// The number of the attempt, from 1.
pub(crate) const TAG_ATTEMPT: &str = "outlast.attempt";
/// The task id of the first attempt.
pub(crate) const TAG_FIRST_TASK: &str = "outlast.first-task";

/// How often and how fast to try again, and what for.
///
/// ```
/// # use outlast_sdk::Retry;
/// # use std::time::Duration;
/// let policy = Retry::new(5, Duration::from_millis(200))
///     .backoff(3.0)
///     .delay_max(Duration::from_secs(60))
///     .give_up_after(Duration::from_secs(600))
///     .only_if(|failure| failure.kind == "Bank::Busy");
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Retry {
    /// How many attempts there are at most, the first included; 0 counts as 1.
    pub attempts_max: u32,
    /// How long to wait before the second attempt.
    pub delay_first: Duration,
    /// By what the delay grows from attempt to attempt.
    pub backoff: f64,
    /// The longest delay.
    pub delay_max: Duration,
    /// How long after the first attempt no other begins.
    pub give_up_after: Option<Duration>,
    /// Which failures are worth another attempt.
    pub only_if: fn(&Failure) -> bool,
}

impl Retry {
    /// A policy of so many attempts, the first delay growing twofold up to one hour.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let policy = outlast_sdk::Retry::new(3, Duration::from_secs(1));
    /// assert_eq!(policy.backoff, 2.0);
    /// ```
    pub fn new(attempts_max: u32, delay_first: Duration) -> Self {
        Self {
            attempts_max,
            delay_first,
            backoff: 2.0,
            delay_max: Duration::from_secs(3600),
            give_up_after: None,
            only_if: |_| true,
        }
    }

    /// The same policy with another growth of the delay; 1 keeps it constant.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let every_second = outlast_sdk::Retry::new(10, Duration::from_secs(1)).backoff(1.0);
    /// ```
    #[must_use]
    pub fn backoff(mut self, factor: f64) -> Self {
        self.backoff = factor;
        self
    }

    /// The same policy with another longest delay.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let patient = outlast_sdk::Retry::new(99, Duration::from_secs(1)).delay_max(Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn delay_max(mut self, delay: Duration) -> Self {
        self.delay_max = delay;
        self
    }

    /// The same policy, which begins no attempt later than so long after the first.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let one_day = outlast_sdk::Retry::new(u32::MAX, Duration::from_secs(9)).give_up_after(Duration::from_secs(86_400));
    /// ```
    #[must_use]
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.give_up_after = Some(limit);
        self
    }

    /// The same policy for those failures only; the others are final.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let busy = outlast_sdk::Retry::new(5, Duration::from_secs(1)).only_if(|failure| failure.kind == "Bank::Busy");
    /// ```
    #[must_use]
    pub fn only_if(mut self, worth: fn(&Failure) -> bool) -> Self {
        self.only_if = worth;
        self
    }

    /// How long to pause after the attempt failed so, the first being 1; nothing if it was the last.
    pub(super) fn pause(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        let again = !failure.non_retriable && attempt < self.attempts_max && (self.only_if)(failure);
        again.then(|| self.delay_after(attempt))
    }

    pub(super) fn is_too_late(&self, begun: &Timestamp, next: &Timestamp) -> bool {
        let Some(limit) = self.give_up_after else { return false };
        let end = time::after(begun, limit);
        (next.seconds, next.nanos) > (end.seconds, end.nanos)
    }

    fn delay_after(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.delay_first.as_secs_f64() * self.backoff.max(1.0).powi(exponent);
        // Growth beyond what a duration holds is the longest delay too.
        Duration::try_from_secs_f64(seconds).unwrap_or(self.delay_max).min(self.delay_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_the_longest() {
        let policy = Retry::new(9, Duration::from_secs(1)).delay_max(Duration::from_secs(5));
        let delays: Vec<u64> = (1..=5).map(|attempt| policy.delay_after(attempt).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 5, 5]);
        assert_eq!(policy.delay_after(u32::MAX), Duration::from_secs(5));
    }

    #[test]
    fn a_failure_that_is_not_worth_it_is_final() {
        let policy = Retry::new(9, Duration::ZERO).only_if(|failure| failure.kind == "Busy");
        assert!(policy.pause(1, &Failure::new("Busy", "")).is_some());
        assert!(policy.pause(1, &Failure::new("Closed", "")).is_none());
        assert!(policy.pause(9, &Failure::new("Busy", "")).is_none());
        assert!(policy.pause(1, &Failure::new("Busy", "").non_retriable()).is_none());
    }
}

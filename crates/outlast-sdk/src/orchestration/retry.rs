//! Trying a failed activity again, with durable timers between the attempts.
//!
//! The server knows nothing of it: a retry is a timer and another task in history. What ties the
//! attempts together is two tags, which the worker turns into attempt number and idempotency key.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::context::{ActivityCall, Context};
use crate::failure::Failure;

/// The number of the attempt, from 1.
pub(crate) const TAG_ATTEMPT: &str = "outlast.attempt";
/// The task id of the first attempt.
pub(crate) const TAG_FIRST_TASK: &str = "outlast.first-task";

/// How often and how fast to try again.
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

impl Retry {
    /// A policy of so many attempts, the first delay growing twofold up to one hour.
    pub fn new(attempts_max: u32, delay_first: Duration) -> Self {
        Self { attempts_max, delay_first, backoff: 2.0, delay_max: Duration::from_secs(3600) }
    }

    /// The same policy with another growth of the delay; 1 keeps it constant.
    #[must_use]
    pub fn backoff(mut self, factor: f64) -> Self {
        self.backoff = factor;
        self
    }

    /// The same policy with another longest delay.
    #[must_use]
    pub fn delay_max(mut self, delay: Duration) -> Self {
        self.delay_max = delay;
        self
    }

    /// The delay after the attempt, the first being 1.
    fn delay_after(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.delay_first.as_secs_f64() * self.backoff.max(1.0).powi(exponent);
        // Growth beyond what a duration holds is the longest delay too.
        Duration::try_from_secs_f64(seconds).unwrap_or(self.delay_max).min(self.delay_max)
    }
}

/// The result of an activity that is tried until it works or the policy ends.
pub type Retrying<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

/// Makes the first attempt at once, like any call, and the others as the future is polled.
pub(super) fn activity<T: DeserializeOwned>(
    ctx: Context,
    name: String,
    input: Result<String, Failure>,
    policy: Retry,
) -> impl Future<Output = Result<T, Failure>> + use<T> {
    let tags = BTreeMap::from([(TAG_ATTEMPT.to_owned(), "1".to_owned())]);
    let first = ctx.schedule_activity(&ActivityCall { name: &name, input: &input, tags });
    let mut call = ctx.call::<T>(first);
    async move {
        let mut attempt = 1;
        loop {
            let failure = match call.await {
                Ok(output) => return Ok(output),
                Err(failure) => failure,
            };
            if failure.non_retriable || attempt >= policy.attempts_max {
                return Err(failure);
            }
            ctx.timer(policy.delay_after(attempt)).await;
            attempt += 1;
            let tags = BTreeMap::from([
                (TAG_ATTEMPT.to_owned(), attempt.to_string()),
                (TAG_FIRST_TASK.to_owned(), first.to_string()),
            ]);
            call = ctx.call(ctx.schedule_activity(&ActivityCall { name: &name, input: &input, tags }));
        }
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
}

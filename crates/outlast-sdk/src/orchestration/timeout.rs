//! Waiting for something, but not for ever.
//!
//! The limit is a durable timer beside the future; nothing is cancelled when it fires, because what the
//! server has begun it finishes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use super::future::Timer;
use crate::failure::Failure;

/// The future of [`Context::timeout`](crate::Context::timeout).
#[derive(Debug)]
#[must_use = "the timer runs, but only awaiting it waits"]
pub struct Timeout<F> {
    future: Pin<Box<F>>,
    timer: Timer,
}

impl<F: Future> Timeout<F> {
    pub(super) fn new(future: F, timer: Timer) -> Self {
        Self { future: Box::pin(future), timer }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.future.as_mut().poll(poller) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut self.timer).poll(poller).map(|()| Err(Elapsed))
    }
}

/// The time has passed before what was waited for.
///
/// ```
/// # use outlast_sdk::{Context, Failure};
/// # use std::time::Duration;
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// let paid = ctx.wait_event::<u64>("paid");
/// let cents = ctx.timeout(Duration::from_secs(60), paid).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the time has passed before what was waited for")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for Failure {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(crate::failure::ELAPSED, elapsed.to_string())
    }
}

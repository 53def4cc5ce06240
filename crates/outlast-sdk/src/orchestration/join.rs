//! Waiting for all of several futures, or for the first of two.
//!
//! Nothing here knows orchestrations: these poll in a fixed order, which is all that determinism needs.
//! The macros and combinators of the `futures` crate work as well.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

/// Which of two futures was first, with its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first argument was first, or both were ready.
    First(A),
    /// The second argument was first.
    Second(B),
}

/// Waits for all and gives their outputs in the order of the arguments.
pub fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> All<F> {
    All { members: futures.into_iter().map(|future| Member::Waiting(Box::pin(future))).collect() }
}

/// Waits for the first of two; the other is dropped.
pub fn select2<A: Future, B: Future>(first: A, second: B) -> Select2<A, B> {
    Select2 { first: Box::pin(first), second: Box::pin(second) }
}

enum Member<F: Future> {
    Waiting(Pin<Box<F>>),
    Ready(Option<F::Output>),
}

/// The future of [`all`].
#[must_use = "futures do nothing unless awaited"]
pub struct All<F: Future> {
    members: Vec<Member<F>>,
}

impl<F: Future> fmt::Debug for All<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("All").field("members", &self.members.len()).finish()
    }
}

// The members are boxed, so moving this moves no future.
impl<F: Future> Unpin for All<F> {}

impl<F: Future> Future for All<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let mut waiting = false;
        for member in &mut self.members {
            if let Member::Waiting(future) = member {
                match future.as_mut().poll(poller) {
                    Poll::Ready(output) => *member = Member::Ready(Some(output)),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            return Poll::Pending;
        }
        let outputs = self.members.iter_mut().filter_map(|member| match member {
            Member::Waiting(_) => None,
            Member::Ready(output) => output.take(),
        });
        Poll::Ready(outputs.collect())
    }
}

/// The future of [`select2`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Select2<A, B> {
    first: Pin<Box<A>>,
    second: Pin<Box<B>>,
}

impl<A: Future, B: Future> Future for Select2<A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.first.as_mut().poll(poller) {
            return Poll::Ready(Either::First(output));
        }
        self.second.as_mut().poll(poller).map(Either::Second)
    }
}

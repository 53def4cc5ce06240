//! Waiting for all of several futures, or for the first.
//!
//! Nothing here knows orchestrations: these poll in a fixed order, which is all that determinism needs.
//! Macros and combinators of other crates work as well, as long as they draw no lots: `tokio::join!`,
//! `futures::join!`, `select_biased!`, and `tokio::select!` that begins with `biased;`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

/// Which of two futures was first, with its output: see [`select2`].
///
/// ```
/// # use outlast_sdk::Either;
/// let who: Either<&str, u32> = Either::First("ann");
/// assert_eq!(who, Either::First("ann"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first argument was first, or both were ready.
    First(A),
    /// The second argument was first.
    Second(B),
}

/// Waits for all and gives their outputs in the order of the arguments.
///
/// ```
/// # use outlast_sdk::{activity, all, ActivityContext, Context, Failure};
/// # #[activity]
/// # async fn resize(_: ActivityContext, page: u32) -> Result<u32, Failure> { Ok(page) }
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// let pages = all((1..=9).map(|page| ctx.call(resize, page))).await;
/// let pages = pages.into_iter().collect::<Result<Vec<u32>, _>>()?;
/// # Ok(())
/// # }
/// ```
pub fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> All<F> {
    All { members: futures.into_iter().map(|future| Member::Waiting(Box::pin(future))).collect() }
}

/// Waits for the first of any number, and says which it was; the others are dropped.
///
/// ```
/// # use outlast_sdk::{activity, first, ActivityContext, Context, Failure};
/// # #[activity]
/// # async fn ask(_: ActivityContext, mirror: String) -> Result<String, Failure> { Ok(mirror) }
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// let mirrors = ["north", "south"];
/// let (number, answer) = first(mirrors.map(|mirror| ctx.call(ask, mirror))).await;
/// println!("{} answered {}", mirrors[number], answer?);
/// # Ok(())
/// # }
/// ```
///
/// Of no futures at all none is ever the first.
pub fn first<F: Future>(futures: impl IntoIterator<Item = F>) -> First<F> {
    First { members: futures.into_iter().map(Box::pin).collect() }
}

/// Waits for the first of two; the other is dropped.
///
/// ```
/// # use outlast_sdk::{select2, Context, Either, Failure};
/// # use std::time::Duration;
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// let answer = ctx.wait_event::<String>("answer");
/// match select2(answer, ctx.timer(Duration::from_secs(60))).await {
///     Either::First(answer) => println!("{}", answer?),
///     Either::Second(()) => println!("nobody answered"),
/// }
/// # Ok(())
/// # }
/// ```
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

/// The future of [`first`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct First<F> {
    members: Vec<Pin<Box<F>>>,
}

impl<F: Future> Future for First<F> {
    type Output = (usize, F::Output);

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        for (number, member) in self.members.iter_mut().enumerate() {
            if let Poll::Ready(output) = member.as_mut().poll(poller) {
                return Poll::Ready((number, output));
            }
        }
        Poll::Pending
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

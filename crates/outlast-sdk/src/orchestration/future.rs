//! What an orchestration waits for: a task's end, a timer, an external event.
//!
//! These are ordinary futures; joining and selecting over them is deterministic because the replay
//! completes them one at a time, in the order of history, on one thread.

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Poller, Poll};

use serde::de::DeserializeOwned;

use super::turn::Turn;
use crate::failure::Failure;
use crate::value;

/// One scheduled task of which nobody has taken the result.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) turn: Rc<RefCell<Turn>>,
    pub(super) id: i32,
}

impl Task {
    pub(super) fn poll(&self, poller: &Poller<'_>) -> Poll<Result<Option<String>, Failure>> {
        // A replaced waker is dropped only when the borrow has ended.
        let taken = self.turn.borrow_mut().take_or_wait(self.id, poller.waker());
        taken.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let waker = self.turn.borrow_mut().forget(self.id);
        drop(waker);
    }
}

/// A durable timer that has not been waited for to the end: [`Context::timer`](crate::Context::timer).
///
/// ```
/// # use outlast_sdk::{Context, Either, select2};
/// # use std::time::Duration;
/// # async fn example(ctx: Context) {
/// let (short, long) = (ctx.timer(Duration::from_secs(1)), ctx.timer(Duration::from_secs(9)));
/// assert!(matches!(select2(long, short).await, Either::Second(())));
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the timer runs, but only awaiting it waits"]
pub struct Timer {
    task: Task,
}

impl Timer {
    pub(super) fn new(turn: Rc<RefCell<Turn>>, id: i32) -> Self {
        Self { task: Task { turn, id } }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        self.task.poll(poller).map(|_| ())
    }
}

/// An external event that has not been received: [`Context::wait_event`](crate::Context::wait_event).
///
/// An event belongs to whoever polls first once it is there; dropping this leaves it to the next.
///
/// ```
/// # use outlast_sdk::{Context, Failure};
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// let mut total = 0;
/// while total < 100 {
///     total += ctx.wait_event::<u64>("paid").await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "only awaiting it waits"]
pub struct WaitEvent<T> {
    turn: Rc<RefCell<Turn>>,
    /// In lower case.
    name: String,
    waiter: u64,
    value: PhantomData<fn() -> T>,
}

impl<T> WaitEvent<T> {
    pub(super) fn new(turn: Rc<RefCell<Turn>>, name: &str) -> Self {
        let waiter = turn.borrow_mut().new_waiter();
        Self { turn, name: name.to_lowercase(), waiter, value: PhantomData }
    }
}

impl<T: DeserializeOwned> Future for WaitEvent<T> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let mut turn = self.turn.borrow_mut();
        let (taken, waker) = match turn.take_event(&self.name) {
            Some(data) => (Poll::Ready(data), turn.stop_waiting(self.waiter)),
            None => (Poll::Pending, turn.wait_for(self.waiter, &self.name, poller.waker())),
        };
        drop(turn);
        drop(waker);
        taken.map(|data| Ok(value::read(data.as_deref())?))
    }
}

impl<T> Drop for WaitEvent<T> {
    fn drop(&mut self) {
        let waker = self.turn.borrow_mut().stop_waiting(self.waiter);
        drop(waker);
    }
}

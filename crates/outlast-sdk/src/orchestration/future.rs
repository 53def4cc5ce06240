//! What an orchestration waits for: results of calls, timers, external events.
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
struct Task {
    turn: Rc<RefCell<Turn>>,
    id: i32,
}

impl Task {
    fn poll(&self, poller: &Poller<'_>) -> Poll<Result<Option<String>, Failure>> {
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

/// The result of an activity or sub-orchestration, when it has one.
#[derive(Debug)]
#[must_use = "the call has been made, but only awaiting it gives its result"]
pub struct Call<T> {
    task: Task,
    value: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    pub(super) fn new(turn: Rc<RefCell<Turn>>, id: i32) -> Self {
        Self { task: Task { turn, id }, value: PhantomData }
    }

    /// The number of this task within its execution; the first is 1.
    pub fn task_id(&self) -> i32 {
        self.task.id
    }
}

impl<T: DeserializeOwned> Future for Call<T> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.task.poll(poller).map(|result| Ok(value::read(result?.as_deref())?))
    }
}

/// A durable timer that has not been waited for to the end.
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

/// An external event that has not been received.
///
/// An event belongs to whoever polls first once it is there; dropping this leaves it to the next.
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

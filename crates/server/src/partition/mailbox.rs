//! The one door into a runner thread: many senders, one receiver that takes everything at once.
//!
//! Senders never block, since runner threads send to each other. Limits are kept where work is
//! admitted (`Admission`): what is already inside may always be answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug)]
struct Inside<T> {
    queue: Mutex<Queue<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct Queue<T> {
    items: Vec<T>,
    receiver_waits: bool,
}

/// A sender's handle.
#[derive(Debug)]
pub struct Mailbox<T>(Arc<Inside<T>>);

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self(Arc::new(Inside {
            queue: Mutex::new(Queue { items: Vec::new(), receiver_waits: false }),
            filled: Condvar::new(),
        }))
    }
}

impl<T> Mailbox<T> {
    /// Adds an item; wakes the receiver if it waits.
    pub fn send(&self, item: T) {
        let wake = {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.items.push(item);
            std::mem::take(&mut queue.receiver_waits)
        };
        if wake {
            self.0.filled.notify_one();
        }
    }

    /// Moves everything into `into` (which must be empty), waiting at most `patience` for a first
    /// item; `None` waits as long as it takes. Who has mail is not asked for patience.
    pub fn receive(&self, into: &mut Vec<T>, patience: impl Fn() -> Option<Duration>) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.items.is_empty() {
            queue.receiver_waits = true;
            match patience() {
                None => queue = self.0.filled.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (back, _) =
                        self.0.filled.wait_timeout(queue, patience).unwrap_or_else(PoisonError::into_inner);
                    queue = back;
                    break;
                }
            }
        }
        queue.receiver_waits = false;
        std::mem::swap(&mut queue.items, into);
    }

    /// [`Self::receive`], which calls `calm` once where nothing comes for a moment. `patience` is what
    /// is left of it whenever it is asked.
    pub fn receive_calmly(&self, into: &mut Vec<T>, patience: impl Fn() -> Option<Duration>, calm: fn()) {
        self.receive(into, || Some(patience().map_or(CALM_AFTER, |left| left.min(CALM_AFTER))));
        if into.is_empty() && patience() != Some(Duration::ZERO) {
            calm();
            self.receive(into, patience);
        }
    }
}

/// How long a thread has nothing to do before it is calm.
const CALM_AFTER: Duration = Duration::from_millis(500);

/// How many requests may be inside a partition at once; the rest is told to come back.
#[derive(Debug, Clone)]
pub struct Admission {
    inside: Arc<AtomicUsize>,
    max: usize,
}

/// One admitted request; leaving is dropping.
#[derive(Debug)]
pub struct Admitted(Arc<AtomicUsize>);

impl Admission {
    /// Lets at most `max` in.
    pub fn new(max: usize) -> Self {
        Self { inside: Arc::new(AtomicUsize::new(0)), max }
    }

    /// How many are in.
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// A place, or `None` where all are taken.
    pub fn enter(&self) -> Option<Admitted> {
        if self.inside.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Admitted(Arc::clone(&self.inside)))
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_takes_everything_in_order() {
        let mailbox = Mailbox::default();
        mailbox.send(1);
        mailbox.send(2);
        let mut items = Vec::new();
        mailbox.receive(&mut items, || None);
        assert_eq!(items, [1, 2]);
    }

    #[test]
    fn a_receiver_that_nothing_comes_for_is_calm_once_and_goes_on_waiting() {
        static CALM: AtomicUsize = AtomicUsize::new(0);
        let mailbox = Mailbox::default();
        let sender = mailbox.clone();
        let thread = std::thread::spawn(move || {
            while CALM.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            sender.send(7);
        });
        let mut items = Vec::new();
        let calm = || {
            CALM.fetch_add(1, Ordering::SeqCst);
        };
        mailbox.receive_calmly(&mut items, || None, calm);
        assert_eq!((items, CALM.load(Ordering::SeqCst)), (vec![7], 1));
        thread.join().expect("the sender does not panic");
    }

    #[test]
    fn a_waiting_receiver_is_woken_by_another_thread() {
        let mailbox = Mailbox::default();
        let sender = mailbox.clone();
        let thread = std::thread::spawn(move || sender.send(7));
        let mut items = Vec::new();
        mailbox.receive(&mut items, || None);
        assert_eq!(items, [7]);
        thread.join().expect("the sender does not panic");
    }

    #[test]
    fn a_full_house_admits_nobody_until_someone_leaves() {
        let admission = Admission::new(1);
        let first = admission.enter();
        assert!(first.is_some());
        assert!(admission.enter().is_none());
        drop(first);
        assert!(admission.enter().is_some());
    }
}

//! Waiting for an instance to change: pushed, never polled, and free when nobody waits.
//!
//! A change that nobody waits for is forgotten at once. Not here: what has changed; whoever is woken
//! reads the instance, and that answer is the truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::id::InstanceId;
use engine::partition::StatusName;
use tokio::sync::Notify;

/// Everybody who waits on some instance of one hub.
#[derive(Debug, Clone, Default)]
pub struct Watchers(Arc<Mutex<BTreeMap<InstanceId, Vec<Waiter>>>>);

/// What is waited for. Whoever waits for the end is not woken on the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Any change of the status.
    Changed,
    /// A status that is final, or that the instance is gone.
    Ended,
}

#[derive(Debug)]
struct Waiter {
    until: Until,
    notify: Arc<Notify>,
}

/// One who waits. Register first, then read the instance, then wait: a change in between is not lost.
#[derive(Debug)]
pub struct Watch {
    watchers: Watchers,
    instance: InstanceId,
    notify: Arc<Notify>,
}

impl Watchers {
    /// Registers.
    pub fn watch(&self, instance: &InstanceId, until: Until) -> Watch {
        let notify = Arc::new(Notify::new());
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.entry(instance.clone()).or_default().push(Waiter { until, notify: Arc::clone(&notify) });
        Watch { watchers: self.clone(), instance: instance.clone(), notify }
    }

    /// Wakes those who wait for this status of an instance; `None`: it is gone.
    pub fn changed(&self, instance: &InstanceId, status: Option<StatusName>) {
        let ended = status.is_none_or(StatusName::is_terminal);
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = inside.get(instance).into_iter().flatten();
        waiting.filter(|waiter| ended || waiter.until == Until::Changed).for_each(Waiter::wake);
    }

    /// Wakes everybody: a new leader may have missed changes.
    pub fn changed_all(&self) {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.values().flatten().for_each(Waiter::wake);
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }
}

impl Waiter {
    fn wake(&self) {
        self.notify.notify_one();
    }
}

impl Watch {
    /// Returns once the instance has changed since registration or the last return.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut inside = self.watchers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = inside.get_mut(&self.instance) {
            waiting.retain(|other| !Arc::ptr_eq(&other.notify, &self.notify));
            if waiting.is_empty() {
                inside.remove(&self.instance);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_woken(watch: &Watch) -> bool {
        let changed = pin!(watch.changed());
        changed.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn who_waits_for_the_end_is_woken_by_nothing_else() {
        let watchers = Watchers::default();
        let id = InstanceId::parse("order-1").expect("an id");
        let (change, end) = (watchers.watch(&id, Until::Changed), watchers.watch(&id, Until::Ended));
        watchers.changed(&id, Some(StatusName::Running));
        assert_eq!((is_woken(&change), is_woken(&end)), (true, false));
        for status in [Some(StatusName::Failed), None] {
            watchers.changed(&id, status);
            assert_eq!((is_woken(&change), is_woken(&end)), (true, true), "{status:?}");
        }
        watchers.changed_all();
        assert!(is_woken(&end), "a new leader may have missed the end");
        drop((change, end));
        assert_eq!(watchers.count(), 0);
    }
}

//! Waiting for an instance to change: pushed, never polled, and free when nobody waits.
//!
//! A change that nobody waits for is forgotten at once. Not here: what has changed; whoever is woken
//! reads the instance, and that answer is the truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::id::InstanceId;
use tokio::sync::Notify;

/// Everybody who waits on some instance of one hub.
#[derive(Debug, Clone, Default)]
pub struct Watchers(Arc<Mutex<BTreeMap<InstanceId, Vec<Arc<Notify>>>>>);

/// One who waits. Register first, then read the instance, then wait: a change in between is not lost.
#[derive(Debug)]
pub struct Watch {
    watchers: Watchers,
    instance: InstanceId,
    notify: Arc<Notify>,
}

impl Watchers {
    /// Registers.
    pub fn watch(&self, instance: &InstanceId) -> Watch {
        let notify = Arc::new(Notify::new());
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.entry(instance.clone()).or_default().push(Arc::clone(&notify));
        Watch { watchers: self.clone(), instance: instance.clone(), notify }
    }

    /// Wakes those who wait on this instance.
    pub fn changed(&self, instance: &InstanceId) {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for notify in inside.get(instance).into_iter().flatten() {
            notify.notify_one();
        }
    }

    /// Wakes everybody: a new leader may have missed changes.
    pub fn changed_all(&self) {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for notify in inside.values().flatten() {
            notify.notify_one();
        }
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
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
            waiting.retain(|other| !Arc::ptr_eq(other, &self.notify));
            if waiting.is_empty() {
                inside.remove(&self.instance);
            }
        }
    }
}

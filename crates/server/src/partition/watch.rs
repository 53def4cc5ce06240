//! Waiting for an instance to change: pushed, never polled, and free when nobody waits.
//!
//! A change that nobody waits for is forgotten at once. Not here: what has changed; whoever is woken
//! reads the instance, and that answer is the truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::id::{InstanceId, NodeId};
use engine::partition::StatusName;
use tokio::sync::Notify;

/// Everybody who waits on some instance of one hub, here or through another node.
#[derive(Debug, Clone)]
pub struct Watchers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<BTreeMap<InstanceId, Vec<Waiter>>>,
    away: Box<dyn Away>,
}

/// The other nodes. Called while somebody holds the lock of all who wait: implementations only post.
pub trait Away: Send + Sync + std::fmt::Debug {
    /// Somebody waits here: tell the node that leads, if another does.
    fn watch(&self, instance: &InstanceId, until: Until);
    /// Nobody waits here any more.
    fn unwatch(&self, instance: &InstanceId);
    /// Somebody waits on that node for what has happened here.
    fn changed(&self, node: NodeId, instance: &InstanceId, ended: bool);
}

/// What is waited for. Whoever waits for the end is not woken on the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Any change of the status.
    Changed,
    /// A status that is final, or that the instance is gone.
    Ended,
}

impl Until {
    fn covers(self, other: Self) -> bool {
        self == Self::Changed || other == Self::Ended
    }
}

/// Instances that others wait on here. What comes on top is told at once that something has changed.
const AWAY_MAX: usize = 1 << 20;

#[derive(Debug)]
struct Waiter {
    until: Until,
    who: Who,
}

#[derive(Debug)]
enum Who {
    Here(Arc<Notify>),
    /// Those who wait on another node.
    There(NodeId),
}

/// One who waits. Register first, then read the instance, then wait: a change in between is not lost.
#[derive(Debug)]
pub struct Watch {
    watchers: Watchers,
    instance: InstanceId,
    notify: Arc<Notify>,
}

impl Watchers {
    /// Nobody yet.
    pub fn new(away: impl Away + 'static) -> Self {
        Self(Arc::new(Shared { waiting: Mutex::default(), away: Box::new(away) }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Vec<Waiter>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers.
    pub fn watch(&self, instance: &InstanceId, until: Until) -> Watch {
        let notify = Arc::new(Notify::new());
        let mut inside = self.lock();
        let waiting = inside.entry(instance.clone()).or_default();
        let is_told = here(waiting).any(|(of, _)| of.covers(until));
        waiting.push(Waiter { until, who: Who::Here(Arc::clone(&notify)) });
        if !is_told {
            self.0.away.watch(instance, until);
        }
        Watch { watchers: self.clone(), instance: instance.clone(), notify }
    }

    /// Registers those who wait on another node, instead of what it has said before.
    pub fn watch_from(&self, node: NodeId, instance: &InstanceId, until: Until) {
        let mut inside = self.lock();
        if inside.len() >= AWAY_MAX && !inside.contains_key(instance) {
            return self.0.away.changed(node, instance, true);
        }
        let waiting = inside.entry(instance.clone()).or_default();
        waiting.retain(|waiter| !waiter.is_at(node));
        waiting.push(Waiter { until, who: Who::There(node) });
    }

    /// Nobody waits on that node any more.
    pub fn unwatch_from(&self, node: NodeId, instance: &InstanceId) {
        leave(&mut self.lock(), instance, |waiter| waiter.is_at(node));
    }

    /// A node is not heard any more.
    pub fn lost(&self, node: NodeId) {
        self.lock().retain(|_, waiting| {
            waiting.retain(|waiter| !waiter.is_at(node));
            !waiting.is_empty()
        });
    }

    /// What happens to these instances is not heard of here any more: other nodes ask elsewhere.
    pub fn not_led(&self, which: impl Fn(&InstanceId) -> bool) {
        self.lock().retain(|instance, waiting| {
            if which(instance) {
                waiting.retain(|waiter| matches!(waiter.who, Who::Here(_)));
            }
            !waiting.is_empty()
        });
    }

    /// These instances are led by others than before: those who wait here wait there, and read again.
    pub fn moved(&self, which: impl Fn(&InstanceId) -> bool) {
        for (instance, waiting) in self.lock().iter().filter(|(instance, _)| which(instance)) {
            let all = || here(waiting).map(|(until, _)| until);
            let until =
                if all().any(|until| until == Until::Changed) { Until::Changed } else { Until::Ended };
            if all().next().is_some() {
                self.0.away.watch(instance, until);
            }
            here(waiting).for_each(|(_, notify)| notify.notify_one());
        }
    }

    /// Wakes those who wait for this status of an instance; `None`: it is gone.
    pub fn changed(&self, instance: &InstanceId, status: Option<StatusName>) {
        let ended = status.is_none_or(StatusName::is_terminal);
        let inside = self.lock();
        for waiter in inside.get(instance).into_iter().flatten() {
            match &waiter.who {
                _ if !ended && waiter.until == Until::Ended => {}
                Who::Here(notify) => notify.notify_one(),
                Who::There(node) => self.0.away.changed(*node, instance, ended),
            }
        }
    }

    /// Another node says that an instance has changed: wakes those who wait here.
    pub fn wake(&self, instance: &InstanceId, ended: bool) {
        let inside = self.lock();
        let waiting = inside.get(instance).into_iter().flat_map(|waiting| here(waiting));
        waiting.filter(|(until, _)| ended || *until == Until::Changed).for_each(|(_, of)| of.notify_one());
    }

    /// Wakes everybody here: a new leader may have missed changes.
    pub fn changed_all(&self) {
        let inside = self.lock();
        inside.values().flat_map(|waiting| here(waiting)).for_each(|(_, notify)| notify.notify_one());
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }
}

/// Those who wait here.
fn here(waiting: &[Waiter]) -> impl Iterator<Item = (Until, &Notify)> {
    waiting.iter().filter_map(|waiter| match &waiter.who {
        Who::Here(notify) => Some((waiter.until, notify.as_ref())),
        Who::There(_) => None,
    })
}

/// Takes somebody out; whether somebody here still waits.
fn leave(
    inside: &mut BTreeMap<InstanceId, Vec<Waiter>>,
    instance: &InstanceId,
    leaves: impl Fn(&Waiter) -> bool,
) -> bool {
    let Some(waiting) = inside.get_mut(instance) else { return false };
    waiting.retain(|waiter| !leaves(waiter));
    let stays = here(waiting).next().is_some();
    if waiting.is_empty() {
        inside.remove(instance);
    }
    stays
}

impl Waiter {
    fn is_at(&self, node: NodeId) -> bool {
        matches!(self.who, Who::There(of) if of == node)
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
        let mut inside = self.watchers.lock();
        let is_this = |waiter: &Waiter| match &waiter.who {
            Who::Here(notify) => Arc::ptr_eq(notify, &self.notify),
            Who::There(_) => false,
        };
        if !leave(&mut inside, &self.instance, is_this) {
            self.watchers.0.away.unwatch(&self.instance);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// What other nodes were told.
    #[derive(Debug, Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Told {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().expect("no panic"))
        }

        fn put(&self, what: String) {
            self.0.lock().expect("no panic").push(what);
        }
    }

    impl Away for Told {
        fn watch(&self, instance: &InstanceId, until: Until) {
            self.put(format!("watch {instance} {until:?}"));
        }

        fn unwatch(&self, instance: &InstanceId) {
            self.put(format!("unwatch {instance}"));
        }

        fn changed(&self, node: NodeId, instance: &InstanceId, ended: bool) {
            self.put(format!("{node}: {instance} {ended}"));
        }
    }

    fn is_woken(watch: &Watch) -> bool {
        let changed = pin!(watch.changed());
        changed.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn who_waits_for_the_end_is_woken_by_nothing_else() {
        let watchers = Watchers::new(Told::default());
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

    #[test]
    fn the_node_that_leads_is_told_once_however_many_wait() {
        let told = Told::default();
        let watchers = Watchers::new(told.clone());
        let id = InstanceId::parse("a").expect("an id");
        let ends = [watchers.watch(&id, Until::Ended), watchers.watch(&id, Until::Ended)];
        assert_eq!(told.take(), ["watch a Ended"]);
        let change = watchers.watch(&id, Until::Changed);
        assert_eq!(told.take(), ["watch a Changed"], "that is more than was asked for");
        watchers.moved(|_| true);
        assert_eq!(told.take(), ["watch a Changed"]);
        assert!(is_woken(&change) && ends.iter().all(is_woken), "all read again");
        watchers.wake(&id, false);
        assert_eq!((is_woken(&change), is_woken(&ends[0])), (true, false));
        drop((ends, change));
        assert_eq!(told.take(), ["unwatch a"]);
    }

    #[test]
    fn nodes_are_told_of_what_they_wait_for_until_they_are_gone() {
        let told = Told::default();
        let watchers = Watchers::new(told.clone());
        let [a, b] = ["a", "b"].map(|id| InstanceId::parse(id).expect("an id"));
        watchers.watch_from(NodeId(2), &a, Until::Ended);
        watchers.watch_from(NodeId(2), &a, Until::Ended);
        watchers.watch_from(NodeId(3), &a, Until::Changed);
        watchers.watch_from(NodeId(3), &b, Until::Changed);
        watchers.changed(&a, Some(StatusName::Running));
        assert_eq!(told.take(), ["3: a false"]);
        watchers.changed(&a, None);
        assert_eq!(told.take(), ["2: a true", "3: a true"]);
        watchers.unwatch_from(NodeId(2), &a);
        watchers.not_led(|instance| *instance == b);
        watchers.changed(&a, None);
        watchers.changed(&b, None);
        assert_eq!(told.take(), ["3: a true"]);
        watchers.lost(NodeId(3));
        assert_eq!((watchers.count(), told.take().len()), (0, 0));
    }
}

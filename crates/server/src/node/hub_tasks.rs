//! One task for each hub that is open here, and for each partition that is led here, for as long.
//!
//! Not here: what such a task does (`events`, `schedules`).

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::id::HubId;
use tokio::task::{AbortHandle, JoinSet};

use super::{Hub, Node};
use crate::peers::route::Route;

/// Runs `task` while this node leads a partition: it is begun with each leadership and dropped with its
/// end. Returns when it does.
pub(crate) async fn while_led_here<T: Future<Output = ()>>(route: Route, mut task: impl FnMut() -> T) {
    loop {
        route.until_here(true).await;
        tokio::select! {
            biased;
            () = route.until_here(false) => {}
            () = task() => return,
        }
    }
}

/// Runs `task` for each open hub until `stop`. One that ends is begun again with the next hub that
/// opens, closes or whose task ends; the task of a hub that is closed is aborted.
pub(crate) async fn for_each_open_hub<T>(
    node: &Node,
    stop: impl Future<Output = ()>,
    mut task: impl FnMut(Arc<Hub>) -> T,
) where
    T: Future<Output = ()> + Send + 'static,
{
    let mut hubs: BTreeMap<HubId, AbortHandle> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    let mut changes = node.hub_changes();
    let mut stop = std::pin::pin!(stop);
    loop {
        let open = node.open_hub_list();
        hubs.retain(|id, task| {
            let stays = open.iter().any(|hub| hub.id() == *id) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        for hub in open {
            hubs.entry(hub.id()).or_insert_with(|| tasks.spawn(task(hub)));
        }
        tokio::select! {
            biased;
            () = &mut stop => return,
            _ended = tasks.join_next(), if !tasks.is_empty() => {}
            _changed = changes.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::id::{Epoch, PartitionId};
    use tokio::sync::mpsc;

    use super::*;
    use crate::partition::address::Address;
    use crate::partition::mailbox::Mailbox;
    use crate::peers::gateway::Gateway;
    use crate::peers::route::Lead;

    #[tokio::test]
    async fn a_partitions_task_begins_and_ends_with_its_leadership() {
        let gateway = Gateway::alone();
        let key = (HubId(1), PartitionId(0));
        let (begun, mut begins) = mpsc::channel::<Arc<()>>(4);
        let task = move || {
            let begun = begun.clone();
            async move {
                let here = Arc::new(());
                begun.send(Arc::clone(&here)).await.expect("somebody listens");
                std::future::pending::<()>().await;
                drop(here);
            }
        };
        let running = tokio::spawn(while_led_here(gateway.route(key), task));
        let lead = Lead::new(key, Address::new(Mailbox::default(), 1), gateway);
        for term in 1..3 {
            assert!(begins.try_recv().is_err(), "it is not led here");
            lead.begins(Epoch { term, ..Epoch::default() });
            let here = begins.recv().await.expect("it begins");
            lead.ended();
            while Arc::strong_count(&here) > 1 {
                tokio::task::yield_now().await;
            }
        }
        running.abort();
    }
}

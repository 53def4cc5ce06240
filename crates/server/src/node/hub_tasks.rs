//! One task for each hub that is open here, for as long as it is open.
//!
//! Not here: what such a task does (`events`, `schedules`).

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::id::HubId;
use tokio::task::{AbortHandle, JoinSet};

use super::{Hub, Node};

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

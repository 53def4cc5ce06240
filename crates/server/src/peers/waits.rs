//! Waiting for instances whose partition is led elsewhere.
//!
//! Whoever waits here is registered at the leader's node, once however many wait; a change comes back
//! as a frame. With another leader it is registered again, and everybody reads again. Not here: who
//! waits (`partition::watch`).

use std::sync::Arc;

use engine::id::{HubId, InstanceId, NodeId};

use super::frame::{Changed, Kind, Unwatch, Watch};
use super::gateway::Gateway;
use super::route::Route;
use crate::partition::watch::{Away, Until};

/// The other nodes, for those who wait in one hub.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    hub: HubId,
    routes: Arc<[Route]>,
    gateway: Arc<Gateway>,
}

impl Elsewhere {
    pub(crate) fn new(hub: HubId, routes: Arc<[Route]>, gateway: Arc<Gateway>) -> Self {
        Self { hub, routes, gateway }
    }

    fn leader(&self, instance: &InstanceId) -> Option<NodeId> {
        let count = u32::try_from(self.routes.len()).unwrap_or(u32::MAX);
        let index = usize::try_from(instance.partition(count).0).ok()?;
        self.routes.get(index)?.is_at()
    }
}

impl Away for Elsewhere {
    fn watch(&self, instance: &InstanceId, until: Until) {
        if let Some(node) = self.leader(instance) {
            let instance = instance.as_str().to_owned();
            let until_ended = until == Until::Ended;
            self.gateway.send(node, Kind::Watch(Watch { hub: self.hub.0, instance, until_ended }));
        }
    }

    fn unwatch(&self, instance: &InstanceId) {
        if let Some(node) = self.leader(instance) {
            let instance = instance.as_str().to_owned();
            self.gateway.send(node, Kind::Unwatch(Unwatch { hub: self.hub.0, instance }));
        }
    }

    fn changed(&self, node: NodeId, instance: &InstanceId, ended: bool) {
        let instance = instance.as_str().to_owned();
        self.gateway.send(node, Kind::Changed(Changed { hub: self.hub.0, instance, ended }));
    }
}

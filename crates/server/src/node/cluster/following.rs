//! Keeps a node as the catalog says: which nodes it knows, which hubs are open here, which replicas
//! are here, who else should take part in their groups.
//!
//! The catalog is asked again when somebody says that it has changed, and now and then in any case.
//! Nothing is undone because it cannot be asked: what runs goes on. Not here: deciding where replicas
//! should be (`placing`), changing members (`partition`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::{self, HubView, Mode, PlacementView, RegisterNode};
use engine::id::{HubId, NodeId, PartitionId};
use replication::ReplicaId;

use crate::node::hub::mismatch;
use crate::node::layout::Layout;
use crate::node::opening::{CATALOG, Seated};
use crate::node::{HubError, Node, StartError};
use crate::observe::codes;
use crate::partition::machine::Machine;
use crate::partition::messages::{Answer, Event, Question, Unavailable};

/// How often the catalog is asked although nobody said that it has changed.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);
/// After a failure it is asked again sooner.
const AGAIN: Duration = Duration::from_millis(200);

/// Keeps the node as the catalog says until `stop`. `about` is what the node says of itself, where it
/// has something to say.
pub async fn run(node: Arc<Node>, about: Option<RegisterNode>, stop: impl Future<Output = ()>) {
    let moved = Arc::clone(&node.hearing.moved);
    let following = async {
        loop {
            let pause = match node.follow(about.as_ref()).await {
                Ok(()) => FOLLOW_EVERY,
                Err(why) => {
                    tracing::debug!(%why, "the catalog cannot be followed now");
                    AGAIN
                }
            };
            // Either way it is asked again.
            drop(tokio::time::timeout(pause, moved.notified()).await);
        }
    };
    tokio::select! {
        biased;
        () = stop => {}
        () = following => {}
    }
}

impl Node {
    /// Waits until the catalog's first replica leads, where this is the node that has it: then it is
    /// durable.
    pub(crate) async fn has_founded(&self) -> Result<(), StartError> {
        if self.seats.get(CATALOG, PartitionId(0)).is_some() {
            self.catalog.route.leads().await.map_err(StartError::Catalog)?;
        }
        Ok(())
    }

    /// One look at the catalog, and everything that follows from it.
    async fn follow(self: &Arc<Self>, about: Option<&RegisterNode>) -> Result<(), HubError> {
        // What is here already was created before the catalog is read: what that lacks is gone.
        let here = self.hubs_here();
        let layout = self.layout().await?;
        if let Some(about) = about {
            self.say_who(&layout, about).await?;
        }
        self.seat(&layout, CATALOG, Machine::Catalog, None);
        // First: another hub may have the name by now.
        for gone in here.into_iter().filter(|here| layout.hubs.iter().all(|hub| hub.id != *here)) {
            self.drop_hub(gone).await;
        }
        for hub in &layout.hubs {
            self.follow_hub(&layout, hub).await?;
        }
        self.tell_wanted(&layout);
        self.leave_unplaced(&layout).await;
        let layout = Arc::new(layout);
        self.known.send_replace(Arc::clone(&layout));
        self.ready.send_replace(true);
        self.place_replicas(&layout).await;
        Ok(())
    }

    /// Says to the catalog where this node is reached, if it knows something else.
    async fn say_who(&self, layout: &Layout, about: &RegisterNode) -> Result<(), HubError> {
        let is_known = layout.node(self.gateway().me()).is_some_and(|node| {
            node.address == about.address
                && node.name == about.name
                && node.fault_domain == about.fault_domain
                && node.upgrade_domain == about.upgrade_domain
                && node.site == about.site
                && node.labels == about.labels
        });
        if is_known {
            return Ok(());
        }
        let register = |id: u64| RegisterNode { id, ..about.clone() };
        match self.register(register(self.gateway().me().0)).await? {
            Ok(_) => {}
            // The first node makes itself known when its catalog is new.
            Err(catalog::Refusal::NodeNotFound)
                if layout.nodes.is_empty() && self.gateway().me() == NodeId(1) =>
            {
                drop(self.register(register(0)).await?);
            }
            Err(why) => tracing::error!(
                code = codes::NODE_REFUSED.id,
                %why,
                "the catalog does not take what this node says of itself"
            ),
        }
        self.catalog_moved();
        Ok(())
    }

    /// A node joins, or says again who it is.
    pub async fn register(
        &self,
        node: RegisterNode,
    ) -> Result<Result<catalog::NodeView, catalog::Refusal>, Unavailable> {
        match self.change_layout(catalog::Command::RegisterNode(node)).await? {
            catalog::Reply::Node(node) => Ok(Ok(node)),
            catalog::Reply::Refused(why) => Ok(Err(why)),
            _ => Err(mismatch()),
        }
    }

    async fn follow_hub(&self, layout: &Layout, hub: &HubView) -> Result<(), HubError> {
        if hub.deleted.is_some() {
            if self.open_hub_named(&hub.name).is_some() {
                self.close_hub(&hub.name).await;
            }
            return Ok(());
        }
        self.open_hub(hub).await?;
        for partition in (0..hub.partitions).map(PartitionId) {
            let machine = Machine::Partition { id: partition, of: hub.partitions };
            self.seat(layout, hub.id, machine, Some(hub));
        }
        Ok(())
    }

    /// Opens the replica of a partition that is placed here, if it is not open.
    fn seat(&self, layout: &Layout, id: HubId, machine: Machine, hub: Option<&HubView>) {
        let partition = machine.partition();
        let Some(placement) = layout.placement(id, partition) else { return };
        let Some(replica) = placement.replicas.iter().find(|replica| replica.node == self.gateway().me())
        else {
            return;
        };
        if self.seats.get(id, partition).is_some() || self.hearing.is_broken(id, partition) {
            return;
        }
        let seated = Seated {
            replica: ReplicaId(replica.replica),
            voters: placement.first.iter().copied().map(ReplicaId).collect(),
            others: others(placement),
        };
        let open_here = hub.and_then(|hub| self.open_hub_named(&hub.name));
        let (links, mode) = match (&open_here, hub) {
            (Some(open), Some(hub)) => (Some(Arc::clone(&open.links)), hub.mode),
            (None, Some(_)) => return,
            (_, None) => (None, Mode::Conservative),
        };
        let opened = tokio::task::block_in_place(|| self.open_partition(id, machine, &seated, (links, mode)));
        let address = match opened {
            Ok(address) => address,
            Err(why) => {
                return tracing::error!(
                    code = codes::PARTITION_HALTED.id,
                    hub = id.0,
                    partition = partition.0,
                    %why,
                    "a replica does not open; it stays closed until the next start"
                );
            }
        };
        tracing::info!(hub = id.0, partition = partition.0, replica = replica.replica, "a replica is open");
        match open_here.as_ref().map_or(Some(&self.catalog), |hub| hub.member(partition).ok()) {
            Some(member) => member.opened(address),
            None => debug_assert!(false, "a hub has all its partitions"),
        }
    }

    /// Says to every replica here where the others are and who should take part.
    fn tell_wanted(&self, layout: &Layout) {
        for (seat, address) in self.seats.all() {
            let Some(placement) = layout.placement(seat.hub, seat.partition) else { continue };
            for (replica, node) in others(placement) {
                seat.learn(replica, node);
            }
            let replicas = placement.replicas.iter().map(|replica| replica.replica).collect();
            address.send(Event::Wanted { replicas });
        }
    }

    /// Takes leave of replicas that are placed elsewhere and no member of their group any more.
    async fn leave_unplaced(&self, layout: &Layout) {
        for (seat, _) in self.seats.all() {
            let replica = seat.key.replica;
            let placement = layout.placement(seat.hub, seat.partition);
            let stays = placement
                .is_none_or(|placement| placement.replicas.iter().any(|placed| placed.replica == replica));
            if stays {
                continue;
            }
            if let Ok(members) = self.members(seat.hub, seat.partition).await
                && !members.is_joint()
                && !members.contains(ReplicaId(replica))
            {
                tracing::info!(hub = seat.hub.0, partition = seat.partition.0, replica, "a replica has left");
                if let Ok(member) = self.member_of(seat.hub, seat.partition) {
                    member.release().await;
                }
                self.seats.remove(seat.hub, seat.partition);
                self.forget(&[seat.key]);
            }
        }
    }

    /// Who takes part in a partition's group, as its leader says.
    pub(crate) async fn members(
        &self,
        hub: HubId,
        partition: PartitionId,
    ) -> Result<replication::Membership, Unavailable> {
        let member = self.member_of(hub, partition)?;
        match member.route.ask(&self.catalog_admission, Question::Members, None).await? {
            Answer::Members(members) => Ok(members),
            _ => Err(mismatch()),
        }
    }
}

/// Where the replicas of a partition are.
fn others(placement: &PlacementView) -> BTreeMap<u64, NodeId> {
    placement.replicas.iter().map(|replica| (replica.replica, replica.node)).collect()
}

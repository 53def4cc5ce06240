//! Puts replicas where they should be: the node that leads the catalog proposes the next moves.
//!
//! A group that is still changing its members is left alone, so at most one replica of a group is on
//! its way at a time. Not here: which moves (`engine::catalog::placement`), and making them so (each
//! group's leader).

use std::collections::BTreeSet;

use engine::catalog::placement::{Cluster, Move, next_moves};
use engine::catalog::{self, PlaceReplicas};
use engine::id::{HubId, PartitionId};

use crate::node::Node;
use crate::node::layout::Layout;
use crate::partition::messages::Unavailable;

/// Moves that are begun at once.
const MOVES_MAX: usize = 16;

impl Node {
    /// Proposes the next moves, if this node leads the catalog.
    pub(super) async fn place_replicas(&self, layout: &Layout) {
        if self.catalog.route.at_home(|_| ()).is_none() {
            return;
        }
        let mut changing = BTreeSet::new();
        loop {
            let cluster = Cluster {
                nodes: &layout.nodes,
                hubs: &layout.hubs,
                placements: &layout.placements,
                changing: &changing,
            };
            let moves = next_moves(cluster, MOVES_MAX).moves;
            let mut still_changing = Vec::new();
            for step in &moves {
                if !self.has_settled(layout, (step.hub, step.partition)).await {
                    still_changing.push((step.hub, step.partition));
                }
            }
            if still_changing.is_empty() {
                return self.make(&moves).await;
            }
            // Others may have their turn meanwhile.
            changing.extend(still_changing);
        }
    }

    /// Whether a group has the members that it was to have.
    async fn has_settled(&self, layout: &Layout, (hub, partition): (HubId, PartitionId)) -> bool {
        let Some(placement) = layout.placement(hub, partition) else { return false };
        let wanted = placement.replicas.iter().map(|replica| replication::ReplicaId(replica.replica));
        let wanted = replication::Membership::of_voters(wanted);
        self.members(hub, partition).await.is_ok_and(|members| members == wanted)
    }

    async fn make(&self, moves: &[Move]) {
        for step in moves {
            match self.place(step).await {
                Ok(true) => tracing::info!(
                    hub = step.hub.0,
                    partition = step.partition.0,
                    nodes = ?step.nodes,
                    why = ?step.why,
                    "replicas of a partition are to be elsewhere"
                ),
                // Somebody else has changed it: there will be another look.
                Ok(false) => {}
                Err(why) => tracing::debug!(%why, "a placement was not changed"),
            }
        }
        if !moves.is_empty() {
            self.catalog_moved();
        }
    }

    async fn place(&self, step: &Move) -> Result<bool, Unavailable> {
        let command = catalog::Command::PlaceReplicas(PlaceReplicas {
            hub: step.hub.0,
            partition: step.partition.0,
            version: step.version,
            nodes: step.nodes.iter().map(|node| node.0).collect(),
        });
        Ok(matches!(self.change_layout(command).await?, catalog::Reply::Placement(_)))
    }
}

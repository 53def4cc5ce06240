//! The replicas of this node, by partition: who finds one, can give it what it was sent.
//!
//! Not here: what a replica does with it (`partition`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::id::{HubId, NodeId, PartitionId};

use super::copies;
use crate::partition::address::Address;
use crate::partition::mailbox::Mailbox;
use crate::partition::messages::Event;
use crate::partition::replica::Seat;
use crate::peers::frame::{Frame, Kind, Raft};

/// See the file's header. Clones share one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<Table>>);

type Table = BTreeMap<(HubId, PartitionId), (Arc<Seat>, Address)>;

impl Seats {
    /// A replica runs here from now on.
    pub(crate) fn put(&self, seat: Arc<Seat>, address: Address) {
        let place = (seat.hub, seat.partition);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, (seat, address));
    }

    /// It does no longer.
    pub(crate) fn remove(&self, hub: HubId, partition: PartitionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(hub, partition));
    }

    /// None of a hub's do any longer.
    pub(crate) fn take_hub(&self, hub: HubId) -> Vec<Arc<Seat>> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let places: Vec<_> = table.keys().filter(|place| place.0 == hub).copied().collect();
        places.iter().filter_map(|place| table.remove(place)).map(|(seat, _)| seat).collect()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(Arc<Seat>, Address)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The replica of a partition that is here.
    pub(crate) fn get(&self, hub: HubId, partition: PartitionId) -> Option<(Arc<Seat>, Address)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(hub, partition)).cloned()
    }

    /// Takes what another node says to a replica of this one. Gives back what is for somebody else.
    pub(crate) fn heard(&self, from: NodeId, frame: Frame, copies: &Mailbox<copies::Job>) -> Option<Frame> {
        match frame.kind {
            Some(Kind::Raft(message)) => self.message(from, message),
            Some(Kind::Rows(part)) => copies.send(copies::Job::Part { from, part }),
            Some(Kind::RowsTaken(taken)) => copies.send(copies::Job::Taken { from, taken }),
            kind => return Some(Frame { kind }),
        }
        None
    }

    fn message(&self, from: NodeId, message: Raft) {
        let Some((seat, address)) = self.get(HubId(message.hub), PartitionId(message.partition)) else {
            return;
        };
        if message.lineage != seat.key.lineage || message.to != seat.key.replica {
            return;
        }
        match seat.node_of(message.from) {
            Some(node) if node != from => return,
            Some(_) => {}
            // This node has not heard yet of where it was placed.
            None => seat.learn(message.from, from),
        }
        address.send(Event::Received { from: message.from, bytes: message.bytes });
    }
}

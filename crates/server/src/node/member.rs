//! A partition of an open hub, or the catalog: wherever it is led, with or without a replica here.
//!
//! Not here: the way there (`peers::route`), and the replica itself (`partition`).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::uploads;
use crate::partition::address::Address;
use crate::peers::route::Route;

/// See the file's header. Clones are the same member.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The way to it.
    pub(super) route: Route,
    /// How large texts get there.
    pub(super) uploads: Arc<uploads::Uploads>,
    /// Where the replica on this node is reached, if there is one.
    local: Arc<Mutex<Option<Address>>>,
}

impl Member {
    /// Without a replica here, for now.
    pub(super) fn new(route: Route, room: uploads::Room) -> Self {
        Self { route, uploads: Arc::new(uploads::Uploads::new(room)), local: Arc::default() }
    }

    /// There is a replica here.
    pub(super) fn opened(&self, address: Address) {
        *self.local.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    /// Takes the replica from its runner, if there is one.
    pub(super) async fn release(&self) {
        let address = self.local.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(address) = address else { return };
        let (done, released) = oneshot::channel();
        address.release(done);
        if released.await.is_err() {
            tracing::debug!("a runner ended before it released a partition");
        }
    }
}

//! A node that stops on purpose hands over what it leads, so that nobody has to notice that it is gone.
//!
//! Not here: the hand-over itself (`replication`), and when a node stops (`serve`).

use std::time::Duration;

use crate::node::Node;
use crate::partition::messages::Event;

/// How long others have to take over.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

impl Node {
    /// Asks another replica of each partition that is led here to lead, and waits until none is led here,
    /// or a moment.
    pub async fn hand_over(&self) {
        let connected = self.hearing.connected();
        let mut leaving = Vec::new();
        for (seat, address) in self.seats.all() {
            let route = self.gateway().route((seat.hub, seat.partition));
            let heir = connected.iter().find_map(|node| seat.replica_on(*node));
            if let (Some(()), Some(to)) = (route.at_home(|_| ()), heir) {
                address.send(Event::HandOver { to });
                leaving.push(route);
            }
        }
        let left = async {
            for route in leaving {
                route.until_here(false).await;
            }
        };
        if tokio::time::timeout(HAND_OVER_MAX, left).await.is_err() {
            tracing::info!("some partitions had no other replica that could take over at once");
        }
    }
}

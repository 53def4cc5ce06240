//! Says what is wrong with other nodes, the same thing once a minute.
//!
//! A node that cannot be reached is tried every two seconds for as long as it takes: the log must still
//! be readable then. Not here: sessions that end, each of which is a line of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::id::NodeId;
use platform::Clock;

use super::greeting::Trouble;
use crate::observe::codes::{self, Code};

const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// What is remembered as said; more come only from somebody who tries many addresses.
const REMEMBERED_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Node(NodeId),
    Address(IpAddr),
}

/// See the file's header.
#[derive(Debug)]
pub(super) struct Quiet {
    said: Mutex<BTreeMap<About, (&'static str, Duration)>>,
    clock: Arc<dyn Clock>,
}

impl Quiet {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { said: Mutex::default(), clock }
    }

    /// A node was not reached.
    pub(super) fn tell_dialled(&self, node: NodeId, address: &str, trouble: &Trouble) {
        let Some((code, why)) = told(trouble) else { return };
        if self.is_new(About::Node(node), code) {
            let node = node.0;
            tracing::warn!(code = code.id, node, address, why, "there is no session with a node");
        }
    }

    /// Somebody who reached this node was turned away.
    pub(super) fn tell_heard(&self, from: IpAddr, trouble: &Trouble) {
        // Whoever only opens and closes connections is no news.
        let (Trouble::Refused(_) | Trouble::RefusedBy(_)) = trouble else { return };
        let Some((code, why)) = told(trouble) else { return };
        if self.is_new(About::Address(from), code) {
            tracing::warn!(code = code.id, %from, why, "a connection did not become a session");
        }
    }

    /// It is all right with a node: the next trouble is news.
    pub(super) fn forget(&self, node: NodeId) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).remove(&About::Node(node));
    }

    fn is_new(&self, about: About, code: &'static Code) -> bool {
        let now = self.clock.monotonic();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(&about).is_some_and(|(last, at)| *last == code.id && now < *at + AGAIN_AFTER) {
            return false;
        }
        if said.len() >= REMEMBERED_MAX {
            said.clear();
        }
        said.insert(about, (code.id, now));
        true
    }
}

/// The code and the words for it; `None`: it is as it should be.
fn told(trouble: &Trouble) -> Option<(&'static Code, String)> {
    match trouble {
        Trouble::Spare => None,
        Trouble::Refused(refusal) => Some((refusal.code, refusal.text.clone())),
        Trouble::RefusedBy(refusal) => {
            Some((refusal.code, format!("told by the other side: {}", refusal.text)))
        }
        Trouble::Broken(error) => Some((&codes::PEER_UNREACHABLE, error.to_string())),
        Trouble::Late => Some((&codes::PEER_UNREACHABLE, "it did not answer in time".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use platform::fault::SimClock;

    use super::*;

    #[test]
    fn the_same_trouble_is_told_once_a_minute_and_another_at_once() {
        let clock = Arc::new(SimClock::new(Duration::ZERO));
        let quiet = Quiet::new(clock.clone());
        let about = || About::Node(NodeId(2));
        assert!(quiet.is_new(about(), &codes::PEER_UNREACHABLE));
        assert!(!quiet.is_new(about(), &codes::PEER_UNREACHABLE));
        assert!(quiet.is_new(about(), &codes::PEER_CLOCK));
        assert!(quiet.is_new(About::Node(NodeId(3)), &codes::PEER_CLOCK));
        clock.advance(AGAIN_AFTER);
        assert!(quiet.is_new(about(), &codes::PEER_CLOCK));
        quiet.forget(NodeId(2));
        assert!(quiet.is_new(about(), &codes::PEER_CLOCK));
    }
}

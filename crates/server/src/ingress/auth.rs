//! Who may do what: one function that every operation of every protocol asks.
//!
//! Not here: who somebody is; listeners find that out. Clients and workers are the machine itself,
//! because the node binds to loopback unless an operator insists.

use engine::id::{InstanceId, NodeId};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Somebody who could connect to an address that needs no proof.
    Local,
    /// Another node of the cluster, as its session has proved.
    Node(NodeId),
}

/// What is asked, as an operator grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// See that the node is there.
    Connect,
    /// See instances, their values and histories.
    Read,
    /// Start, signal, suspend, resume and end instances.
    Write,
    /// Remove instances.
    Purge,
    /// Take work items and answer them.
    Work,
    /// Create and delete task hubs.
    Administer,
    /// Ask, work and wait for other nodes' clients and workers, who were authorised there.
    Relay,
}

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The node itself.
    Node,
    /// A task hub, by name.
    Hub(&'a str),
    /// An instance of a hub.
    Instance(&'a str, &'a InstanceId),
}

/// The principal may not do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{principal:?} may not {action:?} here")]
pub struct Denied {
    principal: Principal,
    action: Action,
}

/// Whether `principal` may do `action` on `resource`.
pub fn authorize(principal: Principal, action: Action, resource: Resource<'_>) -> Result<(), Denied> {
    match (principal, action, resource) {
        (Principal::Node(_), Action::Relay, _) => Ok(()),
        (Principal::Local, Action::Relay, _) | (Principal::Node(_), _, _) => {
            Err(Denied { principal, action })
        }
        (Principal::Local, _, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_relay_and_nobody_else_does() {
        let may = |principal, action| authorize(principal, action, Resource::Node).is_ok();
        let node = Principal::Node(NodeId(2));
        assert!(may(node, Action::Relay) && may(Principal::Local, Action::Administer));
        assert!(!may(node, Action::Write) && !may(Principal::Local, Action::Relay));
    }
}

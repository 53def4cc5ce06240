//! Fault domains as paths from the outside in: `/region/zone/rack`, and what a level of them is.
//!
//! Not here: which paths are allowed (`catalog::is_domain_path`). A path that ends before a level stands
//! for itself there: a node whose zone nobody told shares it with all others of its region that say as
//! little.

use std::collections::BTreeSet;
use std::fmt;

use crate::catalog::{NodeState, NodeView, Survive};

/// Levels that are looked at: as many as a path may have.
pub(super) const LEVELS_MAX: usize = 8;

/// What may be lost at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One node.
    Host,
    /// All nodes whose paths agree in so many first names: 1 is a region, 2 a zone, 3 a rack.
    Domain(usize),
    /// All nodes of a site.
    Site,
}

impl Level {
    /// What a hub wants to survive the loss of.
    pub fn of(survive: Survive) -> Self {
        match survive {
            Survive::Host => Self::Host,
            Survive::Zone => Self::Domain(2),
            Survive::Region => Self::Domain(1),
        }
    }

    /// The domain that a node is in; empty where it is in none that anybody named.
    pub(super) fn domain(self, node: &NodeView) -> &str {
        match self {
            Self::Host => &node.name,
            Self::Domain(depth) => prefix(&node.fault_domain, depth),
            Self::Site => &node.site,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("node"),
            Self::Domain(1) => f.write_str("region"),
            Self::Domain(2) => f.write_str("zone"),
            Self::Domain(3) => f.write_str("rack"),
            Self::Domain(depth) => write!(f, "domain of level {depth}"),
            Self::Site => f.write_str("site"),
        }
    }
}

/// The first `depth` names of a path, or all of it where it has fewer.
pub(super) fn prefix(path: &str, depth: usize) -> &str {
    let end = path.match_indices('/').nth(depth).map_or(path.len(), |(at, _)| at);
    path.get(..end).unwrap_or(path)
}

/// How many names the longest path has.
pub(super) fn depth(nodes: &[NodeView]) -> usize {
    nodes.iter().map(|node| node.fault_domain.matches('/').count()).max().unwrap_or(0).min(LEVELS_MAX)
}

/// How many different domains of a level the active nodes are in.
pub(super) fn count(nodes: &[NodeView], level: Level) -> usize {
    let active = nodes.iter().filter(|node| node.state == NodeState::Active);
    active.map(|node| level.domain(node)).collect::<BTreeSet<&str>>().len()
}

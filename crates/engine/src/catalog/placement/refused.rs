//! Why a partition cannot be placed, by elimination, and what a layout does not give.
//!
//! Not here: the choice (`choose`). A node is passed over for one reason, the first that holds.

use std::collections::BTreeMap;
use std::fmt;

use crate::catalog::placement::Wish;
use crate::catalog::placement::domains::{self, Level};
use crate::catalog::{NodeState, NodeView};
use crate::id::NodeId;

/// A node that cannot be chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Its name.
    pub node: String,
    /// What it is, other than active.
    pub state: NodeState,
}

/// Why a partition cannot be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPlaced {
    /// There are fewer nodes than replicas.
    TooFew {
        /// So many replicas, each on a node of its own.
        needed: usize,
        /// So many nodes in all.
        of: usize,
        /// So many that may be chosen.
        left: usize,
        /// Those that may not.
        passed: Vec<Passed>,
    },
    /// All nodes would be lost at once, and nobody said that this is fine.
    OneDomain {
        /// What is to be survived.
        level: Level,
        /// The domain all are in; empty where they do not say.
        domain: String,
        /// A node in it.
        like: String,
        /// So many nodes in all.
        of: usize,
        /// Those that may not be chosen for another reason.
        passed: Vec<Passed>,
    },
}

impl fmt::Display for NotPlaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { needed, of, left, passed } => {
                write!(f, "{needed} replicas need as many nodes, and {left} of {of} are left")?;
                write_passed(f, passed)
            }
            Self::OneDomain { level, domain, like, of, passed } => {
                let others = of - passed.len();
                write!(f, "of {of} nodes {others} are in one {level}, ")?;
                let named = if domain.is_empty() { "which has no name" } else { domain.as_str() };
                write!(f, "{named}, as {like:?} is: its loss would be that of everything")?;
                write_passed(f, passed)
            }
        }
    }
}

impl std::error::Error for NotPlaced {}

fn write_passed(f: &mut fmt::Formatter<'_>, passed: &[Passed]) -> fmt::Result {
    for (at, Passed { node, state }) in passed.iter().enumerate() {
        let state = match state {
            NodeState::Active => "active",
            NodeState::Draining => "draining",
            NodeState::Removed => "removed",
        };
        write!(f, "{} {node:?} is {state}", if at == 0 { ":" } else { "," })?;
    }
    Ok(())
}

/// The nodes that may not be chosen.
pub(super) fn passed(nodes: &[NodeView]) -> Vec<Passed> {
    let others = nodes.iter().filter(|node| node.state != NodeState::Active);
    others.map(|node| Passed { node: node.name.clone(), state: node.state }).collect()
}

/// What a layout does not give, although somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Fewer replicas than there should be.
    FewReplicas {
        /// So many.
        placed: usize,
        /// So many there should be.
        target: usize,
    },
    /// The loss of one domain stops the partition.
    DomainIsFatal {
        /// What may be lost.
        level: Level,
        /// Which; empty where it has no name.
        domain: String,
        /// So many of the replicas are in it.
        replicas: usize,
        /// So many there are.
        of: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewReplicas { placed, target } => {
                write!(f, "{placed} replicas where there should be {target}")
            }
            Self::DomainIsFatal { level, domain, replicas, of } => {
                let domain = if domain.is_empty() { "without a name" } else { domain.as_str() };
                write!(f, "the loss of the {level} {domain} takes {replicas} of {of} replicas: no majority")
            }
        }
    }
}

/// What a hub wants and does not have where its replicas are on these nodes.
pub fn warnings(nodes: &[NodeView], chosen: &[NodeId], wish: Wish) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let (placed, target) = (chosen.len(), wish.target);
    if placed < target {
        warnings.push(Warning::FewReplicas { placed, target });
    }
    let level = Level::of(wish.survive);
    for (domain, replicas) in counts(nodes, chosen, level) {
        if is_fatal(replicas, placed) {
            let domain = domain.to_owned();
            warnings.push(Warning::DomainIsFatal { level, domain, replicas, of: placed });
        }
    }
    let has_majority = |(domain, replicas): &(&str, usize)| !domain.is_empty() && *replicas > placed / 2;
    for (domain, replicas) in counts(nodes, chosen, Level::Site).into_iter().filter(has_majority) {
        let (level, domain) = (Level::Site, domain.to_owned());
        warnings.push(Warning::DomainIsFatal { level, domain, replicas, of: placed });
    }
    warnings
}

/// How many of the chosen nodes are in each domain.
pub(super) fn counts<'a>(nodes: &'a [NodeView], chosen: &[NodeId], level: Level) -> Vec<(&'a str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes.iter().filter(|node| chosen.contains(&node.id)) {
        *counts.entry(level.domain(node)).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// Whether a group of `of` replicas that loses `lost` has no majority any more.
pub(super) fn is_fatal(lost: usize, of: usize) -> bool {
    of - lost.min(of) <= of / 2
}

/// The levels of a layout, from one node to the outermost; sites where there are any.
pub(super) fn levels(nodes: &[NodeView]) -> Vec<Level> {
    let domains = (1..=domains::depth(nodes)).rev().map(Level::Domain);
    let site = nodes.iter().any(|node| !node.site.is_empty()).then_some(Level::Site);
    [Level::Host].into_iter().chain(domains).chain(site).collect()
}

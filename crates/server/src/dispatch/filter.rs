//! Which work a worker takes, as it said when it connected.
//!
//! The worker's filter is a statement about names and versions; it says nothing about how much it
//! takes at once (`board::Limits`).

use std::collections::{BTreeMap, BTreeSet};

use super::offer::{Kind, PerKind};

/// What a worker takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// Everything: the worker named nothing.
    Everything,
    /// Only what is named. A kind without names: nothing of that kind.
    Named {
        /// Orchestrations, by exact name.
        turns: Names,
        /// Activities, by exact name.
        activities: Names,
        /// Entities, by exact name, which is in lower case; they have no versions.
        batches: Names,
    },
}

/// Names and, for each, the versions taken; an empty set of versions means any.
pub type Names = BTreeMap<String, BTreeSet<String>>;

impl Filter {
    /// Whether a worker with this filter takes work of this name and version ("" for none).
    pub fn accepts(&self, kind: Kind, name: &str, version: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Named { turns, activities, batches } => {
                let names = *PerKind { turns, activities, batches }.of(kind);
                names.get(name).is_some_and(|versions| versions.is_empty() || versions.contains(version))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[(&str, &[&str])]) -> Names {
        let versions = |versions: &[&str]| versions.iter().map(ToString::to_string).collect();
        list.iter().map(|(name, of)| (name.to_string(), versions(of))).collect()
    }

    #[test]
    fn a_named_filter_takes_exact_names_and_listed_versions() {
        let filter = Filter::Named {
            turns: names(&[("a", &[]), ("b", &["1", ""])]),
            activities: Names::new(),
            batches: names(&[("counter", &[])]),
        };
        assert!(filter.accepts(Kind::Batch, "counter", ""));
        assert!(!filter.accepts(Kind::Batch, "a", ""));
        assert!(filter.accepts(Kind::Turn, "a", "7"));
        assert!(filter.accepts(Kind::Turn, "b", "1"));
        assert!(filter.accepts(Kind::Turn, "b", ""));
        assert!(!filter.accepts(Kind::Turn, "b", "2"));
        assert!(!filter.accepts(Kind::Turn, "A", "7"));
    }

    #[test]
    fn a_kind_without_names_gets_nothing() {
        let filter =
            Filter::Named { turns: names(&[("a", &[])]), activities: Names::new(), batches: Names::new() };
        assert!(!filter.accepts(Kind::Activity, "a", ""));
    }
}

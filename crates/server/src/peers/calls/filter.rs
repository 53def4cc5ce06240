//! A worker's filter.
//!
//! Not here: what it means (`dispatch`).

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::{Malformed, Read};
use crate::dispatch::{Filter, Names};

/// Names and versions in a filter: as many as a worker may send.
const ENTRIES_MAX: usize = 20_000;

#[derive(Clone, PartialEq, Message)]
struct WireFilter {
    /// Nothing was named: everything is taken.
    #[prost(bool, tag = "1")]
    everything: bool,
    #[prost(btree_map = "string, message", tag = "2")]
    turns: BTreeMap<String, Versions>,
    #[prost(btree_map = "string, message", tag = "3")]
    activities: BTreeMap<String, Versions>,
    #[prost(btree_map = "string, message", tag = "4")]
    batches: BTreeMap<String, Versions>,
}

#[derive(Clone, PartialEq, Message)]
struct Versions {
    #[prost(string, repeated, tag = "1")]
    versions: Vec<String>,
}

/// What a worker takes.
pub fn filter(filter: &Filter) -> Bytes {
    let wire = match filter {
        Filter::Everything => WireFilter { everything: true, ..WireFilter::default() },
        Filter::Named { turns, activities, batches } => WireFilter {
            everything: false,
            turns: wire_names(turns),
            activities: wire_names(activities),
            batches: wire_names(batches),
        },
    };
    wire.encode_to_vec().into()
}

/// See [`filter`].
pub fn read_filter(bytes: Bytes) -> Read<Filter> {
    let wire = WireFilter::decode(bytes).map_err(|_| Malformed("a filter that cannot be read"))?;
    let kinds = [&wire.turns, &wire.activities, &wire.batches];
    let entries: usize =
        kinds.into_iter().flat_map(BTreeMap::values).map(|of_name| 1 + of_name.versions.len()).sum();
    if entries > ENTRIES_MAX {
        return Err(Malformed("a filter with too many names"));
    }
    if wire.everything {
        return Ok(Filter::Everything);
    }
    let (turns, activities, batches) = (names(wire.turns), names(wire.activities), names(wire.batches));
    Ok(Filter::Named { turns, activities, batches })
}

fn wire_names(names: &Names) -> BTreeMap<String, Versions> {
    let entry = |(name, versions): (&String, &std::collections::BTreeSet<String>)| {
        (name.clone(), Versions { versions: versions.iter().cloned().collect() })
    };
    names.iter().map(entry).collect()
}

fn names(wire: BTreeMap<String, Versions>) -> Names {
    wire.into_iter().map(|(name, of_name)| (name, of_name.versions.into_iter().collect())).collect()
}

//! Lists that want only statuses of which there are few: found without going through all instances.
//!
//! Not here: lists of everything (`view::instances`).

use std::collections::BTreeSet;

use crate::id::InstanceId;
use crate::limits;
use crate::partition::state::instances::{Instance, InstanceRow};
use crate::partition::state::keys;
use crate::partition::state::listed::Listed;
use crate::partition::view::{InstanceView, InstancesFilter, InstancesPage, bare};
use crate::rows::{KeyBuilder, Loaded, Range, Transaction};

impl InstancesFilter {
    pub(super) fn accepts(&self, view: &InstanceView) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&view.status))
            && self.created_from.is_none_or(|from| view.created >= from)
            && self.created_to.is_none_or(|to| view.created < to)
    }

    /// The lists that hold all that is wanted; `None`: no lists do.
    pub(super) fn lists(&self) -> Option<BTreeSet<Listed>> {
        let lists: Option<BTreeSet<Listed>> =
            self.statuses.iter().map(|status| Listed::of(*status)).collect();
        lists.filter(|lists| !lists.is_empty())
    }
}

/// Instances of these lists after `after`, in order of their ids. Reads a bounded number of rows.
pub(super) fn instances(
    tx: &Transaction,
    filter: &InstancesFilter,
    lists: &BTreeSet<Listed>,
    after: Option<&InstanceId>,
    limit: usize,
) -> Loaded<InstancesPage> {
    let rows = limit.clamp(1, limits::CASCADE_ROWS_MAX);
    let (ids, more) = ids(tx, filter, lists, after, rows)?;
    tx.want(ids.iter().map(keys::instance))?;
    let mut instances = Vec::new();
    for id in &ids {
        let Some(row) = tx.get::<InstanceRow>(&keys::instance(id))? else { continue };
        instances.push(bare(&Instance::from_row(id.clone(), row)));
    }
    instances.retain(|view| filter.accepts(view));
    let next = ids.last().filter(|_| more).cloned();
    Ok(InstancesPage { instances, next })
}

/// The first `rows` ids of all lists together, and whether there may be more.
fn ids(
    tx: &Transaction,
    filter: &InstancesFilter,
    lists: &BTreeSet<Listed>,
    after: Option<&InstanceId>,
    rows: usize,
) -> Loaded<(Vec<InstanceId>, bool)> {
    let mut found = BTreeSet::new();
    for listed in lists {
        let room = KeyBuilder::room(keys::LISTED).byte(listed.number()).text(&filter.prefix);
        let all = Range::all(room, rows + 1);
        let from = after.map_or_else(
            || all.from.clone(),
            |after| keys::listed(listed.number(), after).next().max(all.from.clone()),
        );
        let page = tx.range(&Range { from, ..all })?;
        let id = |bytes: &[u8]| std::str::from_utf8(bytes.get(2..)?).ok().map(InstanceId::trusted);
        found.extend(page.iter().filter_map(|(key, _)| id(key.as_bytes())));
    }
    // The first `rows` of each list are there, so the first `rows` of all are.
    let more = found.len() > rows;
    Ok((found.into_iter().take(rows).collect(), more))
}

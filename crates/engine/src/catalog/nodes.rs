//! Nodes join, say again who they are, are drained, and go for good.
//!
//! Not here: what is placed on them (`replicas`), sessions and certificates (`server::peers`). A node's
//! number is never given twice: one that was given and has no row any more was removed.

use crate::catalog::rows::{self, NodeRow, NumberRow, node_join_key, node_key, node_name_key, placed};
use crate::catalog::{NODES_MAX, NodeState, NodeView, Refusal, RegisterNode, Reply, SetNodeState, State};
use crate::id::NodeId;
use crate::rows::{KeyBuilder, Loaded, Needs, Range, Transaction, WorkingSet, decode};

/// Bytes of a node's name, and of each part of its domains.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of an address: a host name has at most 253, and a port follows.
const ADDRESS_BYTES_MAX: usize = 260;
/// Levels of a fault domain.
const DOMAIN_LEVELS_MAX: usize = 8;
/// Labels of a node.
const LABELS_MAX: usize = 64;
/// Bytes of a label's text.
const LABEL_BYTES_MAX: usize = 256;
/// Bytes of an attempt to join: enough that no two are alike.
const JOIN_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Letters, digits, `-`, `_` and `.`, at most 64.
pub fn is_node_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Empty, or up to eight names, each with `/` before it, from the outside in.
pub fn is_domain_path(path: &str) -> bool {
    let Some(names) = path.strip_prefix('/') else { return path.is_empty() };
    names.split('/').all(is_node_name) && names.split('/').count() <= DOMAIN_LEVELS_MAX
}

/// `HOST:PORT`, with any host and a port that is not 0.
pub fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    address.len() <= ADDRESS_BYTES_MAX
        && !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
        && port.parse().is_ok_and(|port: u16| port > 0)
}

/// Why a node may not say this of itself, if it may not.
fn complaint(command: &RegisterNode) -> Option<Refusal> {
    let is_empty_or_name = |name: &str| name.is_empty() || is_node_name(name);
    let is_label = |(key, value): (&String, &String)| {
        is_node_name(key) && value.len() <= LABEL_BYTES_MAX && !value.chars().any(char::is_control)
    };
    if !is_domain_path(&command.fault_domain) {
        return Some(Refusal::DomainInvalid);
    }
    let allowed = is_node_name(&command.name)
        && is_address(&command.address)
        && is_empty_or_name(&command.upgrade_domain)
        && is_empty_or_name(&command.site)
        && command.labels.len() <= LABELS_MAX
        && command.labels.iter().all(is_label)
        && JOIN_BYTES.contains(&command.join.len());
    (!allowed).then_some(Refusal::NodeInvalid)
}

impl State<'_> {
    pub(super) fn register(&mut self, command: &RegisterNode) -> Loaded<Reply> {
        if let Some(refusal) = complaint(command) {
            return Ok(Reply::Refused(refusal));
        }
        if command.id != 0 {
            return self.register_again(command);
        }
        let join = node_join_key(&command.join);
        self.tx.want([join.clone(), node_name_key(&command.name)])?;
        if let Some(number) = self.tx.get::<NumberRow>(&join)? {
            return Ok(self.known(number.id)?.map_or_else(Reply::Refused, |row| Reply::Node(row.view())));
        }
        if self.tx.get::<NumberRow>(&node_name_key(&command.name))?.is_some() {
            return Ok(Reply::Refused(Refusal::NodeExists));
        }
        if self.meta.nodes_now >= NODES_MAX {
            return Ok(Reply::Refused(Refusal::NodesFull));
        }
        self.meta.nodes += 1;
        self.meta.nodes_now += 1;
        let id = self.meta.nodes;
        let row = NodeRow {
            id,
            incarnation: 1,
            state: NodeState::Active.into(),
            joined: self.at.into(),
            ..said(command)
        };
        self.tx.put(join, &NumberRow { id })?;
        self.tx.put(node_name_key(&row.name), &NumberRow { id })?;
        self.tx.put(node_key(id), &row)?;
        Ok(Reply::Node(row.view()))
    }

    fn register_again(&mut self, command: &RegisterNode) -> Loaded<Reply> {
        let before = match self.known(command.id)? {
            Ok(row) if row.join == command.join => return Ok(Reply::Node(row.view())),
            Ok(row) => row,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        if before.name != command.name {
            let name = node_name_key(&command.name);
            if self.tx.get::<NumberRow>(&name)?.is_some() {
                return Ok(Reply::Refused(Refusal::NodeExists));
            }
            self.tx.remove(node_name_key(&before.name))?;
            self.tx.put(name, &NumberRow { id: before.id })?;
        }
        let row = NodeRow {
            id: before.id,
            incarnation: before.incarnation + 1,
            state: before.state,
            joined: before.joined,
            ..said(command)
        };
        self.tx.put(node_key(row.id), &row)?;
        Ok(Reply::Node(row.view()))
    }

    pub(super) fn set_node_state(&mut self, command: &SetNodeState) -> Loaded<Reply> {
        let state = NodeState::try_from(command.state).unwrap_or(NodeState::Removed);
        if state == NodeState::Removed {
            return Ok(Reply::Refused(Refusal::NodeInvalid));
        }
        let mut row = match self.known(command.node)? {
            Ok(row) => row,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        row.set_state(state);
        self.tx.put(node_key(row.id), &row)?;
        Ok(Reply::Node(row.view()))
    }

    pub(super) fn remove_node(&mut self, id: u64) -> Loaded<Reply> {
        let mut row = match self.known(id)? {
            Ok(row) => row,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        let holds_placed = !self.tx.range(&Range::all(placed(id), 1))?.is_empty();
        if holds_placed || (id == 1 && self.any_is_implied()?) {
            return Ok(Reply::Refused(Refusal::NodeInUse));
        }
        self.tx.remove(node_name_key(&row.name))?;
        self.tx.remove(node_key(id))?;
        self.meta.nodes_now = self.meta.nodes_now.saturating_sub(1);
        row.set_state(NodeState::Removed);
        Ok(Reply::Node(row.view()))
    }

    /// The node of this number, or why there is none.
    pub(super) fn known(&self, id: u64) -> Loaded<Result<NodeRow, Refusal>> {
        let was_given = (1..=self.meta.nodes).contains(&id);
        let refusal = if was_given { Refusal::NodeRemoved } else { Refusal::NodeNotFound };
        Ok(self.tx.get(&node_key(id))?.ok_or(refusal))
    }
}

/// What a node says of itself, as a row that has no number, state or past yet.
fn said(command: &RegisterNode) -> NodeRow {
    NodeRow {
        name: command.name.clone(),
        address: command.address.clone(),
        fault_domain: command.fault_domain.clone(),
        upgrade_domain: command.upgrade_domain.clone(),
        site: command.site.clone(),
        labels: command.labels.clone(),
        join: command.join.clone(),
        ..NodeRow::default()
    }
}

/// Nodes after `after`, in order of their numbers. Removed ones are not among them: whoever knows of a
/// higher number and misses one knows that it was removed.
pub fn nodes(rows: &WorkingSet, after: Option<NodeId>, limit: usize) -> Result<Vec<NodeView>, Needs> {
    let all = Range::all(KeyBuilder::room(rows::NODE), limit);
    let from = after.map_or_else(|| all.from.clone(), |after| node_key(after.0).next());
    let page = Transaction::new(rows).range(&Range { from, ..all })?;
    Ok(page.iter().map(|(_, bytes)| decode::<NodeRow>(bytes).view()).collect())
}

/// The node of this number, if it joined and was not removed.
pub fn node(rows: &WorkingSet, id: NodeId) -> Result<Option<NodeView>, Needs> {
    Ok(Transaction::new(rows).get::<NodeRow>(&node_key(id.0))?.map(|row| row.view()))
}

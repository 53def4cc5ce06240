//! The begin of a cluster: the node in a data directory becomes its first one.
//!
//! Nothing that the node holds is moved or changed; a node that runs meanwhile notices when it is started
//! again. Not here: what its catalog says of node 1, which is there from the first start on.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::catalog::{is_address, is_node_name};
use engine::id::NodeId;
use platform::Entropy;

use super::authority::{Authority, new_key};
use super::files::{Files, Kept};
use super::{ClusterId, Proof, Unusable};
use crate::observe::codes;
use crate::peers::Refusal;

/// The number of the first node.
const FIRST: NodeId = NodeId(1);

/// Checks what a node is to be called and where it is reached.
pub(super) fn check(name: &str, address: &str) -> Result<(), Refusal> {
    if !is_node_name(name) {
        let text = format!("{name:?} is no name of a node: letters, digits, `-`, `_` and `.`, at most 64");
        return Err(Refusal::new(&codes::JOIN_REFUSED, text));
    }
    if !is_address(address) {
        return Err(Refusal::new(&codes::JOIN_REFUSED, format!("{address:?} is no address HOST:PORT")));
    }
    Ok(())
}

/// Begins a cluster. A directory that belongs to one is refused.
pub fn found(
    files: &Files,
    name: &str,
    address: &str,
    now: Duration,
    entropy: &dyn Entropy,
) -> Result<Kept, Refusal> {
    check(name, address)?;
    if let Some(kept) = files.read()? {
        let text = format!("it is node {} of cluster {}", kept.node, kept.cluster);
        return Err(Refusal::new(&codes::IDENTITY_EXISTS, text));
    }
    let mut cluster = ClusterId([0; 16]);
    entropy.fill(&mut cluster.0);
    let kept = Kept {
        cluster,
        node: FIRST,
        name: name.to_owned(),
        address: address.to_owned(),
        nodes: BTreeMap::new(),
    };
    let proof = |authority: &Authority| -> Result<Proof, Unusable> {
        let key = new_key()?;
        let certificate = authority.sign(FIRST, &key.public, now)?;
        Ok(Proof { ca: authority.certificate_pem().to_owned(), certificate, key: key.pem })
    };
    let unusable = |error: Unusable| Refusal::new(&codes::IDENTITY_UNUSABLE, error.to_string());
    let authority = Authority::found(cluster, now).map_err(unusable)?;
    let proof = proof(&authority).map_err(unusable)?;
    files.keep_authority(&authority)?;
    files.keep(&kept, &proof)?;
    Ok(kept)
}
